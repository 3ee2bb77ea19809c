package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

// TestTheSuiteBites plants one defect at a time in a store that is otherwise
// the reference, and wants the named case to complain.
func TestTheSuiteBites(t *testing.T) {
	for _, d := range []struct {
		defect   string
		plant    func(molt.Store) molt.Store
		bittenBy string
	}{
		{"none", func(s molt.Store) molt.Store { return s }, ""},
		{"Seq is ignored", commits(ignoreSeq), "expect/seq is the journal's last"},
		{"Unseen is ignored", commits(func(_ molt.Store, b *molt.Batch) { b.Expect.Unseen = nil }), "expect/unseen names all that were seen"},
		{"Epoch is ignored", commits(func(_ molt.Store, b *molt.Batch) { b.Expect.Epoch = nil }), "expect/epoch"},
		{"Leases are ignored", commits(func(_ molt.Store, b *molt.Batch) { b.Expect.Leases = nil }), "lease/one at a time, until it ends"},
		{"Now is ignored", commits(func(_ molt.Store, b *molt.Batch) { b.Expect.Now = min(b.Expect.Now, 1) }), "lease/ended at Now is not held"},
		{"marks are written before the rest is checked", commits(marksFirst), "whole or nothing"},
		{"items pass each other in a lane", func(s molt.Store) molt.Store { return passing{s} }, "lane/only the head"},
		{"shed digests change", func(s molt.Store) molt.Store { return resummed{s} }, "shed/keeps sum and chain"},
		{"given slices are kept", func(s molt.Store) molt.Store { return &keeping{Store: s} }, "copies/what was given may be changed"},
	} {
		t.Run(d.defect, func(t *testing.T) {
			var bitten []string
			for _, c := range Cases() {
				if strings.HasPrefix(c.Name, "callers/") {
					continue // they judge races, which a defect of logic only blurs
				}
				if complaints := Observe(c, d.plant(memstore.New())); len(complaints) > 0 {
					bitten = append(bitten, c.Name)
				}
			}
			if d.bittenBy == "" && len(bitten) > 0 {
				t.Errorf("got complaints of %q, want none", bitten)
			}
			if d.bittenBy != "" && !slices.Contains(bitten, d.bittenBy) {
				t.Errorf("got complaints of %q, want %q among them", bitten, d.bittenBy)
			}
		})
	}
}

// commits plants a defect that changes a batch on its way in.
func commits(change func(molt.Store, *molt.Batch)) func(molt.Store) molt.Store {
	return func(s molt.Store) molt.Store { return changing{s, change} }
}

type changing struct {
	molt.Store
	change func(molt.Store, *molt.Batch)
}

func (s changing) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	s.change(s.Store, &b)
	return s.Store.Commit(ctx, b)
}

func ignoreSeq(s molt.Store, b *molt.Batch) {
	if l, err := s.Load(context.Background(), b.Conversation, 0); err == nil && b.Conversation != "" {
		b.Expect.Seq = l.Head.Seq
	}
}

func marksFirst(s molt.Store, b *molt.Batch) {
	_, _ = s.Commit(context.Background(), molt.Batch{Expect: molt.Expect{Unseen: b.Expect.Unseen}, Marks: b.Marks})
	b.Expect.Unseen = nil
}

// passing gives every item a lane of its own, and hides that.
type passing struct{ molt.Store }

func (s passing) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	b.Put = slices.Clone(b.Put)
	for i, it := range b.Put {
		if it.Lane != "" {
			b.Put[i].Lane += molt.Lane(":own:" + it.ID)
		}
	}
	return s.Store.Commit(ctx, b)
}

func (s passing) Claim(ctx context.Context, c molt.Claim) (molt.Claimed, error) {
	out, err := s.Store.Claim(ctx, c)
	for i, it := range out.Items {
		lane, _, _ := strings.Cut(string(it.Lane), ":own:")
		out.Items[i].Lane = molt.Lane(lane)
	}
	return out, err
}

// resummed forgets the digest of a body that is gone.
type resummed struct{ molt.Store }

func (s resummed) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	l, err := s.Store.Load(ctx, id, recent)
	for i, e := range l.Tail {
		if e.Body == nil {
			l.Tail[i].Sum = molt.Hash{}
		}
	}
	return l, err
}

// keeping hands out the very slice that was put as a mark's value.
type keeping struct {
	molt.Store
	values map[molt.MarkID][]byte
}

func (s *keeping) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	c, err := s.Store.Commit(ctx, b)
	for _, m := range b.Marks {
		if s.values == nil {
			s.values = map[molt.MarkID][]byte{}
		}
		s.values[m.ID] = m.Value
	}
	return c, err
}

func (s *keeping) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	p, err := s.Store.Scan(ctx, q)
	for i, m := range p.Marks {
		p.Marks[i].Value = s.values[m.ID]
	}
	return p, err
}
