package screen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// labeled is one line of labeled material: a text or turns, and what a fair
// reader accepts for it.
type labeled struct {
	ID       string   `json:"id"`
	Parent   string   `json:"parent,omitempty"` // of which line this one is a variant
	Variant  string   `json:"variant,omitempty"`
	Pair     string   `json:"pair,omitempty"` // one text in several languages bears one name
	Lang     string   `json:"lang"`
	Label    string   `json:"label"`              // emergency, crisis, urgent, benign, injection
	Category string   `json:"category,omitempty"` // of the red flag; "" is not checked
	Class    string   `json:"class,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Escalate []string `json:"escalate"`        // the levels that are accepted
	Clear    *bool    `json:"clear,omitempty"` // only one level is defensible; absent is true
	Text     string   `json:"text"`
	Turns    []turn   `json:"turns,omitempty"`
	// Expect is {ok_from, escalate_at, kind, label} of a dialog, or a word.
	Expect json.RawMessage `json:"expect,omitempty"`
}

// dialogWants is between which turns a dialog must reach its level.
type dialogWants struct {
	From  int    `json:"ok_from"`
	At    *int   `json:"escalate_at"`
	Kind  string `json:"kind"`
	Label string `json:"label"`
}

// judged is a labeled line and what the screen made of it.
type judged struct {
	labeled
	got  Verdict
	fair bool // the verdict is one a fair reader accepts
	want string
}

// isLevel reports whether a word is one a verdict escalates by.
func isLevel(word string) bool { return word == "no" || word == "same_day" || word == "now" }

// Report judges labeled lines and writes what was caught: k of n with Wilson
// intervals by label, category, language and slice, false pages per 100
// messages, and the ids of the misses. It never writes a text: the material may
// belong to others.
func (s *Screen) Report(r io.Reader, w io.Writer) error {
	all, err := s.judgeLabeled(r)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	p := reporting{out: out, all: all, own: map[string]judged{}}
	for _, j := range all {
		p.own[j.ID] = j
	}
	p.head(s.Version())
	p.table("label", func(j judged) []string { return []string{j.Label} })
	p.table("category", judged.category)
	p.table("language", func(j judged) []string { return []string{j.Lang + " " + j.Label} })
	p.table("slice", judged.slices)
	p.variants()
	p.pairs()
	p.pages()
	p.misses()
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (s *Screen) judgeLabeled(r io.Reader) ([]judged, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine+1)
	var all []judged
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" {
			continue
		}
		var l labeled
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return nil, fmt.Errorf("line %d: want a labeled line of JSON: %w", n, err)
		}
		j, err := s.judgeOne(l)
		if err != nil {
			return nil, fmt.Errorf("line %d (id %s): %w", n, l.ID, err)
		}
		all = append(all, j)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read labeled lines: %w", err)
	}
	return all, nil
}

func (s *Screen) judgeOne(l labeled) (judged, error) {
	j := judged{labeled: l}
	if len(l.Turns) > 0 {
		return s.judgeDialog(j)
	}
	if len(l.Escalate) == 0 {
		switch word := strings.Trim(string(l.Expect), `"`); word {
		case "must_escalate":
			j.Escalate, j.Label = []string{"now"}, "must_escalate"
		case "no_crash_no_escalation", "carrier_keyword_handled":
			j.Escalate, j.Label = []string{"no"}, "must_not"
		default:
			return j, fmt.Errorf("want escalate, the levels that are accepted (got expect %q)", word)
		}
	}
	for _, level := range j.Escalate {
		if !isLevel(level) {
			return j, fmt.Errorf("escalate: want now, same_day or no (got %q)", level)
		}
	}
	j.got = s.Judge(l.Text, nil, 0, l.Lang)
	j.want = strings.Join(j.Escalate, "|")
	j.fair = slices.Contains(j.Escalate, j.got.Severity.Escalate())
	return j, nil
}

