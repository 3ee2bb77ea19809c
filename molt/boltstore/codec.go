package boltstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tidegate/tidegate/molt"
)

// Ids hold no NUL byte (molt.Batch.Check), so a NUL ends them inside a key and
// keys sort as their ids do.

func eventsPrefix(c molt.ConversationID) []byte { return append([]byte(c), 0) }

func eventKey(c molt.ConversationID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(eventsPrefix(c), seq)
}

func keyKey(c molt.ConversationID, id molt.KeyID) []byte {
	return append(eventsPrefix(c), id...)
}

func lanePrefix(c molt.ConversationID, lane molt.Lane) []byte {
	return append(append(eventsPrefix(c), lane...), 0)
}

// itemKey ends in sixteen hexadecimal digits, so that it is text and can serve
// as the cursor of a scan.
func itemKey(it molt.Item) []byte {
	return fmt.Appendf(lanePrefix(it.Conversation, it.Lane), "%016x", it.Order)
}

func duePrefix(class molt.Lane) []byte { return append([]byte(class), 0) }

func dueKey(it molt.Item) []byte {
	key := binary.BigEndian.AppendUint64(duePrefix(it.Lane.Class()), sortable(it.Due))
	return binary.BigEndian.AppendUint64(key, it.Order)
}

// sortable maps a moment to a number that sorts as the moment does.
func sortable(t molt.Time) uint64 { return uint64(t) ^ 1<<63 }

// dueAt reads the moment out of a key of the due bucket.
func dueAt(key []byte, class molt.Lane) (molt.Time, error) {
	rest := key[len(class)+1:]
	if len(rest) != 16 {
		return 0, fmt.Errorf("due index: %w: a key of %d bytes", molt.ErrCorrupt, len(key))
	}
	return molt.Time(binary.BigEndian.Uint64(rest) ^ 1<<63), nil
}

func encodeHead(h molt.Head) []byte {
	b := binary.BigEndian.AppendUint64(nil, h.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(h.At))
	b = append(b, h.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, h.Epoch)
}

func decodeHead(b []byte) (molt.Head, error) {
	r := reader{b: b}
	h := molt.Head{Seq: r.number(), At: molt.Time(r.number()), Hash: r.hash(), Epoch: r.number()}
	return h, r.end("head")
}

// An event's value begins with one byte that says whether its body is there.
const (
	bodyThere = 1
	bodyShed  = 2
)

func encodeEvent(e molt.Event) []byte {
	b := make([]byte, 0, 128+len(e.Kind)+len(e.Key)+len(e.Body))
	if e.Body == nil {
		b = append(b, bodyShed)
	} else {
		b = append(b, bodyThere)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.At))
	b = append(append(b, e.Sum[:]...), e.Hash[:]...)
	b = appendText(appendText(b, e.Kind), string(e.Key))
	return append(b, e.Body...)
}

func decodeEvent(seq uint64, b []byte) (molt.Event, error) {
	r := reader{b: b}
	state := r.byte()
	e := molt.Event{Seq: seq, At: molt.Time(r.number()), Sum: r.hash(), Hash: r.hash(), Kind: r.text(), Key: molt.KeyID(r.text())}
	switch body := r.rest(); state {
	case bodyThere:
		e.Body = append([]byte{}, body...)
	case bodyShed:
		r.bad = r.bad || len(body) > 0
	default:
		r.bad = true
	}
	return e, r.end("event")
}

func encodeSnapshot(s molt.Snapshot) []byte {
	b := make([]byte, 0, 64+len(s.Key)+len(s.Body))
	b = binary.BigEndian.AppendUint64(b, s.Seq)
	b = append(b, s.Hash[:]...)
	b = appendText(b, string(s.Key))
	return append(b, s.Body...)
}

func decodeSnapshot(b []byte) (molt.Snapshot, error) {
	r := reader{b: b}
	s := molt.Snapshot{Seq: r.number(), Hash: r.hash(), Key: molt.KeyID(r.text())}
	s.Body = append([]byte{}, r.rest()...)
	return s, r.end("snapshot")
}

func encodeKey(k molt.WrappedKey) []byte { return append(appendText(nil, k.Period), k.Wrapped...) }

func decodeKey(c molt.ConversationID, id, b []byte) (molt.WrappedKey, error) {
	r := reader{b: b}
	k := molt.WrappedKey{ID: molt.KeyID(id), Conversation: c, Period: r.text()}
	k.Wrapped = append([]byte{}, r.rest()...)
	return k, r.end("key")
}

