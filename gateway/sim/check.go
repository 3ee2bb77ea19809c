package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// slack is what a promise in minutes is given for the weather: calls that hang
// and are made again, workers that stall past their lease.
func (w *world) slack() time.Duration {
	d := 30 * time.Second
	if w.weather.carrier > 0 {
		d += 90 * time.Second
	}
	if w.weather.stall > 0 {
		d += 5 * time.Minute
	}
	return d
}

// answerWithin is how long a text may wait for anything at all: the debounce,
// both models twice, the watchdog.
const answerWithin = 6 * time.Minute

// judgeCall looks at a call as it reaches the carrier, against what the carrier
// saw before.
func (w *world) judgeCall(c *carrier, k *call) {
	words := k.o.Words.Reveal()
	urgent := k.o.Class == channels.ClassSafety || k.o.Class == channels.ClassPage
	// Beside a damaged journal nobody knows of attempts: what is due leaves anew,
	// but for the agent's.
	uncounted := k.o.Class != channels.ClassAgent && w.disk.frozen[k.o.Conversation]
	for _, old := range w.callsOf(k.o.Conversation) {
		same := old.o.Item == k.o.Item
		switch {
		case old.lost:
		case same && uncounted:
		case same && old.o.Attempt == k.o.Attempt:
			w.fault("attempt %d of %s reaches the carrier twice", k.o.Attempt, k.o.Item)
		case old.lane == k.lane && old.ends > k.at:
			w.fault("two texts of lane %s are under way at one time: %s and %s", k.lane, old.o.Item, k.o.Item)
		case same && old.known && old.fault == "":
			w.fault("%s leaves again though the carrier said yes to it", k.o.Item)
		case same && (old.fault == "" || old.fault == channels.FaultUnknown) && !urgent:
			w.fault("a routine text of unknown outcome leaves again: %s", k.o.Item)
		case old.lane == k.lane && later(old.o.Item, k.o.Item):
			w.fault("out of order in lane %s: %s after %s", k.lane, k.o.Item, old.o.Item)
		}
	}
	for _, p := range w.patients {
		if p.phone != k.o.Peer {
			continue
		}
		for _, other := range w.patients {
			if other != p && strings.Contains(words, other.tag) {
				w.fault("%s reads words that were meant for %s: %q", p.name, other.name, words)
			}
		}
		if policy.ReadToken(words) != policy.TokenAbsent {
			w.fault("the token leaves for %s: %q", p.name, words)
		}
		w.judgeStopped(c, p, k)
		w.judgeAlarmed(p, k)
		w.judgeRead(p, k)
		w.judgeAnswered(c, p, k)
	}
}

// later reports whether item a was put after item b.
func later(a, b molt.ItemID) bool {
	as, ai, ok := turn.OriginOf(a)
	bs, bi, ok2 := turn.OriginOf(b)
	return ok && ok2 && (as > bs || as == bs && ai > bi)
}

// judgeStopped: nobody attempts a text to somebody who said STOP, but what the
// law permits.
func (w *world) judgeStopped(c *carrier, p *patient, k *call) {
	var last *text // STOP
	for _, t := range c.inbound {
		if t.from == p.phone && t.kind == stop && t.acked > 0 && t.acked < k.begun && (last == nil || t.acked >= last.acked) {
			last = t
		}
	}
	stopped := last != nil && !slices.ContainsFunc(c.inbound, func(t *text) bool {
		after := last != nil && (t.sent > last.sent || t.acked == 0 || t.acked >= last.acked)
		return t.from == p.phone && t.kind == start && t.sent <= k.begun && after // a still world answers in the same instant
	})
	// A damaged journal takes what was said before along: the carrier's own block
	// stands for it.
	if !stopped || last.acked <= w.damaged {
		return
	}
	texts := w.daemon.steps.Rules().Texts
	for _, lang := range []string{"en", "es"} {
		for _, name := range []string{"stop_check", "help"} {
			if words := texts.Say(lang, name, ""); k.o.Words.Reveal() == words || strings.HasPrefix(words, k.o.Words.Reveal()[:min(20, len(k.o.Words))]) {
				return
			}
		}
	}
	w.fault("%s said STOP, and a text of class %s is attempted: %q", p.name, k.o.Class, k.o.Words.Reveal())
}

