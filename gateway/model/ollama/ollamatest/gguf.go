package ollamatest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"
)

// The models are GGUF files of the llama architecture: one of random weights, one
// wired by hand. A server runs them in milliseconds.

// tensor is one matrix; its first dimension is the input's.
type tensor struct {
	name string
	dims []uint64
	data []float32
}

// gguf writes a model file.
type gguf struct {
	meta    bytes.Buffer
	count   uint64
	tensors []tensor
}

// The kinds of values in a file's head.
const (
	kindU32   = 4
	kindI32   = 5
	kindF32   = 6
	kindBool  = 7
	kindText  = 8
	kindArray = 9
)

func le(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) }

func text(b *bytes.Buffer, s string) {
	le(b, uint64(len(s)))
	b.WriteString(s)
}

func (g *gguf) key(name string, kind uint32) {
	g.count++
	text(&g.meta, name)
	le(&g.meta, kind)
}

func (g *gguf) set(name string, v any) {
	switch v := v.(type) {
	case uint32:
		g.key(name, kindU32)
		le(&g.meta, v)
	case float32:
		g.key(name, kindF32)
		le(&g.meta, v)
	case bool:
		g.key(name, kindBool)
		le(&g.meta, v)
	case string:
		g.key(name, kindText)
		text(&g.meta, v)
	case []string:
		g.key(name, kindArray)
		le(&g.meta, uint32(kindText))
		le(&g.meta, uint64(len(v)))
		for _, s := range v {
			text(&g.meta, s)
		}
	case []int32:
		g.key(name, kindArray)
		le(&g.meta, uint32(kindI32))
		le(&g.meta, uint64(len(v)))
		le(&g.meta, v)
	}
}

func (g *gguf) tensor(name string, data []float32, dims ...int) {
	t := tensor{name: name, data: data}
	for _, d := range dims {
		t.dims = append(t.dims, uint64(d))
	}
	g.tensors = append(g.tensors, t)
}

const alignment = 32

func (g *gguf) write(t *testing.T, path string) {
	t.Helper()
	var out bytes.Buffer
	out.WriteString("GGUF")
	le(&out, uint32(3))
	le(&out, uint64(len(g.tensors)))
	le(&out, g.count)
	out.Write(g.meta.Bytes())
	var body bytes.Buffer
	for _, x := range g.tensors {
		text(&out, x.name)
		le(&out, uint32(len(x.dims)))
		le(&out, x.dims)
		le(&out, uint32(0)) // 32-bit floats
		le(&out, uint64(body.Len()))
		le(&body, x.data)
		body.Write(make([]byte, (alignment-body.Len()%alignment)%alignment))
	}
	out.Write(make([]byte, (alignment-out.Len()%alignment)%alignment))
	out.Write(body.Bytes())
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// byteSigns maps each byte to the sign that stands for it in a vocabulary.
func byteSigns() [256]string {
	var out [256]string
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b < 33 || b > 126 && b < 161 || b == 173 {
			r = next
			next++
		}
		out[b] = string(r)
	}
	return out
}

func signs(s string) string {
	all, out := byteSigns(), ""
	for i := range len(s) {
		out += all[s[i]]
	}
	return out
}

// vocabulary is every byte, the marks of a chat, and a test's own words.
type vocabulary struct {
	tokens []string
	kinds  []int32
	index  map[string]int
}

func newVocabulary(marks, chunks []string) *vocabulary {
	v := &vocabulary{index: map[string]int{}}
	add := func(s string, kind int32) {
		if _, ok := v.index[s]; !ok {
			v.index[s] = len(v.tokens)
			v.tokens, v.kinds = append(v.tokens, s), append(v.kinds, kind)
		}
	}
	for _, s := range byteSigns() {
		add(s, 1)
	}
	for _, s := range []string{"<|bos|>", "<|eos|>", "<|im_end|>", "<|im_start|>", "<|go|>"} {
		add(s, 3)
	}
	add("er", 1)
	add("in", 1)
	for _, s := range marks {
		add(s, 4)
	}
	for _, s := range chunks {
		add(signs(s), 1)
	}
	return v
}

// head is what the server wants to know of a model.
func (g *gguf) head(name string, wide, layers, heads, inner int, v *vocabulary) {
	g.set("general.architecture", "llama")
	g.set("general.name", name)
	g.set("general.file_type", uint32(0))
	g.set("general.quantization_version", uint32(2))
	g.set("llama.context_length", uint32(16384))
	g.set("llama.embedding_length", uint32(wide))
	g.set("llama.block_count", uint32(layers))
	g.set("llama.feed_forward_length", uint32(inner))
	g.set("llama.attention.head_count", uint32(heads))
	g.set("llama.attention.head_count_kv", uint32(heads))
	g.set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	g.set("llama.rope.dimension_count", uint32(wide/heads))
	g.set("llama.vocab_size", uint32(len(v.tokens)))
	g.set("tokenizer.ggml.model", "gpt2")
	g.set("tokenizer.ggml.pre", "default")
	g.set("tokenizer.ggml.tokens", v.tokens)
	g.set("tokenizer.ggml.token_type", v.kinds)
	g.set("tokenizer.ggml.merges", []string{"e r", "i n"})
	g.set("tokenizer.ggml.bos_token_id", uint32(256))
	g.set("tokenizer.ggml.eos_token_id", uint32(257))
	g.set("tokenizer.ggml.eot_token_id", uint32(258))
	g.set("tokenizer.ggml.add_bos_token", false)
}

