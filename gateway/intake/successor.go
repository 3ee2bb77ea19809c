package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// unloadable sees to letters whose journal cannot be gone on with. When the
// store itself is broken nothing can be promised; else texts go to a successor
// and a worker is told that the journal is frozen.
func (d *Desk) unloadable(ctx context.Context, m *mailbox, letters []*letter, cause error) {
	m.forget()
	if !errors.Is(cause, ErrFrozen) && !errors.Is(cause, ErrDecide) {
		d.finishAll(letters, Answer{}, cause)
		return
	}
	d.o.Log.Error().Str("conversation", string(m.id)).Err(cause).Msg("journal frozen")
	if letters[0].inbound == nil {
		err := ErrFrozen
		if errors.Is(cause, ErrDecide) {
			err = ErrDecide
		}
		d.finishAll(letters, Answer{}, fmt.Errorf("%w: %w", err, cause))
		return
	}
	// A file's text goes to the successor too, once that is there to seal it for.
	var files []*letter
	texts := slices.DeleteFunc(slices.Clone(letters), func(l *letter) bool {
		if l.file != nil {
			files = append(files, l)
		}
		return l.file != nil
	})
	if err := d.succeed(ctx, m.id, letters[0].began, texts, d.openSeverity(ctx, m.id)); err != nil {
		d.finishAll(letters, Answer{}, err)
	}
	d.turnAway(files)
}

// Orphan makes a successor for a frozen conversation of which something is due
// or asked: nobody else would ever look at its open case again. What is due
// there tells whose it is.
func (d *Desk) Orphan(ctx context.Context, id molt.ConversationID) error {
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return fmt.Errorf("orphan: %w", err)
	}
	for _, it := range p.Items {
		if w, err := d.OpenWork(ctx, it); err == nil && w.Began.Channel != "" {
			return d.succeed(ctx, id, w.Began, nil, d.openSeverity(ctx, id))
		}
	}
	return fmt.Errorf("orphan: %w", ErrUnknownConversation)
}

// openSeverity is the gravest open case of a conversation by the work list,
// which stands outside its journal.
func (d *Desk) openSeverity(ctx context.Context, id molt.ConversationID) escalation.Severity {
	worst := escalation.S3
	rows, torn, err := d.rows(ctx, MarkWork+string(id)+"#")
	if err != nil || len(torn) > 0 {
		worst = escalation.S2 // unknown counts as grave
	}
	for _, r := range rows {
		if r.State != escalation.StateResolved {
			worst = worst.Worse(r.Severity)
		}
	}
	return worst
}

// WorkList reads the rows of all cases that are not closed.
func (d *Desk) WorkList(ctx context.Context) ([]turn.WorkRow, error) {
	rows, _, err := d.rows(ctx, MarkWork)
	return rows, err
}

// rows reads a part of the work list. A torn row hides no other: it is logged,
// and named beside them.
func (d *Desk) rows(ctx context.Context, prefix string) (rows []turn.WorkRow, torn []molt.MarkID, err error) {
	q := molt.Query{Table: molt.TableMarks, Prefix: prefix, Limit: molt.MaxPage}
	for {
		p, err := d.o.Store.Scan(ctx, q)
		if err != nil {
			return nil, nil, fmt.Errorf("work list: %w", err)
		}
		for _, m := range p.Marks {
			var r turn.WorkRow
			if err := json.Unmarshal(m.Value, &r); err != nil {
				d.o.Log.Error().Str("mark", string(m.ID)).Err(err).Msg("work list")
				torn = append(torn, m.ID)
				continue
			}
			rows = append(rows, r)
		}
		if p.Next == "" {
			return rows, torn, nil
		}
		q.After = p.Next
	}
}

// successorID names the conversation that follows a frozen one: at most one a
// day, however many faults.
func (d *Desk) successorID(id molt.ConversationID, now molt.Time) (molt.ConversationID, int) {
	day := int(int64(now) / (24 * time.Hour).Milliseconds())
	return d.o.Ring.Conversation("successor", string(id), fmt.Sprint(day)), day
}

