package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
)

// Edge is a move of a case between two states; "" is a case that was not there.
type Edge struct{ From, To escalation.State }

// Cover counts what worlds reached.
type Cover struct {
	Reasons map[turn.Reason]int
	Edges   map[Edge]int
}

// NewCover counts nothing yet.
func NewCover() Cover { return Cover{Reasons: map[turn.Reason]int{}, Edges: map[Edge]int{}} }

// Add adds another count.
func (c Cover) Add(o Cover) {
	for k, n := range o.Reasons {
		c.Reasons[k] += n
	}
	for k, n := range o.Edges {
		c.Edges[k] += n
	}
}

// see counts a journal.
func (c Cover) see(j *journal) {
	var was escalation.Case
	for _, s := range j.stands {
		c.Reasons[s.why]++
		now := s.c
		if now.ID != was.ID {
			was = escalation.Case{ID: now.ID}
		}
		moved := now.State != was.State || now.Step != was.Step || now.Round != was.Round || now.Claimant != was.Claimant
		if now.State != "" && moved {
			c.Edges[Edge{was.State, now.State}]++
		}
		was = now
	}
}

// Reasons are all reasons of the core.
func Reasons() []turn.Reason {
	return []turn.Reason{
		turn.ReasonNothing, turn.ReasonAsk, turn.ReasonAskParked, turn.ReasonRedFlag, turn.ReasonUnreadable,
		turn.ReasonHeld, turn.ReasonRelayed, turn.ReasonPaused, turn.ReasonUnlisted, turn.ReasonOptedOut, turn.ReasonOptedIn,
		turn.ReasonHelp, turn.ReasonReply, turn.ReasonSilent, turn.ReasonUnanswered, turn.ReasonSuperseded, turn.ReasonFenced,
		turn.ReasonAskAgain, turn.ReasonAgentFailed, turn.ReasonEscalated, turn.ReasonWatchdog, turn.ReasonCase, turn.ReasonActed,
		turn.ReasonRefused, turn.ReasonVerb, turn.ReasonVerbs, turn.ReasonDigest, turn.ReasonAttempt, turn.ReasonStale, turn.ReasonCheck,
		turn.ReasonSent, turn.ReasonRetry, turn.ReasonGaveUp, turn.ReasonUndelivered, turn.ReasonUnseen, turn.ReasonDelivered,
		turn.ReasonFault, turn.ReasonRead, turn.ReasonNotice,
		turn.ReasonDrafted, turn.ReasonReleased, turn.ReasonDropped, turn.ReasonLapsed, turn.ReasonClarify,
		turn.ReasonAnswered, turn.ReasonCalling, turn.ReasonCalled, turn.ReasonFetched, turn.ReasonFetchAgain, turn.ReasonNotFetched,
		turn.ReasonOpinion, turn.ReasonNoOpinion,
	}
}

// Edges are the moves that a case may make.
func Edges() (out []Edge) {
	const (
		listed, notified, exhausted = escalation.StateListed, escalation.StateNotified, escalation.StateExhausted
		claimed, active             = escalation.StateClaimed, escalation.StateActive
		resolved, closed            = escalation.StateResolved, escalation.StateClosed
	)
	for _, from := range []struct {
		from escalation.State
		to   []escalation.State
	}{
		{"", []escalation.State{listed, notified, exhausted, claimed}},
		{listed, []escalation.State{notified, exhausted, claimed}},
		{notified, []escalation.State{listed, notified, exhausted, claimed}},
		{exhausted, []escalation.State{listed, notified, exhausted, claimed}},
		{claimed, []escalation.State{listed, notified, exhausted, claimed, active, resolved}},
		{active, []escalation.State{listed, notified, exhausted, claimed, resolved}},
		{resolved, []escalation.State{listed, notified, exhausted, claimed, active, closed}},
	} {
		for _, to := range from.to {
			out = append(out, Edge{from.from, to})
		}
	}
	return out
}

// Never lists what was not reached, in words.
func (c Cover) Never() (out []string) {
	for _, r := range Reasons() {
		if c.Reasons[r] == 0 {
			out = append(out, "reason "+string(r))
		}
	}
	for _, e := range Edges() {
		if c.Edges[e] == 0 {
			out = append(out, "case "+e.String())
		}
	}
	return out
}

// String is the move in words.
func (e Edge) String() string { return e.from() + " to " + string(e.To) }

func (e Edge) from() string {
	if e.From == "" {
		return "(new)"
	}
	return string(e.From)
}

// Print writes every reason and every edge with its count.
func (c Cover) Print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	reasons := Reasons()
	for r := range maps.Keys(c.Reasons) {
		if !slices.Contains(reasons, r) {
			reasons = append(reasons, r)
		}
	}
	edges := Edges()
	for e := range maps.Keys(c.Edges) {
		if !slices.Contains(edges, e) {
			edges = append(edges, e)
		}
	}
	fmt.Fprintln(t, "reason\treached\tcase from\tto\treached")
	for i := range max(len(reasons), len(edges)) {
		reason, n, from, to, m := "", "", "", "", ""
		if i < len(reasons) {
			reason, n = string(reasons[i]), count(c.Reasons[reasons[i]])
		}
		if i < len(edges) {
			from, to, m = edges[i].from(), string(edges[i].To), count(c.Edges[edges[i]])
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", reason, n, from, to, m)
	}
	return t.Flush()
}

func count(n int) string {
	if n == 0 {
		return "never"
	}
	return fmt.Sprint(n)
}
