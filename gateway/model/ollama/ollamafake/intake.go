package ollamafake

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// scene is what a prompt says, as this stand-in understands it.
type scene struct {
	system  string
	collect []string
	state   state
	entries []entry // of the talk, oldest first
}

// state is the last message of a prompt.
type state struct {
	Language   string   `json:"language"`
	Known      []fact   `json:"known"`
	Missing    []string `json:"missing"`
	Question   string   `json:"open_question"`
	Unanswered []uint64 `json:"unanswered_messages"`
	Unread     []uint64 `json:"unread_messages"`
	HandedBack string   `json:"nurse_handed_back"`
	Note       string   `json:"nurse_note"`
	Now        string   `json:"now"`
	Offered    []slot   `json:"offered_openings"`
	Booked     *slot    `json:"booked"`
}

// slot is an opening.
type slot struct {
	Slot  string `json:"slot"`
	Start string `json:"start"`
	With  string `json:"with"`
}

// entry is one message of the talk.
type entry struct {
	From   string `json:"from"`
	Number uint64 `json:"message"`
	Text   string `json:"text"`
	Note   string `json:"note"`
	// What a tool found.
	Tool     string `json:"tool"`
	Outcome  string `json:"outcome"`
	Openings []slot `json:"openings"`
}

type fact struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source uint64 `json:"source,omitempty"`
}

// output is an answer of the form that is asked for.
type output struct {
	Action   string `json:"action"`
	Text     string `json:"text"`
	Reason   string `json:"reason"`
	Severity string `json:"severity"`
	Facts    []fact `json:"facts"`
	Question string `json:"question"`
	Lang     string `json:"lang"`
	Done     bool   `json:"done"`
	Call     *call  `json:"call,omitempty"`
}

// call is a call of a tool.
type call struct {
	Tool      string            `json:"tool"`
	Arguments map[string]string `json:"arguments"`
}

func (o output) json() string {
	whole := o
	if whole.Facts == nil {
		whole.Facts = []fact{}
	}
	b, err := json.Marshal(whole)
	if err != nil {
		return "{}" // plain values always marshal
	}
	return string(b)
}

var collectPattern = regexp.MustCompile(`Facts to collect, in this order: ([a-z_, ]*)\.`)

func read(q question) scene {
	s := scene{}
	for i, m := range q.Messages {
		var e entry
		switch {
		case m.Role == "system":
			s.system = m.Content
		case i == len(q.Messages)-1:
			_ = json.Unmarshal([]byte(m.Content), &s.state)
		case json.Unmarshal([]byte(m.Content), &e) == nil:
			s.entries = append(s.entries, e)
		}
	}
	if m := collectPattern.FindStringSubmatch(s.system); m != nil {
		s.collect = strings.Split(m[1], ", ")
	}
	return s
}

// fresh are the patient's texts that nobody answered.
func (s scene) fresh() []entry {
	var out []entry
	for _, e := range s.entries {
		if e.From == "patient" && slices.Contains(s.state.Unanswered, e.Number) {
			out = append(out, e)
		}
	}
	return out
}

var (
	thanksPattern = regexp.MustCompile(`(?i)^\s*(?:ok(?:ay)?|thanks|thank you|gracias|bye|[\s,.!])+\s*$`)
	reasonPattern = regexp.MustCompile(`(?i)appointment|check-?up|shot|refill|cita|vacuna|book|visit`)
	humanPattern  = regexp.MustCompile(`(?i)\b(?:person|human|nurse|persona|enfermera)\b`)
)

// intake answers as a plain assistant would: it takes what it asked for and asks
// for the next thing.
func (s scene) intake() output {
	o := output{Action: "reply", Lang: s.state.Language}
	fresh := s.fresh()
	if s.appointment(&o, fresh) {
		return o
	}
	for _, e := range fresh {
		switch {
		case humanPattern.MatchString(e.Text):
			return output{Action: "escalate", Reason: "patient_wish", Severity: "S3", Lang: o.Lang}
		case thanksPattern.MatchString(e.Text):
			o.Action = "silent"
		default:
			o.Action = "reply"
			s.take(&o, e)
		}
	}
	if o.Action == "silent" && s.state.HandedBack == "" {
		return o
	}
	o.Action = "reply"
	s.next(&o, fresh)
	return o
}

// take reads a text as the answer to the open question, or as the reason of a
// first text.
func (s scene) take(o *output, e entry) {
	name := s.state.Question
	if name == "" || name == "confirm" {
		if name == "confirm" || !slices.Contains(s.state.Missing, "reason") || !reasonPattern.MatchString(e.Text) {
			return
		}
		name = "reason"
	}
	value := strings.TrimSpace(e.Text)
	if name == "dob" {
		d, err := time.Parse("1/2/2006", value)
		if err != nil {
			return
		}
		value = d.Format("2006-01-02")
	}
	o.Facts = append(o.Facts, fact{name, value, e.Number})
}

// next asks for what is missing, or reads back what there is.
func (s scene) next(o *output, fresh []entry) {
	all := slices.Concat(s.state.Known, o.Facts)
	value := func(name string) string {
		i := slices.IndexFunc(all, func(f fact) bool { return f.Name == name })
		if i < 0 {
			return ""
		}
		return all[i].Value
	}
	thanks := ""
	if len(o.Facts) > 0 {
		thanks = "Thank you. "
	}
	born := value("dob")
	if d, err := time.Parse("2006-01-02", born); err == nil {
		born = d.Format("Jan 2, 2006")
	}
	if len(o.Facts) > 0 && o.Facts[0].Name == "dob" {
		thanks = "Date of birth: " + born + ". "
	}
	for _, c := range s.collect {
		if value(c) == "" {
			o.Question, o.Text = c, thanks+asks(c, o.Lang)
			return
		}
	}
	if len(fresh) > 0 && s.state.Question == "confirm" && strings.TrimSpace(fresh[len(fresh)-1].Text) == "1" {
		o.Done, o.Text = true, "Thank you. The staff will read this and contact you. In an emergency call 911."
		return
	}
	o.Question = "confirm"
	o.Text = "Please check: " + value("name") + ", born " + born + ", " + value("reason") + ", " + value("insurance") + ", " +
		value("preferred_time") + ". Reply 1 if right, 2 to change something."
}

func asks(name, lang string) string {
	en := map[string]string{
		"name": "What is your first and last name?", "dob": "What is your date of birth, like 3/4/1980?",
		"reason": "What is the visit for?", "insurance": "What insurance do you have?", "preferred_time": "What time is best for you?",
	}
	es := map[string]string{
		"name": "¿Cual es su nombre y apellido?", "dob": "¿Cual es su fecha de nacimiento, como 3/4/1980?",
		"reason": "¿Para que es la visita?", "insurance": "¿Que seguro tiene?", "preferred_time": "¿Que hora es mejor para usted?",
	}
	if lang == "es" {
		return es[name]
	}
	return en[name]
}
