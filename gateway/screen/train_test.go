package screen

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/molt/raced"
)

var update = flag.Bool("update", false, "write the weights anew from the corpus")

// How the weights are made. A change of any of these, of the corpus or of the
// features changes the weights; the test says so until they are written anew.
const (
	epochs    = 6
	rate      = 2
	decay     = 3e-4
	caution   = 0.01 // how far a feature has been seen before it first is: the first step is no leap
	maxFalses = 8    // of a thousand routine lines kept aside may reach the threshold
	maxClose  = 2    // may reach the one for what is read close up, and not the other
	maxWhole  = 16   // may reach the one for a message as a whole, and none of the others
	brink     = 0.05 // by how much the threshold stays above what may not reach it
	companies = 3    // in each of which an emergency is learned once more, for doubt
	longest   = 40   // tokens of each
	fewWords  = 5    // tokens of the shortest emergencies
)

// kindNames are the regressions beside the one for danger, in the order of the file.
var kindNames = []string{"distress", "self-harm", "violence"}

// lesson is one text as the classifier sees it.
type lesson struct {
	features features
	pieces   []piece
	asked    []bool // which of them the rules leave to the classifier
	whole    piece  // of no words where it is too long to be read at once, or left alone
	kind     string
	aside    bool
	said     string // the text, for a complaint
	line     bool   // as it stands in the lines
	golden   bool
	found    bool   // the rules have found what must be acted on: the classifier is not asked
	heads    []span // of what they found
}

// lessons are those of the corpus, read once: to read is half of the work.
func lessons(t *testing.T) []lesson {
	t.Helper()
	theLessons.once.Do(func() { theLessons.all = readLessons(t) })
	return theLessons.all
}

var theLessons struct {
	once sync.Once
	all  []lesson
}

func readLessons(t *testing.T) (all []lesson) {
	t.Helper()
	d := justRules(t)
	for _, s := range corpus(t) {
		text := d.parseOne(s.text, d.newSpeller())
		l := lesson{said: s.text, kind: s.kind, aside: s.aside(), line: s.line, golden: s.golden}
		j := judgment{d: d}
		j.read(text, d.rules, kindPatient)
		for _, f := range j.found {
			if f.severity.Rank() >= S2.Rank() {
				l.found, l.heads = true, append(l.heads, f.heads...)
			}
		}
		l.features, l.pieces = d.features(text.toks, &room{}), pieces(text.toks)
		for _, p := range l.pieces {
			l.asked = append(l.asked, p.words() >= minPiece && !j.settled(text, p))
		}
		if p, ok := text.whole(); ok && p.words() >= minPiece && !j.settled(text, p) {
			l.whole = p
		}
		if len(l.pieces) > 0 { // not an emoji alone
			all = append(all, l)
		}
	}
	return all
}

func TestWeights(t *testing.T) {
	if raced.On {
		t.Skip("it learns in one goroutine; the same runs without the race detector")
	}
	all := lessons(t)
	var out bytes.Buffer
	out.WriteString(weightsMagic)
	out.WriteByte(byte(len(kindNames)))
	// The threshold is chosen where the texts kept aside are not known; then all
	// that is known is learned.
	learned := regress(all, "", weightBits, false)
	chosen := thresholds(&learned, all)
	out.Write(number64(chosen.threshold))
	out.Write(number64(chosen.closely))
	out.Write(number64(chosen.wholly))
	full := regress(all, "", weightBits, true)
	for i := range all {
		if e := &all[i]; e.golden && e.kind == "" && !e.found && e.over(&full, chosen) > -brink {
			t.Errorf("%q is %.2f above a threshold, want %.2f below: it is routine", e.said, e.over(&full, chosen), brink)
		}
	}
	full.write(&out)
	borne := believe(all)
	borne.write(&out)
	for _, name := range kindNames {
		out.WriteByte(byte(len(name)))
		out.WriteString(name)
		k := regress(all, name, kindBits, true)
		k.write(&out)
	}
	whatWasKeptAside(t, &learned, chosen, all)
	if *update {
		if err := os.WriteFile("weights.bin", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(weightsFile, out.Bytes()) {
		t.Error("the weights are not those of the corpus; write them anew: go test ./gateway/screen -run TestWeights -update")
	}
	const most = 2 << 20
	if len(weightsFile) >= most {
		t.Errorf("got %d bytes of weights, want fewer than %d", len(weightsFile), most)
	}
}

func number64(x float64) []byte {
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))
}