// succeed writes the successor's first batch: the texts, their verdicts, a case
// that a person holds, the page. It calls neither Load nor Decide. The mark
// makes two faults one successor; the second finds it there and moves on to it.
func (d *Desk) succeed(ctx context.Context, id molt.ConversationID, began turn.Began, letters []*letter, atLeast escalation.Severity) error {
	now := molt.TimeOf(d.o.Now())
	next, day := d.successorID(id, now)
	began.After, began.Generation, began.AtLeast = id, day, atLeast
	m := &mailbox{id: next, memory: memory{}}
	var err error
	if m.box, err = seal.NewBox(d.o.Ring, next, nil, d.o.Random); err != nil {
		return err
	}
	s := &step{d: d, m: m, now: now, clock: now, entropy: make([]byte, entropyBytes)}
	if _, err := io.ReadFull(d.o.Random, s.entropy); err != nil {
		return fmt.Errorf("random bytes: %w", err)
	}
	s.add(turn.KindBegan, &began)
	for i, l := range letters {
		if slices.ContainsFunc(letters[:i], func(o *letter) bool { return o.seen == l.seen }) {
			continue // the same text twice: answered with the first
		}
		events, _ := d.inboundEvents(l.inbound, now)
		for _, e := range events {
			if s.add(e.Kind, e.Body); e.Kind == turn.KindInbound {
				l.text = s.state.Seq
			}
		}
		s.unseen = append(s.unseen, l.seen)
	}
	decided, state, err := s.succession(atLeast)
	if err != nil {
		return d.lastResort(ctx, next, letters, err)
	}
	head, err := s.commitSuccessor(ctx, id, state, decided)
	switch {
	case err == nil:
		d.finishAll(letters, Answer{Conversation: next, Seq: head.Seq, Reason: decided.Reason}, nil)
		d.after(next, state, decided)
		return nil
	case molt.IsRefused(err, molt.RefusedSeen), molt.IsRefused(err, molt.RefusedSeq):
		return d.succeedRefused(ctx, id, next, began, letters, atLeast, err)
	}
	return err
}

// succeedRefused goes on where the successor's first batch was refused: it is there
// already, and knows which texts it has, or some of the texts were known.
func (d *Desk) succeedRefused(ctx context.Context, id, next molt.ConversationID, began turn.Began, letters []*letter, atLeast escalation.Severity, refused error) error {
	to, ok, err := d.Mark(ctx, molt.MarkID(MarkSuccessor+string(id)))
	switch {
	case err != nil:
		return err
	case ok && len(to) == 0: // its mark is damaged: what follows is found anew
		_, err := d.o.Store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(MarkSuccessor + string(id)), Drop: true}}})
		if err != nil {
			return err
		}
		return d.succeed(ctx, id, began, letters, atLeast)
	case ok:
		d.deliver(molt.ConversationID(to), letters...)
		return nil
	}
	return d.succeedLess(ctx, id, next, began, letters, atLeast, refused)
}

// onlyCodes reports whether a batch was refused for nothing but short codes.
func onlyCodes(err error) bool {
	var r *molt.Refused
	if !errors.As(err, &r) || r.Kind != molt.RefusedSeen {
		return false
	}
	return !slices.ContainsFunc(r.Marks, func(id molt.MarkID) bool { return !isDrawn(id) })
}

// succeedLess goes on without the texts that were known: back-fill brings them
// beside new ones. They keep no red flag from its successor.
func (d *Desk) succeedLess(ctx context.Context, id, next molt.ConversationID, began turn.Began, letters []*letter, atLeast escalation.Severity, refused error) error {
	rest, err := d.dropSeen(&mailbox{id: id}, letters, refused)
	switch {
	case onlyCodes(refused): // the short code is taken: other bytes make another
		return d.succeed(ctx, id, began, letters, atLeast)
	case !errors.Is(err, errDuplicates):
		for _, l := range letters {
			d.finishAlone(l, d.bare(ctx, next, l))
		}
		return nil
	case len(rest) == 0:
		return nil
	}
	return d.succeed(ctx, id, began, rest, atLeast)
}

