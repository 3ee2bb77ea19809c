package screen

import (
	"bytes"
	"cmp"
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
	maxPiece   = 64 // tokens judged at once; a longer sentence is read in windows that overlap by half
	maxRun     = 8  // sentences judged at once
	closeUp    = 12 // tokens of the windows in which a sentence longer than that is read again
	repeated   = 8  // tokens of a sentence within which a feature counts once
	shortGram  = 3  // characters of a word, its ends marked
	longGram   = 5
	weightBits = 20 // of a hashed feature
	doubtBits  = 19 // of the same where matches are doubted
	kindBits   = 17 // and where only kinds are told apart
	maxKinds   = 8
)

// weightsMagic begins the file of weights; its last digit is the form.
const weightsMagic = "TGW6"

// classifier is a logistic regression over hashed characters and words: how far a
// text speaks of danger, and then, by one more for each, of which kind. It reads
// sentences as they were written and knows no scope; so it may add what no rule
// found. Another says how far what rules found is borne out by the words beside it; where
// both together say that it is not, it is doubted.
type classifier struct {
	danger    regression
	threshold float64    // of danger; chosen on texts kept aside, see train_test.go
	closely   float64    // the same for what is read close up
	wholly    float64    // and for a message as a whole
	borne     regression // how far what rules found is, by the words beside it
	doubtful  [trusts]float64
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
	w     []int8  // by hashed feature, of which the lowest bits count
}

// newClassifier reads the file of weights: the thresholds, the regressions for danger
// and for doubt, and those of the kinds with their names.
func newClassifier(file []byte, ranks map[string]int) (*classifier, error) {
	const thresholds = 3 * 8
	rest, ok := bytes.CutPrefix(file, []byte(weightsMagic))
	if !ok || len(rest) < 1+thresholds || rest[0] > maxKinds {
		return nil, fmt.Errorf("weights: not a file of weights")
	}
	n := int(rest[0])
	number := func(at int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(rest[at:])) }
	c := &classifier{threshold: number(1), closely: number(1 + 8), wholly: number(1 + 16), doubtful: doubtLimits()}
	if rest, ok = c.danger.read(rest[1+thresholds:], weightBits); ok {
		rest, ok = c.borne.read(rest, doubtBits)
	}
	if !ok {
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
		if rest, ok = k.read(rest[1+len(name):], kindBits); !ok {
			return nil, fmt.Errorf("weights: the file ends early")
		}
		c.kinds = append(c.kinds, k)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("weights: %d bytes too many", len(rest))
	}
	return c, nil
}

// read takes a regression over hashes of so many bits off the front of a file.
func (r *regression) read(file []byte, bits int) (rest []byte, ok bool) {
	const numbers = 2 * 8
	if len(file) < numbers+1<<bits {
		return nil, false
	}
	r.bias = math.Float64frombits(binary.LittleEndian.Uint64(file))
	r.scale = math.Float64frombits(binary.LittleEndian.Uint64(file[8:]))
	r.w = make([]int8, 1<<bits)
	for i, b := range file[numbers : numbers+1<<bits] {
		r.w[i] = int8(b)
	}
	return file[numbers+1<<bits:], true
}

// piece is a run of sentences, or of tokens of a long one, that the classifier judges
// at once.
type piece struct {
	span
	close bool // a part of a sentence
}

func (p piece) words() int { return int(p.hi - p.lo) }

// pieces are the sentences and lines of a text and all runs of them that are short
// enough, so that what is told in several is read as a whole; of a sentence that is
// too long, windows; and of one that is not short, close up, narrow ones and what commas
// part, so that its company does not dilute what a part of it says. Whatever else a text
// holds, its sentences are judged without it as well: none that is added takes back what
// one of them says. What only the whole says, it may.
func pieces(toks []token) (out []piece) {
	ends := []int32{} // of the sentences and lines
	for i := range toks {
		if i+1 == len(toks) || toks[i+1].brk >= brkLine {
			ends = append(ends, int32(i)+1) //nolint:gosec // a text is bounded
		}
	}
	lo := int32(0)
	for i, end := range ends {
		out = windows(out, span{lo, end}, maxPiece, false)
		out = windows(out, span{lo, end}, closeUp, true)
		out = clauses(out, toks, span{lo, end})
		for _, hi := range ends[i:min(i+maxRun, len(ends))] {
			if hi-lo > maxPiece {
				break
			}
			out = append(out, piece{span{lo, hi}, false})
		}
		lo = end
	}
	slices.SortStableFunc(out, func(a, b piece) int { return cmp.Compare(a.lo, b.lo) })
	return out
}