func (r *regression) write(out *bytes.Buffer) {
	out.Write(number64(r.bias))
	out.Write(number64(r.scale))
	for _, v := range r.w {
		out.WriteByte(byte(v))
	}
}

// student is a regression that still learns: gradient descent, one example at a
// time, with steps that shrink where a feature has been seen often (AdaGrad). The
// conversions keep products and sums apart, so that every machine rounds alike.
type student struct {
	w, seen        []float64
	bias, seenBias float64
}

// mask has the bits of a hash that count.
func (s *student) mask() uint32 { return uint32(len(s.w) - 1) } //nolint:gosec // a power of two

func (s *student) score(f []uint32) float64 {
	if len(f) == 0 {
		return 0
	}
	z := 0.0
	for _, i := range f {
		z += s.w[i&s.mask()]
	}
	return s.bias + float64(z/math.Sqrt(float64(len(f))))
}

// learn moves towards what a piece is.
func (s *student) learn(f []uint32, is bool) {
	if len(f) == 0 {
		return
	}
	norm := 1 / math.Sqrt(float64(len(f)))
	g := sigmoid(s.score(f))
	if is {
		g--
	}
	for _, i := range f {
		i &= s.mask()
		step := float64(g*norm) + float64(decay*s.w[i])
		s.seen[i] += float64(step * step)
		s.w[i] -= float64(rate * step / math.Sqrt(caution+s.seen[i]))
	}
	s.seenBias += float64(g * g)
	s.bias -= float64(rate * g / math.Sqrt(s.seenBias))
}

// loudest is the piece that speaks for it most, and widest the one with the most words.
// Close up only a golden routine line is read: a danger there may well be in another part.
func (s *student) loudest(l *lesson) (loudest, widest piece) {
	best := math.Inf(-1)
	for _, p := range l.pieces {
		if p.close && (!l.golden || l.kind != "") {
			continue
		}
		if z := s.score(l.features.of(p)); z > best {
			loudest, best = p, z
		}
		if p.words() > widest.words() {
			widest = p
		}
	}
	return loudest, widest
}

// regress learns one kind against what is routine, or, for "", danger of any kind.
// Which piece of a text holds the danger nobody has labeled: it is taken to be the
// one that speaks for it most, and the text as a whole. Of a routine text no piece
// does, least of all the loudest.
func regress(all []lesson, kind string, bits int, aside bool) regression {
	s := &student{w: make([]float64, 1<<bits), seen: make([]float64, 1<<bits), seenBias: 1}
	d := dice(3)
	shuffled(len(all), &d, func(i int) {
		e := &all[i]
		if e.aside && !aside || e.kind != "" && kind != "" && e.kind != kind {
			return
		}
		loud, wide := s.loudest(e)
		s.learn(e.features.of(wide), e.kind != "")
		if loud != wide || e.golden { // what is golden is learned twice
			s.learn(e.features.of(loud), e.kind != "")
		}
	})
	return quantise(s.w, s.bias)
}

// witnesses are the features by which what the rules found is doubted.
func (l *lesson) witnesses() []uint32 {
	at := span{0, 1}
	if len(l.heads) > 0 {
		at = l.heads[0]
	}
	return l.features.witnesses(around(at, span{0, int32(len(l.features.at)) - 1}), l.heads) //nolint:gosec // a text is bounded
}

// inCompany are the features of one text and of the beginning of another.
func inCompany(f []uint32, other *lesson) []uint32 {
	hi := int32(min(len(other.features.at)-1, longest)) //nolint:gosec // a text is bounded
	return slices.Concat(f, other.features.of(piece{span: span{0, hi}}))
}

// anyRoutine rolls for a routine text.
func anyRoutine(all []lesson, d *dice) *lesson {
	for {
		if o := &all[d.roll(len(all))]; o.kind == "" {
			return o
		}
	}
}

// believe learns how far texts bear out what the rules find in them: emergencies alone and
// in company, which must not make anybody doubt them, and what is routine alone.
func believe(all []lesson) regression {
	s := &student{w: make([]float64, 1<<doubtBits), seen: make([]float64, 1<<doubtBits), seenBias: 1}
	d := dice(3)
	shuffled(len(all), &d, func(i int) {
		e := &all[i]
		f, times := e.witnesses(), 1
		switch {
		case e.golden && e.kind != "" && len(e.features.at)-1 <= fewWords:
			times = 6 // the plainest words have little to stand out by in company
		case e.golden:
			times = 2
		}
		for range times {
			s.learn(f, e.kind != "")
			for range companies {
				if e.kind != "" {
					s.learn(inCompany(f, anyRoutine(all, &d)), true)
				}
			}
		}
	})
	return quantise(s.w, s.bias)
}

