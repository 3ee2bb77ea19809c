package segment_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/tidegate/tidegate/channels/segment"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		name, text string
		segments   int
		encoding   string
	}{
		{"empty", "", 1, segment.GSM7},
		{"plain", "Call 911 now.", 1, segment.GSM7},
		{"160 fit in one", strings.Repeat("a", 160), 1, segment.GSM7},
		{"161 take two", strings.Repeat("a", 161), 2, segment.GSM7},
		{"306 are two parts", strings.Repeat("a", 306), 2, segment.GSM7},
		{"307 are three", strings.Repeat("a", 307), 3, segment.GSM7},
		{"inside the alphabet", "¿Mañana, señor Müller? ¡Sí no! é", 1, segment.UCS2},
		{"only letters inside", "¿Año, señor Müller? ¡é!", 1, segment.GSM7},
		{"a accented is outside", "á", 1, segment.UCS2},
		{"c cedilla is outside", "ç", 1, segment.UCS2},
		{"C cedilla is inside", "Ç", 1, segment.GSM7},
		{"tab is outside", "a\tb", 1, segment.UCS2},
		{"extension costs two", strings.Repeat("€", 80), 1, segment.GSM7},
		{"81 of them take two", strings.Repeat("€", 81), 2, segment.GSM7},
		{"an escape is not cut from its character", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3, segment.GSM7},
		{"70 units fit", strings.Repeat("ж", 70), 1, segment.UCS2},
		{"71 take two", strings.Repeat("ж", 71), 2, segment.UCS2},
		{"134 are two parts", strings.Repeat("ж", 134), 2, segment.UCS2},
		{"135 are three", strings.Repeat("ж", 135), 3, segment.UCS2},
		{"a surrogate pair is two units", strings.Repeat("😀", 35), 1, segment.UCS2},
		{"36 of them take two", strings.Repeat("😀", 36), 2, segment.UCS2},
		{"a pair is not cut", strings.Repeat("ж", 66) + "😀" + strings.Repeat("ж", 66), 3, segment.UCS2},
		{"one curly quote turns all", strings.Repeat("a", 100) + "\u2019", 2, segment.UCS2},
	} {
		segments, encoding := segment.Count(c.text)
		if segments != c.segments || encoding != c.encoding {
			t.Errorf("%s: Count(%q) = %d, %s; want %d, %s", c.name, c.text, segments, encoding, c.segments, c.encoding)
		}
	}
}

