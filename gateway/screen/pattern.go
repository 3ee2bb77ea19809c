package screen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// readPattern reads parts parted by &, and expands what is optional or unordered.
func (d *data) readPattern(line string) ([]pattern, error) {
	out := []pattern{{src: line}}
	for _, part := range strings.Split(line, " & ") {
		seqs, err := d.readSequence(part)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		var next []pattern
		for _, p := range out {
			for _, s := range seqs {
				next = append(next, patternOf(append(slices.Clip(p.parts), s), line))
			}
		}
		out = next
	}
	return out, nil
}

// readSequence reads one ordered run of elements. "a ~3 b" stands for both orders.
func (d *data) readSequence(s string) ([]sequence, error) {
	words, err := lex(s)
	if err != nil {
		return nil, err
	}
	for i, w := range words {
		if w[0] != '~' {
			continue
		}
		gap, err := strconv.Atoi(w[1:])
		if err != nil {
			return nil, fmt.Errorf("bad distance %q", w)
		}
		var out []sequence
		for _, order := range [][2][]string{{words[:i], words[i+1:]}, {words[i+1:], words[:i]}} {
			ws := slices.Concat(order[0], []string{"_" + strconv.Itoa(gap)}, order[1])
			seqs, err := d.buildSequences(ws)
			if err != nil {
				return nil, err
			}
			out = append(out, seqs...)
		}
		return out, nil
	}
	return d.buildSequences(words)
}

func (d *data) buildSequences(words []string) ([]sequence, error) {
	out := []sequence{{}}
	gap := int32(0)
	for i, w := range words {
		switch {
		case w == "^" && i == 0:
			out[0].bos = true
			continue
		case w == "$" && i == len(words)-1:
			for k := range out {
				out[k].eos = true
			}
			continue
		case w[0] == '_':
			n, err := strconv.Atoi(w[1:])
			if err != nil {
				return nil, fmt.Errorf("bad gap %q", w)
			}
			gap = int32(n)
			continue
		}
		w, optional := strings.CutSuffix(w, "?")
		c, err := d.elemClass(w)
		if err != nil {
			return nil, err
		}
		var next []sequence
		for _, s := range out {
			g := max(gap, s.owed)
			if optional {
				s.owed = g
				next = append(next, s)
			}
			s.elems, s.owed = append(slices.Clip(s.elems), elem{c, g}), 0
			next = append(next, s)
		}
		out, gap = next, 0
	}
	for _, s := range out {
		if len(s.elems) == 0 {
			return nil, fmt.Errorf("empty sequence")
		}
	}
	return out, nil
}

// elemClass is the class of <name>, (a|b c|<name>), #lo..hi or a bare word.
func (d *data) elemClass(w string) (int32, error) {
	if w == "" {
		return 0, fmt.Errorf("nothing before ?")
	}
	switch w[0] {
	case '<':
		c, ok := d.classes[strings.Trim(w, "<>")]
		if !ok {
			return 0, fmt.Errorf("unknown class %s", w)
		}
		return c, nil
	case '#':
		return d.numberClass(w)
	}
	if c, ok := d.classes["="+w]; ok {
		return c, nil
	}
	c := d.class("=" + w)
	union := concept{class: c}
	for _, alt := range choices(w) {
		switch alt = strings.TrimSpace(alt); {
		case alt == "":
			return 0, fmt.Errorf("empty choice in %s", w)
		case strings.ContainsAny(alt, "#<("):
			seqs, err := d.readSequence(alt)
			if err != nil {
				return 0, err
			}
			for _, s := range seqs {
				union.patterns = append(union.patterns, patternOf([]sequence{s}, alt))
			}
		case strings.ContainsAny(alt, ">_~^$&"):
			return 0, fmt.Errorf("choice %q in %s is not words", alt, w)
		default:
			d.addPhrase(c, alt)
		}
	}
	if len(union.patterns) > 0 {
		d.concepts = append(d.concepts, union)
	}
	return c, nil
}

// choices parts (a|b (c|d)) into a and b (c|d). Without brackets it is one word.
func choices(w string) []string {
	if w[0] != '(' {
		return []string{w}
	}
	var out []string
	depth, from := 0, 1
	for i := 1; i < len(w); i++ {
		switch {
		case w[i] == '(':
			depth++
		case depth == 0 && (w[i] == '|' || w[i] == ')'):
			out = append(out, w[from:i])
			from = i + 1
		case w[i] == ')':
			depth--
		}
	}
	return out
}

func (d *data) numberClass(w string) (int32, error) {
	if c, ok := d.classes[w]; ok {
		return c, nil
	}
	n := numeric{hi: math.Inf(1)}
	body := w[1:]
	if rest, ok := strings.CutPrefix(body, "."); ok {
		n.dec, body = true, rest
	}
	lo, hi, ok := strings.Cut(body, "..")
	var err error
	if n.lo, err = strconv.ParseFloat(lo, 64); err != nil || !ok {
		return 0, fmt.Errorf("bad range %s", w)
	}
	if hi != "" {
		if n.hi, err = strconv.ParseFloat(hi, 64); err != nil {
			return 0, fmt.Errorf("bad range %s", w)
		}
	}
	n.class = d.class(w)
	d.numeric = append(d.numeric, n)
	return n.class, nil
}

// lex parts a sequence at white space outside brackets.
func lex(s string) ([]string, error) {
	var out []string
	depth, from := 0, -1
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ' ' && depth == 0:
			if from >= 0 {
				out = append(out, s[from:i])
			}
			from = -1
			continue
		}
		if from < 0 {
			from = i
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("unbalanced brackets")
	}
	if from >= 0 {
		out = append(out, s[from:])
	}
	return out, nil
}
