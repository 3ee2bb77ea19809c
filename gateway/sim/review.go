package sim

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// levels are how a clinic lets its agent go: most alone, some by scope, some not at
// all. One is a world's own from its beginning to its end, but for what admins change.
func levels() []turn.Autonomy {
	return []turn.Autonomy{turn.AutonomyExtended, turn.AutonomyExtended, turn.AutonomyKnown, turn.AutonomyDraft, turn.AutonomyDraft}
}

// govern lays down in the rules how far the agent goes.
func (w *world) govern(r *turn.Rules, level turn.Autonomy) {
	r.Autonomy = level
	if r.ReviewWithin = w.reviewWithin; w.calm {
		r.ReviewWithin = 0 // the charge nurse comes in time
	}
	r.Unapproved = w.unapproved
	if w.approves {
		r.Approve = []string{model.ToolBook}
	}
	if level == turn.AutonomyKnown {
		r.Intents, r.Collect = model.Intents(), []string{model.FactName}
	}
}

// inForce notes since when each text of the agent's has to be read first.
func (w *world) inForce(r *turn.Rules) {
	if r.Autonomy != turn.AutonomyExtended {
		w.waits = turn.DefaultReview
	}
	switch {
	case r.Autonomy != turn.AutonomyDraft:
		w.drafts = 0
	case w.drafts == 0:
		w.drafts = w.now
	}
}

// The numbers by which the judge knows texts again, whoever words what stands around
// them.
var (
	thoughtIn = regexp.MustCompile(`(?:answer|respuesta) (\d+)`)
	editIn    = regexp.MustCompile(`edited (\d+)`)
	waitsIn   = regexp.MustCompile(`([BCDFGHJKMNPQRTVWXYZ2346789]{4}) Y (?:sends|does) it`)
)

// asked reacts to a text that says that something waits for her.
func (n *nurse) asked(code string) {
	w := n.w
	if w.calm || w.still || n.acts >= maxActs || w.chance(n.deaf) {
		return
	}
	n.acts++
	away := w.within(5*time.Second, 3*time.Minute)
	if w.chance(0.1) {
		away = w.within(5*time.Minute, 30*time.Minute)
	}
	w.after(away, 0, string(n.id)+" reads what waits", func() { n.review(code) })
}

// review says what becomes of it, by text.
func (n *nurse) review(code string) {
	w := n.w
	if w.calm {
		return
	}
	switch x := w.r.IntN(100); {
	case x < 55:
		n.text(code, turn.VerbRelease, "Y")
		if w.chance(0.1) {
			n.text(code, turn.VerbRelease, "Y")
		}
	case x < 70:
		n.text(code, turn.VerbEdit, "E "+w.edit())
	case x < 82:
		n.text(code, turn.VerbDrop, "X")
	case x < 88:
		n.text(code, turn.VerbShow, "?")
	case x < 92:
		n.text(wrongCode(code), turn.VerbRelease, "Y")
	case x < 94:
		n.text(code, turn.VerbTake, "A") // of a case; this is none
	}
}

// edit words a text anew. At times it says what no text of the clinic's may.
func (w *world) edit() string {
	w.edits++
	if w.chance(0.1) {
		return fmt.Sprintf("Take 400 mg twice a day, edited %d", w.edits)
	}
	return fmt.Sprintf("We open at 8, edited %d", w.edits)
}

// readsDrafts works through what waits at the console. Her page may be minutes old.
func (n *nurse) readsDrafts() {
	w := n.w
	if w.calm || !w.console() {
		return
	}
	rows, err := w.daemon.work.Reviews(context.Background())
	if err != nil {
		w.fault("what waits: %v", err)
		return
	}
	for _, row := range rows {
		c, err := w.daemon.work.Review(context.Background(), row.Code)
		if err != nil || w.chance(0.2) {
			continue
		}
		a := turn.Acted{
			Review: c.Review, ReviewCode: c.Code,
			Verb: pick(w.r, turn.VerbRelease, turn.VerbRelease, turn.VerbRelease, turn.VerbEdit, turn.VerbDrop),
		}
		if a.Verb == turn.VerbEdit {
			a.Words = molt.Words(w.edit())
		}
		_, err = w.daemon.work.Look(context.Background(), n.id, row.Conversation, "conversation", func(s *turn.State, _ func(turn.Ref) molt.Words) bool {
			a.Saw = s.Seq
			return true
		})
		if err != nil {
			continue
		}
		w.after(w.within(0, 2*time.Minute), 0, string(n.id)+" clicks", func() {
			n.click(row.Conversation, a)
			if w.chance(0.1) {
				n.click(row.Conversation, a)
			}
		})
	}
}

