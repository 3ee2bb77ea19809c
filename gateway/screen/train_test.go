package screen

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the weights anew from the corpus")

// How the weights are made. A change of any of these, of the corpus or of the
// features changes the weights; the test says so until they are written anew.
const (
	epochs    = 8
	rate      = 0.5
	decay     = 1e-5
	maxFalses = 2    // of a thousand routine texts kept aside may reach a threshold
	brink     = 0.05 // by how much a threshold stays above what may not reach it
	margin    = 2.0  // what is added to the threshold: others' words lie farther out
)

// kindNames are the regressions, in the order of the file.
var kindNames = []string{"distress", "self-harm", "violence"}

// lesson is one text as the classifier sees it.
type lesson struct {
	f     []uint32
	kind  string
	aside bool
	moot  bool // the rules have judged it: the classifier is not asked
	held  bool // a routine line of the golden set, which no threshold may reach
}

func TestWeights(t *testing.T) {
	d := mustNew(t).d
	var all []lesson
	for _, s := range corpus(t) {
		// Of several sentences the first: another may be a greeting.
		t := d.parseOne(s.text, d.newSpeller())
		pieces := d.pieces(t.toks)
		if len(pieces) == 0 {
			continue // an emoji alone
		}
		p := pieces[0]
		all = append(all, lesson{features(p.words), s.kind, s.aside(), s.kind == "" && moot(t, p), s.kind == "" && s.golden && len(p.words) >= minPiece})
	}
	want := train(all)
	if *update {
		if err := os.WriteFile("weights.bin", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(weightsFile, want) {
		t.Error("the weights are not those of the corpus; write them anew: go test ./gateway/screen -run TestWeights -update")
	}
	const most = 2 << 20
	if len(weightsFile) >= most {
		t.Errorf("got %d bytes of weights, want fewer than %d", len(weightsFile), most)
	}
}

// moot reports whether the rules leave the classifier nothing to say of a piece.
func moot(t *text, p piece) bool {
	j := judgment{d: t.d}
	j.read(t, t.d.rules, kindPatient)
	return len(j.found) > 0 || j.settled(t, p)
}

// train makes the file of weights.
func train(all []lesson) []byte {
	var out bytes.Buffer
	out.WriteString(weightsMagic)
	out.WriteByte(byte(len(kindNames)))
	for _, name := range kindNames {
		w, bias := regress(all, name)
		k := quantise(w, bias)
		k.threshold = threshold(&k, all)
		out.WriteByte(byte(len(name)))
		out.WriteString(name)
		for _, x := range []float64{k.bias, k.scale, k.threshold} {
			out.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
		}
		for _, v := range k.w {
			out.WriteByte(byte(v))
		}
	}
	return out.Bytes()
}

// regress is logistic regression by gradient descent, one example at a time, with
// steps that shrink where a feature has been seen often (AdaGrad). The conversions
// keep products and sums apart, so that every machine rounds alike.
func regress(all []lesson, kind string) (w []float64, bias float64) {
	w = make([]float64, 1<<weightBits)
	seen := make([]float64, 1<<weightBits)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	d := dice(3)
	seenBias := 1.0
	for range epochs {
		for i := len(order) - 1; i > 0; i-- {
			k := d.roll(i + 1)
			order[i], order[k] = order[k], order[i]
		}
		for _, i := range order {
			e := &all[i]
			if e.aside || e.kind != "" && e.kind != kind {
				continue
			}
			norm := 1 / math.Sqrt(float64(len(e.f)))
			z := bias
			for _, f := range e.f {
				z += float64(w[f] * norm)
			}
			g := sigmoid(z)
			if e.kind == kind {
				g--
			}
			for _, f := range e.f {
				step := float64(g*norm) + float64(decay*w[f])
				seen[f] += float64(step * step)
				w[f] -= float64(rate * step / math.Sqrt(1e-6+seen[f]))
			}
			seenBias += float64(g * g)
			bias -= float64(rate * g / math.Sqrt(seenBias))
		}
	}
	return w, bias
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

func quantise(w []float64, bias float64) kindWeights {
	largest := 0.0
	for _, x := range w {
		largest = max(largest, math.Abs(x))
	}
	k := kindWeights{bias: bias, scale: largest / 127, w: make([]int8, len(w))}
	for i, x := range w {
		k.w[i] = int8(math.Round(x / k.scale))
	}
	return k
}

// threshold is the lowest score that at most maxFalses of a thousand routine texts
// kept aside reach, and a margin.
func threshold(k *kindWeights, all []lesson) float64 {
	var routine []float64
	least := 0.0
	for _, e := range all {
		if e.held && !e.moot {
			least = max(least, k.score(e.f))
		}
		if e.aside && e.kind == "" && !e.moot {
			routine = append(routine, k.score(e.f))
		}
	}
	slices.Sort(routine)
	at := len(routine) - 1 - maxFalses*len(routine)/1000
	return max(least, max(0, routine[at])+margin-brink) + brink
}

// The threshold and what it catches, on texts kept aside.
func TestClassifierOnWhatWasKeptAside(t *testing.T) {
	s := mustNew(t)
	hit, n := map[string]int{}, map[string]int{}
	for _, c := range corpus(t) {
		pieces := s.d.pieces(s.d.parseOne(c.text, s.d.newSpeller()).toks)
		if !c.aside() || len(pieces) == 0 {
			continue
		}
		n[c.kind]++
		f := features(pieces[0].words)
		for i := range s.c.kinds {
			if k := &s.c.kinds[i]; k.score(f) >= k.threshold {
				hit[c.kind]++
				break
			}
		}
	}
	for i := range s.c.kinds {
		k := &s.c.kinds[i]
		lo, hi := wilson(hit[k.rule.category], n[k.rule.category])
		t.Logf("%s: threshold %.3f, %d of %d [%.3f, %.3f]", k.rule.category, k.threshold, hit[k.rule.category], n[k.rule.category], lo, hi)
		if 3*hit[k.rule.category] < n[k.rule.category] {
			t.Errorf("%s: got %d of %d, want more than a third", k.rule.category, hit[k.rule.category], n[k.rule.category])
		}
	}
	t.Logf("routine: %d of %d", hit[""], n[""])
	if hit[""]*100 > n[""] {
		t.Errorf("got %d of %d routine texts, want at most one in a hundred", hit[""], n[""])
	}
}
