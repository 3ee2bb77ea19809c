package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of looking through a carrier's list.
const (
	atOnce   = 200  // texts that wait for their commits together
	maxReads = 1000 // parts of one stretch; a list that has more has no end
	maxOwed  = 4    // stretches of a list; further ones become one with the last
)

var (
	errEndless = errors.New("the list has no end")
	errHeld    = errors.New("a text of the list could not be taken in: it is fetched again")
)

// watermark is how far a channel's account was looked through.
type watermark struct {
	At molt.Time `json:"at"`
	// Start is where the very first look began: what was sent before it was
	// never ours to answer, whatever the overlap.
	Start molt.Time `json:"start"`
}

// lostWatermark is how far back a look goes where its watermark is damaged. What came
// since and is known is not taken twice.
const lostWatermark = 72 * time.Hour

func (d *Desk) watermarkID(channel string, account molt.Address) molt.MarkID {
	return d.o.Ring.Mark("wm", channel, account.Reveal())
}

// MarkStart commits where the very first look of an account begins, unless it
// has a watermark. It runs before the doors open, so that nothing falls between.
func (d *Desk) MarkStart(ctx context.Context, channel string, account molt.Address, since molt.Time) error {
	id := d.watermarkID(channel, account)
	body, err := json.Marshal(watermark{At: since, Start: since})
	if err != nil {
		return fmt.Errorf("watermark: %w", err)
	}
	_, err = d.o.Store.Commit(ctx, molt.Batch{
		Expect: molt.Expect{Unseen: []molt.MarkID{id}}, Marks: []molt.Mark{{ID: id, Value: body}},
	})
	if molt.IsRefused(err, molt.RefusedSeen) {
		return nil
	}
	return err
}

// Search is how far the list of one account was looked through since its watermark. It
// is in memory alone: the watermark moves when nothing more is owed, so what is lost
// with it is looked through again. The zero value has everything before it.
type Search struct {
	start molt.Time // see watermark
	began molt.Time // the last look; 0: none yet
	owed  []stretch // what is to be read, in this order
	again []stretch // what the next look has to go through once more
}

// stretch is a list down to a time, read from the top to a place in it.
type stretch struct {
	since molt.Time
	from  channels.Cursor
	reads int
	held  bool // a text of it was not taken
}

// Look is what a part of a carrier's list held.
type Look struct {
	Listed int  // texts in it
	New    int  // of them, those that no webhook had brought
	More   bool // there is more to read before the next look
	Broke  bool // the list broke off, which ends the look
}

// BeginLook has an account's list looked through anew from the top, which is what came
// last, down to the overlap before the last look, or before the watermark where this is
// the first. What is still owed of earlier looks comes after it.
func (d *Desk) BeginLook(ctx context.Context, channel string, account molt.Address, overlap time.Duration, s *Search) error {
	now := molt.TimeOf(d.o.Now())
	if s.began == 0 {
		w, err := d.watermark(ctx, channel, account)
		if err != nil {
			return err
		}
		s.start, s.began = w.Start, w.At
	}
	// A clock that ran ahead and was set back must not hide what came meanwhile.
	since := max(min(s.began, now).Add(-overlap), s.start)
	s.began = now
	s.owed = slices.DeleteFunc(append(s.owed, s.again...), func(o stretch) bool { return o.since >= since })
	s.owed, s.again = append([]stretch{{since: since}}, s.owed...), nil
	for n := len(s.owed); n > maxOwed; n-- {
		last := s.owed[n-1].since
		s.owed = s.owed[:n-1]
		s.owed[n-2] = stretch{since: min(s.owed[n-2].since, last)}
	}
	return nil
}

// ReadOn reads the next part of what is owed and takes in what is not known yet. The
// watermark moves once nothing is owed and every text is committed. A list that breaks
// off ends the look; a text that cannot be taken does not.
func (d *Desk) ReadOn(ctx context.Context, l channels.Lister, channel string, account molt.Address, s *Search) (Look, error) {
	var look Look
	if len(s.owed) == 0 {
		return look, nil
	}
	o := s.owed[0]
	texts, next, err := l.ListInbound(ctx, account, o.since, o.from, func(id string) bool {
		// One that becomes known meanwhile is refused by name.
		_, known, err := d.Mark(ctx, d.seen(channels.Inbound{Channel: channel, Account: account, ProviderID: id}))
		if known = known && err == nil; known {
			look.Listed++
		}
		return known
	})
	held := d.takeListed(ctx, texts, &look)
	o.from, o.reads, o.held = next, o.reads+1, o.held || held != nil
	s.owed = s.owed[1:]
	if err == nil && next != "" && o.reads >= maxReads {
		err, o = errEndless, stretch{since: o.since}
	}
	switch {
	case err != nil:
		s.owed = append(s.owed, o) // last, so that one that never gets further is in nobody's way
		look.Broke = true
		return look, fmt.Errorf("list %s: %w", channel, err)
	case next != "":
		s.owed = append([]stretch{o}, s.owed...)
	case o.held:
		s.again = append(s.again, stretch{since: o.since})
	}
	if look.More = len(s.owed) > 0; look.More {
		return look, held
	}
	if len(s.again) > 0 {
		return look, cmp.Or(held, errHeld)
	}
	return look, d.moveWatermark(ctx, channel, account, watermark{At: s.began, Start: s.start})
}

// takeListed takes in texts of a list. One that cannot be taken keeps no other from
// being taken; the first such fault is returned.
func (d *Desk) takeListed(ctx context.Context, texts []channels.Inbound, look *Look) (first error) {
	fault := func(err error) {
		if first == nil {
			first = err
		}
	}
	for some := range slices.Chunk(texts, atOnce) {
		tickets := make([]Ticket, 0, len(some))
		for _, in := range some {
			in.Via = channels.ViaBackfill
			look.Listed++
			t, err := d.Accept(ctx, in)
			if err != nil {
				fault(err)
				continue
			}
			tickets = append(tickets, t)
		}
		for _, t := range tickets {
			a, err := t.Wait(ctx)
			switch {
			case err != nil:
				fault(err)
			case !a.Duplicate:
				look.New++
			}
		}
	}
	return first
}

func (d *Desk) watermark(ctx context.Context, channel string, account molt.Address) (watermark, error) {
	now := molt.TimeOf(d.o.Now())
	w := watermark{At: now, Start: now}
	value, ok, err := d.Mark(ctx, d.watermarkID(channel, account))
	if err != nil || !ok {
		return w, err
	}
	if err := json.Unmarshal(value, &w); err != nil {
		d.o.Log.Error().Str("channel", channel).Err(err).Msg("watermark: it cannot be read up to when the carrier's list was looked through")
		return watermark{At: now.Add(-lostWatermark), Start: now.Add(-lostWatermark)}, nil
	}
	return w, nil
}

func (d *Desk) moveWatermark(ctx context.Context, channel string, account molt.Address, w watermark) error {
	body, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("watermark: %w", err)
	}
	_, err = d.o.Store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: d.watermarkID(channel, account), Value: body}}})
	return err
}
