package scripted

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// idleDays is after how long the patient is told again that a machine answers.
const idleDays = 7

// answer makes the answer of what was heard.
func (s *scene) answer() model.Answer {
	a := model.Answer{Facts: s.facts, Lang: s.lang, Done: s.done && len(s.fields) > 0}
	if s.raised == "" && s.missed && s.progress == 0 && s.tries > 0 {
		s.raise(reasonNotUnderstood)
	}
	switch {
	case s.raised != "":
		a.Kind, a.Severity, a.Reason, a.Question = model.KindEscalate, model.S3, s.raised, s.open
		return a
	case s.quiet():
		a.Kind, a.Question = model.KindSilent, s.r.Question
		a.Silence, a.Reason = model.SilenceNothingAsked, "acknowledged"
		if len(s.fresh) == 0 {
			a.Silence, a.Reason = model.SilenceWaiting, "nothing_new"
		}
		return a
	}
	a.Kind, a.Reason = model.KindReply, "intake"
	if s.passOn != "" {
		a.Kind, a.Severity, a.Reason = model.KindEscalate, model.S4, s.passOn
	}
	a.Text = molt.Words(s.compose())
	a.Question = s.open
	if s.missed && s.progress == 0 && s.asked && s.open != "" {
		a.Question += again
	} else if s.tries > 0 && s.open != "" {
		a.Question += again
	}
	return a
}

// quiet reports whether nothing needs saying. Asked once more because silence
// was not accepted, the flow speaks.
func (s *scene) quiet() bool {
	if s.r.Reask != "" && len(s.fresh) > 0 {
		return false
	}
	if len(s.fresh) == 0 {
		return !s.r.First && (!s.resuming || s.done)
	}
	return s.progress == 0 && s.acks > 0 && !s.missed && !s.hello && s.passOn == ""
}

// piece is one part of a text. A piece that can be spared goes when the text is
// too long, the highest number first.
type piece struct {
	text  string
	spare int
}

func (s *scene) compose() string {
	var ps []piece
	add := func(spare int, text string) {
		if text != "" {
			ps = append(ps, piece{text, spare})
		}
	}
	// Asked once more because the last text was not accepted, the flow says the
	// least it can: whatever was refused stood in what is left out.
	s.opening(add)
	if s.r.Reask == "" {
		s.sides(add)
	}
	if s.passOn != "" {
		add(1, s.say(passOnText(s.passOn)))
	}
	if s.r.Reask == "" {
		s.middle(add)
	}
	add(0, s.closing())
	return fit(ps, s.r.Persona.ReplyLimit())
}

// opening says who answers, when that is due.
func (s *scene) opening(add func(int, string)) {
	switch {
	case s.r.First || s.idle():
		add(0, s.disclosure())
		if s.r.Clinic.Hours != "" {
			add(4, s.say("greeting_hours"))
		}
		if !s.confirmed() {
			add(0, s.say("greeting_emergency"))
		}
	case s.resuming:
		add(0, s.say("resume"))
	case s.hello && s.progress == 0:
		add(5, s.say("hello"))
	}
}

// confirmed reports whether this answer is the first after the confirmation,
// whose closing names the emergency number itself.
func (s *scene) confirmed() bool { return s.done && s.r.Question != "" }

// idle reports whether the agent was last heard many days ago.
func (s *scene) idle() bool {
	for i := len(s.r.Window) - 1; i >= 0; i-- {
		if m := s.r.Window[i]; m.From == model.FromAgent {
			return s.r.Now.Sub(m.At) >= idleDays*24*time.Hour
		}
	}
	return false
}

func (s *scene) disclosure() string {
	text := s.r.Persona.Disclosure[s.lang]
	if text == "" {
		text = s.b.Texts["disclosure"].in(s.lang)
	}
	return s.fill(text)
}

// passOnText is how the patient is told that the staff will see something.
func passOnText(reason string) string {
	switch reason {
	case reasonMedia:
		return "pass_on_media"
	case reasonQuestion:
		return "pass_on"
	}
	return "pass_on_request"
}

// middle says what became of what the patient told.
func (s *scene) middle(add func(int, string)) {
	switch {
	case s.badDate:
		add(2, s.say("bad_date"))
	case s.missed && s.progress == 0 && s.asked:
		add(2, s.say("not_understood"))
	}
	switch {
	case s.changed && s.done:
		add(2, s.say("changed_done"))
	case s.changed:
		add(2, s.say("changed"))
	}
	if s.dobHeard && s.open != askConfirm {
		add(3, s.say("heard_dob"))
	} else if len(s.facts) > 0 && !s.changed && !s.confirmed() {
		add(5, s.say("thanks"))
	}
}

