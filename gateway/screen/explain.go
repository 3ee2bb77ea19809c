package screen

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Named limits of an explanation.
const (
	maxNear    = 8   // rules that came near
	maxPattern = 160 // characters of a pattern that is shown
)

// ExplainLines reads lines as Run does, texts only, and writes for each why its
// verdict is what it is: the words as the screen read them, what fired, what was
// set aside and by which scope, what a guard took back, the scores of the
// classifier beside their thresholds, and which rules lacked one thing.
func (s *Screen) ExplainLines(r io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(r, 64<<10)
	out := bufio.NewWriter(w)
	for n := 1; ; n++ {
		line, tooLong, rerr := readLine(in)
		if rerr != nil && len(line) == 0 && !tooLong {
			break
		}
		if tooLong {
			fmt.Fprintf(out, "line %d is longer than %d bytes\n\n", n, maxLine)
			continue
		}
		s.explain(out, strings.TrimRight(string(line), "\r\n"))
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write explanation: %w", err)
		}
		if rerr != nil {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

func (s *Screen) explain(w io.Writer, text string) {
	v := s.Judge(text, nil, 0, "")
	t := s.d.parseOne(text, s.d.newSpeller())
	var guarded []finding
	j := judgment{d: s.d, c: s.c, told: &guarded}
	j.read(t, s.d.rules, kindPatient)
	fmt.Fprintf(w, "%q\n  verdict    %s, %s", text, v.Severity, v.Severity.Escalate())
	if v.Category != "" {
		fmt.Fprintf(w, ", %s, of %s, %s", v.Category, v.Experiencer, v.Temporality)
	}
	fmt.Fprintf(w, "\n  read as    %s\n", t.normal())
	for _, f := range j.found {
		fmt.Fprintf(w, "  fired      %s %s (%s), on %s\n", f.rule.id, f.severity, f.standing, quoted(text, f))
	}
	for _, f := range j.aside {
		fmt.Fprintf(w, "  set aside  %s as %s, on %s\n", f.rule.id, f.standing, quoted(text, f))
	}
	for i, f := range guarded {
		same := func(g finding) bool { return g.rule == f.rule }
		if !slices.ContainsFunc(guarded[:i], same) && !slices.ContainsFunc(j.found, same) {
			fmt.Fprintf(w, "  taken back %s by a guard, on %s\n", f.rule.id, quoted(text, f))
		}
	}
	for i, f := range j.doubted {
		same := func(g finding) bool { return g.rule == f.rule }
		if !slices.ContainsFunc(j.doubted[:i], same) && !slices.ContainsFunc(j.found, same) {
			fmt.Fprintf(w, "  doubted    %s, %s, on %s\n", f.rule.id, s.whyDoubted(f), quoted(text, f))
		}
	}
	if v.Minimised {
		fmt.Fprintln(w, "  noted      the writer plays it down; that lowers nothing")
	}
	s.explainScores(w, t, &j)
	for _, n := range t.nearMisses(s.d.rules, j.found) {
		fmt.Fprintf(w, "  near       %s lacks %s\n", n.rule.id, n.lacks)
	}
	fmt.Fprintln(w)
}

// whyDoubted is what a finding was held against.
func (s *Screen) whyDoubted(f finding) string {
	name := "a rule"
	switch {
	case f.dated && f.trust == trustHint:
		name = "of long ago or for long"
	case f.trust == trustHint:
		name = "a hint"
	}
	return fmt.Sprintf("%s that nothing said around it bears out: %.2f, less than %.2f", name, f.borne, s.c.doubtful[f.trust])
}

// normal writes the words as the screen took them; ? marks those it does not know.
func (t *text) normal() string {
	var out []string
	for i := range t.toks {
		tok := &t.toks[i]
		w := tok.word
		switch {
		case len(tok.ids) > 1:
			var words []string
			for _, id := range tok.ids {
				words = append(words, t.d.words[id])
			}
			w = strings.Join(words, "|")
		case len(tok.ids) == 1:
			w = t.d.words[tok.ids[0]]
		case !tok.isNum:
			w += "?"
		}
		if i > 0 && tok.brk >= brkLine {
			out = append(out, "/")
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

func quoted(text string, f finding) string {
	var parts []string
	for _, q := range f.quotes {
		if q.frag == 0 {
			parts = append(parts, fmt.Sprintf("%q", text[q.start:q.end]))
		}
	}
	return strings.Join(parts, " and ")
}

// explainScores writes the score that comes nearest to its threshold or furthest over it,
// of the pieces of the text and the whole.
func (s *Screen) explainScores(w io.Writer, t *text, j *judgment) {
	best, kind, from := math.Inf(-1), "", 0.0
	tally, all := t.tallied(s.c), t.d.features(t.toks, t.room)
	hear := func(p piece, over float64) {
		if z := s.c.danger.odds(tally.of(p)); z-over > best-from {
			best, from, kind = z, over, s.c.kindOf(all.of(p)).rule.category
		}
	}
	for _, p := range tally.pieces {
		if p.words() >= minPiece && !j.settled(t, p) {
			hear(p, s.c.from(p))
		}
	}
	if p, ok := t.whole(); ok && p.words() >= minPiece && !j.settled(t, p) {
		hear(p, s.c.wholly)
	}
	if kind == "" {
		fmt.Fprintln(w, "  classifier: not asked (too short, or the rules have judged it)")
		return
	}
	fmt.Fprintf(w, "  classifier: %.2f, most like %s, fires from %.2f\n", best, kind, from)
}

// missing is a rule that lacked one thing.
type missing struct {
	rule  *rule
	lacks string
}

// nearMisses lists the rules of which all was found but one part, or one step of a
// single part, worst first.
func (t *text) nearMisses(rules []rule, found []finding) []missing {
	var out []missing
	for i := range rules {
		r := &rules[i]
		if r.kind != kindPatient || slices.ContainsFunc(found, func(f finding) bool { return f.rule == r }) {
			continue
		}
		for k := range r.patterns {
			if lacks := t.lacks(&r.patterns[k]); lacks != "" {
				out = append(out, missing{r, lacks})
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b missing) int {
		return cmp.Or(cmp.Compare(b.rule.severity.Rank(), a.rule.severity.Rank()), cmp.Compare(a.rule.rank, b.rule.rank))
	})
	return out[:min(len(out), maxNear)]
}

// lacks says what one thing a pattern lacks; "" when it lacks none or more.
func (t *text) lacks(p *pattern) string {
	absent, steps := 0, 0
	for i := range p.parts {
		for _, e := range p.parts[i].elems {
			steps++
			if len(t.of(e.class)) == 0 {
				absent++
			}
		}
	}
	src := cutRunes(p.src, maxPattern)
	switch {
	case steps < 2 || absent > 1 || steps-absent < 2:
		return ""
	case absent == 1:
		return "one step of " + src
	case t.partsOf(p) == nil:
		return "the order or the nearness of " + src
	}
	return ""
}
