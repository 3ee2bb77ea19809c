package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// The budgets, as the journal names them.
const (
	budgetConversation = "conversation"
	budgetClinic       = "clinic"
	budgetOpinions     = "opinions"
)

// spending sums what all conversations spend on models in a day. It is made from
// the store's marks and follows each decision.
type spending struct {
	mu   sync.Mutex
	day  string
	by   map[molt.ConversationID]turn.Spent
	all  turn.Spent
	torn map[molt.ConversationID]bool // whose mark could not be read: what they count for is the most it can be
}

// mostOf is the most that one conversation can have spent on a day, where nobody can
// read what it did: its own budget, or where it has none the clinic's. What no budget
// bounds counts for nothing, since nothing looks at it.
func mostOf(r *turn.Rules) turn.Spent {
	return turn.Spent{
		Tokens:   cmp.Or(r.PerConversation.Tokens, r.PerClinic.Tokens),
		Micros:   cmp.Or(r.PerConversation.Micros, r.PerClinic.Micros),
		Opinions: r.Opinions.PerConversation,
	}
}

// readSpending sums a day's marks. One that cannot be read keeps nobody from starting:
// it counts as the most that it can be, until the conversation spends again and says so
// itself.
func readSpending(ctx context.Context, store molt.Store, day string, most turn.Spent) (*spending, error) {
	s := &spending{day: day, by: map[molt.ConversationID]turn.Spent{}, torn: map[molt.ConversationID]bool{}}
	prefix := intake.MarkSpent + day + ":"
	for after := ""; ; {
		p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: prefix, After: after, Limit: molt.MaxPage})
		if err != nil {
			return nil, fmt.Errorf("what was spent: %w", err)
		}
		for _, m := range p.Marks {
			id, spent := molt.ConversationID(strings.TrimPrefix(string(m.ID), prefix)), turn.Spent{}
			if json.Unmarshal(m.Value, &spent) != nil || spent.Day != day || spent.Tokens < 0 || spent.Micros < 0 || spent.Opinions < 0 {
				spent, s.torn[id] = most, true
			}
			s.put(id, spent)
		}
		if after = p.Next; after == "" {
			return s, nil
		}
	}
}

// gauge counts the marks of the day that cannot be read.
func (s *spending) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tidegate_spending_damaged", Help: "Conversations of which cannot be read what they spent today, and that count for the most that they can have.",
	}, func() float64 { return float64(s.damaged()) })
}

func (s *spending) put(id molt.ConversationID, now turn.Spent) {
	was := s.by[id]
	s.all.Tokens += now.Tokens - was.Tokens
	s.all.Micros += now.Micros - was.Micros
	s.all.Opinions += now.Opinions - was.Opinions
	s.by[id] = now
}

// note takes what a conversation has spent by now.
func (s *spending) note(id molt.ConversationID, now turn.Spent, today string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnTo(today)
	if now.Day == today {
		s.put(id, now)
		delete(s.torn, id)
	}
}

// damaged is how many conversations count for the most that they can have spent.
func (s *spending) damaged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.torn)
}

// tellTorn says in the log whose spending cannot be read.
func (s *spending) tellTorn(log zerolog.Logger) {
	for id := range s.torn {
		log.Error().Str("conversation", string(id)).Int("tokens", s.by[id].Tokens).Int64("micros", s.by[id].Micros).
			Msg("what was spent today cannot be read: it counts as the most that it can be until the agent is asked there again")
	}
}

// turnTo begins a new day.
func (s *spending) turnTo(today string) {
	if s.day != today {
		s.day, s.by, s.all = today, map[molt.ConversationID]turn.Spent{}, turn.Spent{}
		s.torn = map[molt.ConversationID]bool{}
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

// opinionOver names the budget that an opinion would go over; "" when none. Its own
// counts it already, since it is put with its question; what models cost counts for
// whatever they are asked.
func (g *Gateway) opinionOver(r *turn.Rules, id molt.ConversationID, s turn.Spent, now molt.Time) string {
	today := r.Day(now)
	g.spent.note(id, s, today)
	if g.spent.total(today).Opinions > r.Opinions.PerClinic {
		return budgetOpinions
	}
	return g.overBudget(r, s, now)
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