// clauses are what commas part in a sentence, as far as it says enough by itself.
func clauses(out []piece, toks []token, of span) []piece {
	for lo := of.lo; lo < of.hi; {
		hi := lo + 1
		for hi < of.hi && toks[hi].brk == brkNone {
			hi++
		}
		if n := hi - lo; n >= minPiece && n <= maxPiece && n < of.hi-of.lo {
			out = append(out, piece{span{lo, hi}, true})
		}
		lo = hi
	}
	return out
}

// windows are those of a width in a sentence that is longer; they overlap by half.
func windows(out []piece, of span, width int32, near bool) []piece {
	if of.hi-of.lo <= width {
		return out
	}
	for at := of.lo; at < of.hi-width; at += width / 2 {
		out = append(out, piece{span{at, at + width}, near})
	}
	return append(out, piece{span{of.hi - width, of.hi}, near})
}

// features are what the classifier reads a text by, of all its tokens in order, and
// where those of each begin; one more says where they end.
type features struct {
	hashes []uint32
	at     []int32
}

func (f features) of(p piece) []uint32 { return f.hashes[f.at[p.lo]:f.at[p.hi]] }

// features hashes the words of a text as they were meant, as far as the rules know them,
// their pairs, those with one word between them and their threes within a sentence, and
// the runs of characters in them. A digit is any digit, and what a word shortly before has
// said is not said again. They last until those of the next text are asked for.
func (d *data) features(toks []token, r *room) features {
	clear(r.recent[:])
	out, at := r.hashes[:0], r.counts.take(len(toks)+1)
	second, before, first := "^", "^", 0
	for i := range toks {
		if i > 0 && toks[i].brk >= brkLine {
			second, before, first = "^", "^", i
		}
		at[i] = int32(len(out)) //nolint:gosec // a text is bounded
		w := d.meant(&toks[i])
		from := len(out)
		out = append(out, hashOf('w').word(w).feature(), hashOf('p').word(before).word(w).feature(), hashOf('s').word(second).word(w).feature(), hashOf('t').word(second).word(before).word(w).feature())
		second, before = before, w
		out = r.runs(out, w)
		if i+1 == len(toks) || toks[i+1].brk >= brkLine {
			out = append(out, hashOf('p').word(before).word("$").feature())
		}
		out = out[:from+r.fresh(out[from:], max(first, i-repeated), i)]
	}
	at[len(toks)] = int32(len(out)) //nolint:gosec // a text is bounded
	r.hashes = out
	return features{out, at}
}

// seenAt is a feature and one more than the token it was last seen at.
type seenAt struct {
	feature uint32
	at      int32
}

// fresh moves to the front those of a token's features that no token since one has had,
// and says how many they are: what is written again and again is no more by that.
func (r *room) fresh(of []uint32, since, token int) (n int) {
	for _, f := range of {
		last := &r.recent[f%uint32(len(r.recent))]
		again := last.feature == f && int(last.at) > since
		*last = seenAt{f, int32(token) + 1} //nolint:gosec // a text is bounded
		if !again {
			of[n] = f
			n++
		}
	}
	return n
}

