package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

// Intact reads all of a store that can be read without its keys: every chain
// from its first event to its head, and that items, marks and wrapped keys are
// there and in form. What is sealed stays sealed.
func Intact(ctx context.Context, store molt.Store, progress func(Report)) (Report, error) {
	a := &Auditor{store: store}
	r := Report{Faults: []Fault{}}
	err := a.each(ctx, func(h molt.ConversationHead) error {
		r.AsOf = max(r.AsOf, h.Head.At)
		if err := r.take(a.intact(ctx, h, &r)); err != nil {
			return err
		}
		r.Conversations++
		if progress != nil && r.Conversations%progressEvery == 0 {
			progress(r)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	err = a.scan(ctx, molt.Query{Table: molt.TableItems}, func(p molt.Page) { r.Items += len(p.Items) })
	return r, errors.Join(err, a.Torn(ctx, r.fault))
}

func (a *Auditor) intact(ctx context.Context, h molt.ConversationHead, r *Report) error {
	l, err := a.store.Load(ctx, h.ID, 0)
	if err != nil {
		return faultOf(h.ID, err)
	}
	if l.Snapshot.Body != nil {
		r.Snapshots++
	}
	return a.links(ctx, h.ID, l.Head, func(e molt.Event) error {
		r.Events++
		if e.Body == nil {
			r.Gone++
		}
		return nil
	})
}

// scan goes through a table.
func (a *Auditor) scan(ctx context.Context, q molt.Query, each func(molt.Page)) error {
	q.Limit = molt.MaxPage
	for {
		p, err := a.store.Scan(ctx, q)
		if err != nil {
			return err
		}
		each(p)
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

// Torn tells of each mark and each item that is not what was written. An item's id tells
// nobody anything, its lane does.
func (a *Auditor) Torn(ctx context.Context, each func(Fault)) error {
	err := a.scan(ctx, molt.Query{Table: molt.TableItems}, func(p molt.Page) {
		for _, it := range p.Items {
			if it.Torn {
				each(Fault{Conversation: it.Conversation, Cause: fmt.Sprintf("an item of the lane %q is not what was written, and cannot be read", it.Lane)})
			}
		}
	})
	return errors.Join(err, a.scan(ctx, molt.Query{Table: molt.TableMarks}, func(p molt.Page) {
		for _, m := range p.Marks {
			if m.Torn {
				each(Fault{Cause: fmt.Sprintf("the mark %q is not what was written", m.ID)})
			}
		}
	}))
}
