package screen

import "iter"

// The rules are read once and then stay, tens of thousands of small lists of them. They
// are kept in few pieces without a pointer inside: the garbage collector, which walks
// all that it keeps again and again beside the texts that wait, has nothing to walk.

// chains are lists of numbers in one piece of memory.
type chains []link

type link struct {
	n    int32
	next int32 // where the next one stands; 0: none does
}

// chain is one of the lists. The zero value is an empty one.
type chain struct{ first, last int32 }

// add puts a number at the end of a list.
func (c *chains) add(to chain, n int32) chain {
	if len(*c) == 0 {
		*c = append(*c, link{}) // so that no link stands at 0
	}
	at := int32(len(*c))
	*c = append(*c, link{n: n})
	if to.first == 0 {
		return chain{at, at}
	}
	(*c)[to.last].next = at
	return chain{to.first, at}
}

// of are the numbers of a list in the order they were added.
func (c chains) of(list chain) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for at := list.first; at != 0; at = c[at].next {
			if !yield(c[at].n) {
				return
			}
		}
	}
}

// table finds words by a spelling that several may share. Two spellings may fall
// together, so whoever asks looks at the words that are found.
type table struct {
	rows map[uint64]chain // by the spelling's hash
	ids  chains
}

func newTable() table { return table{rows: map[uint64]chain{}} }

func (t *table) add(spelling string, id int32) {
	h := spelled(spelling)
	t.rows[h] = t.ids.add(t.rows[h], id)
}

func (t *table) find(spelling string) iter.Seq[int32] { return t.ids.of(t.rows[spelled(spelling)]) }

// spelled is FNV-1a, written out so that it asks for no memory.
func spelled(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// tree is all phrases, word by word. Node 0 is where each begins.
type tree struct {
	next    map[step]int32
	ends    []chain // by node: the classes of the phrases that end there
	classes chains
}

type step struct{ node, word int32 }

func newTree() tree { return tree{next: map[step]int32{}, ends: make([]chain, 1)} }

// grow adds a phrase of a class.
func (t *tree) grow(words []int32, class int32) {
	node := int32(0)
	for _, w := range words {
		next, ok := t.next[step{node, w}]
		if !ok {
			next = int32(len(t.ends))
			t.ends = append(t.ends, chain{})
			t.next[step{node, w}] = next
		}
		node = next
	}
	for c := range t.classes.of(t.ends[node]) {
		if c == class {
			return
		}
	}
	t.ends[node] = t.classes.add(t.ends[node], class)
}
