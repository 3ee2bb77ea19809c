package gateway

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Limits of asking for an opinion that no model takes, since none can be reached or
// the agent needs their servers.
const (
	opinionAgain  = 5 * time.Second  // until it is tried once more, and longer the longer it is wanted
	opinionRarely = 5 * time.Minute  // at most
	opinionGiveUp = 30 * time.Minute // since it was wanted
)

// opinion is one item of the opinion lane on its way.
type opinion struct {
	it     molt.Leased
	f      *force
	req    model.Request
	o      turn.Opined
	wanted molt.Time // since when
	began  time.Time
}

// beginOpinion asks a model what it thinks of texts that no agent reads, with no
// transaction open and long after what the screen found is committed, and brings its
// opinion as a fact. The item is durable: whoever claims it after a death asks again.
func (g *Gateway) beginOpinion(it molt.Leased) step {
	return func(ctx context.Context) step {
		if g.waitsForRoom(ctx, it) {
			return nil
		}
		now := molt.TimeOf(g.o.Now())
		q := &opinion{it: it, f: g.force.Load(), o: turn.Opined{Item: it.ID}, began: g.o.Now()}
		current := false
		_, err := g.desk.Step(ctx, it.Conversation, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) intake.Plan {
			q.req = s.OpinionRequest(q.f.Clinic, recall, now)
			q.o.Saw, q.wanted = s.Seq, s.Opinion.First
			q.o.Budget = g.opinionOver(q.f.rules, it.Conversation, s.Spent, now)
			current = s.Opinion.Item == it.ID
			return intake.Plan{}
		})
		if err != nil || !current {
			if err == nil || unusable(err) {
				err = g.cancelItem(ctx, it)
			}
			if err != nil {
				g.stepError(it, "opinion", err)
			}
			return nil
		}
		q.o.Request = digestOf(q.req)
		return func(ctx context.Context) step { return g.opine(ctx, q) }
	}
}

// opine makes the call. One that no model took is made later, until it is too old to
// be worth it.
func (g *Gateway) opine(ctx context.Context, q *opinion) step {
	var res agent.Result
	if q.o.Failed = q.o.Budget != "" || !q.f.rules.Opinions.Sought(); !q.o.Failed {
		res = q.f.Session.Opinion(ctx, q.req)
		g.countAsk(q.it, res)
	}
	if ctx.Err() != nil {
		return nil // stopping: it is asked again after the start
	}
	now := molt.TimeOf(g.o.Now())
	if due := q.again(res, now); due > 0 {
		return func(ctx context.Context) step {
			g.putBack(ctx, q.it, due)
			return nil
		}
	}
	o := &q.o
	o.Failed, o.Why = o.Failed || res.Failed, res.Why
	o.Level, o.Model, o.Digest, o.Raw = escalation.Severity(res.Answer.Severity), res.Answer.Model, res.Answer.Digest, res.Answer.Raw
	o.TookMS = g.o.Now().Sub(q.began).Milliseconds()
	for _, a := range res.Attempts {
		o.Tokens, o.Micros = o.Tokens+a.TokensIn+a.TokensOut, o.Micros+a.Micros
	}
	return func(ctx context.Context) step {
		g.bringOpinion(ctx, q)
		return nil
	}
}

// again is when a question that no model took is asked once more; 0: never.
func (q *opinion) again(res agent.Result, now molt.Time) molt.Time {
	waits := now.Sub(q.wanted)
	if !res.Unheard() || waits >= opinionGiveUp {
		return 0
	}
	return now.Add(min(max(waits, opinionAgain), opinionRarely))
}

func (g *Gateway) bringOpinion(ctx context.Context, q *opinion) {
	_, err := g.desk.Step(ctx, q.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		p := intake.Plan{Facts: []intake.Fact{{Kind: turn.KindOpined, Body: &q.o}}}
		if s.Opinion.Item == q.it.ID {
			p.Leases = []molt.Lease{q.it.Lease}
		}
		return p
	})
	if err != nil {
		g.stepError(q.it, "opinion", err)
	}
}
