package screen

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Standing is how a symptom stands in what was said.
type Standing string

// The standings, gravest first.
const (
	StandingPresent  Standing = "present"
	StandingPast     Standing = "past"
	StandingDenied   Standing = "denied"
	StandingAsked    Standing = "asked" // asked by us, and no yes or no was read
	StandingNotAsked Standing = "not_asked"
)

// grave orders standings: a graver one is never hidden by a lesser.
func (s Standing) grave() int {
	return slices.Index([]Standing{StandingNotAsked, StandingAsked, StandingDenied, StandingPast, StandingPresent}, s)
}

// Mention is one place where a symptom was spoken of.
type Mention struct {
	Standing    Standing `json:"standing"`
	Experiencer string   `json:"experiencer,omitempty"` // self, child, other: whose it is
	Message     int      `json:"message"`               // index of the message it rests on; -1: none
	Answers     int      `json:"answers"`               // index of the question of ours that Message answers; -1: none
	Quote       string   `json:"quote,omitempty"`       // raw words of Message, at most MaxSymptomQuote characters
}

// Symptom is one line of a checklist: the gravest mention, the newest of these.
type Symptom struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	Mention
	// Later is the newest mention after it that says less: denied at 14:05 what
	// was present at 14:02. Both are shown; nothing said later hides the first.
	Later *Mention `json:"later,omitempty"`
}

// Named limits of a checklist. What is older than they allow is not read.
const (
	MaxListMessages = 64     // messages, the newest
	MaxListRunes    = 32_000 // characters in all of them
	MaxSymptomQuote = 160    // characters of one quote
	maxPlainAnswer  = 6      // words of an answer that may deny something
)

// Checklist says which of the symptoms a nurse asks about in a category of
// emergency were named, were denied, or were not spoken of; nil when the
// category is unknown. messages are those of the conversation, oldest first;
// lang ("es", else English) chooses the labels and never limits what is read.
// It is a pure function of its arguments and no part of any verdict.
func (s *Screen) Checklist(category string, messages []Message, lang string) []Symptom {
	list := s.list.checklists[category]
	if list == nil {
		return nil
	}
	c := checking{d: s.list, list: list, all: messages, sp: s.list.newSpeller(), found: make([][]Mention, len(list.symptoms))}
	for i := oldestRead(messages); i < len(messages); i++ {
		if messages[i].From != "patient" {
			c.question(i)
			continue
		}
		c.words(i)
	}
	out := make([]Symptom, len(list.symptoms))
	for n, sy := range list.symptoms {
		out[n] = Symptom{ID: sy.id, Label: sy.en}
		if lang == "es" {
			out[n].Label = sy.es
		}
		out[n].Mention, out[n].Later = weighMentions(c.found[n])
	}
	return out
}

// oldestRead is the index of the oldest message within the limits.
func oldestRead(messages []Message) int {
	i, runes := len(messages), 0
	for i > 0 && len(messages)-i < MaxListMessages {
		if runes += utf8.RuneCountInString(messages[i-1].Text); runes > MaxListRunes {
			break
		}
		i--
	}
	return i
}

// weighMentions picks the gravest of mentions in the order in which they were
// made, the newest of equals, and the newest after it that says less.
func weighMentions(all []Mention) (best Mention, later *Mention) {
	best = Mention{Standing: StandingNotAsked, Message: -1, Answers: -1}
	for _, m := range all {
		switch {
		case m.Standing.grave() >= best.Standing.grave():
			best, later = m, nil
		case m.Message > best.Message && m.Standing != StandingAsked:
			later = &m
		}
	}
	return best, later
}

// checking is one reading of a conversation for one checklist.
type checking struct {
	d     *data
	list  *checklist
	all   []Message
	asked []asking // the questions of ours that wait for an answer, oldest first
	sp    *speller
	found [][]Mention // by symptom, in the order of the messages
}

// asking is one message of ours that asked after symptoms.
type asking struct {
	at       int
	findings []finding
}

