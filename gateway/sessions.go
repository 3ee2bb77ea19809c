package gateway

import (
	"context"
	"sync"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// sessions are the questions that models are at. One whose answer nobody waits
// for any more is called off, so that it spends nothing and holds nobody up.
type sessions struct {
	mu  sync.Mutex
	all map[molt.ConversationID]*asking
}

type asking struct {
	epoch  uint64
	item   molt.ItemID
	cancel context.CancelFunc
}

func newSessions() *sessions { return &sessions{all: map[molt.ConversationID]*asking{}} }

// begin notes a question. done forgets it, and must be called.
func (s *sessions) begin(ctx context.Context, id molt.ConversationID, epoch uint64, item molt.ItemID) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	a := &asking{epoch, item, cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id] = a
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.all[id] == a {
			delete(s.all, id)
		}
	}
}

// decided calls a question off when the owner changed since, or when a newer
// text took its place.
func (s *sessions) decided(id molt.ConversationID, now *turn.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.all[id]; a != nil && (now.Epoch != a.epoch || now.Ask.Item != a.item) {
		a.cancel()
	}
}
