package scripted

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// Name is what a persona's chain calls the flow.
const Name = "scripted/intake"

// Flow is the intake flow. It is a model.Provider, holds nothing that changes,
// and may be used from many goroutines.
type Flow struct {
	book   *book
	digest string
}

// New reads the embedded flow.
func New() (*Flow, error) {
	b, digest, err := loadBook()
	if err != nil {
		return nil, fmt.Errorf("reading the intake flow: %w", err)
	}
	return &Flow{book: b, digest: digest}, nil
}

// Name returns "scripted/intake".
func (f *Flow) Name() string { return Name }

// Ask answers from the request alone. It returns an error only when ctx has
// ended.
func (f *Flow) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	if err := ctx.Err(); err != nil {
		return model.Answer{}, fmt.Errorf("%w: %w", model.ErrDeadline, err)
	}
	s := newScene(f.book, r)
	for _, m := range s.fresh {
		s.hear(m)
	}
	a := s.answer()
	a.Model, a.Digest = Name, f.digest
	return a, nil
}

// The open questions that are not a field's own.
const (
	askLastName  = "last_name"
	askInsurance = "insurance_name"
	askConfirm   = "confirm"
	askChange    = "change"
	// again ends the id of a question whose first answer was not understood.
	// The id is the only place where the flow can remember that.
	again = ".again"
)

// The reasons of its escalations.
const (
	reasonPerson        = "patient_wish"
	reasonClinical      = "clinical_question"
	reasonSigns         = "clinical_report"
	reasonNotUnderstood = "not_understood"
	reasonMedia         = "media"
	reasonQuestion      = "patient_question"
	reasonRequest       = "new_request"
)

// scene is one request being answered.
type scene struct {
	b     *book
	r     model.Request
	lang  string
	fresh []model.Message // the patient's new messages

	fields   []string              // what to collect, in order
	known    map[string]model.Fact // the ledger, the newest of each name
	done     bool
	seen     string // the question the patient saw last, without its ending
	open     string // the question open now
	tries    int    // how often the answer to it was not understood
	asked    bool   // a bare text may be the answer to what was seen
	resuming bool   // a nurse spoke since the agent last did

	facts    []model.Fact
	heard    map[string]bool // side questions to answer
	progress int             // what was understood so far
	told     int             // how much of it were facts
	acks     int
	missed   bool
	badDate  bool
	hello    bool
	switched bool // the patient asked for the other language
	changed  bool // a fact that was known before is different now
	dobHeard bool
	passOn   string // the reason why this goes to the staff; "" when it need not
	raised   string // the reason why a person takes over; "" when none need
}

func newScene(b *book, r model.Request) *scene {
	s := &scene{b: b, r: r, known: map[string]model.Fact{}, heard: map[string]bool{}}
	for _, name := range r.Persona.Collect {
		if _, ok := b.Fields[name]; ok {
			s.fields = append(s.fields, name)
		}
	}
	for _, f := range r.Ledger {
		s.known[f.Name] = f
	}
	s.fresh = fresh(r)
	s.resuming = resuming(r)
	s.open, s.tries = s.opened(r.Question)
	s.seen = s.open
	s.asked = s.open != "" && !r.First && !s.resuming
	if !s.asked {
		s.tries = 0
	}
	if s.open == "" {
		s.open = s.missing()
		s.done = s.open == ""
	}
	s.lang = s.b.speak(r, s.fresh)
	return s
}

// fresh returns the patient's messages among the unanswered ones.
func fresh(r model.Request) []model.Message {
	var out []model.Message
	for i := len(r.Window) - 1; i >= 0 && len(out) < r.New; i-- {
		if m := r.Window[i]; m.From == model.FromPatient {
			out = append(out, m)
		}
	}
	slices.Reverse(out)
	return out
}

// resuming reports whether a human spoke, or handed back, since the agent's
// last words: what the patient writes then need not answer the agent.
func resuming(r model.Request) bool {
	for i := len(r.Window) - 1; i >= 0; i-- {
		switch r.Window[i].From {
		case model.FromAgent:
			return r.HandBack != "" && r.New <= 0
		case model.FromNurse:
			return true
		case model.FromNote:
			if r.HandBack != "" {
				return true
			}
		}
	}
	return r.HandBack != ""
}

// opened reads a question's id. One that the flow or the persona does not know
// counts as none.
func (s *scene) opened(id string) (string, int) {
	base, tries := id, 0
	if n := len(id) - len(again); n > 0 && id[n:] == again {
		base, tries = id[:n], 1
	}
	field := base
	switch base {
	case askConfirm, askChange:
		if s.missing() != "" || len(s.fields) == 0 {
			return "", 0
		}
		return base, tries
	case askLastName:
		field = model.FactName
	case askInsurance:
		field = model.FactInsurance
	}
	if !s.collects(field) {
		return "", 0
	}
	return base, tries
}

func (s *scene) collects(field string) bool { return slices.Contains(s.fields, field) }

// missing returns the first field nobody told yet, "" when all are there.
func (s *scene) missing() string {
	for _, f := range s.fields {
		if _, ok := s.known[f]; !ok {
			return f
		}
	}
	return ""
}

// next opens what comes after an answer.
func (s *scene) next() {
	s.tries = 0
	s.open = s.missing()
	if s.open == "" && !s.done {
		s.open = askConfirm
	}
}

// at reports whether the patient was asked for the field and may be answering.
// What opened while reading these messages nobody has seen yet.
func (s *scene) at(field string) bool { return s.asked && s.seen == field && s.open == field }

// put records a fact and moves on when it answers the open question.
func (s *scene) put(name, value string, m model.Message) {
	if !s.collects(name) || value == "" {
		return
	}
	s.progress++
	s.told++
	old, was := s.known[name]
	if !was || old.Value != value {
		f := model.Fact{Name: name, Value: value, Source: m.Seq, At: m.At}
		s.facts = append(s.facts, f)
		s.known[name] = f
		s.changed = s.changed || was
	}
	s.dobHeard = s.dobHeard || name == model.FactDOB
	switch s.open {
	case name, askConfirm, askChange:
		s.next()
	case askLastName:
		if name == model.FactName {
			s.next()
		}
	case askInsurance:
		if name == model.FactInsurance {
			s.next()
		}
	}
}

// raise hands the conversation to a person. The first reason stands.
func (s *scene) raise(reason string) {
	if s.raised == "" {
		s.raised = reason
	}
}

// now is the day dates are judged against.
func (s *scene) now() date { return dateOf(s.r.Now) }

func dateOf(t molt.Time) date {
	y, m, d := t.Std().Date()
	return date{y, int(m), d}
}
