package screen

import (
	"bytes"
	_ "embed" // for the weights
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// The weights of the classifier. They are made by
//
//	go test ./gateway/screen -run TestWeights -update
//
// from the texts in testdata/corpus and golden, bit for bit the same on every
// machine; the same test without -update fails when they are not.
//
//go:embed weights.bin
var weightsFile []byte

// Named limits of the classifier.
const (
	minPiece   = 4  // tokens; fewer say too little without the rules
	maxPiece   = 24 // tokens judged at once; a longer sentence is read in windows that overlap by half
	closeUp    = 10 // tokens of the windows in which a sentence longer than that is read again
	elbow      = 3  // tokens beside a hint with which it is read for itself
	shortGram  = 3  // characters of a word, its ends marked
	longGram   = 5
	weightBits = 18 // of a hashed feature
	maxKinds   = 8
)

// harmless is the score below which a hint says nothing. TestHints has what that
// spares and loses on texts kept aside.
const harmless = -2.0

// weightsMagic begins the file of weights; its last digit is the form.
const weightsMagic = "TGW2"

// classifier is a logistic regression over hashed characters and words: how far a
// text speaks of danger, and then, by one more for each, of which kind. It reads
// sentences as they were written and knows no scope; so it may add what no rule
// found, and say of a hint whether anything else speaks for it. A rule that is no
// hint holds whatever the weights are.
type classifier struct {
	danger    regression
	threshold float64 // of danger; chosen on texts kept aside, see train_test.go
	harmless  float64 // of danger, below which a hint says nothing
	kinds     []kindWeights
}

// kindWeights is the regression for one kind of emergency.
type kindWeights struct {
	regression
	rule rule
}

// regression is one row of weights.
type regression struct {
	bias  float64
	scale float64 // of one step of a weight
	w     []int8  // by hashed feature
}

// newClassifier reads the file of weights: the threshold, the regression for
// danger, and those of the kinds with their names.
func newClassifier(file []byte, ranks map[string]int) (*classifier, error) {
	rest, ok := bytes.CutPrefix(file, []byte(weightsMagic))
	if !ok || len(rest) < 1+8 || rest[0] > maxKinds {
		return nil, fmt.Errorf("weights: not a file of weights")
	}
	n := int(rest[0])
	c := &classifier{threshold: math.Float64frombits(binary.LittleEndian.Uint64(rest[1:])), harmless: harmless}
	if rest, ok = c.danger.read(rest[1+8:]); !ok {
		return nil, fmt.Errorf("weights: the file ends early")
	}
	for range n {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return nil, fmt.Errorf("weights: the file ends early")
		}
		name := string(rest[1 : 1+int(rest[0])])
		rank, known := ranks[name]
		if !known {
			return nil, fmt.Errorf("weights: unknown category %q", name)
		}
		k := kindWeights{rule: rule{id: "classifier." + name, severity: S2, category: name, rank: rank}}
		if rest, ok = k.read(rest[1+len(name):]); !ok {
			return nil, fmt.Errorf("weights: the file ends early")
		}
		c.kinds = append(c.kinds, k)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("weights: %d bytes too many", len(rest))
	}
	return c, nil
}

// read takes a regression off the front of a file.
func (r *regression) read(file []byte) (rest []byte, ok bool) {
	const numbers = 2 * 8
	if len(file) < numbers+1<<weightBits {
		return nil, false
	}
	r.bias = math.Float64frombits(binary.LittleEndian.Uint64(file))
	r.scale = math.Float64frombits(binary.LittleEndian.Uint64(file[8:]))
	r.w = make([]int8, 1<<weightBits)
	for i, b := range file[numbers : numbers+1<<weightBits] {
		r.w[i] = int8(b)
	}
	return file[numbers+1<<weightBits:], true
}

// piece is a run of words the classifier judges at once.
type piece struct {
	words      []string
	start, end int // raw bytes
	lo, hi     int // tokens
}