func (s *step) succession(atLeast escalation.Severity) (dec turn.Decided, next turn.State, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s", ErrDecide, panicKind(p))
		}
	}()
	dec = turn.Succeed(s.state, s.env(), atLeast)
	e := turn.Event{Seq: s.state.Seq + 1, At: s.now, Kind: turn.KindDecided, Body: &dec}
	s.events = append(s.events, e)
	return dec, turn.Apply(s.state, e), nil
}

func (s *step) commitSuccessor(ctx context.Context, old molt.ConversationID, next turn.State, dec turn.Decided) (molt.Head, error) {
	b := molt.Batch{Conversation: s.m.id, Epoch: next.Epoch}
	for _, e := range s.events {
		if err := s.sealEvent(&b, e); err != nil {
			return molt.Head{}, err
		}
	}
	marks := append([]molt.MarkID{molt.MarkID(MarkSuccessor + string(old))}, s.unseen...)
	for _, id := range marks {
		b.Expect.Unseen = append(b.Expect.Unseen, id)
		b.Marks = append(b.Marks, molt.Mark{ID: id, Value: []byte(s.m.id)})
	}
	if err := s.put(&b, &next, dec.Effects); err != nil {
		return molt.Head{}, err
	}
	if err := s.takeOverRows(ctx, &b, old, next); err != nil {
		return molt.Head{}, err
	}
	b.Cancel = append(b.Cancel, s.d.agentItems(ctx, old)...)
	return s.d.commit(ctx, s.m.box, b)
}

// takeOverRows takes the frozen conversation's cases, torn rows too, off the work
// list and lets their short codes stand for the successor's case, which is about
// the same patient: a nurse's old code still finds her. What waited for a nurse
// there is over.
func (s *step) takeOverRows(ctx context.Context, b *molt.Batch, old molt.ConversationID, next turn.State) error {
	rows, torn, err := s.d.rows(ctx, MarkWork+string(old)+"#")
	if err != nil {
		return err
	}
	for _, id := range torn {
		b.Marks = append(b.Marks, molt.Mark{ID: id, Drop: true})
	}
	waits, err := s.d.ReviewMarks(ctx, old)
	if err != nil {
		return err
	}
	b.Marks = append(b.Marks, waits...)
	for _, r := range rows {
		b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(MarkWork + string(r.Case)), Drop: true})
		if r.Code == "" || next.Case == nil {
			continue
		}
		c := turn.Code{Code: r.Code, Known: true, Conversation: s.m.id, Case: next.Case.ID}
		if err := mark(b, MarkCode+r.Code, c); err != nil {
			return err
		}
	}
	return nil
}

// agentItems lists what a frozen conversation's agent had still to do. Pages,
// safety texts and a nurse's words are left: they carry all they need.
func (d *Desk) agentItems(ctx context.Context, id molt.ConversationID) []molt.ItemID {
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return nil // they are refused when they come due: their journal is frozen
	}
	var out []molt.ItemID
	for _, it := range p.Items {
		switch it.Lane.Class() {
		case molt.LaneAgent, molt.LaneAsk, molt.LaneOpinion, molt.LaneTimer, molt.LaneMedia:
			out = append(out, it.ID)
		}
	}
	return out[:min(len(out), molt.MaxBatchItems)]
}

// lastResort is what is left when even the successor's decision faults: the
// texts alone, and a page to everybody.
func (d *Desk) lastResort(ctx context.Context, id molt.ConversationID, letters []*letter, cause error) error {
	if len(letters) == 0 {
		return cause
	}
	d.o.Log.Error().Str("conversation", string(id)).Err(cause).Msg("successor faulted")
	for _, l := range letters {
		d.finishAlone(l, d.bare(ctx, id, l))
	}
	return nil
}