// judgeAlarmed: once a red flag is taken in, no word of the agent begins to
// leave until a nurse let it speak again.
func (w *world) judgeAlarmed(p *patient, k *call) {
	if k.o.Class != channels.ClassAgent {
		return
	}
	if w.alarmed(p, k.begun) {
		w.fault("after %s wrote a red flag a text of the agent begins to leave: %q", p.name, k.o.Words.Reveal())
	}
}

// alarmed reports whether a red flag of hers was taken in before that moment, and
// no nurse let the agent go on since.
func (w *world) alarmed(p *patient, begun molt.Time) bool {
	var alarm molt.Time
	for _, c := range w.carriers {
		for _, t := range c.inbound {
			if t.from == p.phone && t.kind.red() && t.acked > 0 && t.acked < begun {
				alarm = max(alarm, t.acked)
			}
		}
	}
	if alarm == 0 {
		return false
	}
	for _, n := range w.nurses {
		if slices.ContainsFunc(n.did, func(d deed) bool {
			return (d.verb == turn.VerbResolve || d.verb == turn.VerbLower) && d.at > alarm.Add(-15*time.Minute) && d.at <= begun
		}) {
			return false
		}
	}
	return true
}

// check holds the whole record against the carriers' and the people's own.
func (w *world) check(r *record) {
	w.checkTakenOnce(r)
	w.checkActs(r)
	w.checkRead(r)
	w.checkChat(r)
	for _, j := range r.journals {
		w.checkAgentSilent(j)
		w.checkActsSilent(j)
		w.checkApproved(j)
		w.checkClaims(j)
		if w.disk.frozen[j.id] {
			continue // its successor has its patient, and is looked at
		}
		w.checkDecidedOnce(j)
		w.checkAlarmed(j)
		w.checkEnded(j)
		w.checkReported(j)
		w.checkPaged(j)
		w.checkAnswered(j)
		w.checkFiles(j)
		w.checkSeen(j)
	}
	for _, c := range w.carriers {
		for _, k := range c.calls {
			if k.lost {
				continue
			}
			if at, ok := r.attempts[attemptID{k.o.Item, k.o.Attempt}]; !ok || at > k.at {
				w.fault("attempt %d of %s reached the carrier and is not on record before", k.o.Attempt, k.o.Item)
			}
		}
	}
}

func (w *world) checkTakenOnce(r *record) {
	for _, c := range w.carriers {
		for _, t := range c.inbound {
			switch n := r.inbound[t.id]; {
			case n == 0 && t.acked > 0:
				w.fault("text %s was answered 2xx and is lost", t.id)
			case n == 0:
				w.fault("text %s, sent %s, was never fetched", t.id, t.sent)
			case n > 1:
				w.fault("text %s was taken in %d times", t.id, n)
			case t.acked > 0 && r.taken[t.id] > t.acked: // what a list brings afterwards heals it, and nobody answers for that
				w.fault("text %s was answered 2xx at %s, and is on record from %s on", t.id, t.acked, r.taken[t.id])
			}
		}
	}
}

func (w *world) checkDecidedOnce(j *journal) {
	decided := map[uint64]int{}
	for i, e := range j.events {
		d, ok := e.Body.(*turn.Decided)
		if !ok {
			continue
		}
		for _, f := range j.answers(i, d) {
			decided[f.Seq]++
		}
	}
	for _, e := range j.events {
		if in, ok := e.Body.(*channels.Inbound); ok && decided[e.Seq] != 1 {
			w.fault("text %s was decided %d times", in.ProviderID, decided[e.Seq])
		}
	}
}