func TestFold(t *testing.T) {
	long := strings.Repeat("mañana ", 12)
	for _, c := range []struct{ name, text, want string }{
		{"quotes and dashes", "\u201CIt\u2019s 9\u201310\u201D \u2014 ok\u2026", `"It's 9-10" - ok...`},
		{"spaces", "a\u00A0b\u202Fc\td\u200Be", "a b c de"},
		{"a short text keeps its accents", "Llámenos, Dr. García", "Llámenos, Dr. García"},
		{"a long one drops those outside", long + "Sí, está aquí, señor", long + "Si, esta aqui, señor"},
		{"and keeps those inside", long + "¿qué más?", long + "¿qué mas?"},
		{"decomposed letters are composed", "sen\u0303or e\u0301l", "señor él"},
		{"an emoji would cost the same anyway", long + "Sí 😀", long + "Sí 😀"},
		{"other scripts stay", strings.Repeat("привет ", 20), strings.Repeat("привет ", 20)},
		{"vietnamese folds when it pays", strings.Repeat("ế", 80), strings.Repeat("e", 80)},
		{"invalid bytes are replaced", "a\xffb", "a\uFFFDb"},
	} {
		if got := segment.Fold(c.text); got != c.want {
			t.Errorf("%s: Fold(%q) = %q, want %q", c.name, c.text, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	first := "The clinic is closed until eight tomorrow and nobody reads these messages before that time, so please take care of yourself. "
	second := "If it gets worse call 911 or go to the nearest emergency room at once without waiting."
	long := strings.Repeat("word ", 100)
	for _, c := range []struct {
		name, text string
		max        int
		want       []string
	}{
		{"empty", "", 3, nil},
		{"only space", " \n ", 3, nil},
		{"short", " hello ", 1, []string{"hello"}},
		{"at a sentence", first + second, 1, []string{strings.TrimSpace(first), second}},
		{"between words", long, 1, []string{
			strings.TrimSpace(strings.Repeat("word ", 32)), strings.TrimSpace(strings.Repeat("word ", 32)),
			strings.TrimSpace(strings.Repeat("word ", 32)), strings.TrimSpace(strings.Repeat("word ", 4)),
		}},
		{"inside a word when nothing else is left", strings.Repeat("x", 170), 1, []string{strings.Repeat("x", 160), strings.Repeat("x", 10)}},
		{
			"never the sentence with 911", "Hi. Very " + strings.Repeat("very ", 40) + "bad: call 911 now. Bye.", 1,
			[]string{"Hi.", "Very " + strings.Repeat("very ", 40) + "bad: call 911 now.", "Bye."},
		},
		{
			"1911 is no emergency number", strings.Repeat("year 1911 ", 20), 1,
			[]string{strings.TrimSpace(strings.Repeat("year 1911 ", 16)), strings.TrimSpace(strings.Repeat("year 1911 ", 4))},
		},
		{"a limit below one is one", strings.Repeat("x", 161), 0, []string{strings.Repeat("x", 160), "x"}},
	} {
		got := segment.Split(c.text, c.max)
		if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
			t.Errorf("%s: Split(%q, %d)\n got %q\nwant %q", c.name, c.text, c.max, got, c.want)
		}
	}
}

func TestSplitKeepsConfiguredNumber(t *testing.T) {
	text := strings.Repeat("sehr ", 40) + "schlimm: 144 anrufen."
	if got := segment.Split(text, 1, "144"); len(got) != 1 {
		t.Errorf("Split with 144 as emergency number = %q, want one part", got)
	}
	if got := segment.Split(text, 1); len(got) != 2 {
		t.Errorf("Split without it = %q, want two parts", got)
	}
}

func TestSplitNeverCutsGrapheme(t *testing.T) {
	family := "👩‍👩‍👧‍👦"
	for _, p := range segment.Split(strings.Repeat(family, 20), 1) {
		if p != strings.Repeat(family, strings.Count(p, "👧")) {
			t.Errorf("part %q holds a broken family", p)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "Call 911. Now!", "á é 😀 👩‍👩‍👧‍👦", " \u0301x", "a\r\nb", strings.Repeat("€x ", 90), "\u0600\u0600 9-1-1", "🇺🇸🇺🇸🇺", "\xff\xfe", strings.Repeat("ж", 70) + " \u0301ж"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		parts := segment.Split(text, limit)
		checkNothingLost(t, text, parts)
		checkSeams(t, text, parts)
		for _, p := range parts {
			n, _ := segment.Count(p)
			if n > max(limit, 1) && uniseg.GraphemeClusterCount(p) > 1 && !holdsNumber(p) {
				t.Errorf("part of %d segments, limit %d: %q", n, limit, p)
			}
		}
	})
}

func holdsNumber(p string) bool {
	for _, n := range segment.DefaultEmergency() {
		if strings.Contains(p, n) {
			return true
		}
	}
	return false
}

func checkNothingLost(t *testing.T, text string, parts []string) {
	t.Helper()
	squeeze := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, "\uFFFD"))
	}
	if got, want := squeeze(strings.Join(parts, "")), squeeze(text); got != want {
		t.Errorf("Split(%q) lost or changed something: %q", text, parts)
	}
}

// checkSeams holds every seam against the grapheme boundaries of the whole text.
func checkSeams(t *testing.T, text string, parts []string) {
	t.Helper()
	text = strings.ToValidUTF8(text, "\uFFFD")
	ends, at := map[int]bool{0: true}, 0
	for rest, state := text, -1; rest != ""; {
		var c string
		c, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		at += len(c)
		ends[at] = true
	}
	at = 0
	for _, p := range parts {
		i := strings.Index(text[at:], p)
		if i < 0 || strings.TrimSpace(text[at:at+i]) != "" {
			t.Fatalf("Split(%q): part %q is not where it should be", text, p)
		}
		if !ends[at+i] {
			t.Errorf("Split(%q): part %q starts inside a grapheme", text, p)
		}
		at += i + len(p)
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "\u201Cá\u201D", strings.Repeat("ế", 80), "e\u0301", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		folded := segment.Fold(text)
		if !utf8.ValidString(folded) {
			t.Errorf("Fold(%q) = %q, not UTF-8", text, folded)
		}
		if again := segment.Fold(folded); again != folded {
			t.Errorf("Fold is not stable: %q, then %q", folded, again)
		}
	})
}