// pieces parts a text into its sentences and lines, and long ones into windows;
// and two that follow each other, where they are short, are read together as well,
// and what commas part by itself, so that its company does not dilute it.
// Its words are those that were meant, as far as the rules know them.
func (d *data) pieces(toks []token, r *room) []piece {
	words := r.words.take(len(toks))
	for i := range toks {
		words[i] = d.meant(&toks[i])
	}
	of := func(lo, hi int) piece { return piece{words[lo:hi], toks[lo].start, toks[hi-1].end, lo, hi} }
	var out, near []piece
	for lo := 0; lo < len(toks); {
		hi := lo + 1
		for hi < len(toks) && toks[hi].brk < brkLine {
			hi++
		}
		for at := lo; ; at += maxPiece / 2 {
			end := min(hi, at+maxPiece)
			out = append(out, of(at, end))
			if end == hi {
				break
			}
		}
		near = append(near, clauses(toks, lo, hi, of)...)
		for at := lo; hi-lo > closeUp; at += closeUp / 2 {
			end := min(hi, at+closeUp)
			near = append(near, of(end-closeUp, end))
			if end == hi {
				break
			}
		}
		lo = hi
	}
	whole := len(out)
	for i := range whole - 1 {
		if a, b := out[i], out[i+1]; b.lo >= a.hi && len(a.words)+len(b.words) <= maxPiece {
			out = append(out, of(a.lo, b.hi))
		}
	}
	out = append(out, near...)
	return out
}

// clauses are what commas part in a sentence, as far as it says enough by itself.
func clauses(toks []token, lo, hi int, of func(lo, hi int) piece) (out []piece) {
	for at := lo; at < hi; {
		end := at + 1
		for end < hi && toks[end].brk == brkNone {
			end++
		}
		if n := end - at; n >= minPiece && n <= maxPiece && n < hi-lo {
			out = append(out, of(at, end))
		}
		at = end
	}
	return out
}

// features hashes the words of a piece, their pairs, those with one word between
// them, and the runs of three to five characters in them. A digit is any digit.
// Each feature counts once; they come in no order, and last until the next piece's.
func (r *room) features(words []string) []uint32 {
	if r.hashed == nil {
		r.hashed = make([]uint64, 1<<weightBits/64)
	}
	out := r.hashes[:0]
	add := func(h hash) {
		f := uint32(h^h>>16) & (1<<weightBits - 1)
		if bit := uint64(1) << (f % 64); r.hashed[f/64]&bit == 0 {
			r.hashed[f/64] |= bit
			out = append(out, f)
		}
	}
	second, before := "^", "^"
	for _, w := range words {
		add(hashOf('w').word(w))
		add(hashOf('p').word(before).word(w))
		add(hashOf('s').word(second).word(w))
		second, before = before, w
		r.letters = append(append(append(r.letters[:0], '^'), w...), '$')
		for i := range r.letters {
			h := hashOf('c')
			for n, c := range r.letters[i:min(len(r.letters), i+longGram)] {
				if h = h.letter(c); n+1 >= shortGram {
					add(h.letter(0))
				}
			}
		}
	}
	add(hashOf('p').word(before).word("$"))
	for _, f := range out {
		r.hashed[f/64] = 0
	}
	r.hashes = out
	return out
}

// hash is FNV-1a over bytes of which every digit counts as 0: that there is a number
// of so many digits says something, its value is read by the rules.
type hash uint32

func hashOf(kind byte) hash { return hash(2166136261).letter(kind) }

func (h hash) letter(c byte) hash {
	if '0' <= c && c <= '9' {
		c = '0'
	}
	return (h ^ hash(c)) * 16777619
}

// word is a whole word and its end.
func (h hash) word(w string) hash {
	sum := h
	for i := range len(w) {
		sum = sum.letter(w[i])
	}
	return sum.letter(0)
}

// score is how far features speak for it; 0 is even odds. The conversions keep a
// compiler from joining a product and a sum, which would round otherwise on other
// machines.
func (r *regression) score(f []uint32) float64 {
	sum := 0
	for _, i := range f {
		sum += int(r.w[i])
	}
	return r.bias + float64(r.scale*float64(float64(sum)/math.Sqrt(float64(len(f)))))
}

// kindOf is the kind that features speak for most.
func (c *classifier) kindOf(f []uint32) *kindWeights {
	best := &c.kinds[0]
	for i := range c.kinds[1:] {
		if k := &c.kinds[1+i]; k.score(f) > best.score(f) {
			best = k
		}
	}
	return best
}

