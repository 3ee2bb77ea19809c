package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
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
	h.g.traffic.came(h.channel)
	return h.g.desk.TextAt(ctx, h.conversation(in.Account, in.Peer), a)
}

// TakeFile seals a file and brings the text that names it through the same door.
// Where another journal takes over meanwhile it is sealed for that one.
func (h house) TakeFile(ctx context.Context, in channels.Inbound, body []byte) (channels.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, intake.AnswerWithin)
	defer cancel()
	in.Channel, in.Via = h.channel, channels.ViaLive
	if known, err := h.g.desk.Known(ctx, in); known || err != nil {
		return 0, err
	}
	a, err := h.keep(ctx, in, body)
	if errors.Is(err, intake.ErrMoved) {
		a, err = h.keep(ctx, in, body)
	}
	if err != nil {
		return 0, err
	}
	h.g.traffic.came(h.channel)
	h.g.metrics.files.WithLabelValues(h.channel, "kept").Inc()
	return h.g.desk.TextAt(ctx, h.conversation(in.Account, in.Peer), a)
}

// keep seals the file for the journal that goes on now, and commits its text there.
func (h house) keep(ctx context.Context, in channels.Inbound, body []byte) (a intake.Answer, err error) {
	if h.g.o.Files == nil {
		return a, errors.New("there is no folder for files")
	}
	id, err := h.g.desk.Latest(ctx, h.conversation(in.Account, in.Peer))
	if err != nil {
		return a, err
	}
	ref, keys, err := h.g.o.Files.KeepFirst(ctx, id, molt.TimeOf(h.g.o.Now()), body)
	if err != nil {
		h.g.metrics.faults.WithLabelValues("file").Inc()
		h.g.metrics.files.WithLabelValues(h.channel, string(turn.WhyDisk)).Inc()
		h.g.o.Log.Error().Str("conversation", string(id)).Err(err).Msg("keep file")
		return a, err
	}
	in.Media = []channels.Media{{Type: channels.TypeOf(body), Kept: &channels.Kept{Hash: ref.Name, Key: ref.Key, Bytes: int64(len(body))}}}
	t, err := h.g.desk.AcceptFile(ctx, in, intake.Sealed{Conversation: id, Keys: keys})
	if err != nil {
		return a, err
	}
	return t.Wait(ctx)
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

// Types tells the pages that show the conversation.
func (h house) Types(ctx context.Context, account, peer molt.Address) {
	id, err := h.g.desk.Latest(ctx, h.conversation(account, peer))
	if err == nil { // who looks is told a moment later, or not at all
		h.g.console.Typing(id)
	}
}

// staffTypes shows a patient on a live channel that who has their case is writing.
func (g *Gateway) staffTypes(ctx context.Context, id molt.ConversationID, who molt.PersonID) {
	var began turn.Began
	_, err := g.desk.Step(ctx, id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		if s.Began.Live && s.Case != nil && s.Case.Held() && s.Case.Claimant == who {
			began = s.Began
		}
		return intake.Plan{}
	})
	if err != nil || began.Peer == "" {
		return
	}
	a, _ := g.adapter(began.Channel)
	if t, ok := a.(channels.Typist); ok {
		t.Typing(began.Peer)
	}
}

// Hidden says in the log, at most once a minute, why visitors cannot be told apart by
// where they come from, and counts it for the doctor.
func (h house) Hidden(reason string) {
	h.g.metrics.hidden.WithLabelValues(h.channel, reason).Inc()
	h.g.refusals.hidden(h.channel, reason)
}

// Busy goes by the room on the disk.
func (h house) Busy() bool { return h.g.scarce.Load() }

// Key is derived from the tenant's own, so that it outlives a restart.
func (h house) Key(use string) []byte {
	return []byte(h.g.o.Ring.Mark("channel-key", h.channel, use))
}

func (h house) conversation(account, peer molt.Address) molt.ConversationID {
	return h.g.desk.ConversationOf(h.channel, account, peer)
}

// liveChannel is one channel whose peers hold a connection, with its doors open.
type liveChannel struct {
	channels.Live
	doors http.Handler
	left  chan struct{} // closed when the channel is no longer in force
}

// openLive opens the doors of the live channels of next, and returns those that
// were not in force before.
func (g *Gateway) openLive(old, next *force) (fresh []*liveChannel) {
	for id, a := range next.Adapters {
		l, ok := a.(channels.Live)
		if !ok {
			continue
		}
		if old != nil && old.live[id] != nil && old.live[id].Live == l {
			next.live[id] = old.live[id]
			continue
		}
		c := &liveChannel{Live: l, doors: l.Open(house{g, id}), left: make(chan struct{})}
		next.live[id] = c
		fresh = append(fresh, c)
	}
	return fresh
}

// runLive serves a live channel until the daemon stops or other parts take its
// place. The caller holds g.change.
func (g *Gateway) runLive(l *liveChannel) {
	g.spawn("channel "+l.ID(), func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() { // ends with the channel, which Run below waits for
			select {
			case <-l.left:
				cancel()
			case <-ctx.Done():
			}
		}()
		err := l.Run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
}

// begin lets live channels in and other parts be swapped in.
func (g *Gateway) begin(spawn func(string, func(context.Context) error)) {
	g.change.Lock()
	defer g.change.Unlock()
	g.spawn = spawn
	now := g.force.Load()
	for _, l := range g.openLive(nil, now) {
		g.runLive(l)
	}
}

// liveDoors are the doors of the channels in force, for everything else next.
func (g *Gateway) liveDoors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, l := range g.force.Load().live {
			if strings.HasPrefix(r.URL.Path, l.Path()) {
				l.doors.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
