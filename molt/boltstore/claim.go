package boltstore

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/molt"
)

// lease is a lease as granted, with the class of its item's lane.
type lease struct {
	molt.Lease
	class molt.Lane
}

// claim grants leases. It runs on the committer, between two groups, so it sees
// every commit that was answered and no lease changes under it.
func (s *Store) claim(c molt.Claim) answer {
	select {
	case <-s.broken:
		return answer{err: fmt.Errorf("claim: %w", s.brokenBy)}
	default:
	}
	g := &granter{store: s, claim: c}
	err := s.read(func(t *tables) error {
		for i, class := range c.Classes {
			if slices.Contains(c.Classes[:i], class) {
				continue
			}
			g.class(t, class)
		}
		return nil
	})
	if err != nil {
		return answer{err: fmt.Errorf("claim: %w", err)}
	}
	// Only now are the leases given: a claim that went wrong leaves none.
	for _, it := range g.out.Items {
		s.leases[it.ID] = lease{Lease: it.Lease, class: it.Lane.Class()}
		g.wake(it.Lease.Until)
	}
	for _, l := range s.leases {
		if l.Until > c.Now && slices.Contains(c.Classes, l.class) {
			g.wake(l.Until)
		}
	}
	return answer{claimed: g.out}
}

// granter gathers the answer to one claim.
type granter struct {
	store *Store
	claim molt.Claim
	out   molt.Claimed
}

// wake notes a moment for Next. One of 0 or before is told as 1, since 0 says
// that there is none.
func (g *granter) wake(t molt.Time) {
	if t = max(t, 1); g.out.Next == 0 || t < g.out.Next {
		g.out.Next = t
	}
}

// class goes through the lane heads of one class, earliest due first, as far as
// the first that is not handed out. It steps over leased heads, of which there
// are no more than workers, and over those of which no more than their place can be read:
// their lane waits for whoever verifies the store, and no other lane waits for theirs.
func (g *granter) class(t *tables, class molt.Lane) {
	prefix := duePrefix(class)
	cursor := t.due.Cursor()
	for key, itemKey := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, itemKey = cursor.Next() {
		due, err := dueAt(key, class)
		if err != nil {
			continue
		}
		it, err := t.item(itemKey)
		if err != nil || it.Torn && !bytes.Equal(t.ids.Get([]byte(it.ID)), itemKey) {
			continue // no more than where it lies can be read, or it has another's id
		}
		if l, ok := g.store.leases[it.ID]; ok && l.Until > g.claim.Now {
			continue
		}
		if due > g.claim.Now || len(g.out.Items) >= g.claim.Limit {
			g.wake(due)
			return
		}
		g.store.token++
		grant := molt.Lease{Item: it.ID, Token: g.store.token, Until: g.claim.Until}
		g.out.Items = append(g.out.Items, molt.Leased{Item: it, Lease: grant})
	}
}