// runs hashes the runs of three to five characters in a word, its ends marked.
func (r *room) runs(out []uint32, w string) []uint32 {
	r.letters = append(append(append(r.letters[:0], '^'), w...), '$')
	for i := range r.letters {
		h := hashOf('c')
		for n, c := range r.letters[i:min(len(r.letters), i+longGram)] {
			if h = h.letter(c); n+1 >= shortGram {
				out = append(out, h.letter(0).feature())
			}
		}
	}
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

// feature is the number of a weight.
func (h hash) feature() uint32 { return uint32(h^h>>16) & (1<<weightBits - 1) }

// beside is the weight of a feature where it stands beside a match.
func beside(feature uint32) uint32 { return feature*2654435761 ^ 0x5bd1e995 }

// word is a whole word and its end.
func (h hash) word(w string) hash {
	sum := h
	for i := range len(w) {
		sum = sum.letter(w[i])
	}
	return sum.letter(0)
}

// score is how far features speak for it; 0 is even odds.
func (r *regression) score(f []uint32) float64 {
	sum, mask := 0, uint32(len(r.w)-1) //nolint:gosec // a power of two
	for _, i := range f {
		sum += int(r.w[i&mask])
	}
	return r.odds(sum, len(f))
}

// odds are those of so many features whose weights have a sum; of none they are even. The
// conversions keep a compiler from joining a product and a sum, which would round
// otherwise on other machines.
func (r *regression) odds(sum, n int) float64 {
	if n == 0 {
		return 0
	}
	return r.bias + float64(r.scale*float64(float64(sum)/math.Sqrt(float64(n))))
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
	tally := t.tallied(c)
	var all features
	heard := false
	hear := func(p piece) {
		heard = true
		if all.at == nil {
			all = t.d.features(t.toks, t.room)
		}
		k := c.kindOf(all.of(p))
		j.found = append(j.found, finding{rule: &k.rule, severity: k.rule.severity, standing: standsNow, experiencer: t.experiencer(p.span), at: p.span, quotes: t.quote(nil, p.span)})
	}
	left := func(p piece) bool { return p.words() >= minPiece && !j.settled(t, p) }
	for _, p := range tally.pieces {
		if c.danger.odds(tally.of(p)) >= c.from(p) && left(p) {
			hear(p)
		}
	}
	if p, ok := t.whole(); ok && !heard && c.danger.odds(tally.of(p)) >= c.wholly && left(p) {
		hear(p)
	}
}

// whole is a text as one piece, of which the classifier knows most: only it has all that
// was said. There is none where it is too long to be read at once.
func (t *text) whole() (p piece, ok bool) {
	p.span = t.all()
	return p, p.words() <= maxPiece
}

// all is the span of a text.
func (t *text) all() span { return span{0, int32(len(t.toks))} } //nolint:gosec // a text is bounded

// from is the score from which a piece is danger.
func (c *classifier) from(p piece) float64 {
	if p.close {
		return c.closely
	}
	return c.threshold
}

// reads reports whether there are weights to read with.
func (c *classifier) reads() bool { return c != nil && c.danger.w != nil }

// tally is what a classifier needs of a text to say of any run of its tokens how far
// it speaks of danger: the weights for danger of all features before a token, added up,
// and how many they are.
type tally struct {
	sums, counts []int32
	pieces       []piece // in order of their first tokens
}

// tallied reads a text once, however often it is asked.
func (t *text) tallied(c *classifier) tally {
	if t.tally.sums != nil {
		return t.tally
	}
	f := t.d.features(t.toks, t.room)
	sums := t.room.counts.take(len(f.at))
	sum, mask := int32(0), uint32(len(c.danger.w)-1) //nolint:gosec // a power of two
	for i := range t.toks {
		sums[i] = sum
		for _, h := range f.hashes[f.at[i]:f.at[i+1]] {
			sum += int32(c.danger.w[h&mask])
		}
	}
	sums[len(t.toks)] = sum
	t.tally = tally{sums, f.at, pieces(t.toks)}
	return t.tally
}

// of is the sum of the weights of a piece's features, and how many they are.
func (a tally) of(p piece) (sum, n int) {
	return int(a.sums[p.hi] - a.sums[p.lo]), int(a.counts[p.hi] - a.counts[p.lo])
}

// settled reports whether the rules have judged a piece: set a finding in it
// aside, or read in it a question for information, an idiom, or that it is over.
func (j *judgment) settled(t *text, p piece) bool {
	start, end := t.toks[p.lo].start, t.toks[p.hi-1].end
	for _, f := range j.aside {
		inside := len(f.quotes) > 0
		for _, q := range f.quotes {
			inside = inside && q.frag == 0 && q.start >= start && q.end <= end
		}
		if inside {
			return true
		}
	}
	switch {
	case t.touches(t.d.sets.info, p.lo, p.hi):
		return !t.touches(t.d.sets.firsthand, p.lo, p.hi) && !t.answered(p.lo)
	case t.touches(t.d.sets.resolved, p.lo, p.hi):
		return !t.touches(t.d.sets.present, p.lo, p.hi)
	}
	return slices.Contains(t.skipped[p.lo:p.hi], true)
}