// checkAlarmed: what everybody would call an emergency is one by the very next
// decision, and nobody but a person speaks from there on.
func (w *world) checkAlarmed(j *journal) {
	for _, e := range j.events {
		in, ok := e.Body.(*channels.Inbound)
		if !ok || j.began.Person != "" {
			continue
		}
		t := w.texts[in.ProviderID]
		if t == nil || !t.kind.red() {
			continue
		}
		i := slices.IndexFunc(j.stands, func(s stand) bool { return s.seq > e.Seq })
		if i < 0 || j.stands[i].owner == escalation.OwnerAgent || j.stands[i].c.Settled() || j.stands[i].c.Severity.Rank() > 2 || j.stands[i].c.Severity == "" {
			w.fault("%s: the red flag %s opens no case at once", j.id, in.ProviderID)
		}
	}
}

// checkEnded: a case ends by the act of somebody who had it. Until then it rings,
// which is for checkPaged. An act that ends one may open the next in one decision.
func (w *world) checkEnded(j *journal) {
	held := map[molt.CaseID]bool{}
	for i, s := range j.stands {
		held[s.c.ID] = held[s.c.ID] || s.c.Claimant != ""
		last := i+1 == len(j.stands) || j.stands[i+1].c.ID != s.c.ID
		ended := s.c.Settled() || i+1 < len(j.stands) && j.stands[i+1].why == turn.ReasonActed
		if s.c.ID != "" && last && (!ended || !held[s.c.ID]) {
			w.fault("%s: case %s ends %s at event %d, and held by somebody: %v", j.id, s.c.ID, s.c.State, s.seq, held[s.c.ID])
		}
	}
}

// checkReported: a text that the carrier's receipt said arrived stays one that
// arrived, whatever receipt came later, and none counts as arrived that did not.
func (w *world) checkReported(j *journal) {
	calls, found := w.callsOf(j.id), map[molt.ItemID]bool{}
	for _, e := range j.events {
		if c, ok := e.Body.(*turn.Checked); ok && c.Found { // with the carrier: an attempt that a restore lost
			found[c.Item] = true
		}
	}
	for _, d := range j.sends {
		if j.began.Live && d.Person == "" || !strings.HasPrefix(string(d.Item), string(j.id)+"/") {
			continue // its page says what it showed, though a death came before the call; or the journal before this one put it
		}
		if (d.Status == channels.StatusDelivered || d.Status == channels.StatusRead) && !slices.ContainsFunc(calls, func(k *call) bool {
			return k.o.Item == d.Item && k.arrived > 0 && (!k.lost || found[d.Item])
		}) {
			w.fault("%s stands as %q, and never arrived", d.Item, d.Status)
		}
	}
	for _, k := range calls {
		for _, d := range j.sends {
			if k.told && !k.lost && d.Item == k.o.Item && d.Status != channels.StatusDelivered && d.Status != channels.StatusRead {
				w.fault("%s was delivered, and stands as %q", k.o.Item, d.Status)
			}
		}
	}
}

// checkAgentSilent: no attempt of the agent's is committed while somebody else
// owns the conversation.
func (w *world) checkAgentSilent(j *journal) {
	for _, e := range j.events {
		a, ok := e.Body.(*turn.Attempted)
		if ok && a.Class == channels.ClassAgent && j.before(e.Seq).owner != escalation.OwnerAgent {
			w.fault("%s, event %d: the agent's text is attempted while %s owns the conversation", j.id, e.Seq, j.before(e.Seq).owner)
		}
	}
}

// checkClaims: who holds a case asked for it, by her own record, when nobody had
// it, or a colleague gave it to her.
func (w *world) checkClaims(j *journal) {
	var was molt.PersonID
	for _, s := range j.stands {
		now := s.c.Claimant
		if now == was || now == "" {
			was = now
			continue
		}
		ok, from := false, was
		was = now
		for _, n := range w.nurses {
			for _, d := range n.did {
				mine := n.id == now && (d.verb == turn.VerbTake || d.verb == turn.VerbRelay || d.verb == turn.VerbTakeOver || d.verb == turn.VerbDrop)
				ok = ok || d.at <= s.at && (mine && from == "" || d.verb == turn.VerbTransfer)
			}
		}
		if !ok {
			w.fault("%s: the case is %s's, who never asked for it, or a colleague had it", j.id, now)
		}
	}
}

