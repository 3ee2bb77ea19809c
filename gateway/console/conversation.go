package console

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// conversationPage is one conversation as a person works on it.
type conversationPage struct {
	Now      molt.Time
	Row      turn.WorkRow
	Ref      string
	Who      string
	Phone    string // in full: she may have to call
	Channel  string
	Account  string // our number, "" where it is none
	Lang     string
	Owner    escalation.Owner
	Stopped  bool
	Open     bool
	Resolved *escalation.Resolution
	Holder   string
	Mine     bool
	Asked    bool // she was paged for it and can say "not me"
	MayWork  bool
	ReadBack bool // an S1, opened first by who took it
	Handoff  handoff
	Messages []message
	Waiting  []casework.Waiting // what of the agent's waits for a nurse
	Saw      uint64             // the newest message that the page shows
	Staff    []colleague        // whom the case can be handed to
	Canned   []ready
	Nonce    string
	// What she wrote for an act that was refused, where it was written; Kept where
	// she may not write there any more.
	Reply, Note, HandBack, Kept string
}

// ready is a reply that is offered while she writes.
type ready struct {
	Words string
	Size  string // what it takes as a text
}

// message is one message of the conversation and what became of it.
type message struct {
	Seq   uint64
	At    molt.Time
	From  string // patient, agent, person, fixed
	Label string // who that is, in words
	Words string
	Files []attachment
	Fate  string
	Late  bool // left before the silence
}

type colleague struct {
	ID   molt.PersonID
	Name string
}

func (c *Console) conversation(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if code, err := c.o.Casework.Review(r.Context(), r.PathValue("ref")); err == nil {
		// The code ends with what it stands for; the page does not.
		http.Redirect(w, r, "/c/"+string(code.Conversation), http.StatusSeeOther)
		return nil
	}
	p, err := c.read(r, s, "conversation")
	if err != nil {
		return err
	}
	if !isLive(r) {
		p.giveBack(c.drafts.take(s, p.Row.Conversation))
	}
	p.ReadBack = p.Mine && p.Row.Severity == escalation.S1 && r.URL.Query().Has("first")
	return c.show(w, r, "conversation", p)
}

// giveBack puts words that went nowhere back to where they were written.
func (p *conversationPage) giveBack(d draft) {
	switch {
	case p.Mine && d.verb == turn.VerbRelay:
		p.Reply = d.words
	case p.Mine && d.verb == turn.VerbNote:
		p.Note = d.words
	case p.Mine && d.verb == turn.VerbResolve:
		p.HandBack = d.words
	default:
		p.Kept = d.words
	}
}

// read reads a conversation for a person. What is new to her is on record with
// the words she takes.
func (c *Console) read(r *http.Request, s access.Session, what string) (*conversationPage, error) {
	id, _, err := c.o.Casework.Find(r.Context(), r.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	p := &conversationPage{Now: molt.TimeOf(c.o.Now()), Ref: r.PathValue("ref"), MayWork: s.Role.May(access.Work), Nonce: newNonce()}
	var newest uint64
	now, err := c.o.Casework.Look(r.Context(), s.ID, id, what, func(st *turn.State, recall func(turn.Ref) molt.Words) bool {
		newest = st.Seq
		for _, t := range slices.Backward(st.Turns) {
			newest = t.Seq
			break
		}
		for _, rev := range st.Reviews { // a draft has words too, and no message before it leaves
			newest = max(newest, rev.Number)
		}
		p.take(c, id, st, recall)
		p.Asked = st.Case != nil && slices.ContainsFunc(st.Case.Pages, func(g escalation.Page) bool { return g.Person == s.ID && g.Live() })
		return c.looks.fresh(s, id, what, newest)
	})
	if err != nil {
		return nil, err
	}
	c.looks.shown(s, id, what, newest)
	p.Row.Conversation = now
	p.Mine = p.Open && p.Row.Claimant == s.ID
	p.Staff = slices.DeleteFunc(p.Staff, func(o colleague) bool { return o.ID == p.Row.Claimant })
	return p, nil
}

func (p *conversationPage) take(c *Console, id molt.ConversationID, s *turn.State, recall func(turn.Ref) molt.Words) {
	b := s.Began
	p.Row, p.Who, p.Phone, p.Channel = casework.Row(id, s), whoIs(s), s.Phone(), b.Channel
	if number := b.Account.Reveal(); strings.HasPrefix(number, "+") {
		p.Account = number
	}
	if n := len(s.Turns); n > 0 {
		p.Saw = s.Turns[n-1].Seq
	}
	p.Lang, p.Owner, p.Stopped, p.Open = s.Lang, s.Owner, s.Stopped, s.Open()
	p.Holder = c.o.Casework.Name(p.Row.Claimant)
	if s.Case != nil {
		p.Resolved = s.Case.Resolution
	}
	p.Messages = nil
	for _, t := range s.Turns {
		p.Messages = append(p.Messages, c.messageOf(s, t, recall))
	}
	p.Handoff, p.Waiting = c.handoffOf(s, recall), casework.WaitingOf(s, c.o.Rules(), recall)
	for _, words := range c.o.Rules().Texts.Replies(cmp.Or(s.Lang, "en")) {
		folded := segment.Fold(words)
		n, _ := segment.Count(folded)
		p.Canned = append(p.Canned, ready{folded, segmentsInWords(len([]rune(folded)), n)})
	}
	p.Staff = nil
	for person, who := range c.o.Rules().Plan.People {
		if len(who.Routes) > 0 {
			p.Staff = append(p.Staff, colleague{person, cmp.Or(who.Name, string(person))})
		}
	}
	slices.SortFunc(p.Staff, func(a, b colleague) int { return strings.Compare(a.Name, b.Name) })
}

func factName(name string) string {
	switch name {
	case "dob":
		return "Date of birth"
	case "preferred_time":
		return "Preferred time"
	}
	return inWords(name)
}

func languageName(code string) string {
	switch code {
	case "en":
		return "English"
	case "es":
		return "Spanish"
	}
	return code
}

// inWords reads an id as words: "chest_pain" is "Chest pain".
func inWords(id string) string {
	s := strings.NewReplacer("_", " ", ".", ": ").Replace(id)
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func newNonce() string {
	b := make([]byte, 12)
	_, _ = io.ReadFull(rand.Reader, b)
	return hex.EncodeToString(b)
}
