package casework

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Outcome is what became of an act.
type Outcome struct {
	Done   bool
	Again  bool   // it is on record already: nothing was done twice
	Why    string // a sentence
	Reason turn.Reason
	Detail string
	Row    turn.WorkRow // the case as it stands now
}

// Act brings an act in by the same door as a nurse's text. began opens the
// journal where there is none; nil refuses that. An act that names no version
// speaks of the case as it is.
func (d *Desk) Act(ctx context.Context, id molt.ConversationID, began *turn.Began, a turn.Acted) (Outcome, error) {
	if err := d.Check(&a); err != nil {
		return Outcome{}, err
	}
	answer, err := d.step(ctx, id, began, a)
	if errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide) {
		// The journal takes nothing more: its successor takes the case, and the act.
		if orphan := d.o.Desk.Orphan(ctx, id); orphan == nil {
			answer, err = d.step(ctx, id, began, a)
		}
	}
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Reason: answer.Reason, Detail: answer.Detail, Again: answer.Reason == turn.ReasonNothing}
	out.Done = answer.Reason != turn.ReasonRefused && !out.Again
	_, err = d.o.Desk.Step(ctx, id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		out.Row = Row(answer.Conversation, s)
		return intake.Plan{}
	})
	out.Why = d.sentence(a, out)
	return out, err
}

// step brings the act in.
func (d *Desk) step(ctx context.Context, id molt.ConversationID, began *turn.Began, a turn.Acted) (intake.Answer, error) {
	return d.o.Desk.Step(ctx, id, began, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		fact := a
		if fact.Version == 0 && s.Case != nil {
			fact.Version = s.Case.Version
		}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindActed, Body: &fact}}}
	})
}

// Fault is what is wrong with an act, in a sentence for who asked for it.
type Fault string

func (f Fault) Error() string { return string(f) }

// Check refuses an act that lacks what its verb needs, and fills in what it may
// leave out.
func (d *Desk) Check(a *turn.Acted) error {
	needs := func(ok bool, why Fault) error {
		if ok {
			return nil
		}
		return why
	}
	if len(a.Words) > turn.MaxRelayBytes {
		return Fault("the words are over 1600 bytes, the longest a text may be")
	}
	switch a.Verb {
	case turn.VerbTake, turn.VerbPass, turn.VerbCalled:
		return nil
	case turn.VerbTakeOver:
		return needs(a.Severity == "" || a.Severity.Known(), "the severity is S1, S2, S3 or S4")
	case turn.VerbResolve:
		a.Disposition = cmp.Or(a.Disposition, "resolved")
		if a.FalseAlarm {
			a.Disposition = "false_alarm"
		}
		return needs(a.NextOwner == "" || a.NextOwner == escalation.OwnerAgent || a.NextOwner == escalation.OwnerHuman, "the next owner is agent or human")
	case turn.VerbRelease, turn.VerbDrop:
		return needs(a.Review > 0, "it needs what waits, by its code")
	case turn.VerbEdit:
		return needs(a.Review > 0 && strings.TrimSpace(a.Words.Reveal()) != "", "there are no words")
	case turn.VerbRelay, turn.VerbNote:
		return needs(strings.TrimSpace(a.Words.Reveal()) != "", "there are no words")
	case turn.VerbRaise, turn.VerbLower:
		return needs(a.Severity.Known(), "the severity is S1, S2, S3 or S4")
	case turn.VerbTransfer:
		if a.To == "" {
			return Fault("it needs the colleague's id")
		}
		_, known := d.o.Rules().Plan.People[a.To]
		return needs(known, "no member of staff has that id")
	}
	return Fault("there is no such verb; there are take, pass, relay, called, resolve, note, raise, lower, transfer, release, edit, drop")
}

// IsFault reports whether an error is the asker's, and not ours.
func IsFault(err error) bool {
	var f Fault
	return errors.As(err, &f)
}

// sentence says what became of an act, and who has the case where it was refused.
func (d *Desk) sentence(a turn.Acted, out Outcome) string {
	code := cmp.Or(out.Row.Code, string(out.Row.Case))
	if out.Again {
		return "Done before: this act is on record already."
	}
	if out.Done && a.Verb.OfReview() {
		return doneReview(a.Verb)
	}
	if out.Done {
		return d.done(a, code, out.Row)
	}
	if why := turn.RefusedReview(out.Detail); why != "" {
		return "Refused: " + why
	}
	who := "Nobody has it: take it first."
	if out.Row.Claimant != "" {
		who = d.Name(out.Row.Claimant) + " has it."
	}
	switch escalation.Why(out.Detail) {
	case escalation.WhyNoCase:
		return "Refused: that case is over, or there is none."
	case escalation.WhyTaken, escalation.WhyNotYours:
		return "Refused: case " + code + " is not yours. " + who
	case escalation.WhyResolved:
		return "Refused: case " + code + " is resolved."
	case escalation.WhyNoContact:
		return "Refused: reach the patient first (reply, or called), or say that it is a false alarm."
	case escalation.WhyCannotText:
		return "Refused: texts do not reach this patient. Call."
	case escalation.WhyStale:
		return "Refused: case " + code + " moved on since. Look again. " + who
	case escalation.WhyNotLower:
		return "Refused: that is not a lower severity."
	case escalation.WhyUnreachable:
		return "Refused: that colleague cannot be paged."
	case escalation.WhyOwnCase:
		return "Refused: this case is about you."
	}
	return "Refused: " + out.Detail + "."
}

func (d *Desk) done(a turn.Acted, code string, row turn.WorkRow) string {
	switch a.Verb {
	case turn.VerbTake, turn.VerbTakeOver:
		if row.Claimant != a.Actor {
			return "Recorded; the case is not yours."
		}
		return "Case " + code + " is yours."
	case turn.VerbPass:
		return "Case " + code + ": passed, others are asked."
	case turn.VerbRelay:
		return "Case " + code + ": your words go to the patient."
	case turn.VerbCalled:
		return "Case " + code + ": the call is on record."
	case turn.VerbResolve:
		return "Case " + code + " is resolved."
	case turn.VerbNote:
		return "Case " + code + ": noted."
	case turn.VerbTransfer:
		return "Case " + code + " is now with " + d.Name(row.Claimant) + "."
	}
	return "Case " + code + " is now " + string(row.Severity) + "."
}

// Name is how colleagues call a person.
func (d *Desk) Name(id molt.PersonID) string {
	if who, ok := d.o.Rules().Plan.People[id]; ok && who.Name != "" {
		return who.Name
	}
	return string(id)
}