// checkPaged: while an S1 or S2 is nobody's, pages about it reach the carrier
// within each deadline, by the carrier's own clock. A deadline starts with the
// page before it, and anew when the case gets worse.
func (w *world) checkPaged(j *journal) {
	pages := w.pagesOf(j.id)
	from, severity := molt.Time(0), escalation.Severity("") // since when a page is owed; 0: none is
	for i, s := range j.stands {
		until := w.now
		if i+1 < len(j.stands) {
			until = j.stands[i+1].at
		}
		switch owed := s.c.Unclaimed() && s.c.Severity.Rank() <= 2; {
		case !owed:
			from, severity = 0, ""
			continue
		case from == 0 || s.c.Severity != severity:
			from, severity = s.at, s.c.Severity
		}
		for len(pages) > 0 && pages[0] <= until {
			if pages[0] > from {
				w.owed(j, s, from, pages[0])
				from = pages[0]
			}
			pages = pages[1:]
		}
		w.owed(j, s, from, until)
	}
}

// owed judges a stretch without a page.
func (w *world) owed(j *journal, s stand, from, until molt.Time) {
	terms := escalation.DefaultTerms()[s.c.Severity]
	limit := terms.Ack
	if s.c.State == escalation.StateExhausted {
		limit = max(limit, terms.AllHandsEvery)
	}
	if gap := until.Sub(from) - time.Duration(w.away(from, until))*time.Millisecond; gap > limit+w.slack() {
		w.fault("%s: an %s that nobody has: no page from %s to %s", j.id, s.c.Severity, from, until)
	}
}

func (w *world) pagesOf(id molt.ConversationID) (at []molt.Time) {
	for _, k := range w.callsOf(id) {
		if k.o.Class == channels.ClassPage {
			at = append(at, k.at)
		}
	}
	return at
}

// checkAnswered: every text of a patient ends in a text to her, a person, or a
// reason, in time.
func (w *world) checkAnswered(j *journal) {
	if j.began.Person != "" {
		return
	}
	calls := w.callsOf(j.id)
	for _, e := range j.events {
		in, ok := e.Body.(*channels.Inbound)
		if !ok {
			continue
		}
		until := e.At.Add(answerWithin + w.slack() + w.waits)
		until += w.away(e.At, until+molt.Time(time.Hour.Milliseconds()))
		if until > w.now || w.spokenTo(j, calls, e, until) {
			continue
		}
		w.fault("text %s of %s: no reply, no owner and no reason until %s", in.ProviderID, w.name(in.Peer), until)
	}
}

func (w *world) spokenTo(j *journal, calls []*call, e turn.Event, until molt.Time) bool {
	from := e.At
	if in, ok := e.Body.(*channels.Inbound); ok && w.backup.served > 0 { // a restored record has it later than it was
		from = min(from, w.texts[in.ProviderID].sent)
	}
	for _, k := range calls {
		if k.o.Peer == j.began.Peer && k.at >= from && k.at <= until && k.taken {
			return true
		}
	}
	if j.before(e.Seq+1).owner != escalation.OwnerAgent || w.chat.showed(j.began.Peer, e.At, until) {
		return true
	}
	for _, s := range j.stands {
		if s.seq <= e.Seq || s.at > until {
			continue
		}
		if s.owner != escalation.OwnerAgent {
			return true
		}
		switch s.why {
		case turn.ReasonSilent, turn.ReasonPaused, turn.ReasonOptedOut, turn.ReasonOptedIn, turn.ReasonUnlisted, turn.ReasonHelp, turn.ReasonDropped,
			turn.ReasonEscalated: // to the work list, as routine
			return true
		}
	}
	return false
}
