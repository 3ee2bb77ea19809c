package sim

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// maxActs bounds what one nurse does of her own in the plot: each act brings
// her words that make her act.
const maxActs = 8

// nurse is a member of staff. She answers what she reads: late, twice, with a
// wrong code, at the console, or not at all.
type nurse struct {
	w     *world
	id    molt.PersonID
	phone molt.Address
	deaf  float64 // the share of texts she does not answer
	acts  int
	did   []deed
	got   []*call
}

// deed is what a nurse did, by her own record.
type deed struct {
	at   molt.Time
	verb turn.Verb
	code string
}

var codeIn = regexp.MustCompile(`(?:[Cc]ase |^)([BCDFGHJKMNPQRTVWXYZ2346789]{4})\b`)

// read reacts to what came to her phone.
func (n *nurse) read(k *call) {
	n.got = append(n.got, k)
	w := n.w
	if m := waitsIn.FindStringSubmatch(k.o.Words.Reveal()); m != nil {
		n.asked(m[1])
		return
	}
	m := codeIn.FindStringSubmatch(k.o.Words.Reveal())
	if m == nil || w.calm {
		return
	}
	if w.still {
		n.seesTo(m[1])
		return
	}
	if n.acts >= maxActs || w.chance(n.deaf) {
		return
	}
	n.acts++
	away := w.within(5*time.Second, 4*time.Minute)
	if w.chance(0.1) {
		away = w.within(10*time.Minute, 40*time.Minute)
	}
	code := m[1]
	w.after(away, 0, string(n.id)+" acts", func() { n.act(code) })
}

// act does one thing about a case, and at times what follows from it.
func (n *nurse) act(code string) {
	w := n.w
	if w.calm {
		return
	}
	if w.chance(w.desk) {
		n.atConsole(code)
		return
	}
	switch x := w.r.IntN(100); {
	case x < 50:
		n.take(code)
	case x < 57:
		n.text(code, turn.VerbPass, "P")
	case x < 61:
		n.text(code, turn.VerbShow, "?")
	case x < 70:
		n.text(code, turn.VerbRelay, "R This is a nurse, can you talk?")
	case x < 76:
		n.text(code, turn.VerbCalled, pick(w.r, "C", "C no"))
	case x < 82:
		n.text(code, turn.VerbResolve, pick(w.r, "D all well", "D false", "D human will call"))
	case x < 86:
		n.text(code, turn.VerbNote, "N saw it")
	case x < 90:
		n.text(wrongCode(code), turn.VerbTake, "A")
	case x < 92:
		n.text("I will", "", "look at it")
	case x < 93:
		n.text("My", "", "chest hurts and I cannot breathe")
	case x < 95:
		n.text(code, turn.VerbRelay, "R reply "+tokenWords)
	default:
		n.text(code, "", "X")
	}
}

const tokenWords = "NO" + "_REPLY" // what a nurse may write too; never sent on

func wrongCode(code string) string {
	b := []byte(code)
	b[0], b[3] = b[3], b[0]
	return string(b)
}

// take takes a case, and usually sees it through.
func (n *nurse) take(code string) {
	w := n.w
	n.text(code, turn.VerbTake, "A")
	if w.chance(0.1) {
		n.text(code, turn.VerbTake, "A")
	}
	if w.chance(0.25) {
		return
	}
	w.after(w.within(15*time.Second, 3*time.Minute), 0, string(n.id)+" relays", func() {
		n.text(code, turn.VerbRelay, "R This is "+string(n.id)+", what happened?")
	})
	if w.chance(0.25) {
		return
	}
	w.after(w.within(3*time.Minute, 12*time.Minute), 0, string(n.id)+" resolves", func() {
		n.text(code, turn.VerbResolve, pick(w.r, "D seen to", "D seen to", "D false", "D human I go on"))
	})
}

// text sends a text of hers.
func (n *nurse) text(code string, verb turn.Verb, rest string) {
	n.did = append(n.did, deed{n.w.now, verb, code})
	n.w.carriers[0].send(n.phone, staff, code+" "+rest, false)
}

// console reports whether there is one to work at; what came in is decided by then.
func (w *world) console() bool {
	if w.daemon == nil || w.daemon.work == nil {
		return false
	}
	w.settle()
	return true
}

// workList is what the console lists, as far as it is decided.
func (w *world) workList() []turn.WorkRow {
	rows, err := w.daemon.work.List(context.Background())
	if err != nil {
		w.fault("work list: %v", err)
	}
	return rows
}

// atConsole acts on a page of the console. The page may be minutes old.
func (n *nurse) atConsole(code string) {
	w := n.w
	if !w.console() {
		return
	}
	id, c, err := w.daemon.work.Find(context.Background(), code)
	if err != nil {
		return
	}
	if w.chance(0.3) {
		_, err := w.daemon.work.Look(context.Background(), n.id, id, "conversation", func(*turn.State, func(turn.Ref) molt.Words) bool { return true })
		w.tell("%s reads %s: %v", n.id, id, err)
		return
	}
	row := turn.WorkRow{Case: c, Conversation: id}
	for _, r := range w.workList() {
		if r.Case == c {
			row = r
		}
	}
	n.clicksOn(row, w.chance(0.5))
}

