package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// drafts has a patient ask, and the agent answer with a text that waits for a nurse.
func (w *world) drafts(d *Desk, from molt.Address, id, words string) (molt.ConversationID, turn.ReviewRow) {
	w.t.Helper()
	in := text(from, id, "when do you open?")
	conv := w.say(d, in).Conversation
	_, err := d.Step(w.t.Context(), conv, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		r := turn.Replied{Item: s.Ask.Item, Epoch: s.Epoch, Saw: s.Seq, Answer: model.Answer{Kind: model.KindReply, Text: molt.Words(words)}}
		return Plan{Facts: []Fact{{turn.KindReplied, &r}}}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := d.Reviews(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Conversation == conv {
			return conv, r
		}
	}
	w.t.Fatalf("nothing of %s waits: %+v", conv, rows)
	return "", turn.ReviewRow{}
}

// texts has a nurse text, and carries out what it sets in motion.
func (w *world) texts(d *Desk, id, words string) {
	w.t.Helper()
	before := len(w.store.batches())
	w.say(d, channels.Inbound{Channel: "main", Account: clinic, Peer: nurse, ProviderID: id, At: molt.TimeOf(w.clock.Now()), Words: molt.Words(words), Via: "webhook"})
	for _, b := range w.store.batches()[before:] {
		for _, it := range b.Put {
			work, err := d.OpenWork(w.t.Context(), it)
			if err != nil || work.Act == nil || work.Act.Acted == nil {
				continue
			}
			_, err = d.Step(w.t.Context(), work.Act.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
				return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: work.Act.Acted}}}
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// said counts the texts of the agent to patients that hold these words.
func (w *world) said(d *Desk, words string) (n int) {
	w.t.Helper()
	for _, b := range w.store.batches() {
		for _, it := range b.Put {
			work, err := d.OpenWork(w.t.Context(), it)
			if err == nil && work.Out != nil && work.Out.Class == channels.ClassAgent && strings.Contains(work.Out.Words.Reveal(), words) {
				n++
			}
		}
	}
	return n
}

// alike is chance that gives two desks the same bytes for two decisions.
type alike struct {
	n    int
	rest *chance
}

func (a *alike) Read(p []byte) (int, error) {
	if len(p) != entropyBytes {
		return a.rest.Read(p)
	}
	if a.n++; a.n > 2 {
		return a.rest.Read(p)
	}
	clear(p)
	return len(p), nil
}

// TestACodeRests: the code of a draft that is over stands for no other one for
// turn.CodeRest, so that her late yes releases nothing that she did not read, though
// chance would give it to the next at once.
func TestACodeRests(t *testing.T) {
	w := newWorld(t)
	w.rules.Autonomy = turn.AutonomyDraft
	same := func(seed byte) *Desk { // that draws the same bytes for its first two decisions
		return w.newDesk(func(o *Options) { o.Random = &alike{rest: newChance(seed)} })
	}
	d := same(3)
	_, first := w.drafts(d, patient, "SM1", "We open at 8.")
	w.texts(d, "SN1", first.Code+" Y")
	if n := w.said(d, "open at 8"); n != 1 {
		t.Fatalf("the first draft left %d times", n)
	}
	other, second := w.drafts(same(4), "+15550100198", "SM2", "We open at 9.")
	if second.Code == first.Code {
		t.Errorf("the code %s is another draft's at once", first.Code)
	}
	w.texts(d, "SN2", first.Code+" Y") // late, and once too often
	if n := w.said(d, "open at 9"); n != 0 {
		t.Errorf("her yes to the first draft released the second, of %s", other)
	}
	w.clock.add(turn.CodeRest - time.Hour)
	if n, err := d.FreeCodes(t.Context()); err != nil || n != 0 {
		t.Errorf("%d codes free after less than they rest, %v", n, err)
	}
	w.clock.add(2 * time.Hour)
	if n, err := d.FreeCodes(t.Context()); err != nil || n == 0 {
		t.Errorf("no code is free after it rested: %v", err)
	}
	if _, known, err := d.Mark(t.Context(), molt.MarkID(MarkCode+first.Code)); err != nil || known {
		t.Errorf("its mark is still there: %v, %v", known, err)
	}
	if _, known, err := d.Mark(t.Context(), molt.MarkID(MarkCode+second.Code)); err != nil || !known {
		t.Errorf("that of a draft that waits is gone: %v, %v", known, err)
	}
}
