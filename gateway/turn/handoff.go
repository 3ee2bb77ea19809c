package turn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Limits of a handoff as text.
const (
	MaxQuoteBytes   = 160
	MaxHandoffBytes = 1200
	MaxToldBytes    = 300
	MaxListBytes    = 400
	handoffMessages = 6
)

// notice says to a staff member what became of her act or of a case she holds.
func (x *decider) notice(a escalation.Action) {
	code := x.s.Code
	words := map[escalation.NoticeKind]string{
		escalation.NoticeAlreadyYours:    "Case " + code + " is already yours.",
		escalation.NoticePassed:          "Case " + code + ": passed, others are asked.",
		escalation.NoticeTransferred:     "Case " + code + " is now with " + x.name(a.Actor) + ".",
		escalation.NoticeResolved:        "Case " + code + " is resolved. Thank you.",
		escalation.NoticeAlreadyResolved: "Case " + code + " was resolved already.",
		escalation.NoticeReopened:        "Case " + code + " is open again and yours.",
		escalation.NoticeLowered:         "Case " + code + " is now " + string(a.Severity) + ".",
		escalation.NoticeRaised:          "Case " + code + " needs you: a new red flag, now " + string(a.Severity) + ".",
		escalation.NoticeLapsed:          "Case " + code + ": no contact was recorded in time, others are asked.",
		escalation.NoticeCannotText:      "Case " + code + ": texts do not reach this patient. Please call.",
	}[a.Notice]
	if a.Notice == escalation.NoticeRaised && x.opining {
		words = "Case " + code + " needs you: a computer that reads along takes it for graver, now " + string(a.Severity) + ". Look at what the patient wrote last."
	}
	switch a.Notice {
	case escalation.NoticeWon:
		x.handoffTo(a.Person)
		return
	case escalation.NoticeNoted:
		return // her words went out; a receipt for each would only add noise
	case escalation.NoticeCannotText:
		words += x.number911(a.Person)
	}
	x.toStaff(a.Person, "notice_"+string(a.Notice), molt.Words(words), a.Version)
}

// number911 gives the number to call, on a surface that may show it.
func (x *decider) number911(p molt.PersonID) string {
	switch {
	case x.s.Phone() == "":
		return " They gave no number."
	case x.phi(p): // where the words beside it go
		return " " + x.s.Phone()
	}
	return ""
}

// refusal tells who has the case, so that nobody acts twice on one patient.
func (x *decider) refusal(a escalation.Action) molt.Words {
	code := x.s.Code
	switch a.Why {
	case escalation.WhyTaken:
		return molt.Words(fmt.Sprintf("Case %s was taken by %s at %s.", code, x.name(a.Actor), x.hhmm(a.At)))
	case escalation.WhyNotYours:
		if a.Actor == "" {
			return molt.Words(fmt.Sprintf("Nobody has case %s yet. Reply %s A to take it first.", code, code))
		}
		return molt.Words(fmt.Sprintf("Case %s is with %s since %s.", code, x.name(a.Actor), x.hhmm(a.At)))
	case escalation.WhyResolved:
		return molt.Words(fmt.Sprintf("Case %s was resolved by %s.", code, x.name(a.Actor)))
	case escalation.WhyOwnCase:
		return "This case is about you. A colleague has to take it."
	case escalation.WhyNoContact:
		return molt.Words(fmt.Sprintf("Case %s: reach the patient first (%s R words, or %s C after a call), or %s D false for a false alarm.", code, code, code, code))
	case escalation.WhyCannotText:
		return molt.Words("Case " + code + ": texts do not reach this patient. Please call." + x.number911(a.Person))
	case escalation.WhyStale:
		return molt.Words(fmt.Sprintf("Case %s moved on since. Reply %s ? to see it.", code, code))
	}
	return molt.Words(fmt.Sprintf("Case %s: not done (%s).", code, a.Why))
}

