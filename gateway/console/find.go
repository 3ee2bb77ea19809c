package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

type searchPage struct {
	Query string
	Found []foundRow
	More  bool
	Short bool // too little to search for
}

type foundRow struct {
	Conversation molt.ConversationID
	Who          string
	Peer         string // masked
	Channel      string
	Last         molt.Time
	Row          turn.WorkRow
	Open         bool
}

// minQuery is the least one can search for: fewer letters find everybody.
const minQuery = 3

// search finds conversations by name or by the last digits of the number. What
// it shows of each is a look at it, and on record.
func (c *Console) search(w http.ResponseWriter, r *http.Request, s access.Session) error {
	p := searchPage{Query: strings.TrimSpace(r.URL.Query().Get("q"))}
	if p.Query == "" {
		return c.show(w, r, "search", p)
	}
	if p.Short = telling(p.Query) < minQuery; p.Short {
		return c.show(w, r, "search", p)
	}
	hits, more, err := c.o.Audit.Find(r.Context(), matcher(p.Query), MaxFound)
	if err != nil {
		return err
	}
	p.More = more
	for _, h := range hits {
		row := foundRow{Conversation: h.Conversation, Last: h.Last}
		_, err := c.o.Casework.Look(r.Context(), s.ID, h.Conversation, "search", func(st *turn.State, _ func(turn.Ref) molt.Words) bool {
			row.Who, row.Peer, row.Channel, row.Row, row.Open = whoIs(st), st.Began.Peer.String(), st.Began.Channel, casework.Row(h.Conversation, st), st.Open()
			return true
		})
		switch {
		case errors.Is(err, intake.ErrFrozen), errors.Is(err, intake.ErrDecide):
			row.Who = "cannot be read" // tidegate verify has the reason
		case err != nil:
			return err
		}
		p.Found = append(p.Found, row)
	}
	slices.SortFunc(p.Found, func(a, b foundRow) int { return int(b.Last - a.Last) })
	return c.show(w, r, "search", p)
}

// telling counts the letters and digits of a query: signs tell nobody apart.
func telling(q string) (n int) {
	for _, r := range q {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// matcher reads a query: digits look for the end of a number, letters for every
// word of a name.
func matcher(q string) func(turn.State) bool {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, q)
	if strings.Trim(q, "+0123456789 ()-.") == "" {
		return func(s turn.State) bool { return strings.HasSuffix(s.Phone(), digits) }
	}
	words := strings.Fields(strings.ToLower(q))
	return func(s turn.State) bool {
		for _, f := range turn.Latest(s.Ledger) {
			if f.Name != "name" {
				continue
			}
			name := strings.ToLower(f.Value)
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) })
		}
		return false
	}
}

type startPage struct {
	Channels []startChannel
	Nonce    string
}

type startChannel struct {
	ID      string
	Account molt.Address
}

func (c *Console) startPage(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	p := startPage{Nonce: newNonce()}
	for id, a := range c.o.Rules().Accounts {
		if _, err := phonenumbers.Parse(a.Reveal(), ""); err == nil {
			p.Channels = append(p.Channels, startChannel{id, a})
		}
	}
	slices.SortFunc(p.Channels, func(a, b startChannel) int { return strings.Compare(a.ID, b.ID) })
	return c.show(w, r, "start", p)
}

// start opens a conversation that no patient began: it is the nurse's from its
// first event.
func (c *Console) start(w http.ResponseWriter, r *http.Request, s access.Session) error {
	a, err := actOf(r, s)
	if err != nil {
		return err
	}
	channel := r.PostFormValue("channel")
	account := c.o.Rules().Accounts[channel]
	ours, err := phonenumbers.Parse(account.Reveal(), "")
	if err != nil {
		return problem(http.StatusBadRequest, "There is no such channel that can text a telephone.")
	}
	number, err := phonenumbers.Parse(r.PostFormValue("number"), phonenumbers.GetRegionCodeForNumber(ours))
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return problem(http.StatusBadRequest, "That is not a telephone number. Write it with its area code, as in +1 555 010 0123.")
	}
	if a.Words == "" {
		return problem(http.StatusBadRequest, "Write what the patient is to read.")
	}
	peer := molt.Address(phonenumbers.Format(number, phonenumbers.E164))
	if c.colleague(channel, peer) {
		return problem(http.StatusBadRequest, "That is a colleague's number, whose texts are read as a nurse's.")
	}
	id := c.o.Intake.ConversationOf(channel, account, peer)
	began := turn.Began{Channel: channel, Account: account, Peer: peer}
	words := a.Words
	a.Verb, a.Words, a.Version, a.Case = turn.VerbTakeOver, "", 0, ""
	out, err := c.o.Casework.Act(r.Context(), id, &began, a)
	if err != nil {
		return err
	}
	if out.Row.Claimant == s.ID {
		a.Verb, a.Words, a.ID, a.Case = turn.VerbRelay, words, a.ID+":words", out.Row.Case
		if out, err = c.o.Casework.Act(r.Context(), id, nil, a); err != nil {
			return err
		}
	}
	to := "/c/" + refOf(out.Row)
	if out.Row.Claimant != s.ID || !out.Done && !out.Again {
		return c.refused(w, r, s, draft{out.Row.Conversation, turn.VerbRelay, words.Reveal()}, "Not sent. "+out.Why, to)
	}
	return c.went(w, r, s, out.Why, to)
}

// colleague reports whether a member of staff is texted at that address.
func (c *Console) colleague(channel string, at molt.Address) bool {
	for _, p := range c.o.Rules().Plan.People {
		for _, r := range p.Routes {
			if r.Channel == channel && r.Address == at {
				return true
			}
		}
	}
	return false
}
