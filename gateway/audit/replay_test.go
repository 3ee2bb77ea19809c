package audit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// TestStoryReplays plays one story through the door and decides all of it once
// more from the journals alone.
func TestStoryReplays(t *testing.T) {
	w := newWorld(t, 7)
	id := w.desk.ConversationOf("main", clinic, patient)
	w.text(patient, "hi, I need an appointment")
	w.run(10 * time.Second)
	w.text(patient, "my chest hurts and I can't breathe")
	w.run(10 * time.Second)
	code := w.export(id).Code
	if code == "" {
		t.Fatalf("no case: %s", mustJSON(t, w.export(id).Inbound))
	}
	w.text(nurse, code+" A")
	w.run(10 * time.Second)
	w.text(patient, "it got worse")
	w.text(nurse, code+" R I am calling you now")
	w.run(10 * time.Second)
	w.text(nurse, code+" C")
	w.run(time.Second)
	w.text(nurse, code+" D spoke to her, all well")
	w.run(time.Minute)
	w.text(patient, "thank you")
	w.run(3 * time.Minute)

	tally := w.judge()
	if tally.Equal < 30 || tally.Differ+tally.NotDecided+tally.Gone > 0 {
		t.Errorf("decisions: %+v; all equal wanted, and at least 30", tally)
	}
	f := w.export(id)
	if f.Inbound[1].Ended.How != audit.HowOwner || f.Inbound[1].Ended.Case == "" {
		t.Errorf("the red flag ended as %+v", f.Inbound[1].Ended)
	}
}

// TestReleasedDraftReplays: a decision that lets a draft go rests on its words, which
// no text had yet.
func TestReleasedDraftReplays(t *testing.T) {
	w := newWorld(t, 7)
	w.rules.Autonomy = turn.AutonomyDraft
	for range 4 { // the model is a die: not each answer is a text
		w.text(patient, "what are your hours?")
		w.run(10 * time.Second)
		rows, err := w.desk.Reviews(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			continue
		}
		w.text(nurse, rows[0].Code+" Y")
		w.run(10 * time.Second)
		d, f := w.judge(), w.export(w.desk.ConversationOf("main", clinic, patient))
		if !slices.ContainsFunc(f.Journal, func(e audit.Entry) bool { return strings.Contains(string(e.Body), `"reason":"released"`) }) {
			t.Fatal("nothing was released")
		}
		if d.Differ+d.NotDecided+d.Gone > 0 {
			t.Errorf("decisions: %+v", d)
		}
		return
	}
	t.Fatal("no draft ever waited")
}

// TestDiceReplay plays worlds of dice: carriers that fail, models that babble,
// journals that will not hold still or are frozen, nurses who act at random.
func TestDiceReplay(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 40 {
				w.move()
			}
			w.run(5 * time.Minute)
			d := w.judge()
			if d.Gone+d.NotDecided > 0 {
				t.Errorf("decisions: %+v", d)
			}
		})
	}
}

// move is one thing that happens.
func (w *world) move() {
	says := []string{
		"hi", "ok thanks", "I need an appointment", "STOP", "START", "HELP", "my chest hurts", "can I talk to a person?", "YES",
		"I want to die", "tengo fiebre alta", "my name is Ana", "", "what are your hours?\x1b[31m", "he hit me again", "no",
	}
	peers := []molt.Address{patient, patient, patient, other, nurse}
	switch w.dice.IntN(12) {
	case 0:
		w.staffText()
	case 1:
		w.act(w.anyone(), w.anyAct())
	case 2:
		w.run(time.Duration(w.dice.IntN(600)) * time.Second)
	case 3:
		w.now = w.now.Add(time.Duration(w.dice.IntN(20)) * time.Hour)
	case 4:
		w.store.refuse = w.dice.IntN(8)
		w.text(peers[w.dice.IntN(len(peers))], says[w.dice.IntN(len(says))])
		w.store.refuse = 0
	case 5:
		if w.dice.IntN(4) == 0 {
			w.store.frozen[w.anyone()] = true
			w.open(rand.NewChaCha8([32]byte{byte(w.texts), 9}))
		}
	case 6:
		w.accept(channels.Inbound{
			Channel: "main", Account: clinic, Peer: patient, ProviderID: fmt.Sprintf("BF%d", w.texts), At: molt.TimeOf(w.now.Add(-time.Hour)),
			Words: "any news?", Via: "backfill", Media: []channels.Media{{URL: "https://example.com/1", Type: "image/jpeg"}},
		})
	case 7:
		w.open(rand.NewChaCha8([32]byte{byte(w.texts), byte(w.acts), 3}))
	default:
		w.text(peers[w.dice.IntN(len(peers))], says[w.dice.IntN(len(says))])
		w.run(time.Duration(w.dice.IntN(20)) * time.Second)
	}
}

func (w *world) staffText() {
	verbs := []string{"A", "P", "R we call you", "C", "C no", "D done", "D false alarm", "D human note", "N thinking", "?", "what"}
	code := "BCDF"
	if len(w.codes) > 0 {
		code = w.codes[w.dice.IntN(len(w.codes))]
	}
	from := []molt.Address{nurse, second}[w.dice.IntN(2)]
	w.text(from, code+" "+verbs[w.dice.IntN(len(verbs))])
	w.run(2 * time.Second)
}

