package casework

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

var (
	// ErrNoCode says that a short code stands for nothing now.
	ErrNoCode = errors.New("no case has that code; a code ends with its case")
	// ErrNoReference says that a word names neither case nor conversation.
	ErrNoReference = errors.New("that is neither a case's code nor the id of a case or conversation")
)

// Options make a Desk. Both are required.
type Options struct {
	Desk  *intake.Desk
	Rules func() *turn.Rules // in force now
}

// Desk is where people work on cases.
type Desk struct{ o Options }

// New checks the options and starts nothing.
func New(o Options) (*Desk, error) {
	if o.Desk == nil || o.Rules == nil {
		return nil, errors.New("casework: Desk and Rules are required")
	}
	return &Desk{o: o}, nil
}

// List is the work list: gravest first, then longest waiting; what is resolved
// stands behind what is not.
func (d *Desk) List(ctx context.Context) ([]turn.WorkRow, error) {
	rows, err := d.o.Desk.WorkList(ctx)
	if err != nil {
		return nil, err
	}
	if rows == nil {
		rows = []turn.WorkRow{}
	}
	slices.SortFunc(rows, func(a, b turn.WorkRow) int {
		return cmp.Or(over(a)-over(b), a.Severity.Rank()-b.Severity.Rank(), cmp.Compare(a.Opened, b.Opened), strings.Compare(string(a.Case), string(b.Case)))
	})
	return rows, nil
}

// Over reports whether a case is resolved or closed.
func Over(r turn.WorkRow) bool {
	return r.State == escalation.StateResolved || r.State == escalation.StateClosed
}

func over(r turn.WorkRow) int {
	if Over(r) {
		return 1
	}
	return 0
}

// Find reads a reference: the short code, the case's id, or its conversation's,
// which leaves the case open.
func (d *Desk) Find(ctx context.Context, ref string) (molt.ConversationID, molt.CaseID, error) {
	if code, rest, ok := turn.ReadCode(ref); ok && rest == "" {
		value, ok, err := d.o.Desk.Mark(ctx, molt.MarkID(intake.MarkCode+code))
		if err != nil {
			return "", "", err
		}
		if !ok {
			return "", "", ErrNoCode
		}
		var c turn.Code
		if err := json.Unmarshal(value, &c); err != nil {
			return "", "", err
		}
		if c.Freed > 0 {
			return "", "", ErrNoCode
		}
		return c.Conversation, c.Case, nil
	}
	id, number, found := strings.Cut(ref, "#")
	if !strings.HasPrefix(id, "c_") && !strings.HasPrefix(id, "s_") {
		return "", "", ErrNoReference
	}
	if found && number != "" {
		return molt.ConversationID(id), molt.CaseID(ref), nil
	}
	return molt.ConversationID(id), "", nil
}

// Reader takes from a conversation what it shows. It reports whether words that
// count as a look were taken; a look without them is not recorded.
type Reader func(s *turn.State, recall func(turn.Ref) molt.Words) (looked bool)

// Look records that somebody reads a conversation and lets her take the words in
// the same step: there is no moment at which they are read and the look is not
// on record. It returns the conversation read, which is the successor where
// there is one.
func (d *Desk) Look(ctx context.Context, actor molt.PersonID, id molt.ConversationID, what string, read Reader) (molt.ConversationID, error) {
	answer, err := d.o.Desk.Step(ctx, id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) intake.Plan {
		if !read(s, recall) {
			return intake.Plan{}
		}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindRead, Body: &turn.Read{Actor: actor, What: what}}}}
	})
	return answer.Conversation, err
}

// Row is the case of a state as the work list shows it.
func Row(id molt.ConversationID, s *turn.State) turn.WorkRow {
	row := turn.WorkRow{Conversation: id, Code: s.Code}
	if c := s.Case; c != nil {
		row.Case, row.Kind, row.State, row.Severity, row.Category = c.ID, c.Kind, c.State, c.Severity, c.Category
		row.Opened, row.Since, row.Due, row.Claimant, row.Version, row.CannotText, row.Beside, row.Crowd, row.Live = c.Opened, c.Since, c.Due, c.Claimant, c.Version, c.CannotText, c.Beside, c.Crowd, s.Began.Live
	}
	return row
}
