package boltstore

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// eachIndexed visits all items with whether each is the head of its lane. One that does
// not decode is in no index, and whatever follows it in its lane waits for whoever
// verifies the store. Nothing of what was visited is kept.
func (t *tables) eachIndexed(visit func(it molt.Item, key []byte, head bool) error) error {
	var lane []byte
	return t.items.ForEach(func(key, value []byte) error {
		it, err := decodeItem(key, value)
		if err != nil {
			lane = key[:max(0, len(key)-16)]
			return nil
		}
		p := lanePrefix(it.Conversation, it.Lane)
		head := !bytes.Equal(p, lane)
		lane = p
		return visit(it, key, head)
	})
}

// indexed checks that the indexes hold what the items say, and nothing else.
func (t *tables) indexed() error {
	items, heads := 0, 0
	err := t.eachIndexed(func(it molt.Item, key []byte, head bool) error {
		if items++; it.Order > t.items.Sequence() {
			return fmt.Errorf("%w: an item has a place that none was given", molt.ErrCorrupt)
		}
		if err := leads("ids", t.ids, []byte(it.ID), key); err != nil || !head {
			return err
		}
		heads++
		return leads("due", t.due, dueKey(it), key)
	})
	if err == nil {
		err = counts("ids", t.ids, items)
	}
	if err == nil {
		err = counts("due", t.due, heads)
	}
	return err
}

func leads(name string, b *bolt.Bucket, from, want []byte) error {
	if got := b.Get(from); !bytes.Equal(got, want) {
		return fmt.Errorf("%w: the index %s leads to %q, want %q", molt.ErrCorrupt, name, got, want)
	}
	return nil
}

func counts(name string, b *bolt.Bucket, want int) error {
	n := 0
	err := b.ForEach(func([]byte, []byte) error { n++; return nil })
	if err == nil && n != want {
		err = fmt.Errorf("%w: the index %s has %d entries, want %d", molt.ErrCorrupt, name, n, want)
	}
	return err
}

// reindex makes both indexes anew where they do not hold what the items say: an
// item that no index leads to would never come due, and nobody would miss it.
func reindex(tx *bolt.Tx) error {
	if tablesOf(tx).indexed() == nil {
		return nil
	}
	for _, name := range []string{bucketIDs, bucketDue} {
		if err := tx.DeleteBucket([]byte(name)); err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
	}
	t := tablesOf(tx)
	return t.eachIndexed(func(it molt.Item, key []byte, head bool) error {
		key = bytes.Clone(key)
		if it.Order > t.items.Sequence() {
			if err := t.items.SetSequence(it.Order); err != nil {
				return err
			}
		}
		if err := t.ids.Put([]byte(it.ID), key); err != nil || !head {
			return err
		}
		return t.due.Put(dueKey(it), key)
	})
}
