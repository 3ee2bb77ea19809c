package audit

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
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
	return r, errors.Join(err, a.scan(ctx, molt.Query{Table: molt.TableMarks}, func(molt.Page) {}))
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

// Unwraps counts the data keys of a store that its keyring opens, and those that
// it does not; what was erased is neither. The first that opens is enough to
// know the key file for the store's own.
func (a *Auditor) Unwraps(ctx context.Context) (opens, other int, err error) {
	err = a.each(ctx, func(h molt.ConversationHead) error {
		return a.scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: h.ID}, func(p molt.Page) {
			for _, k := range p.Keys {
				switch err := a.ring.Unwraps(k); {
				case err == nil:
					opens++
				case !errors.Is(err, seal.ErrErased):
					other++
				}
			}
		})
	})
	return opens, other, err
}
