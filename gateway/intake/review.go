package intake

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// ReviewMarks takes what waits for a nurse in a conversation off the list, with its
// codes, for a batch that ends the conversation.
func (d *Desk) ReviewMarks(ctx context.Context, id molt.ConversationID) (out []molt.Mark, err error) {
	rows, err := d.Reviews(ctx)
	for _, r := range rows {
		if r.Conversation == id && len(out) < 2*turn.MaxReviews {
			out = append(out, molt.Mark{ID: molt.MarkID(MarkReview + r.Code), Drop: true}, molt.Mark{ID: molt.MarkID(MarkCode + r.Code), Drop: true})
		}
	}
	return out, err
}

// Reviews lists what waits for a nurse, over all conversations. A torn row hides
// no other.
func (d *Desk) Reviews(ctx context.Context) (rows []turn.ReviewRow, err error) {
	for q := (molt.Query{Table: molt.TableMarks, Prefix: MarkReview, Limit: molt.MaxPage}); ; {
		p, err := d.o.Store.Scan(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("what waits for a nurse: %w", err)
		}
		for _, m := range p.Marks {
			var r turn.ReviewRow
			if err := json.Unmarshal(m.Value, &r); err != nil {
				d.o.Log.Error().Str("mark", string(m.ID)).Err(err).Msg("what waits for a nurse")
				continue
			}
			rows = append(rows, r)
		}
		if q.After = p.Next; q.After == "" {
			return rows, nil
		}
	}
}