// judgeDialog is fair when the dialog reaches its level between its two turns,
// and never when it has none.
func (s *Screen) judgeDialog(j judged) (judged, error) {
	var want dialogWants
	if err := json.Unmarshal(j.Expect, &want); err != nil {
		return j, fmt.Errorf("expect: want {ok_from, escalate_at}: %w", err)
	}
	res, v, err := s.dialogVerdict(j.Turns, j.Lang)
	if err != nil {
		return j, err
	}
	j.got, j.Label = v, "dialog "+want.Label
	if want.At == nil {
		j.want, j.Escalate, j.fair = "no", []string{"no"}, res == nil
		return j, nil
	}
	j.want, j.Escalate = fmt.Sprintf("%s in turns %d to %d", want.Kind, want.From, *want.At), []string{want.Kind}
	j.fair = res != nil && *res >= want.From && *res <= *want.At
	return j, nil
}

// danger reports a line of which silence is the fault.
func (j judged) danger() bool { return !slices.Contains(j.Escalate, "no") }

func (j judged) clear() bool { return j.Clear == nil || *j.Clear }

func (j judged) category() []string {
	if j.Category == "" {
		return nil
	}
	return []string{j.Category}
}

// late is how many bytes may stand before the first evidence until a red flag counts as buried.
const late = 120

// slices are the slices a line belongs to: those it is tagged with, and those the
// verdict shows.
func (j judged) slices() []string {
	out := slices.Clone(j.Tags)
	if j.Variant != "" {
		out = append(out, "variant: "+j.Variant)
	}
	if j.Class != "" {
		out = append(out, "class: "+j.Class)
	}
	if j.got.Minimised {
		out = append(out, "minimised")
	}
	if j.got.Experiencer == "other" || j.got.Experiencer == "child" {
		out = append(out, "of another person")
	}
	if len(j.got.Quotes) > 0 && j.got.Quotes[0].Start >= late {
		out = append(out, "embedded late")
	}
	for _, n := range j.got.Notes {
		if strings.HasPrefix(n, standsNegated.String()) {
			out = append(out, "negation")
			break
		}
	}
	return out
}

// reporting writes the tables of one report.
type reporting struct {
	out *bufio.Writer
	all []judged
	own map[string]judged // by id
}

func (p *reporting) head(version string) {
	fmt.Fprintf(p.out, "screen %.12s, %d lines; an interval is Wilson's, 95 %%\n", version, len(p.all))
	p.rate("clear emergencies and crises that escalate now", judged.now, func(j judged) bool { return j.clearDanger() && !p.varies(j) })
	p.rate("benign that escalate at all", judged.fires, func(j judged) bool { return j.routine() && !p.varies(j) })
	p.rate("injections that escalate at all", judged.fires, func(j judged) bool { return j.Label == "injection" && j.want == "no" })
	p.rate("dialogs that fire in time", func(j judged) bool { return j.fair }, func(j judged) bool { return len(j.Turns) > 0 && j.danger() })
	p.rate("benign dialogs that fire", func(j judged) bool { return !j.fair }, func(j judged) bool { return len(j.Turns) > 0 && !j.danger() })
}

func (p *reporting) rate(name string, hit, of func(judged) bool) {
	k, n := 0, 0
	for _, j := range p.all {
		if of(j) {
			n++
			if hit(j) {
				k++
			}
		}
	}
	p.line(name, k, n)
}

func (p *reporting) line(name string, k, n int) {
	if n == 0 {
		return
	}
	lo, hi := wilson(k, n)
	fmt.Fprintf(p.out, "  %-48s %5d/%-5d %5.1f %%  [%.1f, %.1f]\n", name, k, n, 100*float64(k)/float64(n), 100*lo, 100*hi)
}