// shuffled calls learn with each number below n once in each epoch, in an order that is
// the same on every machine.
func shuffled(n int, d *dice, learn func(int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for range epochs {
		for i := len(order) - 1; i > 0; i-- {
			k := d.roll(i + 1)
			order[i], order[k] = order[k], order[i]
		}
		for _, i := range order {
			learn(i)
		}
	}
}

// sigmoid is 1/(1+e^-z), with e^x as (1+x/4096)^4096: math.Exp differs between machines.
func sigmoid(z float64) float64 {
	z = max(-20, min(20, z))
	y := 1 - z/4096
	for range 12 {
		y = float64(y * y)
	}
	return 1 / (1 + y)
}

func quantise(w []float64, bias float64) regression {
	largest := 0.0
	for _, x := range w {
		largest = max(largest, math.Abs(x))
	}
	r := regression{bias: bias, scale: largest / 127, w: make([]int8, len(w))}
	for i, x := range w {
		r.w[i] = int8(math.Round(x / r.scale))
	}
	return r
}

// score is the highest score of a text among the pieces of a sort that the rules leave
// to the classifier.
func (l *lesson) score(r *regression, near bool) float64 {
	best := math.Inf(-1)
	for i, p := range l.pieces {
		if l.asked[i] && p.close == near {
			best = max(best, r.score(l.features.of(p)))
		}
	}
	return best
}

// over is how far a text comes over a threshold.
func (l *lesson) over(r *regression, c *classifier) float64 {
	return max(l.score(r, false)-c.threshold, l.score(r, true)-c.closely, l.wholly(r)-c.wholly)
}

// wholly is the score of a text as a whole.
func (l *lesson) wholly(r *regression) float64 {
	if l.whole.words() == 0 {
		return math.Inf(-1)
	}
	return r.score(l.features.of(l.whole))
}

// thresholds are the lowest scores that at most maxFalses of a thousand routine lines
// kept aside reach, and maxClose and maxWhole more.
func thresholds(r *regression, all []lesson) *classifier {
	c := &classifier{threshold: math.Inf(1), closely: math.Inf(1), wholly: math.Inf(1)}
	// What has no new word in it scores 0, and is no danger.
	c.threshold = max(0, lowest(all, maxFalses, func(l *lesson) float64 { return l.score(r, false) }))
	c.closely = max(0, lowest(all, maxClose, func(l *lesson) float64 {
		if l.score(r, false) >= c.threshold {
			return math.Inf(-1)
		}
		return l.score(r, true)
	}))
	c.wholly = lowest(all, maxWhole, func(l *lesson) float64 {
		if l.over(r, c) >= 0 {
			return math.Inf(-1)
		}
		return l.wholly(r)
	})
	return c
}

func lowest(all []lesson, falses int, score func(*lesson) float64) float64 {
	var routine []float64
	for i := range all {
		if e := &all[i]; e.aside && e.line && e.kind == "" && !e.found {
			routine = append(routine, score(e))
		}
	}
	slices.Sort(routine)
	return routine[len(routine)-1-falses*len(routine)/1000] + brink
}

// whatWasKeptAside says what the threshold catches of the lines kept aside, by
// weights that do not know them, beside what the rules catch.
func whatWasKeptAside(t *testing.T, r *regression, c *classifier, all []lesson) {
	t.Helper()
	n, byRules, byBoth := map[string]int{}, map[string]int{}, map[string]int{}
	for i := range all {
		e := &all[i]
		if !e.aside || !e.line {
			continue
		}
		n[e.kind]++
		if e.found {
			byRules[e.kind]++
		}
		if e.found || e.over(r, c) >= 0 {
			byBoth[e.kind]++
		}
	}
	t.Logf("the threshold is %.3f, close up %.3f, of a whole message %.3f", c.threshold, c.closely, c.wholly)
	for _, kind := range append([]string{""}, kindNames...) {
		lo, hi := wilson(byBoth[kind], n[kind])
		t.Logf("kept aside, %q: of %d the rules find %d, with the classifier %d, %.1f %% [%.1f, %.1f]", kind, n[kind], byRules[kind], byBoth[kind], 100*float64(byBoth[kind])/float64(n[kind]), 100*lo, 100*hi)
		if added := byBoth[kind] - byRules[kind]; kind != "" && 4*added < n[kind]-byRules[kind] {
			t.Errorf("%s: of %d that the rules miss %d are found, want more than a quarter", kind, n[kind]-byRules[kind], added)
		}
	}
}
