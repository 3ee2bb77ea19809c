package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Load implements molt.Store. What it returns verifies as a chain, up to the
// journal's head; otherwise the error wraps molt.ErrCorrupt.
func (s *Store) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	var out molt.Loaded
	if id == "" {
		return out, s.view(ctx, "load", func(*tables) error { return nil })
	}
	err := s.view(ctx, "load", func(t *tables) error {
		var err error
		if out.Head, err = t.head(id); err != nil {
			return err
		}
		if b := t.snaps.Get([]byte(id)); b != nil {
			if out.Snapshot, err = decodeSnapshot(b); err != nil {
				return err
			}
		}
		if out.Keys, err = t.allKeys(id); err != nil {
			return err
		}
		return t.loadEvents(id, uint64(max(recent, 0)), &out)
	})
	if err != nil {
		return molt.Loaded{}, fmt.Errorf("conversation %s: %w", id, err)
	}
	return out, nil
}

// loadEvents fills Recent and Tail and verifies them.
func (t *tables) loadEvents(id molt.ConversationID, recent uint64, out *molt.Loaded) error {
	snap := out.Snapshot
	after := snap.Seq - min(snap.Seq, recent)
	prev, err := t.hashAt(id, after, snap)
	if err != nil {
		return err
	}
	events, err := t.eventsAfter(id, after, int(out.Head.Seq-min(out.Head.Seq, after))+1)
	if err != nil {
		return err
	}
	if err := seal.VerifyChain(prev, after+1, id, events); err != nil {
		return err
	}
	cut := int(snap.Seq - after)
	if len(events) < cut || (cut > 0 && events[cut-1].Hash != snap.Hash) {
		return &seal.ChainError{Conversation: id, Seq: snap.Seq, Cause: "the chain does not lead to the snapshot"}
	}
	last := snap.Hash
	if n := len(events); n > 0 {
		last = events[n-1].Hash
	}
	if after+uint64(len(events)) != out.Head.Seq || last != out.Head.Hash {
		return &seal.ChainError{Conversation: id, Seq: out.Head.Seq, Cause: "the chain does not lead to the journal's head"}
	}
	if err := t.headsTime(id, out.Head); err != nil {
		return err
	}
	out.Recent, out.Tail = events[:cut:cut], events[cut:]
	return nil
}

// headsTime compares the head's time, which no hash covers, with the last event's:
// the next one would be given it, however far ahead.
func (t *tables) headsTime(id molt.ConversationID, head molt.Head) error {
	if head.Seq == 0 {
		return nil
	}
	e, err := decodeEvent(head.Seq, t.events.Get(eventKey(id, head.Seq)))
	if err == nil && e.At != head.At {
		err = &seal.ChainError{Conversation: id, Seq: head.Seq, Cause: "the journal's head has another time than its last event"}
	}
	return err
}

// hashAt returns the chain's value at a sequence number.
func (t *tables) hashAt(id molt.ConversationID, seq uint64, snap molt.Snapshot) (molt.Hash, error) {
	switch seq {
	case 0:
		return molt.Hash{}, nil
	case snap.Seq:
		return snap.Hash, nil
	}
	e, err := decodeEvent(seq, t.events.Get(eventKey(id, seq)))
	return e.Hash, err
}

// eventsAfter reads at most limit events that follow a sequence number.
func (t *tables) eventsAfter(id molt.ConversationID, after uint64, limit int) ([]molt.Event, error) {
	if after == ^uint64(0) {
		return nil, nil
	}
	var events []molt.Event
	prefix := eventsPrefix(id)
	cursor := t.events.Cursor()
	for key, value := cursor.Seek(eventKey(id, after+1)); bytes.HasPrefix(key, prefix) && len(events) < limit; key, value = cursor.Next() {
		if len(key) != len(prefix)+8 {
			return nil, fmt.Errorf("events: %w: a key of %d bytes", molt.ErrCorrupt, len(key))
		}
		e, err := decodeEvent(binary.BigEndian.Uint64(key[len(prefix):]), value)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", binary.BigEndian.Uint64(key[len(prefix):]), err)
		}
		events = append(events, e)
	}
	return events, nil
}

