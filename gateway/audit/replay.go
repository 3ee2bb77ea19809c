package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Outcome says how a decision came out the second time.
type Outcome string

// The outcomes.
const (
	OutcomeEqual      Outcome = "equal"       // byte for byte
	OutcomeDiffers    Outcome = "differs"     // the same facts, another decision: both are given
	OutcomeOtherRules Outcome = "other_rules" // it was decided by rules that are not at hand
	OutcomeGone       Outcome = "gone"        // it, or what it rests on, is beyond retention or was erased
)

// Tally counts outcomes.
type Tally struct {
	Equal      int `json:"equal"`
	Differ     int `json:"differ"`
	OtherRules int `json:"other_rules"`
	Gone       int `json:"gone,omitempty"`
}

func (t *Tally) count(o Outcome) {
	switch o {
	case OutcomeEqual:
		t.Equal++
	case OutcomeDiffers:
		t.Differ++
	case OutcomeOtherRules:
		t.OtherRules++
	case OutcomeGone:
		t.Gone++
	}
}

// Redecision is one recorded decision, decided once more.
type Redecision struct {
	Conversation molt.ConversationID `json:"conversation"`
	Seq          uint64              `json:"seq"`
	At           molt.Time           `json:"at"`
	Reason       turn.Reason         `json:"reason"` // recorded
	Outcome      Outcome             `json:"outcome"`
	Recorded     json.RawMessage     `json:"recorded,omitempty"` // both only where they differ
	Redecided    json.RawMessage     `json:"redecided,omitempty"`
}

// Replay decides every decision of a conversation once more, from nothing but
// what its journal holds, and compares the bytes. rules returns the rules with
// that digest, nil where they are not at hand.
func (a *Auditor) Replay(ctx context.Context, id molt.ConversationID, rules func(digest string) *turn.Rules, each func(Redecision) error) error {
	j, err := a.open(ctx, id)
	if err != nil {
		return err
	}
	r := replay{id: id, rules: rules, words: words{}, each: each}
	return a.walk(ctx, j, r.take)
}

// replay is a journal folded as far as the walk has come.
type replay struct {
	id      molt.ConversationID
	rules   func(string) *turn.Rules // nil: nothing is decided once more
	each    func(Redecision) error
	state   turn.State
	words   words
	facts   []turn.Event // since the last decision
	decided bool         // a decision came already
	gone    bool         // something before is not there any more
}

// take decides an event once more if it is a decision, and folds it.
func (r *replay) take(e entry) error {
	defer r.state.Fold(e.Event)
	if r.rules == nil {
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
		}
		return nil
	}
	out, err := r.decide(e, d)
	if err != nil {
		return err
	}
	r.facts, r.decided = nil, true
	return r.each(out)
}

// decide compares one decision with what it would be from the same facts.
func (r *replay) decide(e entry, d *turn.Decided) (Redecision, error) {
	out := Redecision{Conversation: r.id, Seq: e.Seq, At: e.At, Reason: d.Reason, Outcome: OutcomeGone}
	rules := r.rules(d.Rules)
	switch {
	case r.gone:
		return out, nil
	case rules == nil:
		out.Outcome = OutcomeOtherRules
		return out, nil
	}
	entropy, err := hex.DecodeString(d.Entropy)
	if err != nil {
		return out, &Fault{Conversation: r.id, Seq: e.Seq, Cause: "its random bytes do not read"}
	}
	env := turn.Env{Conversation: r.id, Now: e.At, Entropy: entropy, Rules: rules, Recall: r.words.recall}
	again, err := json.Marshal(r.again(d, env))
	if err != nil {
		return out, fmt.Errorf("replay: %w", err)
	}
	if out.Outcome = OutcomeEqual; !bytes.Equal(again, e.plain) {
		out.Outcome, out.Recorded, out.Redecided = OutcomeDiffers, e.plain, again
	}
	return out, nil
}

// again decides. A fault in the core is a decision of its own here: it differs.
func (r *replay) again(d *turn.Decided, env turn.Env) (again turn.Decided) {
	defer func() {
		if recover() != nil {
			again = turn.Decided{Reason: turn.ReasonFault, Detail: "the core faulted"}
		}
	}()
	if r.state.Began.After != "" && !r.decided {
		return turn.Succeed(r.state, env, r.state.Began.AtLeast)
	}
	facts := r.facts
	if d.Step > 0 && d.Step < len(facts) {
		facts = facts[len(facts)-d.Step:]
	}
	return turn.Decide(r.state, facts, env)
}
