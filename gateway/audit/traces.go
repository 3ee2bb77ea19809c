package audit

import (
	"context"
	"errors"
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Traces are what a conversation left outside its journal, and which of its
// events have a body.
type Traces struct {
	Head  molt.Head
	Texts []Text   // at a carrier
	Files []string // beside the database
	Whole []uint64 // sequence numbers of events with a body
	Fault *Fault   // where the journal ceases to read; nil: it reads to its end

	More     bool                // there are more bodies of that span
	Keys     map[molt.KeyID]bool // under which something is sealed that is none of these
	Snapshot molt.KeyID          // under which the snapshot is
}

// FilesAlone are the traces without the texts at a carrier.
func (t Traces) FilesAlone() Traces { return Traces{Files: t.Files, Whole: t.Whole} }

// Text is one text as its carrier knows it.
type Text struct {
	Channel    string   `json:"channel"`
	ProviderID string   `json:"provider_id"`
	Media      []string `json:"media,omitempty"` // where its files are
}

// Span says which events are meant.
type Span struct {
	After  uint64    // those that follow it
	Before molt.Time // and are of before then; 0: all of them
	Most   int       // with a body, at most so many; 0: all of them
}

// Traces reads what a conversation left in a span of its events. A file that
// another event refers to as well, since the same bytes came twice, is not among what
// was left: it is still needed.
func (a *Auditor) Traces(ctx context.Context, id molt.ConversationID, s Span) (Traces, error) {
	g := gatherer{channel: map[molt.ItemID]string{}, t: Traces{Keys: map[molt.KeyID]bool{}}}
	needed := map[string]bool{}
	j, err := a.open(ctx, id)
	if err == nil {
		g.t.Head, g.t.Snapshot = j.head, j.snapshot.Key
		err = a.walk(ctx, j, func(e entry) error {
			in := e.Seq > s.After && (s.Before == 0 || e.At < s.Before)
			if full := s.Most > 0 && len(g.t.Whole) == s.Most; in && full && !e.gone {
				in, g.t.More = false, true
			}
			if in {
				g.event(e)
				return nil
			}
			if !e.gone {
				g.t.Keys[e.key] = true
			}
			for _, f := range keptBy(e.Body) {
				needed[f.Hash], g.t.Keys[f.Key] = true, true
			}
			return nil
		})
	}
	if err != nil && !errors.As(err, &g.t.Fault) {
		return g.t, err
	}
	g.t.Files = slices.DeleteFunc(g.t.Files, func(name string) bool { return needed[name] })
	return g.t, nil
}

// Beside reads, in a staff member's journal, which of its events are about another
// conversation: her text, and the decision that carried it there.
func (a *Auditor) Beside(ctx context.Context, stream, about molt.ConversationID) (Traces, error) {
	g := gatherer{channel: map[molt.ItemID]string{}}
	j, err := a.open(ctx, stream)
	if err != nil {
		if errors.As(err, &g.t.Fault) {
			return g.t, nil
		}
		return g.t, err
	}
	g.t.Head = j.head
	var step []entry // since the last decision
	err = a.walk(ctx, j, func(e entry) error {
		step = append(step, e)
		d, ok := e.Body.(*turn.Decided)
		if !ok {
			return nil
		}
		if slices.ContainsFunc(d.Effects, func(x turn.Effect) bool { return x.Act != nil && x.Act.Conversation == about }) {
			for _, e := range textsAbout(step, about) {
				g.event(e)
			}
		}
		step = nil
		return nil
	})
	if err != nil && !errors.As(err, &g.t.Fault) {
		return g.t, err
	}
	return g.t, nil
}

// textsAbout is a step of a staff member's journal without her texts about other
// conversations, as their codes tell, with what was found in each. After an outage
// many texts are decided in one step.
func textsAbout(step []entry, about molt.ConversationID) (out []entry) {
	from := 0
	flush := func(to int) {
		others := slices.ContainsFunc(step[from:to], func(e entry) bool {
			c, ok := e.Body.(*turn.Code)
			return ok && c.Known && c.Conversation != about
		})
		if !others {
			out = append(out, step[from:to]...)
		}
		from = to
	}
	for i, e := range step {
		switch e.Body.(type) {
		case *channels.Inbound, *turn.Decided:
			flush(i)
		}
	}
	flush(len(step))
	return out
}

type gatherer struct {
	t       Traces
	channel map[molt.ItemID]string // on which a text of ours leaves
}

func (g *gatherer) event(e entry) {
	if e.gone {
		return
	}
	g.t.Whole = append(g.t.Whole, e.Seq)
	for _, f := range keptBy(e.Body) {
		g.t.Files = append(g.t.Files, f.Hash)
	}
	switch b := e.Body.(type) {
	case *channels.Inbound:
		t := Text{Channel: b.Channel, ProviderID: b.ProviderID}
		for _, m := range b.Media {
			t.Media = append(t.Media, m.URL)
		}
		g.text(t)
	case *turn.Decided:
		for _, x := range b.Effects {
			if x.Out != nil {
				g.channel[x.Item] = x.Out.Channel
			}
		}
	case *turn.Sent:
		g.text(Text{Channel: g.channel[b.Item], ProviderID: b.Receipt.ProviderID})
	case *turn.Checked:
		g.text(Text{Channel: g.channel[b.Item], ProviderID: b.Receipt.ProviderID})
	case *channels.StatusReport:
		g.text(Text{Channel: b.Channel, ProviderID: b.ProviderID})
	}
}

func (g *gatherer) text(t Text) {
	if t.Channel == "" || t.ProviderID == "" || slices.ContainsFunc(g.t.Texts, func(o Text) bool { return o.Channel == t.Channel && o.ProviderID == t.ProviderID }) {
		return
	}
	g.t.Texts = append(g.t.Texts, t)
}
