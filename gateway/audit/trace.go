package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Trace is why a conversation went as it did: each decision as a tree of what it
// saw, what was asked and called and answered before it, what it decided, and what
// became of that. It comes from the journal alone, and holds words and numbers.
type Trace struct {
	Conversation molt.ConversationID `json:"conversation"`
	Decisions    []Traced            `json:"decisions"`
	Earlier      int                 `json:"earlier,omitempty"` // decisions before these
	// Fault says where the journal ceases to verify; what follows is not here.
	Fault *Fault `json:"fault,omitempty"`
}

// Traced is one decision.
type Traced struct {
	Seq    uint64      `json:"seq"`
	At     molt.Time   `json:"at"`
	Reason turn.Reason `json:"reason"`
	Detail string      `json:"detail,omitempty"`
	Why    string      `json:"why"`   // the reason as a sentence
	Rules  string      `json:"rules"` // the digest of build and configuration
	Parts  []Branch    `json:"parts"`
}

// The parts of a decision.
const (
	PartSaw     = "saw"     // the facts it answers
	PartAsked   = "asked"   // what the agent was asked with
	PartCalled  = "called"  // the tools it called, with what came of them
	PartGot     = "got"     // its answer
	PartDecided = "decided" // what changed, and what was set in motion
	PartBecame  = "became"  // of what was set in motion
)

// Branch is a line of the tree with those below it.
type Branch struct {
	Part  string   `json:"part,omitempty"` // of those right below the decision
	Seq   uint64   `json:"seq,omitempty"`  // the event it is read from
	Says  string   `json:"says"`
	Below []Branch `json:"below,omitempty"`
}

// Trace reads a conversation's decisions: the last so many, 0 for all. Only those
// before an event, unless that is 0. An unknown conversation has none.
func (a *Auditor) Trace(ctx context.Context, id molt.ConversationID, before uint64, most int) (Trace, error) {
	t := tracer{t: Trace{Conversation: id, Decisions: []Traced{}}, before: before, most: most, items: map[molt.ItemID]put{}}
	j, err := a.open(ctx, id)
	if err == nil {
		err = a.walk(ctx, j, func(e entry) error {
			t.event(e.Event)
			return nil
		})
	}
	if err != nil && !errors.As(err, &t.t.Fault) {
		return t.t, err
	}
	return t.t, nil
}

// tracer gathers decisions as the walk goes on.
type tracer struct {
	t      Trace
	before uint64
	most   int
	state  turn.State
	facts  []turn.Event
	sights map[uint64]sight
	items  map[molt.ItemID]put
}

// put is where an item of a decision stands among those kept: later facts add to it.
type put struct {
	seq  uint64 // of the decision
	what string
}

// sight is what an agent that is asked at an event can see.
type sight struct {
	window, waiting []uint64
	ledger          []string
	question        string
	handBack        bool
}

func (t *tracer) event(e turn.Event) {
	if d, ok := e.Body.(*turn.Decided); ok {
		t.decision(e, d)
		t.facts = nil
	} else {
		t.facts = append(t.facts, e)
		t.fate(e)
	}
	t.state = turn.Apply(t.state, e)
	if t.state.Ask.Item == "" {
		t.sights = nil // nobody is asked, so nobody looks
		return
	}
	if t.sights == nil {
		t.sights = map[uint64]sight{}
	}
	t.sights[e.Seq] = sightOf(&t.state)
}

func sightOf(s *turn.State) sight {
	out := sight{waiting: s.Pending, question: s.Question, handBack: s.HandBack != ""}
	for _, ref := range s.Turns {
		out.window = append(out.window, ref.Seq)
	}
	for _, f := range turn.Latest(s.Ledger) {
		out.ledger = append(out.ledger, f.Name)
	}
	return out
}

func (t *tracer) decision(e turn.Event, d *turn.Decided) {
	if t.before > 0 && e.Seq >= t.before {
		return
	}
	out := Traced{Seq: e.Seq, At: e.At, Reason: d.Reason, Detail: d.Detail, Why: d.Reason.Says(), Rules: d.Rules}
	facts := t.facts
	if d.Step > 0 && d.Step < len(facts) {
		facts = facts[len(facts)-d.Step:] // the others were committed alone, and lie in the state
	}
	out.Parts = append(out.Parts, saw(facts)...)
	for _, f := range facts {
		if r, ok := f.Body.(*turn.Replied); ok {
			out.Parts = append(out.Parts, t.asked(f.Seq, r)...)
		}
	}
	out.Parts = append(out.Parts, Branch{Part: PartDecided, Seq: e.Seq, Says: strings.TrimSpace(string(d.Reason) + " " + d.Detail), Below: changes(d)})
	for _, f := range d.Effects {
		if f.Item != "" && f.Out != nil {
			t.items[f.Item] = put{e.Seq, f.Out.What}
		}
	}
	t.t.Decisions = append(t.t.Decisions, out)
	if t.most > 0 && len(t.t.Decisions) > t.most {
		t.t.Decisions = t.t.Decisions[1:]
		t.t.Earlier++
	}
}

