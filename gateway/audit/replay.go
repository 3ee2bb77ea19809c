package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Outcome says how a decision came out the second time.
type Outcome string

// The outcomes. Only the second is a fault.
const (
	OutcomeEqual       Outcome = "equal"        // under the rules it was made by, byte for byte
	OutcomeDiffers     Outcome = "differs"      // under the rules it was made by, otherwise
	OutcomeSame        Outcome = "same"         // it was made by other rules, and these decide the same
	OutcomeWouldDiffer Outcome = "would_differ" // it was made by other rules, and these decide otherwise
	OutcomeNotDecided  Outcome = "not_decided"  // it was made by other rules, and there are none to decide by
	OutcomeGone        Outcome = "gone"         // what it rests on was shed or erased
)

// Tally counts outcomes.
type Tally struct {
	Equal       int `json:"equal"`
	Differ      int `json:"differ"`
	Same        int `json:"same"`
	WouldDiffer int `json:"would_differ"`
	NotDecided  int `json:"not_decided,omitempty"`
	Gone        int `json:"gone,omitempty"`
}

func (t *Tally) count(o Outcome) {
	switch o {
	case OutcomeEqual:
		t.Equal++
	case OutcomeDiffers:
		t.Differ++
	case OutcomeSame:
		t.Same++
	case OutcomeWouldDiffer:
		t.WouldDiffer++
	case OutcomeNotDecided:
		t.NotDecided++
	case OutcomeGone:
		t.Gone++
	}
}

// ErrNoConversation says that nothing is on record under an id.
var ErrNoConversation = errors.New("there is no such conversation")

// MaxLast bounds how many of the newest decisions a replay can be asked for.
const MaxLast = 100_000

// Again says what is decided once more, and by what.
type Again struct {
	// Known returns the rules with that digest, nil where they are not at hand.
	Known func(digest string) *turn.Rules
	// Instead returns the rules to decide by where Known has none; nil, or a nil
	// answer: nothing is.
	Instead func(digest string) *turn.Rules
	Only    molt.ConversationID // this one alone; "": all
	Last    int                 // the newest so many decisions; 0: all
	// Stand says that the recorded verdicts stand: no text is screened once more.
	Stand bool
	// Bodies gives both decisions of those that came out otherwise. They hold words.
	Bodies bool
}

// Replayed is what a replay came to.
type Replayed struct {
	Conversations int `json:"conversations"`
	Tally
	Faults []Fault `json:"faults"`         // journals that do not verify: their rest was not decided
	More   int     `json:"more,omitempty"` // faults that are not listed
}

// OK reports whether the record verified as far as it was read, and every
// decision came out the same under the rules it was made by.
func (r Replayed) OK() bool { return len(r.Faults) == 0 && r.Differ == 0 }

// Redecision is one recorded decision, decided once more. Without the bodies it
// holds nobody's words.
type Redecision struct {
	Conversation molt.ConversationID `json:"conversation"`
	Seq          uint64              `json:"seq"`
	At           molt.Time           `json:"at"`
	Rules        string              `json:"rules"`  // the digest it was made under
	Reason       turn.Reason         `json:"reason"` // recorded
	Outcome      Outcome             `json:"outcome"`

	// What follows is of those that came out otherwise.
	Before    string          `json:"before,omitempty"` // each in a line
	After     string          `json:"after,omitempty"`
	Where     []string        `json:"where,omitempty"` // the fields that are not alike, at most MaxWhere
	Screened  []Rescreened    `json:"screened,omitempty"`
	Recorded  json.RawMessage `json:"recorded,omitempty"`
	Redecided json.RawMessage `json:"redecided,omitempty"`
}

// Rescreened is a text on which the screen finds something else.
type Rescreened struct {
	Seq    uint64 `json:"seq"` // of the verdict
	Before string `json:"before"`
	After  string `json:"after"`
}

// Replay decides recorded decisions once more, from nothing but what the journals
// hold, and compares the bytes; the screen's verdicts with them. What a model or a
// carrier answered is a fact here, and nobody is asked again.
func (a *Auditor) Replay(ctx context.Context, o Again, each func(Redecision) error) (Replayed, error) {
	r := Replayed{Faults: []Fault{}}
	from, err := a.newest(ctx, o)
	if err != nil {
		return r, err
	}
	all := Report{Faults: r.Faults}
	one := func(id molt.ConversationID) error {
		err := a.replay(ctx, id, o, from, func(d Redecision) error {
			r.count(d.Outcome)
			return each(d)
		})
		r.Conversations++
		return all.take(err)
	}
	if o.Only != "" {
		err = one(o.Only)
	} else {
		err = a.each(ctx, func(h molt.ConversationHead) error {
			if h.Head.At < from.at {
				return nil
			}
			return one(h.ID)
		})
	}
	r.Faults, r.More = all.Faults, all.More
	return r, err
}

