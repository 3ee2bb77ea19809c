package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of one look into a carrier's list.
const (
	backfillPage    = 200
	maxBackfillRuns = 50 // pages of one look; the rest is the next look's
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

// Look is what one look into a carrier's list found.
type Look struct {
	Listed int // texts in the list
	New    int // of them, those that no webhook had brought
}

// Backfill looks through an account's list from its watermark, less the
// overlap, and takes in what is not known yet. The watermark moves only after
// the texts are committed.
func (d *Desk) Backfill(ctx context.Context, l channels.Lister, channel string, account molt.Address, overlap time.Duration) (Look, error) {
	var look Look
	from, err := d.watermark(ctx, channel, account)
	if err != nil {
		return look, err
	}
	began := molt.TimeOf(d.o.Now())
	since := max(from.At.Add(-overlap), from.Start)
	var held error // one text that is not taken holds the watermark, not the others
	for range maxBackfillRuns {
		texts, more, err := l.ListInbound(ctx, account, since, backfillPage)
		if err != nil {
			return look, fmt.Errorf("list %s: %w", channel, err)
		}
		last, err := d.takeListed(ctx, texts, &look)
		if err != nil {
			held = err
		}
		if !more && held == nil {
			return look, d.moveWatermark(ctx, channel, account, watermark{At: began, Start: from.Start})
		}
		if !more || ctx.Err() != nil {
			return look, held
		}
		if last <= since {
			last = since + 1 // a whole page of one moment: go on rather than in circles
		}
		since = last
		if held != nil {
			continue
		}
		if err := d.moveWatermark(ctx, channel, account, watermark{At: max(from.At, last), Start: from.Start}); err != nil {
			return look, err
		}
	}
	return look, held
}

// takeListed takes in one page of a list. A text that cannot be taken keeps no
// other from being taken; the first such fault is returned.
func (d *Desk) takeListed(ctx context.Context, texts []channels.Inbound, look *Look) (last molt.Time, first error) {
	fault := func(err error) {
		if first == nil {
			first = err
		}
	}
	tickets := make([]Ticket, 0, len(texts))
	for _, in := range texts {
		last = max(last, in.At)
		in.Via = channels.ViaBackfill
		// Nearly all are known. What becomes known meanwhile is refused by name.
		_, known, err := d.Mark(ctx, d.seen(in))
		switch {
		case err != nil:
			fault(err)
			continue
		case known:
			look.Listed++
			continue
		}
		t, err := d.Accept(ctx, in)
		if err != nil {
			fault(err)
			continue
		}
		tickets = append(tickets, t)
	}
	for _, t := range tickets {
		look.Listed++
		a, err := t.Wait(ctx)
		switch {
		case err != nil:
			fault(err)
		case !a.Duplicate:
			look.New++
		}
	}
	return last, first
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
