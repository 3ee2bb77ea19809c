package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// casesPage is the list: what nobody has and what is held, the routine work
// list, and what is resolved and cools down.
type casesPage struct {
	Now      molt.Time
	Open     []caseRow
	Routine  []caseRow
	Resolved []caseRow
	More     int // cards that the list has no room for
	Urgent   int // open, S1 or S2, nobody's
	// Waiting is what of the agent's waits for a nurse, and how much there is
	// beyond it.
	Waiting     []turn.ReviewRow
	MoreWaiting int
}

// caseRow is a case in the list.
type caseRow struct {
	turn.WorkRow
	Who    string // the patient's name, or the masked number
	Said   string // the newest words of the patient's
	SaidAt molt.Time
	Since  molt.Time // since when the patient waits
	Holder string
	Mine   bool
	Unread bool      // the journal cannot be read
	Others []caseRow // chats from the same source, which stand on this card
	More   int       // such chats that the card has no room for
}

// Ref is how links name the case.
func (r caseRow) Ref() string { return refOf(r.WorkRow) }

func refOf(r turn.WorkRow) string {
	if r.Code != "" {
		return r.Code
	}
	return string(r.Conversation)
}

// quoteBytes bounds what a row quotes.
const quoteBytes = 140

func (c *Console) cases(w http.ResponseWriter, r *http.Request, s access.Session) error {
	rows, err := c.o.Casework.List(r.Context())
	if err != nil {
		return err
	}
	page := casesPage{Now: molt.TimeOf(c.o.Now())}
	if page.Waiting, err = c.o.Casework.Reviews(r.Context()); err != nil {
		return err
	}
	if n := len(page.Waiting); n > MaxListed {
		page.Waiting, page.MoreWaiting = page.Waiting[:MaxListed], n-MaxListed
	}
	cards := cardsOf(slices.DeleteFunc(rows, func(r turn.WorkRow) bool { return r.State == escalation.StateClosed }))
	if len(cards) > MaxListed {
		page.More, cards = len(cards)-MaxListed, cards[:MaxListed]
	}
	for _, k := range cards {
		row, err := c.card(r, s, k)
		if err != nil {
			return err
		}
		switch {
		case row.State == escalation.StateResolved:
			page.Resolved = append(page.Resolved, row)
		case row.Severity == escalation.S4:
			page.Routine = append(page.Routine, row)
		default:
			page.Open = append(page.Open, row)
			if row.Claimant == "" && row.Severity.Rank() <= escalation.S2.Rank() {
				page.Urgent++
			}
		}
	}
	return c.show(w, r, "cases", page)
}

// card is a case, and those of the same source of chats that stand beside it.
type card struct {
	turn.WorkRow
	others []turn.WorkRow
}

// cardsOf puts cases of one source of chats on the card of the first of them, so
// that no flood of chats takes the room of another patient. A graver one keeps a
// card of its own, and so does one whose first is not listed.
func cardsOf(rows []turn.WorkRow) []card {
	first := map[string]turn.WorkRow{}
	for _, r := range rows {
		first[r.Code] = r
	}
	// lead is the case on whose card another stands.
	lead := func(r turn.WorkRow) (f turn.WorkRow, ok bool) {
		f, ok = first[cmp.Or(r.Beside, r.Crowd)]
		if up := cmp.Or(f.Beside, f.Crowd); ok && up != "" {
			f, ok = first[up]
		}
		return f, ok && f.Code != "" && f.Code != r.Code
	}
	beside := func(r turn.WorkRow) bool {
		f, ok := lead(r)
		return ok && f.Beside == "" && f.Crowd == "" && !casework.Over(f) && !casework.Over(r) && f.Severity.Rank() <= r.Severity.Rank()
	}
	var cards []card
	at := map[string]int{}
	for _, r := range rows {
		if !beside(r) {
			at[r.Code] = len(cards)
			cards = append(cards, card{WorkRow: r})
		}
	}
	for _, r := range rows {
		if beside(r) {
			f, _ := lead(r)
			k := &cards[at[f.Code]]
			k.others = append(k.others, r)
		}
	}
	return cards
}

// card reads what the list shows of a card.
func (c *Console) card(r *http.Request, s access.Session, k card) (caseRow, error) {
	row, err := c.row(r, s, k.WorkRow)
	if err != nil {
		return row, err
	}
	if len(k.others) > MaxOthers {
		row.More, k.others = len(k.others)-MaxOthers, k.others[:MaxOthers]
	}
	for _, o := range k.others {
		other, err := c.row(r, s, o)
		if err != nil {
			return row, err
		}
		row.Others = append(row.Others, other)
	}
	return row, nil
}

// row reads what the list shows of a case. The look is recorded when there are
// words in it that this session has not seen.
func (c *Console) row(r *http.Request, s access.Session, row turn.WorkRow) (caseRow, error) {
	out := caseRow{WorkRow: row, Since: row.Opened, Holder: c.o.Casework.Name(row.Claimant), Mine: row.Claimant == s.ID}
	var newest uint64
	_, err := c.o.Casework.Look(r.Context(), s.ID, row.Conversation, "list", func(st *turn.State, recall func(turn.Ref) molt.Words) bool {
		newest = out.read(st, recall)
		return c.looks.fresh(s, row.Conversation, "list", newest)
	})
	if errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide) || errors.Is(err, intake.ErrUnknownConversation) {
		out.Unread = true
		return out, nil
	}
	if err == nil {
		c.looks.shown(s, row.Conversation, "list", newest)
	}
	return out, err
}

// read takes the newest words and the name, and says how far it read.
func (r *caseRow) read(s *turn.State, recall func(turn.Ref) molt.Words) (newest uint64) {
	r.Who = whoIs(s)
	for _, t := range slices.Backward(s.Turns) {
		if t.From == model.FromPatient {
			r.Said, r.SaidAt, newest = cut(wordsOf(t, recall), quoteBytes), t.At, t.Seq
			break
		}
	}
	if s.Case != nil && s.Case.Unanswered > 0 {
		r.Since = s.Case.Unanswered
	}
	return newest
}

// whoIs is how the list calls a patient: by name, where she told it.
func whoIs(s *turn.State) string {
	for _, f := range turn.Latest(s.Ledger) {
		if f.Name == "name" && f.Value != "" {
			return f.Value
		}
	}
	if s.Stream() {
		return "staff: " + string(s.Began.Person)
	}
	if s.Began.Live {
		return "Web visitor " + s.Began.Peer.String() // a sign to tell them apart by, and no number
	}
	return s.Began.Peer.String()
}

func wordsOf(t turn.Ref, recall func(turn.Ref) molt.Words) string {
	words := recall(t).Reveal()
	switch {
	case words == "" && t.Media == 0:
		return "[no words kept]"
	case words == "":
		return "[picture or file]"
	}
	return words
}

// cut shortens at a letter's border and says that it did.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && s[limit]&0xc0 == 0x80 {
		limit--
	}
	return s[:limit] + "…"
}