// saw is the facts, each text with its verdict below it.
func saw(facts []turn.Event) (out []Branch) {
	for _, f := range facts {
		says := strings.TrimSpace(f.Kind + " " + bodyLine(f.Body))
		if v, ok := f.Body.(*screen.Verdict); ok && len(out) > 0 {
			out[len(out)-1].Below = append(out[len(out)-1].Below, verdictBranch(f.Seq, v))
			continue
		}
		out = append(out, Branch{Part: PartSaw, Seq: f.Seq, Says: says})
	}
	return out
}

func verdictBranch(seq uint64, v *screen.Verdict) Branch {
	b := Branch{Seq: seq, Says: "screen: " + verdictLine(v)}
	if v.Experiencer != "" {
		b.Below = append(b.Below, Branch{Says: strings.TrimSpace("of " + v.Experiencer + ", " + v.Temporality)})
	}
	for _, q := range v.Quotes {
		b.Below = append(b.Below, Branch{Says: "by the words " + said(molt.Words(q.Text), 0)})
	}
	for _, n := range v.Notes {
		b.Below = append(b.Below, Branch{Says: "set aside: " + OneLine(n)})
	}
	return b
}

// asked is a question to the agent: what it could see, its calls, its answer.
func (t *tracer) asked(seq uint64, r *turn.Replied) []Branch {
	ask := Branch{Part: PartAsked, Seq: r.Saw, Says: "the agent"}
	if s, ok := t.sights[r.Saw]; ok {
		ask.Below = append(ask.Below, Branch{Says: "in sight: messages " + numbers(s.window) + ", of which wait for an answer " + numbers(s.waiting)})
		if len(s.ledger) > 0 {
			ask.Below = append(ask.Below, Branch{Says: "knows: " + strings.Join(s.ledger, ", ")})
		}
		if s.question != "" {
			ask.Below = append(ask.Below, Branch{Says: "open question: " + s.question})
		}
		if s.handBack {
			ask.Below = append(ask.Below, Branch{Says: "with the note of who gave the conversation back"})
		}
	}
	if r.Request != "" {
		ask.Below = append(ask.Below, Branch{Says: "digest of what was asked: " + r.Request})
	}
	if r.Budget != "" {
		ask.Below = append(ask.Below, Branch{Says: "nobody was asked: the budget of the " + r.Budget + " is used up"})
	}
	out := []Branch{ask}
	for _, s := range r.Steps {
		out = append(out, called(seq, s))
	}
	return append(out, got(seq, r))
}

func called(seq uint64, s model.Step) Branch {
	b := Branch{Part: PartCalled, Seq: seq, Says: s.Call.Tool + ": " + strings.TrimSpace(s.Outcome.State+" "+s.Outcome.Why)}
	if len(s.Call.Arguments) > 0 {
		b.Below = append(b.Below, Branch{Says: "with " + OneLine(string(s.Call.Arguments))})
	}
	if n := len(s.Outcome.Slots); n > 0 {
		b.Below = append(b.Below, Branch{Says: fmt.Sprintf("found %d openings", n)})
	}
	if s.Outcome.Slot != nil {
		b.Below = append(b.Below, Branch{Says: "opening " + s.Outcome.Slot.ID})
	}
	if len(s.Outcome.Data) > 0 {
		b.Below = append(b.Below, Branch{Says: "told " + OneLine(string(s.Outcome.Data))})
	}
	return b
}

func got(seq uint64, r *turn.Replied) Branch {
	a := r.Answer
	b := Branch{Part: PartGot, Seq: seq, Says: strings.TrimSpace(fmt.Sprintf("%s %s %s %s", a.Kind, a.Severity, a.Silence, a.Reason))}
	if r.Failed {
		b.Says = "no usable answer: " + OneLine(r.Why)
	}
	if a.Text != "" {
		b.Below = append(b.Below, Branch{Says: said(a.Text, 0)})
	}
	for _, f := range a.Facts {
		b.Below = append(b.Below, Branch{Says: fmt.Sprintf("fact %s = %s, from message %d", f.Name, said(molt.Words(f.Value), 0), f.Source)})
	}
	if a.Model != "" {
		b.Below = append(b.Below, Branch{Says: strings.TrimSpace("by " + a.Model + " " + a.Digest)})
	}
	b.Below = append(b.Below, Branch{Says: fmt.Sprintf("in %d ms, %d tokens of all models asked, cost %.6f", r.TookMS, r.Tokens, float64(r.Micros)/1e6)})
	return b
}

