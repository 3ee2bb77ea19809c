package turn

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

const hour = time.Hour

// newCase completes an event that opens a case, or makes the one that is there
// graver.
func (x *decider) newCase(e escalation.Event) escalation.Event {
	e.Kind = escalation.EventOpen
	e.CannotText = e.CannotText || x.s.mute()
	return e
}

// escalate runs the case machine on one event and turns what it wants into
// effects. It reports whether a staff member's act was refused.
func (x *decider) escalate(e escalation.Event) (refused bool) {
	var c escalation.Case
	if x.s.Case != nil {
		c = *x.s.Case
	}
	if e.Kind == escalation.EventOpen && c.State == "" {
		x.number(&e)
	}
	return x.step(c, e)
}

func (x *decider) number(e *escalation.Event) {
	e.Number = x.s.Cases + 1
	e.ID = molt.CaseID(fmt.Sprintf("%s#%d", x.env.Conversation, e.Number))
}

func (x *decider) step(c escalation.Case, e escalation.Event) (refused bool) {
	owner := x.s.Owner
	next, acts := escalation.Next(c, x.env.Rules.Plan, x.besideLead(c, e), x.env.Now)
	if next.State != "" {
		x.keepCase(next)
		x.takeLead(c, next)
	}
	if c.State != "" && !c.Settled() && next.Severity != c.Severity {
		x.deed(Deed{Actor: e.Actor, Verb: severityVerb(c, next), Severity: next.Severity})
	}
	if judged(c, next) {
		x.dropOpinion()
	}
	for _, a := range acts {
		if a.Kind == escalation.ActOpen {
			x.successorCase(*a.Open)
			continue
		}
		refused = refused || a.Kind == escalation.ActRefused
		x.action(a)
	}
	if x.s.Case != nil && x.s.Case.State != "" {
		x.setOwner(x.s.Case.Owner())
	}
	if owner == escalation.OwnerHuman && x.s.Owner == escalation.OwnerAgent && !x.s.Case.Settled() {
		x.returned(c)
	}
	return refused
}

// successorCase opens the next case when the last one is over.
func (x *decider) successorCase(e escalation.Event) {
	x.emit(Effect{Kind: EffectWork, Work: &WorkRow{Case: x.s.Case.ID, Conversation: x.env.Conversation, Gone: true}})
	if x.s.Code != "" {
		x.freeCode(Code{Code: x.s.Code})
	}
	x.number(&e)
	x.step(escalation.Case{}, e)
}

// keepCase takes over the case as it stands now. A new one gets a short code.
func (x *decider) keepCase(c escalation.Case) {
	fresh := x.s.Case == nil || x.s.Case.ID != c.ID
	if fresh {
		x.s.Cases++
	}
	x.d.Case, x.s.Case = &c, &c
	switch {
	case fresh || x.s.Code == "" && c.State != escalation.StateClosed:
		code := x.newCode()
		x.emit(Effect{Kind: EffectCode, Code: &Code{Code: code, Known: true, Conversation: x.env.Conversation, Case: c.ID}})
	case c.State == escalation.StateClosed && x.s.Code != "":
		x.freeCode(Code{Code: x.s.Code})
	}
}

// freeCode lets a code rest. That of a draft still leads to where it waited, so that
// who comes late learns what became of it.
func (x *decider) freeCode(c Code) {
	c.Freed = x.env.Now
	x.emit(Effect{Kind: EffectUncode, Name: c.Code, Code: &c})
}

// newCode draws a short code from the step's entropy. One that is taken makes
// the commit refuse the batch, and the step is done again with other bytes.
func (x *decider) newCode() string { return x.codeFrom(0) }

// codeFrom draws from the bytes that begin at an offset, a code that this step
// neither takes nor frees.
func (x *decider) codeFrom(offset int) string {
	code := make([]byte, CodeLength)
	for i := range code {
		b := byte(i)
		if offset+i < len(x.env.Entropy) {
			b = x.env.Entropy[offset+i]
		}
		code[i] = codeAlphabet[int(b)%len(codeAlphabet)]
	}
	for n := 0; x.named(string(code)); n++ {
		code[0] = codeAlphabet[n%len(codeAlphabet)]
	}
	return string(code)
}

// named reports whether this step names a code, or a case or a draft here has it.
func (x *decider) named(code string) bool {
	return code == x.s.Code || x.s.review(func(r Review) bool { return r.Code == code }) != nil ||
		slices.ContainsFunc(x.d.Effects, func(e Effect) bool {
			return e.Kind == EffectUncode && e.Name == code || e.Kind == EffectCode && e.Code.Code == code
		})
}

