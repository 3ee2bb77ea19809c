package turn

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// MaxReadAlong is how many of the last messages a model is shown for its opinion.
const MaxReadAlong = 12

// Opinions bounds how often a model is asked what it thinks of texts that no agent
// reads, or an agent without a model. Where one of them is 0 none is asked.
type Opinions struct {
	PerConversation int // of a day
	PerClinic       int // of a day, all conversations together
}

// Sought reports whether any opinion is asked for.
func (o Opinions) Sought() bool { return o.PerConversation > 0 && o.PerClinic > 0 }

// Opinion is what a model is asked about: the texts of the patient from From to Upto,
// which no agent reads and in which the screen found no red flag.
type Opinion struct {
	Item  molt.ItemID `json:"item,omitempty"`
	First molt.Time   `json:"first,omitempty"` // since when it is wanted
	Due   molt.Time   `json:"due,omitempty"`
	From  uint64      `json:"from,omitempty"`
	Upto  uint64      `json:"upto,omitempty"`
}

// Opined is what came of asking. It raises a case or opens one, or nothing follows:
// there is no word in it that makes one milder or ends it.
type Opined struct {
	Item    molt.ItemID         `json:"item"`
	Saw     uint64              `json:"saw"`             // the journal's sequence number it was asked at
	Level   escalation.Severity `json:"level,omitempty"` // "": nothing that a person must see sooner
	Failed  bool                `json:"failed,omitempty"`
	Why     string              `json:"why,omitempty"`    // when Failed: a sentence without anybody's words
	Budget  string              `json:"budget,omitempty"` // which budget is used up, and so nobody was asked
	Model   string              `json:"model,omitempty"`
	Digest  string              `json:"digest,omitempty"` // of the model
	Raw     []byte              `json:"raw,omitempty"`    // its output, which is one of four
	TookMS  int64               `json:"took_ms,omitempty"`
	Tokens  int                 `json:"tokens,omitempty"`
	Micros  int64               `json:"micros,omitempty"`
	Request string              `json:"request,omitempty"` // digest of what was asked
}

// opined hears a model's opinion. One of texts that a person has judged since, or in
// whose place another is asked for, is recorded and nothing follows from it.
func (x *decider) opined(o *Opined) {
	x.spend(Spent{Tokens: o.Tokens, Micros: o.Micros})
	was := x.s.Opinion
	if o.Item == "" || o.Item != was.Item {
		x.because(ReasonFenced, "opinion")
		return
	}
	x.emit(Effect{Kind: EffectDone, Item: o.Item})
	x.set(func(s *Set) { s.Opinion = &Opinion{} })
	if was.Upto > o.Saw { // more came since
		x.unread = append(x.unread, x.written(o.Saw+1, was.Upto)...)
	}
	if why := x.worthless(o); why != "" {
		x.because(ReasonNoOpinion, why)
		return
	}
	x.because(ReasonOpinion, strings.ToLower(string(o.Level)))
	x.opining = true
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindOpinion, Severity: o.Level, Evidence: x.written(was.From, min(was.Upto, o.Saw))}))
	x.opining = false
}

// worthless says why nothing follows from an opinion; "" when something does.
func (x *decider) worthless(o *Opined) string {
	switch {
	case !x.env.Rules.Opinions.Sought():
		return "off"
	case o.Budget != "":
		return "budget"
	case o.Failed:
		return "failed"
	case o.Level == "":
		return "none"
	case !o.Level.Known() || o.Level == escalation.S4:
		return "unknown_level"
	case x.s.Open() && o.Level.Rank() >= x.s.Case.Severity.Rank():
		return "not_graver"
	}
	return ""
}

// written are the patient's messages between two numbers, both included.
func (x *decider) written(from, upto uint64) (out []uint64) {
	for _, ref := range x.s.Turns {
		if ref.From == model.FromPatient && ref.Seq >= from && ref.Seq <= upto {
			out = append(out, ref.Seq)
		}
	}
	return out
}

// flagged are the texts of a step in which the screen found a red flag: they have
// their case, whatever a model thinks.
func flagged(in []Heard) (out []uint64) {
	for _, h := range in {
		if h.Verdict != nil && h.Verdict.Severity.Rank() >= screen.S3.Rank() {
			out = append(out, h.Seq)
		}
	}
	return out
}