// bare commits one text without any state: the fact, the verdict, an item from
// which a decision follows, and for a red flag a page to all hands that carries
// all it needs.
func (d *Desk) bare(ctx context.Context, id molt.ConversationID, l *letter) error {
	box, err := d.boxOf(ctx, id)
	if err != nil {
		return err
	}
	now := molt.TimeOf(d.o.Now())
	events, v := d.inboundEvents(l.inbound, now)
	m := &mailbox{id: id, box: box}
	s := &step{d: d, m: m, now: now, clock: now}
	b := molt.Batch{Conversation: id, Expect: molt.Expect{AnySeq: true, Unseen: []molt.MarkID{l.seen}}}
	b.Marks = []molt.Mark{{ID: l.seen, Value: []byte(id)}}
	events = append([]turn.Event{{At: now, Kind: turn.KindBegan, Body: &l.began}}, events...)
	for _, e := range events {
		if err := s.sealEvent(&b, e); err != nil {
			return err
		}
	}
	state := turn.State{At: now, Began: l.began}
	effects := []turn.Effect{{Kind: turn.EffectTimer, Item: molt.ItemID(string(l.seen) + "/undecided"), Lane: molt.LaneTimer + ":undecided", Due: now, Name: "undecided"}}
	if v.Severity.Escalate() == "now" {
		effects = append(effects, d.barePages(l, now)...)
	}
	if err := s.put(&b, &state, effects); err != nil {
		return err
	}
	if l.file != nil {
		box.Adopt(l.file.Keys)
	}
	_, err = d.commit(ctx, box, b)
	return err
}

func (d *Desk) barePages(l *letter, now molt.Time) (out []turn.Effect) {
	r := d.o.Rules()
	for _, id := range r.Plan.AllHands {
		p := r.Plan.People[id]
		if len(p.Routes) == 0 || p.Routes[0].Address == l.began.Peer {
			continue
		}
		route := p.Routes[0]
		out = append(out, turn.Effect{
			Kind: turn.EffectPage, Due: now,
			Item: molt.ItemID(string(l.seen) + "/page/" + strings.ToLower(string(id))),
			Lane: molt.LanePage + ":" + molt.Lane(id) + ":" + molt.Lane(route.Name),
			Out: &turn.Out{
				What: "page", Class: channels.ClassPage, Channel: route.Channel, Account: r.Accounts[route.Channel],
				Peer: route.Address, Person: id, Put: now, ValidityMS: turn.PageValidity.Milliseconds(),
				Words: "S1 page: a red flag the gateway could not file. Run: tidegate conversations --undecided",
			},
		})
	}
	return out
}

// The ends of an item beside a frozen journal, for Bare.
const (
	BareGoesOn molt.Time = 0 // it stays in its worker's hands
	BareDone   molt.Time = 1 // it is finished
)

// Bare commits facts of a worker about a frozen journal's own safety texts and
// pages, with no decision: they run on, since they carry all they need. end is
// one of the ends, or when the item is due again.
func (d *Desk) Bare(ctx context.Context, id molt.ConversationID, facts []Fact, lease molt.Lease, end molt.Time) error {
	box, err := d.boxOf(ctx, id)
	if err != nil {
		return err
	}
	now := molt.TimeOf(d.o.Now())
	s := &step{d: d, m: &mailbox{id: id, box: box}, now: now, clock: now}
	b := molt.Batch{Conversation: id, Expect: molt.Expect{AnySeq: true, Leases: []molt.Lease{lease}, Now: now}}
	for _, f := range facts {
		if err := s.sealEvent(&b, turn.Event{At: now, Kind: f.Kind, Body: f.Body}); err != nil {
			return err
		}
	}
	switch end {
	case BareGoesOn:
	case BareDone:
		b.Done = []molt.ItemID{lease.Item}
	default:
		b.Retry = []molt.Retry{{Item: lease.Item, Due: end}}
	}
	_, err = d.commit(ctx, box, b)
	return err
}
