package turn

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// differ compares values as they are: words and addresses mask themselves
// wherever they are printed, so a difference is told by its path alone.
func differ(a, b any) string {
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	if err1 == nil && err2 == nil && bytes.Equal(one, two) {
		return ""
	}
	return cmp.Diff(a, b, cmpopts.EquateEmpty())
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return string(b)
}

func roundTrip(t testing.TB, s State) State {
	t.Helper()
	var back State
	if err := json.Unmarshal([]byte(encode(t, s)), &back); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	return back
}

// checkEvent: an event survives the journal, and folds alike before and after.
func checkEvent(t testing.TB, s State, e Event) {
	t.Helper()
	back, err := Decode(e.Seq, e.At, e.Kind, []byte(encode(t, e.Body)))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if d := differ(e, back); d != "" {
		t.Fatalf("event %s changes in the journal:\n%s", e.Kind, d)
	}
	before := encode(t, s)
	one, two := Apply(s, e), Apply(roundTrip(t, s), back)
	if d := differ(one, two); d != "" {
		t.Fatalf("event %s folds otherwise from the journal:\n%s", e.Kind, d)
	}
	if after := encode(t, s); after != before {
		t.Fatalf("folding %s changed the state it was given:\n%s\n%s", e.Kind, before, after)
	}
	if d := differ(one, roundTrip(t, one)); d != "" {
		t.Fatalf("the state does not survive a snapshot after %s:\n%s", e.Kind, d)
	}
}

// checkDecision: the same decision twice, from a snapshot too; what the decider
// saw at its end is what folding gives; and one batch can carry it.
func checkDecision(w *world, facts []Event, run func(*decider), d Decided, working State) {
	w.t.Helper()
	before, text := encode(w.t, w.s), encode(w.t, d)
	x := newDecider(roundTrip(w.t, w.s), w.env())
	run(x)
	if again := encode(w.t, x.d); again != text {
		w.t.Fatalf("decided twice, two ways:\n%s\n%s", text, again)
	}
	if after := encode(w.t, w.s); after != before {
		w.t.Fatalf("deciding changed the state:\n%s\n%s", before, after)
	}
	folded := Apply(w.s, Event{Seq: w.s.Seq + 1, At: w.now, Kind: KindDecided, Body: &d})
	if diff := differ(working, folded); diff != "" {
		w.t.Fatalf("the decision does not fold to what the decider saw:\n%s\n%s", diff, text)
	}
	checkBatch(w.t, d)
	checkWords(w, d, folded)
	for _, f := range facts {
		if _, ok := f.Body.(*Replied); ok && w.s.Owner != escalation.OwnerAgent && w.s.Owner != "" {
			checkNoAgent(w.t, d)
		}
	}
	if folded.Owner != escalation.OwnerAgent {
		checkNoAgent(w.t, d)
	}
}

func checkNoAgent(t testing.TB, d Decided) {
	t.Helper()
	for _, e := range d.Effects {
		if e.Kind == EffectAsk || e.Kind == EffectSay && e.Out.Class == channels.ClassAgent {
			t.Fatalf("%s for the agent while somebody else owns the conversation", e.Kind)
		}
	}
}

// checkBatch: nothing is put and ended, or ended twice, in one commit.
func checkBatch(t testing.TB, d Decided) {
	t.Helper()
	put, ended, codes := map[molt.ItemID]bool{}, map[molt.ItemID]bool{}, map[string]bool{}
	for _, e := range d.Effects {
		switch e.Kind {
		case EffectAsk, EffectSay, EffectPage, EffectTimer, EffectAct, EffectFetch:
			if e.Item == "" || e.Lane == "" || put[e.Item] {
				t.Fatalf("%s has no item, no lane, or an item put before: %q", e.Kind, e.Item)
			}
			put[e.Item] = true
		case EffectCancel, EffectDone, EffectRetry:
			if ended[e.Item] {
				t.Fatalf("%s of item %q, which this decision ends twice", e.Kind, e.Item)
			}
			ended[e.Item] = true
		case EffectCode:
			if codes[e.Code.Code] {
				t.Fatalf("code %s is named twice", e.Code.Code)
			}
			codes[e.Code.Code] = true
		case EffectUncode:
			if codes[e.Name] {
				t.Fatalf("code %s is named twice", e.Name)
			}
			codes[e.Name] = true
		}
	}
	for id := range put {
		if ended[id] {
			t.Fatalf("item %q is put and ended by one decision", id)
		}
	}
}

