package turn

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

func (s *State) addTurn(r Ref) {
	s.Turns = append(s.Turns, r)
	if len(s.Turns) > MaxTurns {
		s.Turns = s.Turns[len(s.Turns)-MaxTurns:]
	}
}

// addFact appends to the ledger. Nothing is forgotten while there is room; past
// the limit the oldest fact that a later one of its name superseded goes.
func (s *State) addFact(f model.Fact) {
	s.Ledger = append(s.Ledger, f)
	if len(s.Ledger) <= MaxLedger {
		return
	}
	for i, old := range s.Ledger {
		later := func(g model.Fact) bool { return g.Name == old.Name }
		if slices.ContainsFunc(s.Ledger[i+1:], later) {
			s.Ledger = slices.Delete(s.Ledger, i, i+1)
			return
		}
	}
	s.Ledger = s.Ledger[1:]
}

// trim keeps the state within its limits after a decision.
func (s *State) trim() {
	for i := 0; len(s.Sends) > MaxSends && i < len(s.Sends); {
		if s.Sends[i].Finished() {
			s.Sends = slices.Delete(s.Sends, i, i+1)
			continue
		}
		i++
	}
	if n := len(s.Sends) - MaxUnsent; n > 0 {
		s.Sends = slices.Delete(s.Sends, 0, n)
	}
	s.trimFiles()
	hourAgo := int64(s.At.Add(-time.Hour))
	s.AskedAt = slices.DeleteFunc(s.AskedAt, func(t int64) bool { return t < hourAgo })
}
