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
}

// FilesAlone are the traces without the texts at a carrier.
func (t Traces) FilesAlone() Traces { return Traces{Files: t.Files} }

// Text is one text as its carrier knows it.
type Text struct {
	Channel    string   `json:"channel"`
	ProviderID string   `json:"provider_id"`
	Media      []string `json:"media,omitempty"` // where its files are
}

// Traces reads what a conversation left, up to events of before that time; 0 is
// all of it.
func (a *Auditor) Traces(ctx context.Context, id molt.ConversationID, after uint64, before molt.Time) (Traces, error) {
	g := gatherer{channel: map[molt.ItemID]string{}}
	j, err := a.open(ctx, id)
	if err == nil {
		g.t.Head = j.head
		err = a.walk(ctx, j, func(e entry) error {
			if e.Seq > after && (before == 0 || e.At < before) {
				g.event(e)
			}
			return nil
		})
	}
	if err != nil && !errors.As(err, &g.t.Fault) {
		return g.t, err
	}
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
			for _, e := range step {
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