// checkWords: what leaves says nothing it must not.
func checkWords(w *world, d Decided, after State) {
	w.t.Helper()
	paged := after.Case != nil && (after.Case.Held() || slices.ContainsFunc(after.Case.Pages, escalation.Page.Live))
	for _, e := range d.Effects {
		if e.Out == nil {
			continue
		}
		words := e.Out.Words.Reveal()
		quoted := slices.ContainsFunc(w.patients, func(p string) bool { return policy.ReadToken(p) != policy.TokenAbsent })
		if policy.ReadToken(words) != policy.TokenAbsent && (e.Kind == EffectSay || !quoted) {
			w.t.Fatalf("the token leaves in a %s: %q", e.Out.What, words)
		}
		if words == "" {
			w.t.Fatalf("a %s without words", e.Out.What)
		}
		if n, _ := segment.Count(segment.Fold(words)); n > channels.MaxSegmentsSent {
			w.t.Fatalf("a %s of %d segments, at most %d", e.Out.What, n, channels.MaxSegmentsSent)
		}
		if promise := strings.Contains(words, "alerted") || strings.Contains(words, "avisamos"); promise && !paged {
			w.t.Fatalf("a promise and nobody is paged: %q", words)
		}
		checkPHI(w, e)
	}
}

// checkPHI: on a surface that may not show it there is no name, number or word
// of a patient.
func checkPHI(w *world, e Effect) {
	w.t.Helper()
	r, ok := w.routeTo(e.Out)
	if e.Kind != EffectPage || !ok || r.PHI {
		return
	}
	words := e.Out.Words.Reveal()
	if strings.Contains(words, w.s.Began.Peer.Reveal()) {
		w.t.Fatalf("the patient's number on %s: %q", r.Name, words)
	}
	for _, p := range w.patients {
		if len(p) > 8 && strings.Contains(words, p[:8]) {
			w.t.Fatalf("the patient's words on %s: %q", r.Name, words)
		}
	}
	for _, f := range w.s.Ledger {
		if len(f.Value) > 3 && strings.Contains(words, f.Value) {
			w.t.Fatalf("a fact about the patient on %s: %q", r.Name, words)
		}
	}
}

func (w *world) routeTo(o *Out) (escalation.Route, bool) {
	for _, r := range w.rules.Plan.People[o.Person].Routes {
		if r.Channel == o.Channel && r.Address == o.Peer {
			return r, true
		}
	}
	return escalation.Route{}, false
}

// checkState: limits hold, silence is a state, and nobody is left hanging.
func checkState(w *world, before State, facts []Event, d Decided) {
	w.t.Helper()
	s := &w.s
	for _, l := range []struct {
		what      string
		got, most int
	}{
		{"turns", len(s.Turns), MaxTurns},
		{"sends", len(s.Sends), MaxUnsent},
		{"ledger", len(s.Ledger), MaxLedger},
		{"pending", len(s.Pending), MaxPending},
		{"undecided", len(s.Undecided), 0},
		{"told", len(s.Told), MaxTold},
		{"digest", len(s.Digest), MaxDigest},
		{"acts", len(s.Acts), MaxActs},
		{"deeds", len(s.Deeds), MaxDeeds},
		{"files", len(s.Files), MaxFiles},
		{"asks", len(s.AskedAt), MaxAsked},
		{"timers", len(s.Timers), 5},
		{"reviews", len(s.Reviews), MaxReviews},
	} {
		if l.got > l.most {
			w.t.Fatalf("%d %s, at most %d", l.got, l.what, l.most)
		}
	}
	if s.Owner != escalation.OwnerAgent && (len(s.Pending) > 0 || s.Ask.Item != "") {
		w.t.Fatalf("owner %s, and the agent is still asked", s.Owner)
	}
	if s.Owner != before.Owner && before.Owner != "" && s.Epoch == before.Epoch {
		w.t.Fatalf("the owner changed and the epoch did not")
	}
	if len(s.Pending) > 0 && (s.timer(timerWatchdog) == nil || s.Waiting == 0) {
		w.t.Fatalf("%d texts wait and no watchdog stands", len(s.Pending))
	}
	if len(s.Pending) == 0 && s.timer(timerWatchdog) != nil {
		w.t.Fatalf("a watchdog over nothing")
	}
	checkFiles(w)
	checkReviews(w, d)
	checkOpinion(w, before, facts, d)
	checkNobodyHangs(w, before, facts, d)
}

