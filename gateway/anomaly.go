package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// anomaly is something about the agent that is no fault by itself and that somebody
// should look at when it goes on.
type anomaly string

// The anomalies. A patient who is concerned has a person by the core's own rules;
// these are for who runs the agent.
const (
	anomalyLoop    anomaly = "loop"          // one conversation asks the agent again and again, or one question does
	anomalySpike   anomaly = "token_spike"   // a question costs many times what others do
	anomalyTool    anomaly = "repeated_tool" // the same call twice in one question
	anomalySilence anomaly = "long_silence"  // a text was left until the watchdog came
	anomalyGate    anomaly = "gate_block"    // the output gate stopped an answer
)

// anomalies in the order in which they are shown.
func anomalies() []anomaly {
	return []anomaly{anomalyLoop, anomalySpike, anomalyTool, anomalySilence, anomalyGate}
}

// Limits of what is flagged.
const (
	loopAsks    = 20               // questions of one conversation
	loopWithin  = 10 * time.Minute // in which they make a loop
	spikeTimes  = 8                // times the mean of the last questions
	spikeLeast  = 4000             // tokens, below which nothing is a spike
	spikeSample = 64               // questions the mean is of
	spikeEnough = 16               // of them, before anything is judged
	tellAfter   = 5                // of a kind within tellWithin, until the admins are told
	tellWithin  = time.Hour
	tellWaiting = 16 // kinds that wait to be told; more are dropped, and counted all the same
)

// watchman keeps what makes an anomaly of an event. It begins anew with the daemon.
type watchman struct {
	mu    sync.Mutex
	costs []int // of the last questions, in tokens
	seen  map[anomaly][]molt.Time
	tell  chan anomaly
}

func newWatchman() *watchman {
	return &watchman{seen: map[anomaly][]molt.Time{}, tell: make(chan anomaly, tellWaiting)}
}

// decided flags what a decision shows.
func (w *watchman) decided(s *turn.State, d turn.Decided) (found []anomaly) {
	switch {
	case d.Reason == turn.ReasonWatchdog:
		found = append(found, anomalySilence)
	case (d.Reason == turn.ReasonAskAgain || d.Reason == turn.ReasonAgentFailed) && strings.HasPrefix(d.Detail, "gate_"):
		found = append(found, anomalyGate)
	}
	asks := 0
	for _, at := range s.AskedAt {
		if s.At.Sub(molt.Time(at)) <= loopWithin {
			asks++
		}
	}
	if (d.Reason == turn.ReasonAsk || d.Reason == turn.ReasonAskAgain) && asks > 0 && asks%loopAsks == 0 {
		found = append(found, anomalyLoop)
	}
	return found
}

// replied flags what a question to the agent shows: what it cost, and by which of
// its limits it ended.
func (w *watchman) replied(tokens int, limit string) (found []anomaly) {
	switch limit {
	case "repetition":
		found = append(found, anomalyTool)
	case "rounds", "calls":
		found = append(found, anomalyLoop)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if tokens <= 0 {
		return found
	}
	sum := 0
	for _, c := range w.costs {
		sum += c
	}
	if n := len(w.costs); n >= spikeEnough && tokens >= spikeLeast && tokens*n > spikeTimes*sum {
		found = append(found, anomalySpike)
	}
	w.costs = append(w.costs, tokens)
	w.costs = w.costs[max(0, len(w.costs)-spikeSample):]
	return found
}

// goesOn notes an anomaly and reports whether it is time to tell somebody.
func (w *watchman) goesOn(a anomaly, now molt.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kept []molt.Time
	for _, at := range w.seen[a] {
		if now.Sub(at) <= tellWithin {
			kept = append(kept, at)
		}
	}
	w.seen[a] = append(kept, now)
	if len(w.seen[a]) < tellAfter {
		return false
	}
	w.seen[a] = nil
	return true
}

// flag counts anomalies and has the admins told of those that go on. It never waits.
func (g *Gateway) flag(id molt.ConversationID, found []anomaly) {
	for _, a := range found {
		g.metrics.anomalies.WithLabelValues(string(a)).Inc()
		g.o.Log.Warn().Str("conversation", string(id)).Str("anomaly", string(a)).Msg("anomaly")
		if !g.watchman.goesOn(a, molt.TimeOf(g.o.Now())) {
			continue
		}
		select {
		case g.watchman.tell <- a:
		default: // enough wait already
		}
	}
}

// tellAnomalies texts the admins of anomalies that go on.
func (g *Gateway) tellAnomalies(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-g.watchman.tell:
			if err := g.tellAnomaly(ctx, a); err != nil && ctx.Err() == nil {
				g.metrics.faults.WithLabelValues("anomaly").Inc()
				g.o.Log.Error().Err(err).Str("anomaly", string(a)).Msg("the admins are not told")
			}
		}
	}
}

// tellAnomaly tells the admins once a day for each kind, however often the daemon
// starts.
func (g *Gateway) tellAnomaly(ctx context.Context, a anomaly) error {
	words := fmt.Sprintf("Tidegate: the agent needs a look: %s, %d times within the hour. See the runbook, %s.", strings.ReplaceAll(string(a), "_", " "), tellAfter, a)
	return g.tellAdmins(ctx, turn.Notice{What: "anomaly_" + string(a), Words: molt.Words(words)}, string(a)+":"+g.rules().Day(molt.TimeOf(g.o.Now())))
}

// tellAdmins texts every admin on her first route. What has a name is told once
// under it; "": each time.
func (g *Gateway) tellAdmins(ctx context.Context, n turn.Notice, name string) error {
	plan := g.rules().Plan
	var all error
	for _, id := range plan.Admins {
		p := plan.People[id]
		if len(p.Routes) == 0 {
			continue
		}
		stream, began := g.desk.StreamOf(id, p.Routes[0].Channel, p.Routes[0].Address)
		_, err := g.desk.Step(ctx, stream, &began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			plan := intake.Plan{Facts: []intake.Fact{{Kind: turn.KindNotice, Body: &n}}}
			if name != "" {
				plan.Unseen = []molt.MarkID{molt.MarkID("told:" + name + ":" + string(id))}
			}
			return plan
		})
		all = errors.Join(all, err)
	}
	g.kick(molt.LanePage)
	return all
}