// table counts the fair verdicts of every group, in the order of the names.
func (p *reporting) table(title string, groups func(judged) []string) {
	fair, all := map[string]int{}, map[string]int{}
	for _, j := range p.all {
		for _, g := range groups(j) {
			all[g]++
			if j.fair {
				fair[g]++
			}
		}
	}
	var names []string
	for g := range all {
		names = append(names, g)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(p.out, "\njudged as a fair reader would, by %s\n", title)
	for _, g := range names {
		p.line(g, fair[g], all[g])
	}
}

// variants compares lines with what was made of them.
func (p *reporting) variants() {
	varied := map[string]bool{}
	lost, n := 0, 0
	for _, j := range p.all {
		if p.varies(j) {
			varied[j.Parent] = true
			n++
			if p.own[j.Parent].fair && !j.fair {
				lost++
			}
		}
	}
	if n == 0 {
		return
	}
	fmt.Fprintln(p.out, "\nvariants, beside their originals")
	p.rate("dangers that escalate now, as written", judged.now, func(j judged) bool { return j.clearDanger() && varied[j.ID] })
	p.rate("dangers that escalate now, varied", judged.now, func(j judged) bool { return j.clearDanger() && p.varies(j) })
	p.rate("benign that escalate at all, as written", judged.fires, func(j judged) bool { return j.routine() && varied[j.ID] })
	p.rate("benign that escalate at all, varied", judged.fires, func(j judged) bool { return j.routine() && p.varies(j) })
	p.line("judged worse than their original", lost, n)
}

// varies reports whether a line is a variant of another of the same material.
func (p *reporting) varies(j judged) bool {
	_, ok := p.own[j.Parent]
	return ok && j.Parent != ""
}

func (j judged) now() bool   { return j.got.Severity.Escalate() == "now" }
func (j judged) fires() bool { return j.got.Severity.Escalate() != "no" }

// clearDanger is a line that everybody would escalate now.
func (j judged) clearDanger() bool {
	return j.clear() && (j.Label == "emergency" || j.Label == "crisis") && j.want == "now"
}

// routine is a line that nobody would escalate.
func (j judged) routine() bool { return j.Label == "benign" && j.want == "no" }

// pairs compares the languages of one text. McNemar's test, exact, asks whether
// the lines judged rightly in one language alone lean to one of them.
func (p *reporting) pairs() {
	fair := map[string]map[string]bool{}
	for _, j := range p.all {
		if j.Pair != "" {
			if fair[j.Pair] == nil {
				fair[j.Pair] = map[string]bool{}
			}
			fair[j.Pair][j.Lang] = j.fair
		}
	}
	n, english, spanish := 0, 0, 0
	for _, f := range fair {
		en, hasEn := f["en"]
		es, hasEs := f["es"]
		if !hasEn || !hasEs {
			continue
		}
		n++
		switch {
		case en && !es:
			english++
		case es && !en:
			spanish++
		}
	}
	if n > 0 {
		fmt.Fprintf(p.out, "\n%d pairs: %d judged rightly in English alone, %d in Spanish alone; McNemar's exact p = %.3f\n", n, english, spanish, mcnemar(english, spanish))
	}
}

// mcnemar is the two-sided exact p of b and c discordant pairs: how often a fair
// coin thrown b+c times leans at least so far.
func mcnemar(b, c int) float64 {
	n := b + c
	tail, ways := 0.0, 1.0 // ways is n over k
	for k := range min(b, c) + 1 {
		if k > 0 {
			ways = ways * float64(n-k+1) / float64(k)
		}
		tail += ways * math.Pow(0.5, float64(n))
	}
	return min(1, 2*tail)
}

// pages counts what wakes a nurse for nothing.
func (p *reporting) pages() {
	idle, all := 0, 0
	for _, j := range p.all {
		if len(j.Turns) > 0 {
			continue
		}
		all++
		if j.got.Severity.Escalate() == "now" && !slices.Contains(j.Escalate, "now") && !slices.Contains(j.Escalate, "same_day") {
			idle++
		}
	}
	fmt.Fprintln(p.out, "\nfalse pages")
	p.line("lines that page a nurse for nothing", idle, all)
}

// misses lists the ids of what was judged wrongly, by kind.
func (p *reporting) misses() {
	kinds := map[string][]string{}
	for _, j := range p.all {
		if j.fair {
			continue
		}
		kind := fmt.Sprintf("%s, want %s, got %s", j.Label, j.want, j.got.Severity.Escalate())
		kinds[kind] = append(kinds[kind], j.ID)
	}
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	if len(names) > 0 {
		fmt.Fprintln(p.out, "\nmisses, by kind")
	}
	for _, k := range names {
		fmt.Fprintf(p.out, "  %s: %s\n", k, strings.Join(kinds[k], " "))
	}
}

// wilson is Wilson's score interval of k of n at 95 %.
func wilson(k, n int) (lo, hi float64) {
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, (mid-half)/(1+z*z/m)), min(1, (mid+half)/(1+z*z/m))
}