// checkReviews: what waits for a nurse has a deadline, and waits only while the
// agent may speak; at the level of drafts no text of the agent's leaves but by a
// person's word.
func checkReviews(w *world, d Decided) {
	w.t.Helper()
	s := &w.s
	if len(s.Reviews) > 0 && (s.Owner != escalation.OwnerAgent || s.Stopped || s.timer(timerReview) == nil) {
		w.t.Fatalf("%d reviews wait: owner %s, stopped %v, timer %v", len(s.Reviews), s.Owner, s.Stopped, s.timer(timerReview))
	}
	if len(s.Reviews) == 0 && s.timer(timerReview) != nil {
		w.t.Fatal("a deadline of nothing")
	}
	if c := s.Calling; c.Approved && !c.Begun && (s.Owner != escalation.OwnerAgent || s.Stopped || c.Epoch != s.Epoch) {
		w.t.Fatalf("an approval of epoch %d outlives it: owner %s, epoch %d", c.Epoch, s.Owner, s.Epoch)
	}
	if d := s.Draft(); d != nil && d.Stale && len(s.Pending) == 0 && s.Ask.Item == "" {
		w.t.Fatal("a draft that is older than a text waits, and no text does")
	}
	for _, e := range d.Effects {
		if w.rules.Autonomy == AutonomyDraft && e.Kind == EffectSay && e.Out.Class == channels.ClassAgent && e.Out.ReviewedBy == "" {
			w.t.Fatalf("a text of the agent's leaves unread: %q", e.Out.Words.Reveal())
		}
	}
}

// checkOpinion: an opinion makes nothing milder and ends nothing; it lets no agent
// speak, and says nothing to the patient but with a case that it made graver. None is
// asked for where nothing could be graver, nor over its budget.
func checkOpinion(w *world, before State, facts []Event, d Decided) {
	w.t.Helper()
	s := &w.s
	if s.Opinion.Item != "" && s.Open() && s.Case.Severity == escalation.S1 {
		w.t.Fatal("an opinion is asked for, and nothing could be graver")
	}
	for _, e := range d.Effects {
		if n, most := s.Spent.On(w.rules.Day(w.now)).Opinions, w.rules.Opinions.PerConversation; e.Kind == EffectOpinion && (n > most || n == 0) {
			w.t.Fatalf("%d opinions are asked for, at most %d of a day", n, most)
		}
	}
	if len(facts) == 0 || slices.ContainsFunc(facts, func(f Event) bool { return f.Kind != KindOpined }) || len(before.Undecided) > 0 {
		return
	}
	if was := before.Case; was != nil && was.State != "" && !was.Settled() {
		if s.Case.ID != was.ID || s.Case.Settled() || s.Case.Severity.Rank() > was.Severity.Rank() || s.Case.Claimant != was.Claimant && s.Case.Claimant != "" {
			w.t.Fatalf("an opinion made a case of %s with %q one of %s %s with %q", was.Severity, was.Claimant, s.Case.Severity, s.Case.State, s.Case.Claimant)
		}
	}
	if s.Owner == escalation.OwnerAgent && before.Owner != escalation.OwnerAgent && before.Owner != "" {
		w.t.Fatal("an opinion gives the conversation to the agent")
	}
	graver := s.Cases != before.Cases || before.Case != nil && s.Case.Severity.Rank() < before.Case.Severity.Rank()
	for _, e := range d.Effects {
		if e.Kind == EffectSay && (!graver || e.Out.Class != channels.ClassSafety) {
			w.t.Fatalf("an opinion says %s to the patient", e.Out.What)
		}
	}
}