func (t *tables) allKeys(id molt.ConversationID) ([]molt.WrappedKey, error) {
	var keys []molt.WrappedKey
	prefix := eventsPrefix(id)
	cursor := t.keys.Cursor()
	for key, value := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, value = cursor.Next() {
		k, err := decodeKey(id, key[len(prefix):], value)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Scan implements molt.Store.
func (s *Store) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	if err := q.Check(); err != nil {
		return molt.Page{}, err
	}
	var p molt.Page
	err := s.view(ctx, "scan", func(t *tables) error {
		var err error
		switch q.Table {
		case molt.TableConversations:
			p.Next, err = pages(t.heads, nil, q, func(key, value []byte) error {
				head, err := decodeHead(value)
				p.Conversations = append(p.Conversations, molt.ConversationHead{ID: molt.ConversationID(key), Head: head})
				return err
			})
		case molt.TableEvents:
			err = t.scanEvents(q, &p)
		case molt.TableItems:
			err = t.scanItems(q, &p)
		case molt.TableMarks:
			p.Next, err = pages(t.marks, []byte(q.Prefix), q, func(key, value []byte) error {
				p.Marks = append(p.Marks, decodeMark(key, value))
				return nil
			})
		case molt.TableKeys:
			err = t.scanKeys(q, &p)
		}
		return err
	})
	if err != nil {
		return molt.Page{}, err
	}
	return p, nil
}

// pages gives to each the entries under prefix that follow the query's cursor,
// which is a key, and returns the cursor of the next page.
func pages(b *bolt.Bucket, prefix []byte, q molt.Query, each func(key, value []byte) error) (string, error) {
	cursor := b.Cursor()
	start := prefix
	if after := []byte(q.After); bytes.Compare(after, prefix) > 0 {
		start = after
	}
	key, value := cursor.Seek(start)
	if q.After != "" && string(key) == q.After {
		key, value = cursor.Next()
	}
	last := ""
	for n := 0; key != nil && bytes.HasPrefix(key, prefix); n++ {
		if n == q.Limit {
			return last, nil
		}
		if err := each(key, value); err != nil {
			return "", fmt.Errorf("%s: %w", q.Table, err)
		}
		last = string(key)
		key, value = cursor.Next()
	}
	return "", nil
}

func (t *tables) scanEvents(q molt.Query, p *molt.Page) error {
	after := uint64(0)
	if q.After != "" {
		var err error
		if after, err = strconv.ParseUint(q.After, 10, 64); err != nil {
			return &molt.Refused{Kind: molt.RefusedForm, Why: "scan: not a cursor of events"}
		}
	}
	events, err := t.eventsAfter(q.Conversation, after, q.Limit+1)
	if len(events) > q.Limit {
		events = events[:q.Limit]
		p.Next = strconv.FormatUint(events[q.Limit-1].Seq, 10)
	}
	p.Events = events
	return err
}

func (t *tables) scanItems(q molt.Query, p *molt.Page) (err error) {
	var prefix []byte
	if q.Conversation != "" {
		prefix = eventsPrefix(q.Conversation)
	}
	p.Next, err = pages(t.items, prefix, q, func(key, value []byte) error {
		it, err := decodeItem(key, value)
		if err != nil && !it.Torn {
			return err
		}
		p.Items = append(p.Items, it) // a torn one is told as that, and hides no other
		return nil
	})
	return err
}

// scanKeys pages by key id, which is the cursor, within one conversation.
func (t *tables) scanKeys(q molt.Query, p *molt.Page) error {
	prefix := eventsPrefix(q.Conversation)
	inner := q
	if q.After != "" {
		inner.After = string(prefix) + q.After
	}
	next, err := pages(t.keys, prefix, inner, func(key, value []byte) error {
		k, err := decodeKey(q.Conversation, key[len(prefix):], value)
		p.Keys = append(p.Keys, k)
		return err
	})
	if next != "" {
		p.Next = next[len(prefix):]
	}
	return err
}