// judgeRead: where each text waits for a nurse, none reaches a patient that no nurse
// let go. It goes by what the model said, what nurses did, and what the carrier saw.
func (w *world) judgeRead(p *patient, k *call) {
	if k.o.Class != channels.ClassAgent || w.drafts == 0 {
		return
	}
	words := k.o.Words.Reveal()
	var since molt.Time
	if m := thoughtIn.FindStringSubmatch(words); m != nil {
		since = w.thoughts[m[1]]
	}
	edited := editIn.MatchString(words)
	if since < w.drafts && !edited && w.drafts > w.born {
		return // it may be of a time when the agent went alone
	}
	for _, n := range w.nurses {
		if slices.ContainsFunc(n.did, func(d deed) bool {
			return d.at >= since && d.at <= k.begun && (d.verb == turn.VerbRelease && !edited || d.verb == turn.VerbEdit && edited)
		}) {
			w.letGo = append(w.letGo, k)
			return
		}
	}
	w.fault("%s reads a text of the agent's that no nurse read before: %q", p.name, words)
}

// checkRead: it is this very draft that she let go, by the code under which it waited.
func (w *world) checkRead(r *record) {
	codes := map[string][]string{} // by the number of what the model said
	for _, j := range r.journals {
		for _, e := range j.events {
			d, ok := e.Body.(*turn.Decided)
			if !ok {
				continue
			}
			for _, x := range d.Effects {
				if x.Kind != turn.EffectReview || x.Out == nil || x.Review == nil {
					continue
				}
				if m := thoughtIn.FindStringSubmatch(x.Out.Words.Reveal()); m != nil {
					codes[m[1]] = append(codes[m[1]], x.Review.Code)
				}
			}
		}
	}
	for _, k := range w.letGo {
		if k.lost {
			continue
		}
		m := thoughtIn.FindStringSubmatch(k.o.Words.Reveal())
		if m == nil {
			continue
		}
		if !slices.ContainsFunc(w.nurses, func(n *nurse) bool {
			return slices.ContainsFunc(n.did, func(d deed) bool {
				return d.verb == turn.VerbRelease && slices.Contains(codes[m[1]], d.code) && d.at <= k.begun
			})
		}) {
			w.fault("%s reads answer %s of the agent's, which waited under %v and nobody released", w.name(k.o.Peer), m[1], codes[m[1]])
		}
	}
}

// checkApproved: an act that waited for a nurse is made because she let it, or because
// the clinic lets its time do so.
func (w *world) checkApproved(j *journal) {
	for i, e := range j.events {
		c, ok := e.Body.(*turn.Calling)
		if !ok {
			continue
		}
		if !c.Approved {
			if r := w.rulesAt(j, i); r != nil && r.MustApprove(c.Tool) && !c.Back {
				w.fault("%s, event %d: %s begins, and no nurse was asked", j.id, e.Seq, c.Tool)
			}
			continue
		}
		if c.By == "" && w.unapproved == turn.UnapprovedMake {
			continue
		}
		if !slices.ContainsFunc(w.nurses, func(n *nurse) bool {
			return n.id == c.By && slices.ContainsFunc(n.did, func(d deed) bool { return d.verb == turn.VerbRelease && d.code == c.Code && d.at <= e.At })
		}) {
			w.fault("%s, event %d: %s waited under %s, and %q never let it be made", j.id, e.Seq, c.Tool, c.Code, c.By)
		}
	}
}

// rulesAt are those by which the step of that event was decided.
func (w *world) rulesAt(j *journal, i int) *turn.Rules {
	for _, e := range j.events[i:] {
		if d, ok := e.Body.(*turn.Decided); ok {
			return w.rules[d.Rules]
		}
	}
	return nil
}

// clearDrafts lets go what waits, as the charge nurse does, or takes over what may
// not leave.
func (w *world) clearDrafts() {
	rows, err := w.daemon.work.Reviews(context.Background())
	if err != nil {
		w.fault("what waits: %v", err)
	}
	n := w.nurses[len(w.nurses)-1]
	for _, row := range rows {
		c, err := w.daemon.work.Review(context.Background(), row.Code)
		if err != nil {
			continue
		}
		a := turn.Acted{Verb: turn.VerbRelease, Review: c.Review, ReviewCode: c.Code}
		if !n.click(row.Conversation, a) {
			a.Verb = turn.VerbDrop
			n.click(row.Conversation, a)
		}
	}
}
