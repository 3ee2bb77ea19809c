package boltstore

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// lanes is what the two indexes over items have to hold.
type lanes struct {
	ids map[string][]byte // item id → its key
	due map[string][]byte // due key of a lane's head → its key
}

// lanesOf reads all items. One that does not decode is in no index, and whatever
// follows it in its lane waits for whoever verifies the store.
func (t *tables) lanesOf() (lanes, error) {
	l := lanes{ids: map[string][]byte{}, due: map[string][]byte{}}
	var lane []byte
	return l, t.items.ForEach(func(key, value []byte) error {
		it, err := decodeItem(value)
		if err != nil {
			lane = key[:max(0, len(key)-16)]
			return nil
		}
		l.ids[string(it.ID)] = bytes.Clone(key)
		if p := lanePrefix(it.Conversation, it.Lane); !bytes.Equal(p, lane) {
			lane = p
			l.due[string(dueKey(it))] = bytes.Clone(key)
		}
		return nil
	})
}

// indexed checks that the indexes hold what the items say, and nothing else.
func (t *tables) indexed() error {
	l, err := t.lanesOf()
	if err != nil {
		return err
	}
	if err := holds("ids", t.ids, l.ids); err != nil {
		return err
	}
	return holds("due", t.due, l.due)
}

func holds(name string, b *bolt.Bucket, want map[string][]byte) error {
	n := 0
	err := b.ForEach(func(key, value []byte) error {
		n++
		if !bytes.Equal(want[string(key)], value) {
			return fmt.Errorf("%w: the index %s leads to %q, want %q", molt.ErrCorrupt, name, value, want[string(key)])
		}
		return nil
	})
	if err == nil && n != len(want) {
		return fmt.Errorf("%w: the index %s has %d entries, want %d", molt.ErrCorrupt, name, n, len(want))
	}
	return err
}

// reindex makes both indexes anew where they do not hold what the items say: an
// item that no index leads to would never come due, and nobody would miss it.
func reindex(tx *bolt.Tx) error {
	t := tablesOf(tx)
	if t.indexed() == nil {
		return nil
	}
	l, err := t.lanesOf()
	if err != nil {
		return err
	}
	for name, entries := range map[string]map[string][]byte{bucketIDs: l.ids, bucketDue: l.due} {
		if err := tx.DeleteBucket([]byte(name)); err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
		b, err := tx.CreateBucket([]byte(name))
		if err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
		for key, value := range entries {
			if err := b.Put([]byte(key), value); err != nil {
				return fmt.Errorf("index %s: %w", name, err)
			}
		}
	}
	return nil
}