func (x *decider) action(a escalation.Action) {
	switch a.Kind {
	case escalation.ActTell:
		x.tell(a)
	case escalation.ActPage:
		x.page(a.Page)
	case escalation.ActWithdraw:
		x.withdraw(a)
	case escalation.ActNotice:
		x.notice(a)
	case escalation.ActRefused:
		x.because(ReasonRefused, string(a.Why))
		x.toStaff(a.Person, "refused", x.refusal(a), a.Version)
	case escalation.ActTimer:
		x.timer(timerCase, a.At)
	case escalation.ActOwner:
		x.setOwner(a.Owner)
	case escalation.ActAdmin:
		x.tellAdmins(a)
	case escalation.ActDigest:
		x.joinDigest(a)
	}
}

// tell says a fixed text to the patient. It promises a nurse only when the
// machine says that one is being asked in this very commit.
func (x *decider) tell(a escalation.Action) {
	if x.s.mute() {
		return
	}
	name, by := textName(a), ""
	if name == "nurse" && a.By > 0 {
		name, by = "nurse_by", x.clock(a.By)
	}
	if !a.Promised && !strings.HasPrefix(name, "exhausted") {
		name = strings.TrimSuffix(name, "_by") + "_alone"
	}
	x.say(name, channels.ClassSafety, x.fixed(name, by))
}

func textName(a escalation.Action) string {
	switch a.Text {
	case escalation.TextS1, escalation.TextS2:
		switch {
		case strings.HasPrefix(a.Category, "self"):
			return "crisis"
		case strings.HasPrefix(a.Category, "violence"):
			return "violence"
		case a.Text == escalation.TextS2:
			return "urgent"
		}
		return "emergency"
	case escalation.TextExhausted:
		if a.Severity.Rank() > 1 {
			return "exhausted_later"
		}
		return "exhausted"
	}
	return "nurse"
}

// clock writes a moment as the clinic's patients read it.
func (x *decider) clock(t molt.Time) string {
	local, now := t.Std().In(x.zone()), x.env.Now.Std().In(x.zone())
	if local.YearDay() == now.YearDay() && local.Year() == now.Year() {
		return local.Format("3:04 PM")
	}
	if x.lang() == "es" {
		return [...]string{"dom", "lun", "mar", "mie", "jue", "vie", "sab"}[local.Weekday()] + local.Format(" 3:04 PM")
	}
	return local.Format("Mon 3:04 PM")
}

func (x *decider) zone() *time.Location { return x.env.Rules.zone() }

func (x *decider) fixed(name, by string) molt.Words {
	return molt.Words(x.env.Rules.Texts.Say(x.lang(), name, by))
}

// say puts a text to the patient into the lane of its class.
func (x *decider) say(what string, class channels.Class, words molt.Words) {
	x.sayAs(Out{What: what, Class: class, Words: words})
}

// sayAs is the one writer of texts to a patient. What a model or a person wrote
// never holds the silence token, and nothing is said that could not be sent. A
// safety text is the clinic's own, looked at when it was configured.
func (x *decider) sayAs(o Out) {
	token := o.Class != channels.ClassSafety && policy.ReadToken(o.Words.Reveal()) != policy.TokenAbsent
	if token || x.s.Unlisted || x.s.Stopped && !permitted(o.What) {
		return
	}
	b := x.s.Began
	o.Channel, o.Account, o.Peer, o.Put = b.Channel, b.Account, b.Peer, x.env.Now
	if ours := x.env.Rules.Accounts[b.Channel]; x.s.Stream() && ours != "" {
		o.Account = ours // she may have written first to a number that is ours no longer
	}
	lane, validity := molt.LaneAgent, AgentValidity
	switch o.Class {
	case channels.ClassSafety:
		lane, validity = molt.LaneSafety, SafetyValidity
	case channels.ClassNurse:
		lane, validity = molt.LaneNurse, NurseValidity
	}
	o.ValidityMS = validity.Milliseconds()
	x.emit(Effect{Kind: EffectSay, Lane: lane, Due: x.env.Now, Out: &o})
}

// page puts a durable request to one person on one route.
func (x *decider) page(p escalation.Page) {
	words := x.pageWords(p)
	x.toRoute(p.Person, p.Route, Out{What: "page", Words: words, Page: p.ID, Version: p.Version})
}

func (x *decider) toRoute(person molt.PersonID, r escalation.Route, o Out) {
	o.Class, o.Channel, o.Person, o.Put = channels.ClassPage, r.Channel, person, x.env.Now
	o.Account, o.Peer = x.env.Rules.Accounts[r.Channel], r.Address
	o.ValidityMS = PageValidity.Milliseconds()
	lane := molt.LanePage + ":" + molt.Lane(person) + ":" + molt.Lane(r.Name)
	x.emit(Effect{Kind: EffectPage, Lane: lane, Due: x.env.Now, Out: &o})
}

// toStaff sends words to a staff member on the route she is best reached by:
// the one her page left on, else her first.
func (x *decider) toStaff(p molt.PersonID, what string, words molt.Words, version int) {
	r, ok := x.routeOf(p)
	if !ok || words == "" || p == x.here {
		return
	}
	x.toRoute(p, r, Out{What: what, Words: words, Version: version})
}