// pageWords is what a page says. Where the surface may not show it, there is no
// name, number or symptom in it.
func (x *decider) pageWords(p escalation.Page) molt.Words {
	code := x.s.Code
	head := fmt.Sprintf("%s page, case %s.", x.s.Case.Severity, code)
	verbs := code + " A to take, " + code + " P to pass."
	switch p.Kind {
	case escalation.PageAllHands:
		head = fmt.Sprintf("%s ALL HANDS, case %s: nobody has it.", x.s.Case.Severity, code)
	case escalation.PageRaised:
		head, verbs = fmt.Sprintf("%s: case %s got worse.", x.s.Case.Severity, code), heldVerbs(code)
	case escalation.PageAgain:
		head, verbs = fmt.Sprintf("%s: case %s is yours and the patient waits.", x.s.Case.Severity, code), heldVerbs(code)
	case escalation.PageBeside:
		head = fmt.Sprintf("%s, case %s: another chat from where case %s came from.", x.s.Case.Severity, code, x.s.Case.Beside)
	case escalation.PageTransfer:
		head = fmt.Sprintf("%s: case %s was handed to you and is yours.", x.s.Case.Severity, code)
		verbs = code + " A for the handoff, " + code + " P to pass."
	}
	if p.Route.PHI {
		if q := x.quote(); q != "" {
			head += " Patient wrote: " + q
		}
	}
	if x.s.Case.CannotText {
		head += " Cannot be texted: call."
	}
	return molt.Words(head + x.waiting() + " Reply " + verbs + x.link())
}

// link is where the case stands in the console; "" where staff were given no
// address. There is nothing in it but the code.
func (x *decider) link() string {
	return x.linkTo(x.s.Code)
}

// linkTo leads to what a code stands for; "" where no pages are told of.
func (x *decider) linkTo(code string) string {
	if x.env.Rules.Console == "" {
		return ""
	}
	return " " + x.env.Rules.Console + "/c/" + code
}

// heldVerbs are what somebody can do who has the case.
func heldVerbs(code string) string {
	return code + " R words, " + code + " C after a call, " + code + " ? handoff, " + code + " P to pass."
}

// quote is the newest of the texts on which the case rests.
func (x *decider) quote() string {
	for i := len(x.s.Turns) - 1; i >= 0; i-- {
		ref := x.s.Turns[i]
		if ref.From == model.FromPatient && slices.Contains(x.s.Case.Evidence, ref.Seq) {
			q := `"` + cutMarked(x.recall(ref).Reveal(), MaxQuoteBytes) + `"`
			if x.env.Now.Sub(ref.At) > Late {
				q += " (sent " + x.hhmm(ref.At) + ")"
			}
			return q
		}
	}
	return ""
}

// handoffTo sends the whole context to who took the case: as text where the
// surface may show it, else as the way to see it.
func (x *decider) handoffTo(p molt.PersonID) {
	r, ok := x.shownOn(p)
	if !ok || p == x.here {
		return
	}
	code := x.s.Code
	whose, verbs := "is yours.", fmt.Sprintf("%[1]s R words, %[1]s C called, %[1]s D note when done.", code)
	switch c := x.s.Case; {
	case c.Claimant == p:
	case c.Held():
		whose, verbs = fmt.Sprintf("is with %s since %s.", x.name(c.Claimant), x.hhmm(c.ClaimedAt)), ""
	case c.Settled():
		whose, verbs = "is resolved.", ""
	default:
		whose, verbs = "is open: nobody has it.", code+" A takes it."
	}
	words := fmt.Sprintf("Case %s %s%s", code, whose, x.wayToShow())
	if r.PHI {
		head := situation(&x.s, x.env.Rules, x.recall)
		for n := MaxHandoffBytes; n > 0; n -= MaxQuoteBytes / 2 {
			words = segment.Fold(strings.TrimSpace(fmt.Sprintf("Case %s %s\n%s\n%s", code, whose, handoffText(head, &x.s, x.env.Rules, x.recall, n), verbs)))
			if fits(words) {
				break
			}
		}
	}
	x.toRoute(p, r, Out{What: "handoff", Words: molt.Words(words), Version: x.s.Case.Version})
}

// oneLine keeps words from passing for a line of ours.
func oneLine(w molt.Words, limit int) string {
	return cutMarked(strings.Join(strings.Fields(w.Reveal()), " "), limit)
}

// cutMarked cuts at a letter's border and says that it did.
func cutMarked(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return cutWords(s, limit).Reveal() + "..."
}

// fits reports whether one text can carry the words.
func fits(words string) bool {
	n, _ := segment.Count(words)
	return n <= MaxTextSegments
}

// HandoffText renders a case from raw messages: situation, background, what was
// done, what was said, what the patient was told.
func HandoffText(s *State, r *Rules, recall func(Ref) molt.Words) string {
	return handoffText(situation(s, r, recall), s, r, recall, MaxHandoffBytes)
}

