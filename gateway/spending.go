package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// The budgets, as the journal names them.
const (
	budgetConversation = "conversation"
	budgetClinic       = "clinic"
)

// spending sums what all conversations spend on models in a day. It is made from
// the store's marks and follows each decision.
type spending struct {
	mu  sync.Mutex
	day string
	by  map[molt.ConversationID]turn.Spent
	all turn.Spent
}

// readSpending sums a day's marks.
func readSpending(ctx context.Context, store molt.Store, day string) (*spending, error) {
	s := &spending{day: day, by: map[molt.ConversationID]turn.Spent{}}
	prefix := intake.MarkSpent + day + ":"
	for after := ""; ; {
		p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: prefix, After: after, Limit: molt.MaxPage})
		if err != nil {
			return nil, fmt.Errorf("what was spent: %w", err)
		}
		for _, m := range p.Marks {
			var spent turn.Spent
			if json.Unmarshal(m.Value, &spent) != nil {
				continue // what a torn mark counted is lost: the daemon starts
			}
			s.put(molt.ConversationID(strings.TrimPrefix(string(m.ID), prefix)), spent)
		}
		if after = p.Next; after == "" {
			return s, nil
		}
	}
}

func (s *spending) put(id molt.ConversationID, now turn.Spent) {
	was := s.by[id]
	s.all.Tokens += now.Tokens - was.Tokens
	s.all.Micros += now.Micros - was.Micros
	s.by[id] = now
}

// note takes what a conversation has spent by now.
func (s *spending) note(id molt.ConversationID, now turn.Spent, today string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnTo(today)
	if now.Day == today {
		s.put(id, now)
	}
}

// turnTo begins a new day.
func (s *spending) turnTo(today string) {
	if s.day != today {
		s.day, s.by, s.all = today, map[molt.ConversationID]turn.Spent{}, turn.Spent{}
	}
}

// total is what all spent today.
func (s *spending) total(today string) turn.Spent {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnTo(today)
	return s.all
}

// overBudget names the budget that a question would go over; "" when none.
func (g *Gateway) overBudget(r *turn.Rules, s turn.Spent, now molt.Time) string {
	return g.over(r, s, turn.Spent{}, now)
}

// budgetUsed names the budget that is used up by what a question on its way has
// cost so far.
func (g *Gateway) budgetUsed(q *question, tokens int, micros int64) string {
	b := g.over(q.f.rules, q.spent, turn.Spent{Tokens: tokens, Micros: micros}, molt.TimeOf(g.o.Now()))
	if b == budgetClinic && q.run.Thrift() {
		return "" // what costs nothing may go on
	}
	return b
}

func (g *Gateway) over(r *turn.Rules, s, more turn.Spent, now molt.Time) string {
	today := r.Day(now)
	switch {
	case s.On(today).And(more).Over(r.PerConversation):
		return budgetConversation
	case g.spent.total(today).And(more).Over(r.PerClinic):
		return budgetClinic
	}
	return ""
}