func (x *decider) routeOf(p molt.PersonID) (escalation.Route, bool) {
	person, ok := x.env.Rules.Plan.People[p]
	if !ok || len(person.Routes) == 0 {
		return escalation.Route{}, false
	}
	if x.s.Case != nil {
		for _, pg := range x.s.Case.Pages {
			if pg.Person != p {
				continue
			}
			for _, r := range person.Routes { // the route as it is configured now
				if r.Name == pg.Route.Name {
					return r, true
				}
			}
		}
	}
	return person.Routes[0], true
}

// shownOn is the route on which a staff member may be shown what a patient
// wrote; where she has none, the one she is best reached by.
func (x *decider) shownOn(p molt.PersonID) (escalation.Route, bool) {
	r, ok := x.routeOf(p)
	if !ok || r.PHI {
		return r, ok
	}
	for _, other := range x.env.Rules.Plan.People[p].Routes {
		if other.PHI {
			return other, true
		}
	}
	return r, true
}

// withdraw takes a page back: what has not begun to leave is cancelled, and who
// has it already is told who took the case.
func (x *decider) withdraw(a escalation.Action) {
	begun := true
	for _, d := range x.s.Sends {
		if d.Page == a.Page.ID && d.State == SendDue {
			x.emit(Effect{Kind: EffectCancel, Item: d.Item})
			begun = false
		}
	}
	if !begun || a.Page.Person == a.Actor || a.Why == escalation.WhySuperseded {
		return
	}
	words := "Case " + x.s.Code + " needs nothing more from you."
	if a.Why == escalation.WhyTaken {
		words = fmt.Sprintf("Case %s was taken by %s at %s. Nothing more to do.", x.s.Code, x.name(a.Actor), x.hhmm(a.At))
	}
	x.toStaff(a.Page.Person, "withdrawn", molt.Words(words), 0)
}

func (x *decider) hhmm(t molt.Time) string {
	if t == 0 {
		t = x.env.Now
	}
	return t.Std().In(x.zone()).Format("15:04")
}

func (x *decider) name(p molt.PersonID) string { return x.env.Rules.name(p) }

// adminText begins the kind of every text that only tells an admin.
const adminText = "admin_"

func (x *decider) tellAdmins(a escalation.Action) {
	var code string
	if x.s.Code != "" {
		code = " Case " + x.s.Code + "."
	}
	words := map[escalation.AdminKind]string{
		escalation.AdminExhausted:    "Tidegate: the whole on-call chain did not answer.",
		escalation.AdminNobodyOnCall: "Tidegate: nobody is on call now on any step.",
		escalation.AdminNobody:       "Tidegate: nobody at all can be paged. A patient waits.",
		escalation.AdminTeamVanished: "Tidegate: on-call step " + a.Step + " is no longer configured.",
		escalation.AdminIdle:         "Tidegate: whoever holds a case stopped acting on it.",
	}[a.Admin]
	for _, p := range x.env.Rules.Plan.Admins {
		x.toStaff(p, adminText+string(a.Admin), molt.Words(words+code), 0)
	}
}

// joinDigest carries the case to the journals of those who get the next digest.
func (x *decider) joinDigest(a escalation.Action) {
	for _, p := range a.People {
		r, ok := x.routeOf(p)
		if !ok {
			continue
		}
		x.emit(Effect{Kind: EffectAct, Lane: molt.LaneAction, Due: x.env.Now, Act: &Act{
			Stream: &r, Person: p,
			Listed: &Listed{Case: x.s.Case.ID, Severity: x.s.Case.Severity, Code: x.s.Code, At: a.At},
		}})
	}
}

// row is the case as the work list shows it.
func (x *decider) row() WorkRow {
	c := x.s.Case
	if c == nil || c.State == "" {
		return WorkRow{}
	}
	return WorkRow{
		Case: c.ID, Conversation: x.env.Conversation, Kind: c.Kind, State: c.State, Severity: c.Severity, Category: c.Category,
		Opened: c.Opened, Since: c.Since, Due: c.Due, Claimant: c.Claimant, Version: c.Version, Code: x.s.Code,
		CannotText: c.CannotText, Beside: c.Beside, Crowd: c.Crowd, Live: x.s.Began.Live, Gone: c.State == escalation.StateClosed, Asked: asked(c),
	}
}

// asked lists who is paged for the case and has not answered.
func asked(c *escalation.Case) (out []molt.PersonID) {
	for _, pg := range c.Pages {
		if c.Unclaimed() && pg.Live() {
			out = append(out, pg.Person)
		}
	}
	slices.Sort(out)
	return out
}

// workRow changes the work list when this step changed the case.
func (x *decider) workRow() {
	if r := x.row(); r.Case != "" && !reflect.DeepEqual(r, x.work) {
		x.emit(Effect{Kind: EffectWork, Work: &r})
	}
}