func ones(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// RandomModel writes a model that knows nothing at all.
func RandomModel(t *testing.T, path string) {
	t.Helper()
	const wide, layers, heads, inner = 64, 2, 4, 128
	r := rand.New(rand.NewPCG(1, 2))
	v := newVocabulary(nil, nil)
	noise := func(n int, by float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(r.NormFloat64() * by)
		}
		return out
	}
	g := &gguf{}
	g.head("tiny-random", wide, layers, heads, inner, v)
	g.tensor("token_embd.weight", noise(wide*len(v.tokens), 0.3), wide, len(v.tokens))
	for _, blk := range []string{"blk.0.", "blk.1."} {
		g.tensor(blk+"attn_norm.weight", ones(wide), wide)
		for _, m := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			g.tensor(blk+m+".weight", noise(wide*wide, 0.3), wide, wide)
		}
		g.tensor(blk+"ffn_norm.weight", ones(wide), wide)
		g.tensor(blk+"ffn_gate.weight", noise(wide*inner, 0.3), wide, inner)
		g.tensor(blk+"ffn_up.weight", noise(wide*inner, 0.3), wide, inner)
		g.tensor(blk+"ffn_down.weight", noise(inner*wide, 0.3), inner, wide)
	}
	g.tensor("output_norm.weight", ones(wide), wide)
	g.tensor("output.weight", noise(wide*len(v.tokens), 0.2), wide, len(v.tokens))
	g.write(t, path)
}

// Script is what a model says when a word stands in its prompt; the empty word
// is what it says otherwise. No two scripts share a chunk. One that loops goes
// from its last chunk to its second and never ends. Of two words in a prompt the
// one with the greater weight counts; 0 is 1.
type Script struct {
	Word   string
	Chunks []string
	Loops  bool
	Weight float32
}

// ScriptedModel writes a model that is wired by hand: each token is its own direction, a word's
// presence is carried to the end of the prompt, and each chunk calls the next.
func ScriptedModel(t *testing.T, path string, scripts []Script) {
	t.Helper()
	var marks, chunks []string
	for _, s := range scripts {
		if s.Word != "" {
			marks = append(marks, s.Word)
		}
		chunks = append(chunks, s.Chunks...)
	}
	v := newVocabulary(marks, chunks)
	const heads, inner = 8, 64
	n := len(v.tokens)
	wide := (n + len(scripts) + 8 + 63) / 64 * 64
	square := func() []float32 { return make([]float32, wide*wide) }
	embed, out := make([]float32, wide*n), make([]float32, wide*n)
	value, proj := square(), square()
	for i := range n {
		embed[i*wide+i] = 1
	}
	start, end := v.index["<|go|>"], v.index["<|im_end|>"]
	for j, s := range scripts {
		first := v.index[signs(s.Chunks[0])]
		if s.Word == "" {
			out[first*wide+start] = 1
		} else {
			value[j*wide+v.index[s.Word]] = 1
			proj[(n+j)*wide+j] = 1e3
			out[first*wide+n+j] = cmp.Or(s.Weight, 1)
			out[first*wide+start] = 1e-3
		}
		chain := []int{}
		for _, c := range s.Chunks {
			chain = append(chain, v.index[signs(c)])
		}
		last := end
		if s.Loops {
			last = chain[1]
		}
		for i, a := range chain {
			next := last
			if i+1 < len(chain) {
				next = chain[i+1]
			}
			out[next*wide+a] = 1e9
		}
	}
	g := &gguf{}
	g.head("scripted", wide, 1, heads, inner, v)
	g.tensor("token_embd.weight", embed, wide, n)
	g.tensor("blk.0.attn_norm.weight", ones(wide), wide)
	g.tensor("blk.0.attn_q.weight", square(), wide, wide)
	g.tensor("blk.0.attn_k.weight", square(), wide, wide)
	g.tensor("blk.0.attn_v.weight", value, wide, wide)
	g.tensor("blk.0.attn_output.weight", proj, wide, wide)
	g.tensor("blk.0.ffn_norm.weight", ones(wide), wide)
	g.tensor("blk.0.ffn_gate.weight", make([]float32, wide*inner), wide, inner)
	g.tensor("blk.0.ffn_up.weight", make([]float32, wide*inner), wide, inner)
	g.tensor("blk.0.ffn_down.weight", make([]float32, wide*inner), inner, wide)
	g.tensor("output_norm.weight", ones(wide), wide)
	g.tensor("output.weight", out, wide, n)
	g.write(t, path)
}
