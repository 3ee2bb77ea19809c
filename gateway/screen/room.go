package screen

// Room that one judgment has without asking for memory. A text of a few messages
// fits; what is longer takes memory of its own, which is not kept.
const (
	roomTokens = 1 << 10
	roomGlyphs = 1 << 11
	roomSpans  = 1 << 14
	roomLists  = 1 << 12
	roomCounts = 1 << 15 // of which each text read takes one for each class
	roomFlags  = 1 << 11
	roomRecent = 1 << 12 // features
)

// room is memory that judgments use one after the other, so that a text costs the
// collector little: its pauses would be the slowest of all judgments. Nothing of it
// outlives the judgment it was borrowed for, least of all a patient's words.
type room struct {
	tokens  slab[token]
	glyphs  slab[glyph]
	spans   slab[span]
	lists   slab[[]span]
	counts  slab[int32]
	flags   slab[bool]
	letters []byte   // of the word being read
	union   []span   // of the concept being found
	hashes  []uint32 // of the text being classified
	recent  [roomRecent]seenAt
	seen    map[string]reading
}

// newRoom is one of full size.
func newRoom() *room {
	return &room{
		tokens: slab[token]{all: make([]token, roomTokens)}, glyphs: slab[glyph]{all: make([]glyph, roomGlyphs)},
		spans: slab[span]{all: make([]span, roomSpans)}, lists: slab[[]span]{all: make([][]span, roomLists)},
		counts: slab[int32]{all: make([]int32, roomCounts)}, flags: slab[bool]{all: make([]bool, roomFlags)},
		seen: map[string]reading{},
	}
}

// borrow gives a speller a room that another judgment had before. Who borrows it
// gives it back with done; one that is not given back is lost to nobody.
func (d *data) borrow() *speller {
	r, ok := d.rooms.Get().(*room)
	if !ok {
		r = newRoom()
	}
	return &speller{d: d, room: r, seen: r.seen}
}

// done wipes the room for the next judgment.
func (sp *speller) done() {
	r := sp.room
	sp.room, sp.seen = nil, nil
	r.tokens.wipe()
	r.glyphs.wipe()
	r.spans.wipe()
	r.lists.wipe()
	r.counts.wipe()
	r.flags.wipe()
	clear(r.letters[:cap(r.letters)])
	clear(r.hashes[:cap(r.hashes)])
	clear(r.recent[:])
	guessed := len(r.seen)
	clear(r.seen)
	if max(guessed, cap(r.union), cap(r.hashes), cap(r.letters)) <= roomSpans { // a hostile text's is not kept
		sp.d.rooms.Put(r)
	}
}

// slab is one piece of memory that is handed out from its front. All that was not
// handed out is zero. The zero slab has nothing to hand out: each asks for its own.
type slab[T any] struct {
	all  []T
	used int
}

// take hands out n zero values, to which nothing can be appended in place.
func (s *slab[T]) take(n int) []T {
	if n > len(s.all)-s.used {
		return make([]T, n)
	}
	s.used += n
	return s.all[s.used-n : s.used : s.used]
}

// open hands out all that is left, to be appended to; keep, before anything else is
// handed out, says how much of it was needed.
func (s *slab[T]) open() []T { return s.all[s.used:s.used] }

func (s *slab[T]) keep(out []T) []T {
	switch left := s.all[s.used:]; {
	case len(out) == 0:
	case len(left) > 0 && &left[0] == &out[0]:
		s.used += len(out)
	default:
		s.used = len(s.all) // it became too long and went elsewhere: so does what follows
	}
	return out[:len(out):len(out)]
}

// clone hands out a copy.
func (s *slab[T]) clone(of []T) []T {
	out := s.take(len(of))
	copy(out, of)
	return out
}

func (s *slab[T]) wipe() {
	clear(s.all[:s.used])
	s.used = 0
}
