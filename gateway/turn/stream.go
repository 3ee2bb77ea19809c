package turn

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// staffTexts answers a staff member's own journal: a valid code acts on its
// case, anything else is screened as a patient's text would be.
func (x *decider) staffTexts(in []heard) {
	for _, h := range in {
		typed, ok := ReadVerb(h.words)
		switch {
		case ok && h.Code != nil && h.Code.Known && typed.Known && typed.fits(*h.Code):
			x.carry(h, typed)
		case h.Verdict != nil && h.Verdict.Severity.Rank() >= screen.S3.Rank():
			x.staffAsPatient(h)
			if h.Hers != nil {
				x.reply("verbs", x.codeless(h, "Your text was taken as about yourself: colleagues are asked. Was it for a patient? "))
			}
		case h.Code != nil && h.Code.Known && h.Code.Freed == 0:
			x.because(ReasonVerbs, "")
			x.reply("verbs", molt.Words(verbsOf(*h.Code)))
		case x.s.Open() && x.s.Owner == escalation.OwnerHuman:
			x.relayToHolder([]heard{h})
		case x.s.Open():
			x.held()
		default:
			x.because(ReasonVerbs, "")
			head := "Your text went to nobody. "
			if h.Code != nil {
				head = "Nothing is open under that code. "
			}
			x.reply("verbs", x.codeless(h, head))
		}
	}
}

// codeless answers a text that acts on no case. Whom it was meant for is never
// guessed: she reads which codes she can begin with.
func (x *decider) codeless(h heard, head string) molt.Words {
	switch {
	case h.Hers == nil || len(h.Hers.Cases) == 0:
		return molt.Words(head + verbs("CODE"))
	case len(h.Hers.Cases) == 1 && h.Hers.Cases[0].Held:
		c := h.Hers.Cases[0]
		return molt.Words(fmt.Sprintf("%sYou hold %s. Begin with the code: %s R your words. %s", head, c.Code, c.Code, verbs(c.Code)))
	case len(h.Hers.Cases) == 1:
		c := h.Hers.Cases[0]
		return molt.Words(fmt.Sprintf("%s%s %s waits for you. Begin with the code: %s A takes it. %s", head, c.Severity, c.Code, c.Code, verbs(c.Code)))
	}
	var rows []string
	for _, c := range h.Hers.Cases {
		whose := "asked"
		if c.Held {
			whose = "yours"
		}
		rows = append(rows, fmt.Sprintf("%s %s %s, %s", c.Code, c.Severity, whose, age(x.env.Now.Sub(c.Opened))))
	}
	if h.Hers.More > 0 {
		rows = append(rows, fmt.Sprintf("%d more", h.Hers.More))
	}
	return molt.Words(fmt.Sprintf("%sBegin with the code: %s. %s", head, strings.Join(rows, "; "), verbs("CODE")))
}

// age is how long something waits, for people.
func age(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// verbs lists what can be texted after a code, within two segments.
func verbs(code string) string {
	return code + " and then: A take, P pass, R words to the patient, C called, C no: no answer, N note, D note: done, D human: done, people go on, D false: false alarm, ? handoff. As: " + code + " A"
}

// verbsOf lists what can be texted after this code.
func verbsOf(c Code) string {
	if c.Review > 0 {
		return c.Code + " is what the agent waits for you with. Y: as it is, E words: your words instead, X: you take over, ?: show it. As: " + c.Code + " Y"
	}
	return verbs(c.Code)
}

// fits reports whether a verb is one for what the code stands for.
func (t Typed) fits(c Code) bool {
	return t.Acted.Verb == VerbShow || t.Acted.Verb.OfReview() == (c.Review > 0)
}

// reply answers a staff member in her own stream.
func (x *decider) reply(what string, words molt.Words) {
	b := x.s.Began
	x.toRoute(b.Person, escalation.Route{Name: "stream", Channel: b.Channel, Address: b.Peer}, Out{What: what, Words: words})
}

// carry puts a staff act on its way to the case's own journal.
func (x *decider) carry(h heard, t Typed) {
	x.because(ReasonVerb, string(t.Acted.Verb))
	a := t.Acted
	a.ID = "sms:" + h.Provider
	a.Actor, a.Via, a.Case, a.Review = x.s.Began.Person, "sms", h.Code.Case, h.Code.Review
	if a.Review > 0 {
		a.ReviewCode = h.Code.Code
	}
	x.emit(Effect{Kind: EffectAct, Lane: molt.LaneAction, Due: x.env.Now, Act: &Act{Conversation: h.Code.Conversation, Acted: &a}})
}

// staffAsPatient opens a case about the staff member herself; others are paged.
func (x *decider) staffAsPatient(h heard) {
	x.because(ReasonRedFlag, h.Verdict.Category)
	kind := escalation.EventRedFlag
	if x.s.Case == nil {
		kind = escalation.EventOpen
	}
	x.escalate(escalation.Event{
		Kind: kind, Why: escalation.KindStaffAsPatient, Severity: escalation.Severity(h.Verdict.Severity),
		Category: h.Verdict.Category, Evidence: []uint64{h.Seq}, Exclude: []molt.PersonID{x.s.Began.Person},
	})
}

// listed keeps a case of another journal for this person's next digest.
func (x *decider) listed(l *Listed) {
	x.because(ReasonDigest, "listed")
	if t := x.s.timer(timerDigest); t == nil || l.At < t.Due {
		x.timer(timerDigest, l.At)
	}
}

// digest tells the work list of an opening in one text.
func (x *decider) digest() {
	x.because(ReasonDigest, "")
	if len(x.s.Digest) == 0 {
		return
	}
	var rows []string
	for _, l := range x.s.Digest {
		rows = append(rows, strings.TrimSpace(string(l.Severity)+" "+l.Code))
	}
	x.set(func(s *Set) { s.Digest = &[]Listed{} })
	x.reply("digest", cutWords(fmt.Sprintf("Work list: %d waiting: %s. CODE A takes one.", len(rows), strings.Join(rows, ", ")), MaxRelayBytes))
}