// The value of a mark or an item begins with a head, and sumLength bytes of a digest over
// its key and what follows. Values of earlier layouts have neither: marks were text, and
// no item began with a NUL.
const (
	markHead  = "\xf1\xe7\xc3\x9a"
	itemHead  = "\x00\xe7\xc3\x9a"
	sumLength = 8
)

// summed is a value as it is written.
func summed(head string, key, value []byte) []byte {
	b := make([]byte, 0, len(head)+sumLength+len(value))
	return append(append(append(b, head...), sumOf(key, value)...), value...)
}

func sumOf(key, value []byte) []byte {
	h := sha256.New()
	_, _ = h.Write(key)
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(value)
	return h.Sum(nil)[:sumLength]
}

// whole takes the value out of what was written, and reports whether it is that.
func whole(head string, key, b []byte) (value []byte, ok bool) {
	like := 0
	for i := range min(len(head), len(b)) {
		if b[i] == head[i] {
			like++
		}
	}
	if like == 0 {
		return b, true
	}
	at := len(head) + sumLength
	if like < len(head) || len(b) < at || !bytes.Equal(b[len(head):at], sumOf(key, b[at:])) {
		return nil, false
	}
	return b[at:], true
}

func encodeItem(it molt.Item) []byte {
	b := make([]byte, 0, 128+len(it.Body))
	b = appendText(appendText(b, string(it.ID)), string(it.Conversation))
	b = appendText(appendText(b, string(it.Lane)), string(it.Key))
	b = binary.BigEndian.AppendUint64(b, uint64(it.Due))
	b = binary.BigEndian.AppendUint64(b, it.Epoch)
	b = binary.BigEndian.AppendUint64(b, it.Order)
	return summed(itemHead, itemKey(it), append(b, it.Body...))
}

// decodeItem reads an item at its key. One that is torn has no body and is due at once,
// so that who opens it ends it; of one of which no more than its key can be read it gives
// where it lies, and an error.
func decodeItem(key, b []byte) (molt.Item, error) {
	value, ok := whole(itemHead, key, b)
	if !ok {
		value = b[min(len(b), len(itemHead)+sumLength):]
	}
	r := reader{b: value}
	it := molt.Item{ID: molt.ItemID(r.text()), Conversation: molt.ConversationID(r.text()), Lane: molt.Lane(r.text()), Key: molt.KeyID(r.text())}
	it.Due, it.Epoch, it.Order = molt.Time(r.number()), r.number(), r.number()
	it.Body = append([]byte(nil), r.rest()...)
	if err := r.end("item"); err != nil {
		return placeOf(key), err
	}
	if !bytes.Equal(itemKey(it), key) {
		return placeOf(key), fmt.Errorf("item: %w: it is not the one of its key", molt.ErrCorrupt)
	}
	if !ok {
		it.Body, it.Due, it.Torn = nil, 0, true
	}
	return it, nil
}

// placeOf is what the key of a torn item tells: its lane, and its place there.
func placeOf(key []byte) molt.Item {
	it := molt.Item{Torn: true}
	conversation, rest, _ := bytes.Cut(key, []byte{0})
	lane, order, _ := bytes.Cut(rest, []byte{0})
	it.Conversation, it.Lane = molt.ConversationID(conversation), molt.Lane(lane)
	it.Order, _ = strconv.ParseUint(string(order), 16, 64) // 0 where the key is torn too
	return it
}

func encodeMark(m molt.Mark) []byte { return summed(markHead, []byte(m.ID), m.Value) }

// decodeMark reads a mark. One that is torn is read as that: it hides no other. An id and
// a value of an earlier layout are text; with the head or a part of it they are not: an
// id runs over into its value, or a value begins within the id.
func decodeMark(id, b []byte) molt.Mark {
	value, ok := whole(markHead, id, b)
	older := ok && len(value) == len(b)
	if !ok || !utf8.Valid(id) || older && !utf8.Valid(value) {
		return molt.Mark{ID: molt.MarkID(id), Torn: true}
	}
	return molt.Mark{ID: molt.MarkID(id), Value: append([]byte{}, value...)}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes a value apart. After the first thing that is not there it gives
// zeros and end reports the fault.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || uint64(len(r.b)) < n {
		r.bad = true
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) hash() (h molt.Hash) {
	copy(h[:], r.take(uint64(len(h))))
	return h
}

func (r *reader) text() string {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad = true
		return ""
	}
	r.b = r.b[size:]
	return string(r.take(n))
}

func (r *reader) rest() []byte { return r.take(uint64(len(r.b))) }

func (r *reader) end(what string) error {
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("%s: %w: it does not decode", what, molt.ErrCorrupt)
	}
	return nil
}