// handoffText keeps to a limit by leaving out the oldest messages first: what
// was said last is why somebody is asked.
func handoffText(head string, s *State, r *Rules, recall func(Ref) molt.Words, limit int) string {
	head = cutMarked(head, limit)
	turns, said := s.Turns[max(0, len(s.Turns)-handoffMessages):], ""
	for i := len(turns) - 1; i >= 0; i-- {
		line := turnLine(s, r, turns[i], recall)
		if len(head)+len(line)+len(said)+len("\n...\n") > limit {
			said = "...\n" + said
			break
		}
		said = line + "\n" + said
	}
	return strings.TrimSpace(head + said)
}

// situation is what a handoff says before the messages.
func situation(s *State, r *Rules, recall func(Ref) molt.Words) string {
	var b strings.Builder
	if c := s.Case; c != nil {
		fmt.Fprintf(&b, "%s %s", c.Severity, strings.TrimSpace(string(c.Kind)+" "+c.Category))
		if c.CannotText {
			b.WriteString(", cannot be texted")
		}
	}
	fmt.Fprintf(&b, "\n%s (may be writing for someone else)\n", s.phoneLine())
	if facts := LedgerText(s.Ledger); facts != "" {
		b.WriteString("Told: " + oneLine(molt.Words(facts), MaxToldBytes) + "\n")
	}
	if s.Question != "" {
		b.WriteString("Open question: " + s.Question + "\n")
	}
	if line := bookingLine(s, r); line != "" {
		b.WriteString(line + "\n")
	}
	if list := ChecklistText(s, r, recall); list != "" {
		b.WriteString(cutMarked(list, MaxListBytes) + "\n")
	}
	b.WriteString(doneText(s, r, recall))
	return b.String()
}

// ChecklistText says in one line what a nurse would ask about in a case of this
// category, and what the patient named, denied or was not asked; "" where the
// category has no checklist.
func ChecklistText(s *State, r *Rules, recall func(Ref) molt.Words) string {
	return screen.SymptomLine(Checklist(s, r, recall))
}

// Checklist is what ChecklistText says, symptom by symptom; its messages are
// those of ChecklistMessages.
func Checklist(s *State, r *Rules, recall func(Ref) molt.Words) []screen.Symptom {
	if s.Case == nil || r.Screen == nil {
		return nil
	}
	return r.Screen.Checklist(s.Case.Category, s.newest(recall, MaxTurns), "")
}

// ChecklistMessages are the messages that a checklist is read from.
func ChecklistMessages(s *State) []Ref { return s.said(MaxTurns) }

// turnLine is one message as a nurse reads it, with what became of ours.
func turnLine(s *State, r *Rules, ref Ref, recall func(Ref) molt.Words) string {
	words := oneLine(recall(ref), MaxQuoteBytes)
	if ref.Media > 0 {
		words = strings.TrimSpace(fmt.Sprintf("%s [%d attached]", words, ref.Media))
	}
	if words == "" {
		words = "[no words kept]"
	}
	who := ref.Speaker()
	if who = strings.ToUpper(who[:1]) + who[1:]; ref.By != "" {
		who = r.name(ref.By)
	}
	if fate := s.Fate(ref.Item); fate != "" {
		who += ", " + fate
	}
	return who + ": " + words
}

// Fate says in a word what became of an outbound text; "" when it simply left
// or is no longer followed.
func (s *State) Fate(item molt.ItemID) string {
	d := s.send(item)
	switch {
	case d == nil:
		return ""
	case arrived(d.Status) && !d.Early:
		return "delivered" // though a later attempt was stopped, or failed
	case d.State == SendCancelled || d.State == SendFenced:
		return "not sent"
	case d.Early:
		return "left before"
	case d.State == SendFailed || d.Status == channels.StatusUndelivered || d.Status == channels.StatusFailed:
		return "not delivered"
	case d.State == SendDue || d.State == SendAttempted:
		return "on its way"
	case d.Published > 0:
		return "not seen" // it stands in a chat that nobody has shown to have open
	}
	return ""
}

// LedgerText lists what the patient told, the latest value of each fact.
func LedgerText(ledger []model.Fact) string {
	var parts []string
	for _, f := range Latest(ledger) {
		parts = append(parts, f.Name+": "+f.Value)
	}
	return strings.Join(parts, "; ")
}

// Latest keeps of each fact the last, in the order in which the names first
// came.
func Latest(ledger []model.Fact) []model.Fact {
	var out []model.Fact
	at := map[string]int{}
	for _, f := range ledger {
		if i, ok := at[f.Name]; ok {
			out[i] = f
			continue
		}
		at[f.Name] = len(out)
		out = append(out, f)
	}
	return out
}