// since is the oldest decision that is decided again.
type since struct {
	at molt.Time
	id molt.ConversationID
	n  uint64
}

func (s since) before(o since) bool {
	switch {
	case s.at != o.at:
		return s.at < o.at
	case s.id != o.id:
		return s.id < o.id
	}
	return s.n < o.n
}

// newest finds the oldest of the newest decisions that were asked for. It reads
// no body. A journal that does not verify is named when it is decided.
func (a *Auditor) newest(ctx context.Context, o Again) (since, error) {
	if o.Last <= 0 {
		return since{}, nil
	}
	var kept []since
	read := func(id molt.ConversationID, head molt.Head) error {
		err := a.links(ctx, id, head, func(e molt.Event) error {
			if e.Kind == turn.KindDecided {
				kept = append(kept, since{e.At, id, e.Seq})
			}
			return nil
		})
		if len(kept) > 2*o.Last {
			kept = last(kept, o.Last)
		}
		var f *Fault
		if errors.As(err, &f) {
			return nil
		}
		return err
	}
	var err error
	if o.Only != "" {
		l, lerr := a.store.Load(ctx, o.Only, 0)
		if lerr != nil {
			return since{}, lerr
		}
		err = read(o.Only, l.Head)
	} else {
		err = a.each(ctx, func(h molt.ConversationHead) error { return read(h.ID, h.Head) })
	}
	kept = last(kept, o.Last)
	if err != nil || len(kept) == 0 {
		return since{}, err
	}
	return kept[0], nil
}