func (w *world) anyone() molt.ConversationID {
	ids := w.ids()
	if len(ids) == 0 {
		return w.desk.ConversationOf("main", clinic, patient)
	}
	return ids[w.dice.IntN(len(ids))]
}

func (w *world) anyAct() turn.Acted {
	verbs := []turn.Verb{
		turn.VerbTake, turn.VerbPass, turn.VerbRelay, turn.VerbCalled, turn.VerbResolve, turn.VerbNote, turn.VerbShow,
		turn.VerbRaise, turn.VerbLower, turn.VerbTransfer, turn.VerbTakeOver,
	}
	actors := []molt.PersonID{"alice", "carmen", "os:root"}
	return turn.Acted{
		Verb: verbs[w.dice.IntN(len(verbs))], Actor: actors[w.dice.IntN(3)], Words: "words", To: "carmen", Reached: true,
		Severity:  []escalation.Severity{escalation.S1, escalation.S2, escalation.S3, escalation.S4}[w.dice.IntN(4)],
		NextOwner: []escalation.Owner{escalation.OwnerAgent, escalation.OwnerHuman}[w.dice.IntN(2)],
	}
}

// TestReplayBites decides under other rules that carry the recorded digest: the
// replay must say that decisions differ, and only then.
func TestReplayBites(t *testing.T) {
	w := newWorld(t, 3)
	w.text(patient, "my chest hurts")
	w.run(time.Second)
	twin := *w.rules
	twin.Plan.Steps = nil
	got := w.replay(audit.Again{Known: func(string) *turn.Rules { return &twin }}, func(audit.Redecision) {})
	if got.OK() || got.Differ == 0 || got.WouldDiffer > 0 {
		t.Errorf("other steps under the same digest: %+v; at least one fault wanted", got.Tally)
	}
	got = w.replay(audit.Again{Known: func(string) *turn.Rules { return nil }}, func(audit.Redecision) {})
	if !got.OK() || got.NotDecided == 0 || got.Equal+got.Differ+got.Same+got.WouldDiffer > 0 {
		t.Errorf("rules that are not at hand: %+v; want none decided", got.Tally)
	}
}

// TestReplayTellsWhatWouldDiffer decides under other rules with a digest of their
// own: what comes out otherwise is listed with both reasons and is no fault, and
// the list holds nobody's words.
func TestReplayTellsWhatWouldDiffer(t *testing.T) {
	w := newWorld(t, 3)
	w.text(patient, "my xylophone wobbles")
	w.run(10 * time.Second)
	w.text(other, "hello")
	w.run(10 * time.Second)
	scr, err := w.rules.Screen.Extend(screen.Extension{Phrases: []screen.Phrase{{Words: "xylophone wobbles", Category: "cardiac", Severity: screen.S1}}})
	if err != nil {
		t.Fatal(err)
	}
	twin := *w.rules
	twin.Digest, twin.Screen = "other", scr
	o := audit.Again{Known: func(string) *turn.Rules { return nil }, Instead: func(string) *turn.Rules { return &twin }}
	var listed []audit.Redecision
	got := w.replay(o, func(d audit.Redecision) {
		if d.Outcome == audit.OutcomeWouldDiffer {
			listed = append(listed, d)
		}
	})
	if !got.OK() || got.WouldDiffer == 0 || got.Same == 0 || got.Equal+got.Differ > 0 {
		t.Fatalf("got %+v; want some the same, some otherwise, and no fault", got)
	}
	d := listed[0]
	if len(d.Screened) != 1 || !strings.Contains(d.Screened[0].After, "S1 cardiac") || !strings.HasPrefix(d.Before, "ask") || !strings.HasPrefix(d.After, "red_flag") {
		t.Errorf("got %+v; want the verdict and both reasons", d)
	}
	if text := mustJSON(t, listed); strings.Contains(text, "xylophone") || strings.Contains(text, "5550100199") {
		t.Errorf("the list holds a patient's words or number: %s", text)
	}
	o.Bodies = true
	w.replay(o, func(d audit.Redecision) {
		if d.Outcome == audit.OutcomeWouldDiffer && (d.Recorded == nil || d.Redecided == nil) {
			t.Errorf("decision %d comes without its bodies though they were asked for", d.Seq)
		}
	})
}

// TestReplayLast decides the newest ones alone, over all conversations.
func TestReplayLast(t *testing.T) {
	w := newWorld(t, 3)
	for range 3 {
		w.text(patient, "hello")
		w.run(20 * time.Second)
		w.text(other, "good day")
		w.run(20 * time.Second)
	}
	var all, some []molt.Time
	w.replay(audit.Again{Known: w.known}, func(d audit.Redecision) { all = append(all, d.At) })
	w.replay(audit.Again{Known: w.known, Last: 7}, func(d audit.Redecision) { some = append(some, d.At) })
	slices.Sort(all)
	slices.Sort(some)
	if len(some) != 7 || !slices.Equal(some, all[len(all)-7:]) {
		t.Errorf("the last 7 of %v came out as %v", all, some)
	}
}
