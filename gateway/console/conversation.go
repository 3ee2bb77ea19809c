package console

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"crypto/rand"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/model"
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
	Account  string
	Lang     string
	Owner    escalation.Owner
	Stopped  bool
	Open     bool
	Resolved *escalation.Resolution
	Holder   string
	Mine     bool
	MayWork  bool
	ReadBack bool // an S1, opened first by who took it
	Handoff  handoff
	Messages []message
	Staff    []colleague // whom the case can be handed to
	Canned   []string
	Nonce    string
}

// message is one message of the conversation and what became of it.
type message struct {
	Seq   uint64
	At    molt.Time
	From  string // patient, agent, person, fixed
	Label string // who that is, in words
	Words string
	Media int
	Fate  string
	Late  bool // left before the silence
}

// handoff is the case in the order in which nurses hand over: situation,
// background, assessment, what was done.
type handoff struct {
	Situation  []line
	Background []line
	Assessment []line
	Told       []line
}

// line is one line of a handoff. Seq links it to the message it quotes, 0 to none.
type line struct {
	Label string
	Words string
	Seq   uint64
	Note  string
}

type colleague struct {
	ID   molt.PersonID
	Name string
}

func (c *Console) conversation(w http.ResponseWriter, r *http.Request, s access.Session) error {
	p, err := c.read(r, s, "conversation")
	if err != nil {
		return err
	}
	p.ReadBack = p.Mine && p.Row.Severity == escalation.S1 && r.URL.Query().Has("first")
	return c.show(w, r, "conversation", p)
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
		p.take(c, id, st, recall)
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
	p.Row, p.Who, p.Phone, p.Channel, p.Account = rowOf(id, s), whoIs(s), b.Peer.Reveal(), b.Channel, b.Account.Reveal()
	p.Lang, p.Owner, p.Stopped, p.Open = s.Lang, s.Owner, s.Stopped, s.Open()
	p.Holder = c.o.Casework.Name(p.Row.Claimant)
	if s.Case != nil {
		p.Resolved = s.Case.Resolution
	}
	p.Messages = nil
	for _, t := range s.Turns {
		p.Messages = append(p.Messages, messageOf(s, t, recall))
	}
	p.Handoff = handoffOf(s, recall)
	p.Canned = canned(cmp.Or(s.Lang, "en"), c.o.Rules().Clinic)
	p.Staff = nil
	for person, who := range c.o.Rules().Plan.People {
		if len(who.Routes) > 0 {
			p.Staff = append(p.Staff, colleague{person, cmp.Or(who.Name, string(person))})
		}
	}
	slices.SortFunc(p.Staff, func(a, b colleague) int { return strings.Compare(a.Name, b.Name) })
}

func rowOf(id molt.ConversationID, s *turn.State) turn.WorkRow {
	row := turn.WorkRow{Conversation: id, Code: s.Code}
	if s.Case != nil {
		k := s.Case
		row.Case, row.Kind, row.State, row.Severity, row.Category = k.ID, k.Kind, k.State, k.Severity, k.Category
		row.Opened, row.Since, row.Due, row.Claimant, row.Version, row.CannotText = k.Opened, k.Since, k.Due, k.Claimant, k.Version, k.CannotText
	}
	return row
}

// messageOf is a message as a nurse reads it, with what became of ours.
func messageOf(s *turn.State, t turn.Ref, recall func(turn.Ref) molt.Words) message {
	m := message{Seq: t.Seq, At: t.At, Words: wordsOf(t, recall), Media: t.Media, Fate: s.Fate(t.Item)}
	switch {
	case t.From == model.FromPatient:
		m.From, m.Label = "patient", "Patient"
	case t.From == model.FromAgent:
		m.From, m.Label = "agent", "Agent"
	case t.What == "relay":
		m.From, m.Label = "person", "Staff"
	default:
		m.From, m.Label = "fixed", "Fixed text ("+strings.ReplaceAll(t.What, "_", " ")+")"
	}
	m.Late = m.Fate == "left before"
	if m.Late {
		m.Fate = "left before the silence"
	}
	return m
}

// handoffOf puts a case in the order of a handover.
func handoffOf(s *turn.State, recall func(turn.Ref) molt.Words) handoff {
	var h handoff
	k := s.Case
	if k != nil {
		h.Situation = append(h.Situation, line{Label: "Case", Words: fmt.Sprintf("%s, %s", k.Severity, inWords(cmp.Or(k.Category, string(k.Kind))))})
		for _, t := range slices.Backward(s.Turns) {
			if t.From == model.FromPatient && slices.Contains(k.Evidence, t.Seq) {
				h.Situation = append(h.Situation, line{Label: "Patient wrote", Words: cut(wordsOf(t, recall), 2*quoteBytes), Seq: t.Seq})
				if len(h.Situation) > maxQuotes {
					break
				}
			}
		}
	}
	h.Background = append(h.Background, line{Label: "Phone", Words: s.Began.Peer.Reveal(), Note: "may be writing for someone else"})
	for _, f := range turn.Latest(s.Ledger) {
		h.Background = append(h.Background, line{Label: factName(f.Name), Words: f.Value, Seq: f.Source})
	}
	if s.Lang != "" {
		h.Background = append(h.Background, line{Label: "Language", Words: languageName(s.Lang)})
	}
	if s.Question != "" {
		h.Background = append(h.Background, line{Label: "Open question", Words: s.Question})
	}
	if k != nil && k.CannotText {
		h.Assessment = append(h.Assessment, line{Label: "Reach", Words: "Texts do not reach this patient: call."})
	}
	for _, t := range slices.Backward(s.Turns) {
		if t.From == model.FromPatient || t.From == model.FromAgent {
			continue
		}
		m := messageOf(s, t, recall)
		h.Told = append(h.Told, line{Label: m.Label, Words: cut(m.Words, quoteBytes), Seq: t.Seq, Note: cmp.Or(m.Fate, "sent")})
		if len(h.Told) == maxQuotes {
			break
		}
	}
	return h
}

// maxQuotes bounds the messages one part of a handoff quotes.
const maxQuotes = 4

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