// classify adds what the classifier finds in a text in which no rule found what
// must be acted on at once. A sentence of which a rule has judged that it denies,
// asks or remembers is left to the rule.
func (j *judgment) classify(c *classifier, t *text) {
	if len(c.kinds) == 0 {
		return
	}
	for i := range j.found {
		if j.found[i].severity.Rank() >= S2.Rank() {
			return
		}
	}
	for _, p := range t.scores(c) {
		if len(p.words) < minPiece || p.danger < c.threshold || j.settled(t, p.piece) {
			continue
		}
		k, at := c.kindOf(t.room.features(p.words)), t.within(p.piece)
		j.found = append(j.found, finding{rule: &k.rule, severity: k.rule.severity, standing: standsNow, experiencer: t.experiencer(at), at: at, quotes: []rawSpan{{0, p.start, p.end}}})
	}
}

// reads reports whether there are weights to read with.
func (c *classifier) reads() bool { return c != nil && c.danger.w != nil }

// scored is a piece and how far it speaks of danger.
type scored struct {
	piece
	danger float64
}

// scores are those of all pieces of a text, which are asked for more than once.
func (t *text) scores(c *classifier) []scored {
	if t.scored == nil {
		pieces := t.d.pieces(t.toks, t.room)
		t.scored = make([]scored, 0, len(pieces))
		for _, p := range pieces {
			t.scored = append(t.scored, scored{p, c.danger.score(t.room.features(p.words))})
		}
	}
	return t.scored
}

// likely reports whether a hint found at a span counts: some piece it stands in is
// too short to say anything without it, or is not held for harmless. One piece is
// enough, so that harmless company takes nothing back; for which it is also read with
// no more of it than its next words.
func (t *text) likely(c *classifier, at span) bool {
	for _, p := range t.scores(c) {
		if p.lo < int(at.hi) && p.hi > int(at.lo) && (len(p.words) < minPiece || p.danger >= c.harmless) {
			return true
		}
	}
	lo, hi := t.bare(at)
	lo, hi = max(lo, at.lo-elbow), min(hi, at.hi+elbow)
	words := t.room.words.take(int(hi - lo))
	for i := range words {
		words[i] = t.d.meant(&t.toks[int(lo)+i])
	}
	return len(words) < minPiece || c.danger.score(t.room.features(words)) >= c.harmless
}

// bare is the clause around a span without the greeting before it and the thanks after
// it, which are routine in themselves and say nothing of what they stand beside.
func (t *text) bare(at span) (lo, hi int32) {
	lo, hi = t.clause(at)
	said := t.of(t.d.sets.courtesy)
	for _, s := range said {
		if s.lo == lo && s.hi <= at.lo {
			lo = s.hi
		}
	}
	for _, s := range slices.Backward(said) {
		if s.hi == hi && s.lo >= at.hi {
			hi = s.lo
		}
	}
	return lo, hi
}

// settled reports whether the rules have judged a piece: set a finding in it
// aside, or read in it a question for information, an idiom, or that it is over.
func (j *judgment) settled(t *text, p piece) bool {
	for _, f := range j.aside {
		inside := len(f.quotes) > 0
		for _, q := range f.quotes {
			inside = inside && q.frag == 0 && q.start >= p.start && q.end <= p.end
		}
		if inside {
			return true
		}
	}
	at := t.within(p)
	switch {
	case at.hi == at.lo:
		return true
	case t.touches(t.d.sets.info, at.lo, at.hi):
		return !t.touches(t.d.sets.firsthand, at.lo, at.hi)
	case t.touches(t.d.sets.resolved, at.lo, at.hi):
		return !t.touches(t.d.sets.present, at.lo, at.hi)
	}
	return slices.Contains(t.skipped[at.lo:at.hi], true)
}

// within is the span of tokens that lie in a piece.
func (t *text) within(p piece) span {
	lo := 0
	for lo < len(t.toks) && t.toks[lo].start < p.start {
		lo++
	}
	hi := lo
	for hi < len(t.toks) && t.toks[hi].end <= p.end {
		hi++
	}
	return span{int32(lo), int32(hi)}
}
