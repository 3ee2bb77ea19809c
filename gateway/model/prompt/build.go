package prompt

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidegate/tidegate/gateway/model"
)

//go:embed scaffold.md
var scaffold string

// Roles of a chat's messages.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Message is one message of a chat.
type Message struct {
	Role string
	Text string
}

// Prompt is a request as a chat model takes it.
type Prompt struct {
	Messages []Message
	Bytes    int // of all messages together
	LeftOut  int // of the window's messages, the oldest, for want of room
}

// Build writes a request within so many bytes. The instructions, the ledger and
// the messages nobody answered yet are always there; of the rest of the window
// the newest, as many as fit.
func Build(r model.Request, room int) (Prompt, error) {
	if r.Opinion {
		return opinion(r, room)
	}
	system, err := instructions(r)
	if err != nil {
		return Prompt{}, err
	}
	state, err := situation(r)
	if err != nil {
		return Prompt{}, err
	}
	made, err := steps(r)
	if err != nil {
		return Prompt{}, err
	}
	p := Prompt{Messages: []Message{{RoleSystem, system}}, Bytes: len(system) + len(state)}
	for _, m := range made {
		p.Bytes += len(m.Text)
	}
	if err := p.tell(r, room, said); err != nil {
		return Prompt{}, err
	}
	p.Messages = append(append(p.Messages, made...), Message{RoleUser, state})
	return p, nil
}

// tell adds the window, each message as it is written down: those that nobody
// answered, and of the rest the newest for which there is room.
func (p *Prompt) tell(r model.Request, room int, write func(model.Message) (Message, error)) error {
	var talk []Message
	must := firstNew(r)
	for i := len(r.Window) - 1; i >= 0; i-- {
		m, err := write(r.Window[i])
		if err != nil {
			return err
		}
		if i < must && p.Bytes+len(m.Text) > room {
			p.LeftOut = i + 1
			break
		}
		p.Bytes += len(m.Text)
		talk = append(talk, m)
	}
	slices.Reverse(talk)
	p.Messages = append(p.Messages, talk...)
	return nil
}

// firstNew is where in the window the messages begin that nobody answered.
func firstNew(r model.Request) int {
	n := r.New
	for i := len(r.Window) - 1; i >= 0; i-- {
		if r.Window[i].From != model.FromPatient {
			continue
		}
		if n--; n <= 0 {
			return i
		}
	}
	return 0
}

func instructions(r model.Request) (string, error) {
	about, err := object(map[string]any{
		"clinic": r.Clinic.Name, "hours": r.Clinic.Hours, "open_now": r.Clinic.OpenNow, "phone": r.Clinic.Phone,
		"address": r.Clinic.Address, "emergency_number": r.Clinic.Emergency,
	})
	if err != nil {
		return "", err
	}
	text := strings.NewReplacer("{clinic}", name(r.Clinic), "{limit}", strconv.Itoa(room(r))).Replace(scaffold)
	if len(r.Persona.Intents) > 0 {
		text += "\nintent: for \"reply\" what your text is about: " + strings.Join(r.Persona.Intents, ", ") + "; \"other\" for anything else, which is not yours to answer; \"\" for other actions.\n"
	}
	if r.Summarize {
		text += "\nsummary: what all that you are shown says, the earlier summary included, in at most 500 characters: the oldest messages will not be shown again. Every \"known\" value stands in it as it is written there.\n"
	}
	for i, t := range r.Tools {
		if i == 0 {
			text += "\nBefore you answer you may look things up or act, one step at a time: action \"call\" with the tool and its arguments; \"call\" is null otherwise. What a tool found comes back as an entry from \"tool\".\n"
		}
		text += t.Name + ": " + t.Says + ".\n"
	}
	return fmt.Sprintf("%s\nYour task:\n%s\n\nTone: %s. Facts to collect, in this order: %s.\nAbout the clinic: %s\n",
		strings.TrimSpace(text), strings.TrimSpace(r.Persona.Text), r.Persona.Tone, strings.Join(r.Persona.Collect, ", "), about), nil
}

// Scaffold is what every model is told whatever the persona, and no patient.
func Scaffold() string { return scaffold }

func name(c model.Clinic) string {
	if c.Name == "" {
		return "the clinic"
	}
	return c.Name
}

// entry is a message as a model is shown it.
type entry struct {
	From   string `json:"from"`
	Number uint64 `json:"message,omitempty"`
	Text   string `json:"text,omitempty"`
	Note   string `json:"note,omitempty"`
	Files  int    `json:"files,omitempty"`
}

