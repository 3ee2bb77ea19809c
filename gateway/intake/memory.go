package intake

import (
	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// memory holds the words of the messages a state refers to: the state itself
// has none, so that shedding an event sheds its words everywhere.
type memory map[uint64]map[int]molt.Words

func (m memory) recall(r turn.Ref) molt.Words { return m[r.Seq][r.Index] }

// note keeps the words of an event that has some.
func (m memory) note(e turn.Event) {
	switch b := e.Body.(type) {
	case *channels.Inbound:
		m[e.Seq] = map[int]molt.Words{0: b.Words}
	case *turn.Acted:
		if b.Words != "" {
			m[e.Seq] = map[int]molt.Words{0: b.Words}
		}
	case *turn.Replied:
		if b.Answer.Summary != "" {
			m[e.Seq] = map[int]molt.Words{0: b.Answer.Summary}
		}
	case *turn.Decided:
		for i, x := range b.Effects {
			if x.Kind != turn.EffectSay && x.Kind != turn.EffectReview || x.Out == nil {
				continue
			}
			if m[e.Seq] == nil {
				m[e.Seq] = map[int]molt.Words{}
			}
			m[e.Seq][i] = x.Out.Words
		}
	}
}

// forget drops what the state no longer refers to.
func (m memory) forget(s *turn.State) {
	if len(m) <= 2*(turn.MaxTurns+turn.MaxDeeds) {
		return
	}
	keep := make(map[uint64]bool, len(s.Turns))
	for _, r := range s.Turns {
		keep[r.Seq] = true
	}
	for _, d := range s.Deeds {
		keep[d.Seq] = true
	}
	keep[s.Summary] = true
	for _, r := range s.Reviews {
		keep[r.Number] = true
	}
	for seq := range m {
		if !keep[seq] {
			delete(m, seq)
		}
	}
}

// forgetAfter drops what a step noted that was then not committed.
func (m memory) forgetAfter(seq uint64) {
	for s := range m {
		if s > seq {
			delete(m, s)
		}
	}
}