// readsList looks over the work list at the desk and does something about one case:
// what fits it as it stands.
func (n *nurse) readsList() {
	if n.w.calm || !n.w.console() {
		return
	}
	if rows := n.w.workList(); len(rows) > 0 {
		n.clicksOn(pick(n.w.r, rows...), true)
	}
}

// clicksOn sends a form about a case, which may have moved on until then. One that
// fits is of a nurse who sees whose the case is.
func (n *nurse) clicksOn(r turn.WorkRow, fits bool) {
	w := n.w
	id, c := r.Conversation, r.Case
	a := turn.Acted{Case: c, Version: r.Version, Verb: pick(w.r, turn.VerbTake, turn.VerbTake, turn.VerbPass, turn.VerbRelay, turn.VerbCalled, turn.VerbResolve,
		turn.VerbNote, turn.VerbRaise, turn.VerbLower, turn.VerbTransfer, turn.VerbTakeOver)}
	switch {
	case fits && r.Claimant == n.id:
		a.Verb = pick(w.r, turn.VerbTransfer, turn.VerbTransfer, turn.VerbCalled, turn.VerbLower, turn.VerbResolve)
	case fits && r.Claimant == "":
		a.Verb = pick(w.r, turn.VerbTake, turn.VerbTake, turn.VerbLower, turn.VerbRaise)
	}
	a.Words, a.Reached, a.FalseAlarm = "from the console", w.chance(0.7), w.chance(0.2)
	a.Severity = pick(w.r, escalation.S1, escalation.S2, escalation.S3, escalation.S4)
	a.To = pick(w.r, w.nurses...).id
	a.NextOwner = pick(w.r, escalation.OwnerAgent, escalation.OwnerAgent, escalation.OwnerHuman)
	w.after(w.within(0, 2*time.Minute), 0, string(n.id)+" clicks", func() {
		n.click(id, a)
		if w.chance(0.1) {
			n.click(id, a)
		}
	})
	if fits && a.Verb == turn.VerbTake && w.chance(0.5) { // and calls, and may leave it at that
		w.after(w.within(2*time.Minute, 4*time.Minute), 0, string(n.id)+" clicks", func() {
			n.click(id, turn.Acted{Case: c, Verb: turn.VerbCalled, Reached: true})
		})
	}
}

// click sends a form. Its nonce makes two clicks one act.
func (n *nurse) click(id molt.ConversationID, a turn.Acted) (done bool) {
	w := n.w
	if w.daemon == nil || w.daemon.work == nil {
		return false
	}
	w.settle()
	a.Actor, a.Via = n.id, "console"
	if a.ID == "" {
		a.ID = fmt.Sprintf("console:%s:%d", n.id, len(n.did))
	}
	about := string(a.Case)
	if a.Verb.OfReview() {
		about = a.ReviewCode
	}
	n.did = append(n.did, deed{w.now, a.Verb, about})
	out, err := w.daemon.work.Act(context.Background(), id, nil, a)
	w.tell("%s clicks %s on %s v%d: %s %v", n.id, a.Verb, a.Case, a.Version, out.Why, err)
	return err == nil && out.Done
}

// takesOver takes a patient's conversation, in which no case may be.
func (n *nurse) takesOver(p *patient, s escalation.Severity) {
	if n.w.calm || !n.w.console() {
		return
	}
	n.click(p.conversation(), turn.Acted{Verb: turn.VerbTakeOver, Severity: s})
}

// givesBack has called a patient whose case she has, and lets the agent go on.
func (n *nurse) givesBack(p *patient) {
	if n.w.calm || !n.w.console() {
		return
	}
	for _, r := range n.w.workList() {
		if r.Conversation == p.conversation() && r.Claimant == n.id {
			n.onCase(r, turn.VerbCalled)
			n.onCase(r, turn.VerbResolve)
		}
	}
}

// chargeNurse works through the list once the plot is over, until it is empty.
func (w *world) chargeNurse() {
	again := func() { w.after(5*time.Minute, 0, "the charge nurse comes back", w.chargeNurse) }
	if !w.console() {
		again()
		return
	}
	for _, r := range w.workList() {
		if r.State != escalation.StateResolved && r.State != escalation.StateClosed {
			w.seeThrough(r)
		}
	}
	w.clearDrafts()
	if !w.rested() {
		again()
	}
}

// seeThrough takes a case, calls and resolves it: whoever has it, or else the
// first whose own case it is not.
func (w *world) seeThrough(r turn.WorkRow) {
	for _, n := range slices.Backward(w.nurses) {
		if r.Claimant != "" && r.Claimant != n.id {
			continue
		}
		if !n.onCase(r, turn.VerbTake) {
			continue
		}
		n.onCase(r, turn.VerbCalled)
		n.onCase(r, turn.VerbResolve)
		return
	}
}

// onCase clicks on the case as it stands.
func (n *nurse) onCase(r turn.WorkRow, verb turn.Verb) bool {
	if n.w.daemon == nil || n.w.daemon.work == nil {
		return false
	}
	for _, now := range n.w.workList() {
		if now.Case == r.Case {
			r = now
		}
	}
	return n.click(r.Conversation, turn.Acted{
		Verb: verb, Case: r.Case, Version: r.Version, Reached: true, Words: "seen to by the charge nurse", NextOwner: escalation.OwnerAgent,
	})
}
