package screen

import (
	"strings"
	"testing"
)

// The rules are read strictly: a slip in them must stop the build, not silence a rule.
func TestRulesAreReadStrictly(t *testing.T) {
	const head = "category a\nset s\n  one, two words\n"
	for in, want := range map[string]string{
		"  lonely":                                "outside of a section",
		"chapter x":                               "unknown section",
		"category":                                "one name",
		"set":                                     "one name",
		"set s\n  x":                              "defined twice",
		"concept c\n  <nope>":                     "unknown class",
		"concept c\n  one & two":                  "one sequence",
		"concept c\n  (one|two":                   "unbalanced",
		"concept c\n  (one||two)":                 "empty choice",
		"concept c\n  (one|<s>|#3..4)":            "",
		"concept c\n  (one|#3..x)":                "bad range",
		"concept c\n  (one|a <s> (b|c)) two":      "",
		"concept c\n  (one|a <nope>)":             "unknown class",
		"concept c\n  (one|a_b)":                  "not words",
		"concept c\n  #3..":                       "",
		"concept c\n  #x..4":                      "bad range",
		"concept c\n  one _x two":                 "bad gap",
		"concept c\n  one ~x two":                 "bad distance",
		"concept c\n  <c>":                        "unknown class",
		"rule r S2":                               "wants id",
		"rule r S9 a\n  one":                      "unknown severity",
		"rule r S2 b\n  one":                      "unknown severity",
		"rule r S2 a loudly\n  one":               "unknown option",
		"rule r S2 a":                             "no pattern",
		"rule r S2 a\n  one\nrule r S2 a\n  two":  "defined twice",
		"rule r S2 a\n  one\n  unless one & two":  "one sequence",
		"rule r S2 a within=message\n  one & <s>": "",
		"alias\n  x":                              "from=to",
		"number\n  ten=x":                         "number",
	} {
		err := newData().readFile("test", head+in)
		switch {
		case strings.HasPrefix(in, "  "):
			err = newData().readFile("test", in)
			fallthrough
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q: %q", err, want, in)
			}
		case err != nil:
			t.Errorf("got %v, want none: %q", err, in)
		}
	}
}

func TestSpellings(t *testing.T) {
	d := mustNew(t).d
	for in, want := range map[string]string{
		"cantbreathe": "can not breathe", "chesst": "chest", "breeathe": "breathe", "thhhroat": "throat", "su1c1de": "suicide",
		"sui cide": "suicide", "c h e s t   p a i n": "chest pain", "can't": "can not", "s.t.r.o.k.e": "stroke", "vomitng": "vomiting",
		"5wk": "5 weeks", "101.3f": "101.3 f", "never": "never", "pill5": "pills",
	} {
		var got []string
		for _, k := range d.tokenise(in, 0, d.newSpeller()) {
			w := k.word
			if len(k.ids) > 0 {
				w = d.words[k.ids[0]]
			}
			got = append(got, w)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("got %q, want %q: %q", g, want, in)
		}
	}
}
