package intake

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// ReviewMarks takes what waits for a nurse in a conversation off the list, and lets
// its codes rest, for a batch that ends the conversation.
func (d *Desk) ReviewMarks(ctx context.Context, id molt.ConversationID) (out []molt.Mark, err error) {
	rows, err := d.Reviews(ctx)
	for _, r := range rows {
		if r.Conversation != id || len(out) >= 2*turn.MaxReviews {
			continue
		}
		rests, err := RestingCode(r.Code, molt.TimeOf(d.o.Now()))
		if err != nil {
			return nil, err
		}
		out = append(out, molt.Mark{ID: molt.MarkID(MarkReview + r.Code), Drop: true}, rests)
	}
	return out, err
}

// RestingCode is the mark of a code that stands for nothing any more and rests, with
// no word of what it stood for.
func RestingCode(code string, since molt.Time) (molt.Mark, error) {
	value, err := json.Marshal(turn.Code{Code: code, Freed: since})
	return molt.Mark{ID: molt.MarkID(MarkCode + code), Value: value}, err
}

// FreeCodes frees the codes that have rested, and says how many.
func (d *Desk) FreeCodes(ctx context.Context) (n int, err error) {
	due := molt.TimeOf(d.o.Now()).Add(-turn.CodeRest)
	return d.codesThat(ctx, func(c turn.Code) (molt.Mark, bool, error) {
		return molt.Mark{ID: molt.MarkID(MarkCode + c.Code), Drop: true}, c.Freed > 0 && c.Freed <= due, nil
	})
}

// ForgetCodes takes from the codes that rest what leads to a conversation.
func (d *Desk) ForgetCodes(ctx context.Context, id molt.ConversationID) (n int, err error) {
	return d.codesThat(ctx, func(c turn.Code) (molt.Mark, bool, error) {
		m, err := RestingCode(c.Code, c.Freed)
		return m, c.Freed > 0 && c.Conversation == id, err
	})
}

// codesThat changes the marks of those codes for which change says so, a page in a
// commit. A torn one is left as it is: it stands for nothing that can be told.
func (d *Desk) codesThat(ctx context.Context, change func(turn.Code) (molt.Mark, bool, error)) (n int, err error) {
	for q := (molt.Query{Table: molt.TableMarks, Prefix: MarkCode, Limit: molt.MaxPage}); ; {
		p, err := d.o.Store.Scan(ctx, q)
		if err != nil {
			return n, fmt.Errorf("codes: %w", err)
		}
		var b molt.Batch
		for _, m := range p.Marks {
			c := turn.Code{}
			if json.Unmarshal(m.Value, &c) != nil || MarkCode+c.Code != string(m.ID) {
				continue
			}
			now, changes, err := change(c)
			if err != nil {
				return n, err
			}
			if changes {
				b.Marks = append(b.Marks, now)
			}
		}
		if n += len(b.Marks); len(b.Marks) > 0 {
			if _, err := d.o.Store.Commit(ctx, b); err != nil {
				return n, fmt.Errorf("codes: %w", err)
			}
		}
		if q.After = p.Next; q.After == "" {
			return n, nil
		}
	}
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