// said writes one message. The agent's own reads as its answer did; everybody
// else's is data.
func said(m model.Message) (Message, error) {
	words := strings.ToValidUTF8(m.Words.Reveal(), "\uFFFD")
	if m.From == model.FromAgent {
		text, err := object(map[string]any{"action": model.KindReply, "text": words})
		return Message{RoleAssistant, text}, err
	}
	e := entry{From: m.From, Text: words, Files: m.Media}
	switch m.From {
	case model.FromPatient:
		e.Number = m.Seq
	case model.FromNote:
		e.From, e.Text, e.Note = "gateway", "", words
	}
	text, err := object(e)
	return Message{RoleUser, text}, err
}

// known is a fact of the ledger as a model is shown it.
type known struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// situation is the last message: how things stand. What in it came from people
// is data as well.
func situation(r model.Request) (string, error) {
	facts := []known{}
	for _, f := range r.Ledger {
		facts = append(facts, known{f.Name, f.Value})
	}
	s := map[string]any{
		"from": "gateway", "now": r.Now.Std().In(zone(r)).Format("Mon 2006-01-02 15:04"), "language": language(r),
		"known": facts, "missing": missing(r), "open_question": r.Question, "unanswered_messages": unanswered(r),
	}
	if len(r.Tools) > 0 {
		s["offered_openings"] = slots(r, r.Offered)
		if r.Awaits != nil {
			s["waits_for_the_staff"] = slots(r, []model.Slot{*r.Awaits})[0]
		}
		if r.Booked != nil {
			s["booked"] = slots(r, []model.Slot{*r.Booked})[0]
		}
	}
	if r.Summary != "" {
		s["earlier_summary"] = r.Summary
	}
	if r.HandBack != "" && handedBack(r) {
		s["nurse_handed_back"] = "A nurse returned this conversation to you. You speak again: go on where it stopped."
		s["nurse_note"] = r.HandBack
	}
	if r.Reask != "" {
		s["not_accepted"] = r.Reask
	}
	return object(s)
}

// steps are the calls of this question, each beside what came of it.
func steps(r model.Request) ([]Message, error) {
	var out []Message
	for _, s := range r.Steps {
		call, err := object(map[string]any{"action": model.KindCall, "call": s.Call})
		if err != nil {
			return nil, err
		}
		came, err := object(map[string]any{
			"from": "tool", "tool": s.Call.Tool, "outcome": s.Outcome.State, "why": s.Outcome.Why, "found": s.Outcome.Data, "openings": slots(r, s.Outcome.Slots),
		})
		if err != nil {
			return nil, err
		}
		out = append(out, Message{RoleAssistant, call}, Message{RoleUser, came})
	}
	return out, nil
}

// shownSlot is an opening as a model is shown it, in the clinic's time.
type shownSlot struct {
	Slot  string `json:"slot"`
	Start string `json:"start"`
	With  string `json:"with,omitempty"`
}

func slots(r model.Request, list []model.Slot) []shownSlot {
	out := []shownSlot{}
	for _, s := range list {
		out = append(out, shownSlot{s.ID, s.Start.Std().In(zone(r)).Format("Mon Jan 2, 3:04 PM"), s.With})
	}
	return out
}

func zone(r model.Request) *time.Location {
	if z, err := time.LoadLocation(r.Clinic.Zone); err == nil {
		return z
	}
	return time.UTC
}

// missing are the facts still to collect, in the persona's order.
func missing(r model.Request) []string {
	out := []string{}
	for _, c := range r.Persona.Collect {
		if !slices.ContainsFunc(r.Ledger, func(f model.Fact) bool { return f.Name == c }) {
			out = append(out, c)
		}
	}
	return out
}

// unanswered numbers the messages that an answer answers.
func unanswered(r model.Request) []uint64 {
	out := []uint64{}
	for i := len(r.Window) - 1; i >= 0 && len(out) < r.New; i-- {
		if m := r.Window[i]; m.From == model.FromPatient {
			out = append(out, m.Seq)
		}
	}
	slices.Reverse(out)
	return out
}

// handedBack reports whether the agent has not spoken since a nurse did.
func handedBack(r model.Request) bool {
	for i := len(r.Window) - 1; i >= 0; i-- {
		switch r.Window[i].From {
		case model.FromAgent:
			return false
		case model.FromNurse, model.FromNote:
			return true
		}
	}
	return true
}

// language is the one a reply is in.
func language(r model.Request) string {
	switch {
	case r.Lang != "":
		return r.Lang
	case len(r.Persona.Languages) > 0:
		return r.Persona.Languages[0]
	}
	return "en"
}

// room is how many characters a model may write: the gateway puts in front what
// has to be disclosed.
func room(r model.Request) int {
	return max(r.Persona.ReplyLimit()-utf8.RuneCountInString(opening(r, language(r))), minRoom)
}

// minRoom is left to a model even where a disclosure is very long.
const minRoom = 60

// object writes JSON whose strings cannot end early, without HTML's escapes.
func object(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("write a prompt: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}