// sides answers what the patient asked, in a fixed order.
func (s *scene) sides(add func(int, string)) {
	c := s.r.Clinic
	if s.switched {
		add(4, s.say("language"))
	}
	if s.heard["who"] && !s.r.First && !s.idle() {
		add(1, s.disclosure())
	}
	if s.heard["hours"] {
		s.sayHours(add)
	}
	for _, side := range []struct{ name, value string }{{"address", c.Address}, {"phone", c.Phone}} {
		switch {
		case s.heard[side.name] && side.value != "":
			add(2, s.say(side.name))
		case s.heard[side.name]:
			add(2, s.say(side.name+"_unknown"))
		}
	}
	if s.heard["cost"] {
		add(2, s.say("cost"))
	}
	if s.heard["why"] {
		add(2, s.say("why"))
	}
}

func (s *scene) sayHours(add func(int, string)) {
	switch {
	case s.r.Clinic.Hours == "":
		add(2, s.say("hours_unknown"))
	case !s.r.First && !s.idle():
		add(2, s.say("hours"))
	}
	if s.r.Clinic.OpenNow {
		add(3, s.say("open_now"))
	} else {
		add(3, s.say("closed_now"))
	}
}

// closing is the question that is open now, or what to say when none is.
func (s *scene) closing() string {
	switch {
	case s.open == askConfirm:
		return s.say("confirm")
	case s.open == askChange:
		return s.say("change")
	case s.open != "":
		q := s.b.Questions[s.open]
		if s.heard["explain"] || s.asked && s.progress == 0 && s.missed || s.badDate && s.open == model.FactDOB {
			return q.Again.in(s.lang)
		}
		return q.Ask.in(s.lang)
	case s.confirmed():
		return s.say("closing")
	case s.passOn != "", s.r.Reask == "" && (s.changed || len(s.heard) > 0 && !s.heard["explain"]):
		return ""
	}
	return s.say("any_time")
}

// say returns a text with its places filled.
func (s *scene) say(name string) string { return s.fill(s.b.Texts[name].in(s.lang)) }

func (s *scene) fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	c := s.r.Clinic
	clinic, emergency := c.Name, c.Emergency
	if clinic == "" {
		clinic = s.b.Texts["clinic"].in(s.lang)
	}
	if emergency == "" {
		emergency = "911"
	}
	r := []string{
		"{clinic}", clinic, "{emergency}", emergency, "{hours}", c.Hours,
		"{phone}", c.Phone, "{address}", c.Address,
	}
	if strings.Contains(text, "{summary}") {
		r = append(r, "{summary}", s.summary())
	}
	if strings.Contains(text, "{dob}") {
		r = append(r, "{dob}", s.valueOf(model.FactDOB))
	}
	if strings.Contains(text, "{choices}") {
		r = append(r, "{choices}", s.choices())
	}
	return tidy(strings.NewReplacer(r...).Replace(text))
}

// tidy takes back the second full stop where a value ended with one.
func tidy(text string) string {
	if strings.HasSuffix(text, "..") {
		return text[:len(text)-1]
	}
	return text
}

// summary reads back what was collected.
func (s *scene) summary() string {
	var out []string
	for _, f := range s.fields {
		if _, ok := s.known[f]; ok {
			out = append(out, strings.Replace(s.b.Fields[f].Shown.in(s.lang), "{value}", s.valueOf(f), 1))
		}
	}
	return strings.Join(out, ", ")
}

func (s *scene) choices() string {
	var out []string
	for i, f := range s.fields {
		out = append(out, strconv.Itoa(i+1)+" "+s.b.Fields[f].Label.in(s.lang))
	}
	return strings.Join(out, ", ")
}

// valueOf returns a value as the patient reads it.
func (s *scene) valueOf(name string) string {
	v := s.known[name].Value
	if name == model.FactDOB {
		if d, ok := parseISO(v); ok {
			return s.b.shown(d, s.lang)
		}
	}
	if own, ok := s.b.Values[v]; ok {
		return own.in(s.lang)
	}
	plain := readable(v)
	if plain == "" || name == model.FactReason && s.r.Reask != "" {
		return s.say("as_written")
	}
	return plain
}

// fit drops what can be spared until the text is short enough, and cuts it
// only when nothing is left to drop.
func fit(ps []piece, limit int) string {
	for {
		var texts []string
		worst, at := 0, -1
		for i, p := range ps {
			texts = append(texts, p.text)
			if p.spare > worst {
				worst, at = p.spare, i
			}
		}
		text := strings.Join(texts, " ")
		switch {
		case utf8.RuneCountInString(text) <= limit:
			return text
		case at < 0:
			return strings.TrimSpace(string([]rune(text)[:limit]))
		}
		ps = append(ps[:at:at], ps[at+1:]...)
	}
}