// checkFiles: a file waits only for others that are tried before it, and each
// that is due has an item of its own.
func checkFiles(w *world) {
	w.t.Helper()
	waits, trying, items := 0, 0, map[molt.ItemID]bool{}
	for _, f := range w.s.Files {
		switch {
		case f.State == FileWaits:
			waits++
		case f.State == FileDue && f.Tries == 0:
			trying++
		}
		if f.State == FileDue && (f.Item == "" || items[f.Item]) {
			w.t.Fatalf("file %d.%d is due as item %q", f.Seq, f.Index, f.Item)
		}
		items[f.Item] = true
	}
	if trying > MaxFetching || waits > 0 && trying < MaxFetching {
		w.t.Fatalf("%d files are tried and %d wait", trying, waits)
	}
}

// checkNobodyHangs: a text that no longer waits was answered, has an owner, or
// is left with a reason that says why.
func checkNobodyHangs(w *world, before State, facts []Event, d Decided) {
	w.t.Helper()
	if w.s.Owner != escalation.OwnerAgent || w.s.Stream() {
		return
	}
	gone := slices.Clone(before.Pending)
	for _, f := range facts {
		if _, ok := f.Body.(*channels.Inbound); ok && !slices.Contains(gone, f.Seq) {
			gone = append(gone, f.Seq)
		}
	}
	gone = slices.DeleteFunc(gone, func(seq uint64) bool { return slices.Contains(w.s.Pending, seq) })
	// One reason stands for a step; where two things were decided it may be the other's.
	kinds := map[string]bool{}
	for _, f := range facts {
		if f.Kind != KindScreened && f.Kind != KindBegan {
			kinds[f.Kind] = true
		}
	}
	said := len(kinds) > 1 || slices.ContainsFunc(d.Effects, func(e Effect) bool { return e.Kind == EffectSay })
	for _, seq := range gone {
		switch d.Reason {
		case ReasonSilent, ReasonUnlisted, ReasonOptedOut, ReasonOptedIn, ReasonPaused, ReasonEscalated, ReasonActed, ReasonDropped:
			continue
		}
		over := before.Pending
		if len(over) == MaxPending || len(gone) > MaxPending { // fell off the end of a flood: the others wait
			continue
		}
		if !said {
			w.t.Fatalf("text %d waits no longer, and nothing says why (%s)", seq, d.Reason)
		}
	}
}

// checkLook: nothing of the agent's is attempted in somebody else's turn, and
// nothing that could not arrive or comes too late.
func checkLook(w *world, d Send, l Look) {
	w.t.Helper()
	if l.Do != LookSend {
		return
	}
	switch {
	case d.Class == channels.ClassAgent && (w.s.Owner != escalation.OwnerAgent || d.Epoch != w.s.Epoch):
		w.t.Fatalf("an agent's text of epoch %d would be attempted at epoch %d, owner %s", d.Epoch, w.s.Epoch, w.s.Owner)
	case d.Class == channels.ClassAgent && !w.rules.MayAgent(w.s.Began.Channel):
		w.t.Fatalf("an agent's text would be attempted though the agent is paused")
	case d.Person == "" && w.s.quarantined(&w.rules):
		w.t.Fatalf("a text would be attempted from a number that no channel lists")
	case old(d.Class, d.Put, w.now):
		w.t.Fatalf("a %s of %s would be attempted at %s", d.What, w.when(d.Put), w.clock())
	case d.Finished():
		w.t.Fatalf("a text that is %s would be attempted", d.State)
	}
}
