package screen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Phrase is words of a clinic's own that are a red flag.
type Phrase struct {
	Words    string
	Category string
	Severity Severity
}

// Extension is what a clinic adds to the rules. It may add and may quiet; what it
// must not do is lose an emergency, which Losses tells.
type Extension struct {
	Phrases []Phrase
	// Ignore are phrases whose words mean nothing where they stand together, as
	// the name of a building.
	Ignore []string
	// Severities says how grave an emergency (S1, S2) of a category is here.
	Severities map[string]Severity
}

// MaxPhrases bounds an extension: each phrase is looked for in every text.
const MaxPhrases = 500

// Empty reports whether the extension changes nothing.
func (e Extension) Empty() bool { return len(e.Phrases)+len(e.Ignore)+len(e.Severities) == 0 }

// Misfit is one thing in an extension that cannot be: which (phrases, ignore,
// severities), its index or category, and the field.
type Misfit struct {
	Where, Rule, Got, Hint string
}

// Misfits says all that is wrong with an extension, in its own order.
func (s *Screen) Misfits(e Extension) []Misfit {
	var out []Misfit
	categories := "one of " + strings.Join(s.Categories(), ", ")
	if n := len(e.Phrases) + len(e.Ignore); n > MaxPhrases {
		out = append(out, Misfit{"phrases", fmt.Sprintf("must be at most %d with ignore", MaxPhrases), fmt.Sprint(n), "keep those the screen misses without them"})
	}
	for i, p := range e.Phrases {
		at := fmt.Sprintf("phrases[%d].", i)
		if len(s.d.phraseWords(p.Words)) == 0 {
			out = append(out, Misfit{at + "words", "must hold words", p.Words, "write them as patients do"})
		}
		if _, ok := s.d.ranks[p.Category]; !ok {
			out = append(out, Misfit{at + "category", "must be a category of the screen", p.Category, categories})
		}
		if p.Severity.Rank() == 0 {
			out = append(out, Misfit{at + "severity", "must be S1, S2, S3 or S4", string(p.Severity), "S1 is call 911 now, S2 within the hour, S3 the same day, S4 routine"})
		}
	}
	for i, words := range e.Ignore {
		if len(s.d.phraseWords(words)) < 2 {
			out = append(out, Misfit{fmt.Sprintf("ignore[%d]", i), "must hold two words or more", words, "one word alone would be lost everywhere"})
		}
	}
	for _, c := range sortedKeys(e.Severities) {
		if _, ok := s.d.ranks[c]; !ok {
			out = append(out, Misfit{"severities." + c, "must be a category of the screen", c, categories})
		}
		if e.Severities[c].Rank() == 0 {
			out = append(out, Misfit{"severities." + c, "must be S1, S2, S3 or S4", string(e.Severities[c]), "S1 is call 911 now, S2 within the hour"})
		}
	}
	return out
}

// Categories lists the categories of red flags, gravest of equals first.
func (s *Screen) Categories() []string {
	out := sortedKeys(s.d.ranks)
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(s.d.ranks[a], s.d.ranks[b]) })
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Extend compiles the rules anew with what a clinic adds; s is as it was. The
// caller has asked Misfits. The new screen's Version is its own.
func (s *Screen) Extend(e Extension) (*Screen, error) {
	if e.Empty() {
		return s, nil
	}
	return build(s.d.extensionText(e), e.Severities)
}

// extensionText writes an extension in the form of the rules.
func (d *data) extensionText(e Extension) string {
	var b strings.Builder
	b.WriteString("never\n")
	for _, words := range e.Ignore {
		fmt.Fprintf(&b, "idiom\n  (%s)\n", strings.Join(d.phraseWords(words), " "))
	}
	for i, p := range e.Phrases {
		fmt.Fprintf(&b, "rule clinic.%d %s %s\n  (%s)\n", i+1, p.Severity, p.Category, strings.Join(d.phraseWords(p.Words), " "))
	}
	for _, c := range sortedKeys(e.Severities) {
		fmt.Fprintf(&b, "// %s %s\n", c, e.Severities[c])
	}
	return b.String()
}

// phraseWords are the words of a clinic's phrase, folded as texts are.
func (d *data) phraseWords(words string) []string {
	r, out := &room{}, []string(nil)
	for _, t := range d.cut(d.fold(words, r), 0, r) {
		if w := strings.Map(wordRune, t.word); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// wordRune keeps letters and digits: other signs mean something in a rule.
func wordRune(r rune) rune {
	if isWordRune(r) || isDigit(r) || r == '.' {
		return r
	}
	return -1
}

// regrade gives the emergencies of a category another severity.
func (d *data) regrade(to map[string]Severity) {
	for i := range d.rules {
		r := &d.rules[i]
		if sev, ok := to[r.category]; ok && r.severity.Rank() >= S2.Rank() && !strings.HasPrefix(r.id, "clinic.") {
			r.severity = sev
		}
	}
}

// Loss is an emergency of the golden set that an extension would lose.
type Loss struct {
	ID, Text string
	Want     string // the level it must reach
	Got      string
}

// Losses judges the golden set and names the emergencies that do not reach their
// level.
func (s *Screen) Losses() ([]Loss, error) {
	lines, err := goldenLines()
	if err != nil {
		return nil, err
	}
	var out []Loss
	for _, l := range lines {
		if l.Escalate[0] == "no" {
			continue
		}
		v := s.Judge(l.Text, nil, 0, l.Lang)
		if got := v.Severity.Escalate(); got != l.Escalate[0] && got != "now" {
			out = append(out, Loss{l.ID, l.Text, l.Escalate[0], got})
		}
	}
	return out, nil
}
