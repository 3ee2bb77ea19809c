package audit

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/molt"
)

// ByPeer lists the conversations whose other end matches, at most limit of
// them; more says that there are others. A row shows no more of the end than
// it does in any list.
func (a *Auditor) ByPeer(ctx context.Context, match func(peer molt.Address) bool, limit int) (rows []Row, more bool, err error) {
	enough := errors.New("enough")
	err = a.each(ctx, func(h molt.ConversationHead) error {
		s, err := a.state(ctx, h.ID)
		var f *Fault
		switch {
		case errors.As(err, &f):
			return nil // verify names it, and its successor has the same end
		case err != nil:
			return err
		case !match(s.Began.Peer):
			return nil
		case len(rows) == limit:
			more = true
			return enough
		}
		row := Row{Conversation: h.ID, Events: h.Head.Seq, Last: h.Head.At}
		row.fill(s)
		rows = append(rows, row)
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return rows, more, err
}