// question notes what a message of ours asks after.
func (c *checking) question(i int) {
	raw := c.all[i].Text
	toks := c.d.questions(c.d.tokenise(raw, 0, c.sp), raw)
	if len(toks) == 0 {
		return
	}
	number(toks)
	t := c.parse(toks)
	found := c.read(t, false)
	for _, f := range found {
		c.add(f, Mention{Standing: StandingAsked, Message: i, Answers: -1, Quote: t.excerpt(f.at, raw)})
	}
	if len(found) > 0 {
		c.asked = append(c.asked, asking{i, found})
	}
}

// words reads a message of the patient: alone, with what was sent within a
// minute of it, and as an answer.
func (c *checking) words(i int) {
	m := c.all[i]
	own := c.d.tokenise(m.Text, 0, c.sp)
	number(own)
	t := c.parse(own)
	for _, f := range c.read(t, false) {
		if st := t.standingOf(f); st != "" {
			c.add(f, Mention{Standing: st, Experiencer: f.experiencer, Message: i, Answers: -1, Quote: t.excerpt(f.at, m.Text)})
		}
	}
	from := max(oldestRead(c.all), i-maxRecent)
	if joined := c.d.join(own, m.Text, c.all[from:i], m.At, c.sp); joined != nil {
		c.fragments(c.parse(joined), i)
	}
	c.answer(t, i)
}

// fragments keeps what is named only when messages are read together. Words
// from two messages deny nothing: where one ends is no place to guess.
func (c *checking) fragments(t *text, i int) {
	for _, f := range c.read(t, true) {
		if f.rule.kind == kindPatient && f.standing == standsNow {
			f.at = t.newest(f.at)
			c.add(f, Mention{Standing: StandingPresent, Experiencer: f.experiencer, Message: i, Answers: -1, Quote: t.excerpt(f.at, c.all[i].Text)})
		}
	}
}

// read finds the symptoms of the list in a text, each as it stands.
func (c *checking) read(t *text, joined bool) []finding {
	var out []finding
	for _, k := range []kind{kindPatient, kindAskNo} {
		j := judgment{d: c.d, joined: joined}
		j.read(t, c.list.rules, k)
		out = append(out, j.found...)
		out = append(out, j.aside...)
	}
	return out
}

// parse finds the classes of a text as a list needs them: of two phrases of one
// class that end together only the longer counts, or "no blood thinners" would
// deny the one and leave the other.
func (c *checking) parse(toks []token) *text {
	t := c.d.parse(toks, c.sp.room)
	for i, spans := range t.lists {
		from := map[int32]int32{} // where the longest phrase that ends here begins
		for _, s := range spans {
			if lo, ok := from[s.hi]; s.hi-s.lo <= longestPhrase && (!ok || s.lo < lo) {
				from[s.hi] = s.lo
			}
		}
		if len(from) < len(spans) {
			t.lists[i] = slices.DeleteFunc(spans, func(s span) bool { return from[s.hi] < s.lo && s.hi-s.lo < longestPhrase })
		}
	}
	return t
}

// longestPhrase is the most words of a phrase that hides a shorter one at its end.
const longestPhrase = 4

func (c *checking) add(f finding, m Mention) {
	if c.list.unborn && m.Experiencer == "child" {
		m.Experiencer = ""
	}
	c.found[f.rule.rank] = append(c.found[f.rule.rank], m)
}

// answer binds a yes or no to what was asked. A yes reaches every question since
// the last answer; a no only what was asked right before it, and it denies only
// when it is no more than a no.
func (c *checking) answer(t *text, i int) {
	yes, no := t.answer()
	if !yes && !no {
		return
	}
	plain := yes != no && t.plainAnswer()
	for _, q := range c.asked {
		if far := c.all[i].At - c.all[q.at].At; c.all[i].At != 0 && c.all[q.at].At != 0 && (far > answerWindow || far < -answerWindow) {
			continue
		}
		for _, f := range q.findings {
			m := Mention{Standing: StandingAsked, Experiencer: f.experiencer, Message: i, Answers: q.at, Quote: cutRunes(c.all[i].Text, MaxSymptomQuote)}
			negated := f.standing == standsNegated
			switch named := f.rule.kind == kindPatient; {
			case named && yes, !named && no:
				m.Standing = StandingPresent
			case negated, !plain, no && q.at != i-1: // "no pain, right?" answered with no may mean either
			default:
				m.Standing = StandingDenied
			}
			c.add(f, m)
		}
	}
	c.asked = nil
}

