package gateway

import (
	"context"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/molt"
)

// house is what one live channel may ask of the gateway.
type house struct {
	g       *Gateway
	channel string
}

// Take brings a text through the same door as a carrier's webhook.
func (h house) Take(ctx context.Context, in channels.Inbound) (channels.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, intake.AnswerWithin)
	defer cancel()
	in.Channel, in.Via = h.channel, channels.ViaLive
	t, err := h.g.desk.Accept(ctx, in)
	if err != nil {
		return 0, err
	}
	a, err := t.Wait(ctx)
	if err != nil {
		return 0, err
	}
	return h.g.desk.TextAt(ctx, h.conversation(in.Account, in.Peer), a)
}

// Look reads the record, and the state for how the talk stands.
func (h house) Look(ctx context.Context, account, peer molt.Address, after channels.Position) (channels.View, error) {
	id := h.conversation(account, peer)
	v, err := h.g.desk.Shown(ctx, id, after)
	if err != nil {
		return v, err
	}
	v.Talk, err = h.g.desk.Talk(ctx, id)
	return v, err
}

// Seen records what was shown.
func (h house) Seen(ctx context.Context, account, peer molt.Address, upto channels.Position) error {
	return h.g.desk.Seen(ctx, h.conversation(account, peer), upto)
}

// Key is derived from the tenant's own, so that it outlives a restart.
func (h house) Key(use string) []byte {
	return []byte(h.g.o.Ring.Mark("channel-key", h.channel, use))
}

func (h house) conversation(account, peer molt.Address) molt.ConversationID {
	return h.g.desk.ConversationOf(h.channel, account, peer)
}

// live lists the channels whose peers hold a connection.
func (g *Gateway) live() (out []channels.Live) {
	for _, a := range g.o.Adapters {
		if l, ok := a.(channels.Live); ok {
			out = append(out, l)
		}
	}
	return out
}
