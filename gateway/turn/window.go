package turn

import (
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// MaxScreened is how many earlier messages the screen reads beside a text.
const MaxScreened = 8

// Recent is what the screen reads beside a new text: the last messages of both
// speakers, ours only when they left. An answer binds only to a question that
// was asked.
// What the ledger knows of the patient stands first.
func (s *State) Recent(recall func(Ref) molt.Words) []screen.Message {
	said := s.newest(recall, MaxScreened)
	if len(s.Ledger) == 0 {
		return said
	}
	return slices.Insert(said, 0, screen.Message{From: screen.FromLedger, Text: LedgerText(s.Ledger)})
}

// HeardAt is the time that the screen takes a text to be of: the provider's, or
// that of its step.
func HeardAt(in *channels.Inbound, now molt.Time) int64 {
	if in.At != 0 {
		return int64(in.At)
	}
	return int64(now)
}

// AloneAt is that time for a text that is committed without its state.
func AloneAt(in *channels.Inbound) int64 { return int64(max(in.At, 1)) }

// newest is the last messages of both speakers, at most so many, oldest first.
func (s *State) newest(recall func(Ref) molt.Words, most int) []screen.Message {
	var out []screen.Message
	for _, ref := range s.said(most) {
		from := ref.From
		if ref.fixed() {
			from = model.FromAgent
		}
		out = append(out, screen.Message{From: from, Text: recall(ref).Reveal(), At: int64(ref.At)})
	}
	return out
}

// said points at the last messages that were said: the patient's, and what left
// of ours; at most so many, oldest first.
func (s *State) said(most int) []Ref {
	var out []Ref
	for _, ref := range slices.Backward(s.Turns) {
		if len(out) == most {
			break
		}
		if ref.From == model.FromPatient || s.left(ref.Item) {
			out = append(out, ref)
		}
	}
	slices.Reverse(out)
	return out
}

// left reports whether an outbound text was attempted, or is too old to be
// followed any more.
func (s *State) left(item molt.ItemID) bool {
	d := s.send(item)
	return d == nil || d.State == SendAttempted || d.State == SendSent
}

// stands reports whether an outbound text left or is about to.
func (s *State) stands(item molt.ItemID) bool {
	d := s.send(item)
	return s.left(item) || d != nil && d.State == SendDue
}

// Request is what the agent is asked now: its ledger, the open question and a
// window of messages. What was fenced or withdrawn is not in it, and the
// gateway's own texts appear as neutral notes.
func (s *State) Request(r *Rules, persona model.Persona, clinic model.Clinic, recall func(Ref) molt.Words, now molt.Time) model.Request {
	q := model.Request{
		Persona: persona, Clinic: clinic, Lang: s.Lang, Now: now, Ledger: Latest(s.Ledger), Question: s.Question,
		HandBack: s.HandBack.Reveal(), First: !s.Spoken, Reask: reaskWords(s.Ask.Reask),
	}
	clinic.OpenNow = r.Plan.Hours.In(now)
	q.Clinic = clinic
	refs, full := s.window(persona.Window)
	q.Summary, q.Summarize = s.summary(recall), full
	for _, ref := range refs {
		if ref.From != model.FromPatient && !s.stands(ref.Item) {
			continue
		}
		m := model.Message{From: ref.From, Words: recall(ref), At: ref.At, Seq: ref.Seq, Media: ref.Media}
		if ref.fixed() {
			m.From = model.FromNote
			m.Words = molt.Words("(The clinic sent a fixed text: " + ref.What + ".)")
		}
		q.Window = append(q.Window, m)
		if slices.Contains(s.Pending, ref.Seq) {
			q.New++
		}
	}
	q.Disclose = s.discloses(recall, now)
	q.Offered = s.Offered
	if b := s.appointment(now); b != nil {
		q.Booked = &b.Slot
	}
	if p := s.Proposed(); p != nil {
		q.Awaits = &p.Act.Slot
	}
	return q
}

// reaskWords tells a model in words which rule its last answer broke.
func reaskWords(rule string) string {
	if rule == "" {
		return ""
	}
	if words := ruleInWords(rule); words != "" {
		return "Your last answer was not used: " + words + "."
	}
	return "Your last answer was not used. Say less."
}

// ruleInWords says which rule a text breaks; "" for one that has no words.
func ruleInWords(rule string) string {
	return map[string]string{
		"no_answer":      "there was no answer in time",
		"unknown_kind":   "it was neither a reply, nor silence, nor an escalation",
		"gate_empty":     "it was empty",
		"gate_token":     "it held the word for silence among others; be silent as an answer of its own",
		"gate_form":      "it held signs that are no text",
		"gate_length":    "it was too long for a text message",
		"gate_link":      "it held a link or address that may not be given",
		"gate_number":    "it held a phone number that may not be given",
		"gate_dose":      "it named a dose or told to take a medicine",
		"gate_diagnosis": "it judged how ill the patient is",

		"act_" + whyUnderWay: "the clinic's staff see to an appointment of this patient already",

		"gate_instructions": "it repeated your instructions",
		"gate_human":        "it said that a person writes it; you are a computer",
		"gate_disclosure":   "it did not say that a computer answers",
		"gate_language":     "it was not in the patient's language",
	}[rule]
}

// discloses reports whether the agent's next text has to say that a machine
// answers: it is the first, the last is days old, or a text that waits asks.
func (s *State) discloses(recall func(Ref) molt.Words, now molt.Time) bool {
	last := molt.Time(0)
	for _, ref := range s.Turns {
		if ref.From == model.FromAgent && s.left(ref.Item) {
			last = ref.At
		}
		if ref.From == model.FromPatient && slices.Contains(s.Pending, ref.Seq) && policy.AsksWho(recall(ref).Reveal()) {
			return true
		}
	}
	return !s.Spoken || last > 0 && now.Sub(last) >= DiscloseAfter
}
