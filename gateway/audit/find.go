package audit

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Hit is a conversation that a search found.
type Hit struct {
	Conversation molt.ConversationID
	Last         molt.Time
}

var errEnough = errors.New("enough")

// Find goes through all conversations for those whose state matches, staff
// streams apart. more says that there are others beyond the limit. What it
// matched on it does not show: who reads a hit does so by a recorded look.
func (a *Auditor) Find(ctx context.Context, match func(turn.State) bool, limit int) (hits []Hit, more bool, err error) {
	err = a.each(ctx, func(h molt.ConversationHead) error {
		s, err := a.state(ctx, h.ID)
		var f *Fault
		switch {
		case errors.As(err, &f):
			return nil // verify names it
		case err != nil:
			return err
		case s.Stream() || !match(s):
			return nil
		case len(hits) == limit:
			more = true
			return errEnough
		}
		hits = append(hits, Hit{Conversation: h.ID, Last: h.Head.At})
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return hits, more, err
}
