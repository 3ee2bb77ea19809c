package intake

import (
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Work is an item's body: all that is needed to do it, whatever has become of
// the journal it came from.
type Work struct {
	Kind  turn.EffectKind `json:"kind"`
	Name  string          `json:"name,omitempty"` // of a timer
	Out   *turn.Out       `json:"out,omitempty"`
	Act   *turn.Act       `json:"act,omitempty"`
	File  *turn.FileAt    `json:"file,omitempty"`
	Began turn.Began      `json:"began"`
}

// The marks that the gateway keeps.
const (
	MarkCode      = "code:" // a short code → turn.Code, one that rests too
	MarkWork      = "work:" // a case → turn.WorkRow
	MarkSuccessor = turn.MarkSuccessor
	MarkFrozen    = "frozen:" // a conversation whose journal is damaged → what the scrub found
	MarkLead      = "lead:"   // a source of chats → the case of it that rings
	MarkReview    = "review:" // a code → turn.ReviewRow
	MarkSpent     = "spent:"  // a day and a conversation → turn.Spent
	MarkWatermark = "wm:"     // a channel's account → how far the back-filler got
)

// MarkCarried says that a staff act was delivered to its case.
func MarkCarried(item molt.ItemID) molt.MarkID { return molt.MarkID("carried:" + string(item)) }

// put turns effects into the items, marks and expectations of a batch. What is
// due is due by the clock: when the journal's time ran ahead of it once, nobody
// waits for the clock to catch up.
func (s *step) put(b *molt.Batch, next *turn.State, effects []turn.Effect) error {
	ahead := s.now - s.clock
	for _, e := range effects {
		var err error
		switch e.Kind {
		case turn.EffectAsk, turn.EffectSay, turn.EffectPage, turn.EffectTimer, turn.EffectAct, turn.EffectFetch, turn.EffectOpinion:
			e.Due -= ahead
			err = s.putItem(b, next, e)
		case turn.EffectCancel:
			b.Cancel = append(b.Cancel, e.Item)
		case turn.EffectDone:
			end(b, e.Item, s.leases)
		case turn.EffectRetry:
			b.Retry = append(b.Retry, molt.Retry{Item: e.Item, Due: e.Due - ahead})
		case turn.EffectCode:
			b.Expect.Unseen = append(b.Expect.Unseen, molt.MarkID(MarkCode+e.Code.Code))
			err = mark(b, MarkCode+e.Code.Code, e.Code)
		case turn.EffectLead:
			err = s.putLead(b, next, e.Name)
		case turn.EffectUncode:
			err = mark(b, MarkCode+e.Name, e.Code)
		case turn.EffectReview:
			if e.Review.Gone {
				b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(MarkReview + e.Review.Code), Drop: true})
				continue
			}
			err = mark(b, MarkReview+e.Review.Code, e.Review)
		case turn.EffectSpent:
			err = s.putSpent(b, e)
		case turn.EffectWork:
			if e.Work.Gone {
				b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(MarkWork + string(e.Work.Case)), Drop: true})
				continue
			}
			err = mark(b, MarkWork+string(e.Work.Case), e.Work)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putSpent keeps what a conversation spent on a day.
func (s *step) putSpent(b *molt.Batch, e turn.Effect) error {
	id := MarkSpent + e.Name + ":" + string(s.m.id)
	if e.Spent == nil {
		b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(id), Drop: true})
		return nil
	}
	return mark(b, id, e.Spent)
}

// end finishes an item: Done where its lease is held by this step, Cancel where
// somebody else may hold it.
func end(b *molt.Batch, item molt.ItemID, leases []molt.Lease) {
	for _, l := range leases {
		if l.Item == item {
			b.Done = append(b.Done, item)
			return
		}
	}
	b.Cancel = append(b.Cancel, item)
}

func (s *step) putItem(b *molt.Batch, next *turn.State, e turn.Effect) error {
	w := Work{Kind: e.Kind, Name: e.Name, Out: e.Out, Act: e.Act, File: e.File, Began: next.Began}
	plain, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("item %s: %w", e.Item, err)
	}
	key, sealed, err := s.m.box.Seal(next.At, seal.KindItem(e.Lane), plain)
	if err != nil {
		return fmt.Errorf("seal item %s: %w", e.Item, err)
	}
	b.Put = append(b.Put, molt.Item{
		ID: e.Item, Conversation: s.m.id, Lane: e.Lane, Due: e.Due, Epoch: next.Epoch, Key: key, Body: sealed,
	})
	return nil
}

// mark sets a mark, replacing an earlier one of the same batch.
func mark(b *molt.Batch, id string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	for i := range b.Marks {
		if b.Marks[i].ID == molt.MarkID(id) {
			b.Marks[i] = molt.Mark{ID: molt.MarkID(id), Value: body}
			return nil
		}
	}
	b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(id), Value: body})
	return nil
}
