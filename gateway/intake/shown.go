package intake

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Limits of what the peer of a live channel reads at once.
const (
	shownEvents  = 200 // of a journal, looked at in one go
	maxSuccessor = 64  // conversations that follow one another; one a day at most
	journalBits  = 40  // of a position: the event's number; above it the how-manieth journal
)

// position orders events over the journals that follow one another. A text that
// still leaves from a frozen journal when its successor has begun comes too late
// for who has read on; the successor's own first text tells them the same.
func position(journal int, seq uint64) channels.Position {
	return channels.Position(uint64(journal)<<journalBits | seq)
}

func splitPosition(p channels.Position) (journal int, seq uint64) {
	return int(p >> journalBits), uint64(p) & (1<<journalBits - 1)
}

// Journals are the conversation and those that took over from it, in order.
func (d *Desk) Journals(ctx context.Context, id molt.ConversationID) ([]molt.ConversationID, error) {
	ids := []molt.ConversationID{id}
	for len(ids) < maxSuccessor {
		to, ok, err := d.Mark(ctx, molt.MarkID(MarkSuccessor+string(ids[len(ids)-1])))
		if err != nil || !ok || len(to) == 0 {
			return ids, err
		}
		ids = append(ids, molt.ConversationID(to))
	}
	return ids, nil
}

// TextAt is the position of a text that was answered so; 0 when it has none.
func (d *Desk) TextAt(ctx context.Context, id molt.ConversationID, a Answer) (channels.Position, error) {
	if a.Text == 0 {
		return 0, nil
	}
	ids, err := d.Journals(ctx, id)
	if err != nil {
		return 0, err
	}
	i := slices.Index(ids, a.Conversation)
	if i < 0 {
		return 0, nil
	}
	return position(i, a.Text), nil
}

// Shown reads what the peer of a conversation may see after a position: its own
// texts, and ours whose attempt is committed. It reads past what it cannot open:
// a damaged entry is verify's to tell, and must not end a chat.
func (d *Desk) Shown(ctx context.Context, id molt.ConversationID, after channels.Position) (channels.View, error) {
	v := channels.View{Next: after}
	ids, err := d.Journals(ctx, id)
	if err != nil {
		return v, err
	}
	i, seq := splitPosition(after)
	if i >= len(ids) {
		return v, nil
	}
	r := reader{d: d, id: ids[i], decided: map[uint64]*turn.Decided{}}
	if r.box, err = d.boxOf(ctx, r.id); err != nil {
		return v, err
	}
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: r.id, After: strconv.FormatUint(seq, 10), Limit: shownEvents})
	if err != nil && !errors.Is(err, molt.ErrCorrupt) {
		return v, err
	}
	for _, e := range p.Events {
		s, err := r.shown(ctx, e)
		if err != nil {
			return v, err
		}
		v.Next = position(i, e.Seq)
		if s.Kind != "" {
			s.At = v.Next
			v.Shown = append(v.Shown, s)
		}
	}
	if v.More = p.Next != ""; !v.More && i+1 < len(ids) {
		v.Next, v.More = position(i+1, 0), true
	}
	return v, nil
}

// reader reads one journal for its peer.
type reader struct {
	d       *Desk
	id      molt.ConversationID
	box     *seal.Box
	decided map[uint64]*turn.Decided // seen on the way
}

// shown is what an event shows; its Kind is "" when that is nothing.
func (r *reader) shown(ctx context.Context, e molt.Event) (s channels.Shown, err error) {
	switch e.Kind {
	case turn.KindInbound, turn.KindDecided, turn.KindAttempted:
	default:
		return s, nil
	}
	ev, err := r.d.read(r.box, memory{}, e)
	if err != nil {
		return s, nil //nolint:nilerr // It is read past; see Shown.
	}
	switch b := ev.Body.(type) {
	case *channels.Inbound:
		s = channels.Shown{Time: e.At, Kind: channels.ShownOwn, ProviderID: b.ProviderID, Words: b.Words}
		for _, m := range b.Media {
			s.Files = append(s.Files, m.Type)
		}
		return s, nil
	case *turn.Decided:
		r.decided[e.Seq] = b
	case *turn.Attempted:
		if b.Attempt == 1 { // it was published; any other only repeats the record
			return r.published(ctx, e, b)
		}
	}
	return s, nil
}

func (r *reader) published(ctx context.Context, e molt.Event, b *turn.Attempted) (s channels.Shown, err error) {
	seq, index, ok := turn.OriginOf(b.Item)
	if !ok {
		return s, nil
	}
	dec, ok := r.decided[seq]
	if !ok {
		if dec, err = r.decision(ctx, seq); err != nil {
			return s, err
		}
		r.decided[seq] = dec
	}
	if dec == nil || index >= len(dec.Effects) || dec.Effects[index].Out == nil {
		return s, nil
	}
	o := dec.Effects[index].Out
	return channels.Shown{Time: e.At, Kind: o.KindShown(), Words: o.Words}, nil
}

// decision reads one decision that was made before where the look began.
func (r *reader) decision(ctx context.Context, seq uint64) (*turn.Decided, error) {
	if seq == 0 {
		return nil, nil
	}
	p, err := r.d.o.Store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: r.id, After: strconv.FormatUint(seq-1, 10), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(p.Events) == 0 || p.Events[0].Seq != seq {
		return nil, nil
	}
	ev, err := r.d.read(r.box, memory{}, p.Events[0])
	if err != nil {
		return nil, nil //nolint:nilerr // It is read past; see Shown.
	}
	dec, _ := ev.Body.(*turn.Decided)
	return dec, nil
}

// Talk is how a conversation stands; one that has not begun is the agent's.
func (d *Desk) Talk(ctx context.Context, id molt.ConversationID) (channels.Talk, error) {
	t := channels.Talk{Who: channels.SpeakerAgent}
	_, err := d.Step(ctx, id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		t = s.Talk()
		return Plan{}
	})
	switch {
	case errors.Is(err, ErrUnknownConversation):
		return t, nil
	case errors.Is(err, ErrFrozen), errors.Is(err, ErrDecide):
		return channels.Talk{Who: channels.SpeakerWaiting}, nil
	}
	return t, err
}

// Seen records as delivered what was published up to a position.
func (d *Desk) Seen(ctx context.Context, id molt.ConversationID, upto channels.Position) error {
	ids, err := d.Journals(ctx, id)
	if err != nil {
		return err
	}
	i, seq := splitPosition(upto)
	if i >= len(ids) {
		return nil
	}
	_, err = d.Step(ctx, ids[i], nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		var p Plan
		for _, o := range s.Unseen(seq) {
			p.Facts = append(p.Facts, Fact{Kind: turn.KindStatus, Body: &channels.StatusReport{
				Channel: s.Began.Channel, Conversation: ids[i], Item: o.Item, Attempt: o.Attempt, ProviderID: string(o.Item), Status: channels.StatusDelivered,
			}})
		}
		return p
	})
	if errors.Is(err, ErrUnknownConversation) || errors.Is(err, ErrFrozen) || errors.Is(err, ErrDecide) {
		return nil
	}
	return err
}