// last keeps the newest so many, in their order.
func last(s []since, n int) []since {
	slices.SortFunc(s, func(a, b since) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	return slices.Clone(s[max(0, len(s)-n):])
}

// replay decides the decisions of one conversation once more.
func (a *Auditor) replay(ctx context.Context, id molt.ConversationID, o Again, from since, each func(Redecision) error) error {
	j, err := a.open(ctx, id)
	if err != nil {
		return err
	}
	if j.head.Seq == 0 {
		return ErrNoConversation
	}
	r := replay{id: id, o: o, from: from, words: words{}, each: each}
	return a.walk(ctx, j, r.take)
}

// replay is a journal folded as far as the walk has come.
type replay struct {
	id      molt.ConversationID
	o       Again // without Known nothing is decided once more
	from    since
	each    func(Redecision) error
	before  turn.State // as the last decision left it; kept where texts are screened once more
	state   turn.State // with the facts since
	words   words
	facts   []turn.Event
	decided bool // a decision came already
	gone    bool // something before is not there any more
}

// take decides an event once more if it is a decision, and folds it.
func (r *replay) take(e entry) error {
	defer r.state.Fold(e.Event)
	if r.o.Known == nil {
		return nil
	}
	defer r.words.note(e.Event)
	r.gone = r.gone || e.gone
	d, ok := e.Body.(*turn.Decided)
	if !ok {
		if e.gone && e.Kind == turn.KindDecided {
			return r.each(Redecision{Conversation: r.id, Seq: e.Seq, At: e.At, Outcome: OutcomeGone})
		}
		r.facts = append(r.facts, e.Event)
		if _, ok := e.Body.(*turn.Anchor); ok { // from here on it can be decided again
			r.facts, r.gone, r.decided = nil, false, true
			r.before.Fold(e.Event)
		}
		return nil
	}
	if !(since{e.At, r.id, e.Seq}).before(r.from) {
		out, err := r.decide(e, d)
		if err != nil {
			return err
		}
		if err := r.each(out); err != nil {
			return err
		}
	}
	if !r.o.Stand {
		for _, f := range append(r.facts, e.Event) {
			r.before.Fold(f)
		}
	}
	r.facts, r.decided = nil, true
	return nil
}

// decide compares one decision with what it would be from the same facts.
func (r *replay) decide(e entry, d *turn.Decided) (Redecision, error) {
	out := Redecision{Conversation: r.id, Seq: e.Seq, At: e.At, Rules: d.Rules, Reason: d.Reason, Outcome: OutcomeGone}
	rules, own := r.o.Known(d.Rules), true
	if rules == nil && r.o.Instead != nil {
		rules, own = r.o.Instead(d.Rules), false
	}
	switch {
	case r.gone:
		return out, nil
	case rules == nil:
		out.Outcome = OutcomeNotDecided
		return out, nil
	}
	entropy, err := hex.DecodeString(d.Entropy)
	if err != nil {
		return out, &Fault{Conversation: r.id, Seq: e.Seq, Cause: "its random bytes do not read"}
	}
	env := turn.Env{Conversation: r.id, Now: e.At, Entropy: entropy, Rules: rules, Recall: r.words.recall}
	state, facts, screened := r.rescreen(d, rules.Screen, own)
	redecided := r.again(state, facts, d, env)
	redecided.Rules = d.Rules // alike means alike in what is decided
	again, err := json.Marshal(redecided)
	if err != nil {
		return out, fmt.Errorf("replay: %w", err)
	}
	alike := bytes.Equal(again, e.plain) && len(screened) == 0
	switch {
	case alike && own:
		out.Outcome = OutcomeEqual
		return out, nil
	case alike:
		out.Outcome = OutcomeSame
		return out, nil
	case own:
		out.Outcome = OutcomeDiffers
	default:
		out.Outcome = OutcomeWouldDiffer
	}
	out.Before, out.After, out.Screened, out.Where = decidedLine(d), decidedLine(&redecided), screened, where(e.plain, again)
	if r.o.Bodies {
		out.Recorded, out.Redecided = e.plain, again
	}
	return out, nil
}

// rescreen has the facts since the last decision screened once more, and folded
// with what the screen says now. With a nil screen the verdicts stand.
func (r *replay) rescreen(d *turn.Decided, scr *screen.Screen, own bool) (state turn.State, facts []turn.Event, differ []Rescreened) {
	if scr == nil || r.o.Stand {
		return r.state, r.facts, nil
	}
	// What this decision's own step did not bring was committed without its state.
	alone := len(r.facts) - d.Step
	if d.Step == 0 && !r.succession() {
		alone = 0
	}
	state, facts = r.before, slices.Clone(r.facts)
	var in *channels.Inbound
	var recent []screen.Message
	for i, f := range facts {
		switch b := f.Body.(type) {
		case *channels.Inbound:
			in, recent = b, state.Recent(r.words.recall)
		case *screen.Verdict:
			v := r.verdict(scr, in, recent, f.At, state.Lang, i < alone)
			if was, now := mustJSON(b), mustJSON(v); in != nil && !bytes.Equal(was, now) {
				facts[i].Body = &v
				if own || otherwise(b, &v) {
					differ = append(differ, Rescreened{Seq: f.Seq, Before: verdictLine(b), After: verdictLine(&v)})
				}
			}
			in = nil
		}
		state = turn.Apply(state, facts[i])
	}
	return state, facts, differ
}

func (r *replay) verdict(scr *screen.Screen, in *channels.Inbound, recent []screen.Message, now molt.Time, lang string, alone bool) screen.Verdict {
	switch {
	case in == nil:
		return screen.Verdict{}
	case alone:
		return scr.Safe(in.Words.Reveal(), nil, turn.AloneAt(in), "")
	}
	return scr.Safe(in.Words.Reveal(), recent, turn.HeardAt(in, now), lang)
}

// otherwise reports whether two versions of the screen's rules find other things.
func otherwise(a, b *screen.Verdict) bool {
	return a.Severity != b.Severity || a.Category != b.Category || a.Unreadable != b.Unreadable || !slices.Equal(a.Rules, b.Rules)
}

// mustJSON writes plain values, which always marshal.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// succession reports whether the next decision is a successor's first, which
// neither loads nor decides as others do.
func (r *replay) succession() bool { return r.state.Began.After != "" && !r.decided }

// again decides. A fault in the core is a decision of its own here: it differs.
func (r *replay) again(state turn.State, facts []turn.Event, d *turn.Decided, env turn.Env) (again turn.Decided) {
	defer func() {
		if recover() != nil {
			again = turn.Decided{Reason: turn.ReasonFault, Detail: "the core faulted"}
		}
	}()
	if r.succession() {
		return turn.Succeed(state, env, state.Began.AtLeast)
	}
	if d.Step > 0 && d.Step < len(facts) {
		facts = facts[len(facts)-d.Step:]
	}
	return turn.Decide(state, facts, env)
}
