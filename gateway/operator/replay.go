package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// replay decides recorded decisions once more. What comes out otherwise is listed
// without anybody's words; with them each conversation is looked at on record,
// before a word of it leaves.
func (p *Operator) replay(w http.ResponseWriter, r *http.Request) error {
	if p.o.NoActs != "" {
		return problem(http.StatusConflict, "there is nothing to decide by: "+p.o.NoActs)
	}
	o, err := p.againOf(r)
	if err != nil {
		return err
	}
	s := newStream(w)
	looked := molt.ConversationID("")
	sum, err := p.o.Audit.Replay(r.Context(), o, func(d audit.Redecision) error {
		if d.Outcome != audit.OutcomeDiffers && d.Outcome != audit.OutcomeWouldDiffer {
			return nil
		}
		if o.Bodies && looked != d.Conversation {
			if err := p.recordLook(r.Context(), d.Conversation, "replay"); err != nil {
				return err
			}
			looked = d.Conversation
		}
		return s.line(Line{Redecision: &d})
	})
	if err == nil {
		err = s.line(Line{Replayed: &sum})
	}
	return s.end(err)
}

// againOf reads what is asked for.
func (p *Operator) againOf(r *http.Request) (o audit.Again, err error) {
	q := r.URL.Query()
	if text := q.Get("last"); text != "" {
		if o.Last, err = strconv.Atoi(text); err != nil || o.Last < 1 || o.Last > audit.MaxLast {
			return o, problem(http.StatusBadRequest, fmt.Sprintf("last: write a number from 1 to %d", audit.MaxLast))
		}
	}
	if ref := q.Get("conversation"); ref != "" {
		if o.Only, err = p.conversationOf(r.Context(), ref); err != nil {
			return o, err
		}
	}
	o.Bodies = q.Get("words") != ""
	o.Known = func(digest string) *turn.Rules { return p.o.Rules().At(digest, p.record(r.Context(), digest)) }
	o.Instead = func(digest string) *turn.Rules { return p.o.Rules().Instead(p.record(r.Context(), digest)) }
	return o, nil
}

// record reads what the store keeps under a digest of rules; nothing where it is
// not there, and then they are other rules.
func (p *Operator) record(ctx context.Context, digest string) func() []byte {
	return func() []byte {
		record, _, _ := p.o.Desk.Mark(ctx, turn.MarkRules(digest))
		return record
	}
}