// readBlindly notes the texts that were put to the agent and that no model has read:
// what answered is written beforehand, or nothing did.
func (x *decider) readBlindly(r *Replied) {
	read := !r.Failed && r.Answer.Model != "" && !strings.HasPrefix(r.Answer.Model, model.BuiltIn)
	if read || r.Proposed != nil || r.Budget != "" {
		return
	}
	for _, seq := range x.s.Pending {
		if seq <= r.Saw {
			x.unread = append(x.unread, seq)
		}
	}
}

// seekOpinion asks a model about the texts of this step that no agent reads. It is
// the last that a step does, and an item of the same commit: what the screen found,
// and who is paged for it, waits for no model.
func (x *decider) seekOpinion() {
	if x.s.Open() && x.s.Case.Severity == escalation.S1 {
		x.dropOpinion() // nothing is graver
		return
	}
	unread := slices.DeleteFunc(slices.Clone(x.unread), func(seq uint64) bool {
		return slices.Contains(x.flagged, seq) || x.s.Ask.Item != "" && slices.Contains(x.s.Pending, seq) ||
			len(x.written(seq, seq)) == 0 || // too long ago to be shown to anybody; whether its words are still at hand is chance
			strings.TrimSpace(x.recall(Ref{Seq: seq}).Reveal()) == "" // a picture: people look at it
	})
	if len(unread) == 0 || !x.env.Rules.Opinions.Sought() || x.s.Stream() {
		return
	}
	next := Opinion{First: x.env.Now, From: slices.Min(unread), Upto: slices.Max(unread)}
	if was := x.s.Opinion; was.Item != "" {
		next = Opinion{Item: was.Item, First: was.First, Due: was.Due, From: min(was.From, next.From), Upto: max(was.Upto, next.Upto)}
		if was.Due <= x.env.Now { // it may be under way: what is newer is asked about after it
			next.First = x.env.Now
			x.set(func(s *Set) { s.Opinion = &next })
			return
		}
		x.emit(Effect{Kind: EffectCancel, Item: was.Item})
	} else if x.s.Spent.On(x.env.Rules.Day(x.env.Now)).Opinions >= x.env.Rules.Opinions.PerConversation {
		x.d.Unopined = "budget"
		return
	}
	if next.Item == "" { // counted with the item, so that nothing asks for more, however it ends
		x.spend(Spent{Opinions: 1})
	}
	next.Due = max(x.env.Now, min(x.env.Now.Add(x.env.Rules.Debounce), next.First.Add(x.env.Rules.DebounceMax)))
	next.Item = x.emit(Effect{Kind: EffectOpinion, Lane: molt.LaneOpinion, Due: next.Due})
	x.set(func(s *Set) { s.Opinion = &next })
}

// judged reports whether a person has looked at a case and ended it or made it
// milder. An opinion of what she had before her by then changes nothing any more.
func judged(was, now escalation.Case) bool {
	return was.State != "" && !was.Settled() && (now.Settled() || now.Severity.Rank() > was.Severity.Rank())
}

func (x *decider) dropOpinion() {
	if x.s.Opinion.Item == "" {
		return
	}
	x.emit(Effect{Kind: EffectCancel, Item: x.s.Opinion.Item})
	x.set(func(s *Set) { s.Opinion = &Opinion{} })
}

// OpinionRequest is what a model is asked for its opinion: the last messages, and
// how many of them came since nobody has an opinion. Nothing of the ledger goes along, nor what
// an agent was told to do.
func (s *State) OpinionRequest(clinic model.Clinic, recall func(Ref) molt.Words, now molt.Time) model.Request {
	q := model.Request{Opinion: true, Lang: s.Lang, Now: now, Clinic: model.Clinic{Name: clinic.Name, Zone: clinic.Zone}}
	for _, ref := range s.said(MaxReadAlong) {
		m := model.Message{From: ref.From, Words: recall(ref), At: ref.At, Seq: ref.Seq, Media: ref.Media}
		if ref.fixed() {
			m.From, m.Words = model.FromNote, molt.Words("(The clinic sent a fixed text: "+ref.What+".)")
		}
		q.Window = append(q.Window, m)
		if ref.From == model.FromPatient && ref.Seq >= s.Opinion.From {
			q.New++
		}
	}
	return q
}