// changes is what a decision changes and sets in motion.
func changes(d *turn.Decided) (out []Branch) {
	if d.Owner != "" {
		out = append(out, Branch{Says: fmt.Sprintf("owner is %s, epoch %d", d.Owner, d.Epoch)})
	}
	if c := d.Case; c != nil {
		out = append(out, Branch{Says: strings.TrimSpace(fmt.Sprintf("case %s is %s %s %s", c.ID, c.Severity, c.State, c.Claimant))})
	}
	for _, f := range d.Facts {
		out = append(out, Branch{Says: fmt.Sprintf("learns %s = %s", f.Name, said(molt.Words(f.Value), 0))})
	}
	for _, f := range d.Effects {
		out = append(out, Branch{Says: effectLine(f)})
	}
	return out
}

func effectLine(f turn.Effect) string {
	switch {
	case f.Code != nil:
		return fmt.Sprintf("%s %s", f.Kind, f.Code.Code)
	case f.Out == nil:
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Kind, f.Name, f.Item))
	}
	to := "the patient"
	if f.Out.Person != "" {
		to = string(f.Out.Person)
	}
	if f.Out.What == turn.NoticeSignIn { // good for ten minutes, for whoever reads it
		return fmt.Sprintf("%s %s to %s: a link that is not shown", f.Kind, f.Out.What, to)
	}
	return fmt.Sprintf("%s %s to %s: %s", f.Kind, f.Out.What, to, said(f.Out.Words, 0))
}

// fate adds what became of an item to the decision that set it in motion.
func (t *tracer) fate(e turn.Event) {
	item := itemOf(e.Body)
	p, ok := t.items[item]
	if item == "" || !ok {
		return
	}
	for i := len(t.t.Decisions) - 1; i >= 0; i-- {
		if d := &t.t.Decisions[i]; d.Seq == p.seq {
			d.Parts = append(d.Parts, Branch{Part: PartBecame, Seq: e.Seq, Says: p.what + ": " + strings.TrimSpace(e.Kind+" "+bodyLine(e.Body))})
			return
		}
	}
}

func itemOf(body any) molt.ItemID {
	switch b := body.(type) {
	case *turn.Sent:
		return b.Item
	case *turn.Failed:
		return b.Item
	case *turn.Checked:
		return b.Item
	case *turn.Looked:
		return b.Item
	case *channels.StatusReport:
		return b.Item
	}
	return ""
}

func numbers(seqs []uint64) string {
	if len(seqs) == 0 {
		return "none"
	}
	out := make([]string, len(seqs))
	for i, n := range seqs {
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, " ")
}

// Text writes a trace for people.
func (t Trace) Text(zone *time.Location) string {
	x := texter{zone: zone}
	var b strings.Builder
	fmt.Fprintf(&b, "Conversation %s\n", t.Conversation)
	if t.Earlier > 0 {
		fmt.Fprintf(&b, "(%d earlier decisions)\n", t.Earlier)
	}
	for _, d := range t.Decisions {
		fmt.Fprintf(&b, "\n%5d  %s  %s\n       %s Rules %s.\n", d.Seq, x.at(d.At), strings.TrimSpace(string(d.Reason)+" "+d.Detail), d.Why, d.Rules)
		for i, p := range d.Parts {
			branchText(&b, "       ", p, i == len(d.Parts)-1)
		}
	}
	if t.Fault != nil {
		fmt.Fprintf(&b, "\nIt does not verify: %s\n", t.Fault.Error())
	}
	return b.String()
}

func branchText(b *strings.Builder, indent string, n Branch, last bool) {
	arm, below := "├─ ", "│  "
	if last {
		arm, below = "└─ ", "   "
	}
	says := n.Says
	if n.Part != "" {
		says = n.Part + " " + says
		if n.Seq > 0 && n.Part != PartDecided {
			says = fmt.Sprintf("%s %s (event %d)", n.Part, n.Says, n.Seq)
		}
	}
	fmt.Fprintf(b, "%s%s%s\n", indent, arm, says)
	for i, c := range n.Below {
		branchText(b, indent+below, c, i == len(n.Below)-1)
	}
}