// standingOf says what a finding in the patient's own words tells of its symptom; ""
// when it tells nothing.
func (t *text) standingOf(f finding) Standing {
	named := f.rule.kind == kindPatient
	switch {
	case f.standing == standsNow && named:
		return StandingPresent
	case f.standing == standsNegated && named && !t.hedged(f.at):
		return StandingDenied
	case f.standing == standsNegated:
		return StandingPresent // "not breathing well", or denied but for the stairs
	case f.standing == standsNow && !t.hedged(f.at):
		return StandingDenied
	case f.standing == standsNow:
		return StandingPresent
	case (f.standing == standsPast || f.standing == standsHistorical) && named:
		return StandingPast
	}
	return ""
}

// hedged reports whether words after s in its sentence take half of it back.
func (t *text) hedged(s span) bool {
	_, hi := t.sentence(s)
	return t.touches(t.d.classes["hedge"], s.hi, hi)
}

// plainAnswer reports whether an answer says yes or no and little else.
func (t *text) plainAnswer() bool {
	n := int32(len(t.toks))
	return n <= maxPlainAnswer && !t.touches(t.d.classes["hedged-answer"], 0, n) && !t.touches(t.d.sets.contrast, 0, n)
}

// newest cuts a span that lies in several messages to its part in the newest.
func (t *text) newest(s span) span {
	for s.lo < s.hi-1 && t.toks[s.lo].frag != 0 {
		s.lo++
	}
	for s.hi > s.lo+1 && t.toks[s.hi-1].frag != 0 {
		s.hi--
	}
	return s
}

// excerpt is the sentence of a match in raw words. Of a long one it keeps the
// match and what stands around it, before it first: that is where a denial stands.
func (t *text) excerpt(at span, raw string) string {
	lo, hi := t.sentence(at)
	size := func() int { return utf8.RuneCountInString(raw[t.toks[lo].start:t.toks[hi-1].end]) }
	for hi > at.hi && size() > MaxSymptomQuote {
		hi--
	}
	for lo < at.lo && size() > MaxSymptomQuote {
		lo++
	}
	return cutRunes(raw[t.toks[lo].start:t.toks[hi-1].end], MaxSymptomQuote)
}

func cutRunes(s string, most int) string {
	for i := range s {
		if most == 0 {
			return s[:i]
		}
		most--
	}
	return s
}

// SymptomLine writes a checklist as one line: "Present: … Denied: … Not asked: …".
// Symptoms of one standing keep the order of the list; "" for no list.
func SymptomLine(list []Symptom) string {
	var parts []string
	for _, g := range []struct {
		standing Standing
		head     string
	}{
		{StandingPresent, "Present"}, {StandingPast, "Past"}, {StandingDenied, "Denied"}, {StandingAsked, "Asked, unclear"}, {StandingNotAsked, "Not asked"},
	} {
		var names []string
		for _, s := range list {
			if s.Standing == g.standing {
				names = append(names, s.brief())
			}
		}
		if len(names) > 0 {
			parts = append(parts, g.head+": "+strings.Join(names, "; ")+".")
		}
	}
	return strings.Join(parts, " ")
}

// brief is the label and what must be known beside it.
func (s *Symptom) brief() string {
	var notes []string
	if e := s.Experiencer; e != "" && e != "self" && s.Standing != StandingAsked {
		notes = append(notes, cmp.Or(map[string]string{"other": "another person"}[e], e))
	}
	if s.Later != nil {
		notes = append(notes, "later "+string(s.Later.Standing))
	}
	label := s.Label
	if len(notes) > 0 {
		label += " (" + strings.Join(notes, ", ") + ")"
	}
	return label
}
