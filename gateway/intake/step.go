package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// handle decides letters, again while the store says that the journal moved.
// Every letter is answered before it returns, or has moved to another mailbox.
func (d *Desk) handle(m *mailbox, letters []*letter) {
	ctx := context.Background() // a commit is waited for whoever stopped waiting for it
	if alone := letters[0].alone; alone != nil {
		err := alone(ctx)
		m.forget()
		d.finishAll(letters, Answer{}, err)
		return
	}
	for conflicts := 0; len(letters) > 0; {
		if err := d.load(ctx, m); err != nil {
			d.unloadable(ctx, m, letters, err)
			return
		}
		if m.moved != "" {
			if letters = d.turnAway(letters); len(letters) > 0 {
				d.deliver(m.moved, letters...)
			}
			return
		}
		done, err := d.once(ctx, m, letters)
		switch {
		case err == nil:
			return
		case errors.Is(err, errDuplicates):
			letters = done
		case molt.IsRefused(err, molt.RefusedSeen): // a short code that is taken: other bytes
			m.forget()
		case molt.IsRefused(err, molt.RefusedLease):
			d.finishAll(letters, Answer{}, ErrGone)
			return
		case molt.IsRefused(err, molt.RefusedSeq), molt.IsRefused(err, molt.RefusedEpoch):
			m.forget()
			if conflicts++; conflicts > MaxConflicts {
				d.commitAlone(ctx, m, letters)
				return
			}
		case errors.Is(err, ErrDecide):
			d.unloadable(ctx, m, letters, err)
			return
		default:
			m.forget()
			d.finishAll(letters, Answer{}, err)
			return
		}
	}
}

// forget makes the next step load the journal again.
func (m *mailbox) forget() {
	m.loaded, m.state, m.head, m.box, m.memory = false, turn.State{}, molt.Head{}, nil, nil
}

var (
	errDuplicates = errors.New("some texts are known already")
	errPlan       = errors.New("the plan of a step faulted")
	// ErrDecide says that the core faulted over a state and its facts.
	ErrDecide = errors.New("the decision faulted")
)

// step is one attempt to decide and commit.
type step struct {
	d       *Desk
	m       *mailbox
	now     molt.Time  // of the step's events: never before the last one
	clock   molt.Time  // what the clock says: leases and due times go by it
	state   turn.State // with the facts folded in
	events  []turn.Event
	leases  []molt.Lease
	unseen  []molt.MarkID
	marks   []molt.Mark
	entropy []byte
	led     bool     // whether it was asked who leads the source
	before  pointer  // who led it when this step looked
	ringing *pointer // the how-manieth chat rang when this step looked; nil: it did not
}

// once decides and commits the letters. With errDuplicates it returns those
// that are left to decide; the others have their answer.
func (d *Desk) once(ctx context.Context, m *mailbox, letters []*letter) ([]*letter, error) {
	s, err := d.newStep(m)
	if err != nil {
		return nil, err
	}
	if m.state.Began.Channel == "" { // it is empty, or was erased
		if letters[0].began.Channel == "" {
			return nil, ErrUnknownConversation
		}
		s.add(turn.KindBegan, &letters[0].began)
	}
	if err := s.take(ctx, letters); err != nil {
		return nil, err
	}
	if len(s.events) == 0 {
		d.finishAll(letters, Answer{Conversation: m.id}, nil)
		return nil, nil
	}
	decided, next, err := s.decide()
	if err != nil {
		return nil, err
	}
	head, err := s.commit(ctx, next, decided)
	if err != nil {
		return d.dropSeen(m, letters, err)
	}
	m.state, m.head = next, head
	m.memory.forget(&m.state)
	m.box.Kept()
	d.finishAll(letters, Answer{Conversation: m.id, Seq: next.Seq, Reason: decided.Reason, Detail: decided.Detail}, nil)
	d.after(m.id, next, decided)
	return nil, nil
}

func (d *Desk) newStep(m *mailbox) (*step, error) {
	m.memory.forgetAfter(m.state.Seq)
	clock := molt.TimeOf(d.o.Now())
	s := &step{d: d, m: m, state: m.state, now: max(clock, m.state.At, m.head.At), clock: clock, entropy: make([]byte, entropyBytes)}
	if _, err := io.ReadFull(d.o.Random, s.entropy); err != nil {
		return nil, fmt.Errorf("random bytes: %w", err)
	}
	return s, nil
}

// add folds a fact into the step's state.
func (s *step) add(kind string, body any) {
	e := turn.Event{Seq: s.state.Seq + 1, At: s.now, Kind: kind, Body: body}
	s.events = append(s.events, e)
	s.m.memory.note(e)
	s.state = turn.Apply(s.state, e)
}

func (s *step) take(ctx context.Context, letters []*letter) error {
	for i, l := range letters {
		if l.inbound != nil {
			if slices.ContainsFunc(letters[:i], func(o *letter) bool { return o.seen == l.seen }) {
				continue // the same text twice in one step: answered with the first
			}
			if err := s.takeInbound(ctx, l); err != nil {
				return err
			}
			continue
		}
		p, err := s.plan(l)
		if err != nil {
			return err
		}
		for _, f := range p.Facts {
			switch {
			case s.state.MayRing(f.Body):
				s.addLead(ctx, s.state.RingSeverity(f.Body))
			case s.state.MayAskAgain(f.Body):
				s.addWaiting(ctx)
			}
			s.add(f.Kind, f.Body)
		}
		s.leases = append(s.leases, p.Leases...)
		s.unseen = append(s.unseen, p.Unseen...)
		s.marks = append(s.marks, p.Marks...)
		if len(p.Facts) == 0 {
			s.events = nil // a journal does not begin with nothing
		}
	}
	return nil
}

// plan asks a letter what to add. A plan reads what a patient wrote: a panic in it
// is its own fault, and takes no more down than its letter.
func (s *step) plan(l *letter) (p Plan, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s", errPlan, panicKind(r))
		}
	}()
	return l.plan(&s.state, s.m.memory.recall), nil
}

// takeInbound adds a text, the screen's verdict on it, and in a staff member's
// stream what the code in it stands for.
func (s *step) takeInbound(ctx context.Context, l *letter) error {
	recent := s.state.Recent(s.m.memory.recall)
	s.add(turn.KindInbound, l.inbound)
	s.unseen = append(s.unseen, l.seen)
	v := s.d.judge(l.inbound.Words.Reveal(), recent, turn.HeardAt(l.inbound, s.now), s.state.Lang)
	l.text = s.state.Seq
	s.add(turn.KindScreened, &v)
	if l.file != nil {
		s.m.box.Adopt(l.file.Keys)
	}
	if s.state.MayRing(&v) {
		s.addLead(ctx, s.state.RingSeverity(&v))
	}
	if !s.state.Stream() {
		return nil
	}
	code, err := s.d.codeIn(ctx, l.inbound.Words.Reveal())
	if err != nil {
		return err
	}
	if code != nil {
		s.add(turn.KindCode, code)
	}
	if code != nil && code.Known {
		return nil
	}
	if hers := s.d.hersOf(ctx, s.state.Began.Person); len(hers.Cases) > 0 {
		s.add(turn.KindHers, &hers)
	}
	return nil
}

// hersOf lists the open cases that somebody holds or is paged for. Where the
// work list cannot be read she is answered without it: her text may be a red
// flag of her own.
func (d *Desk) hersOf(ctx context.Context, who molt.PersonID) (hers turn.Hers) {
	rows, err := d.WorkList(ctx)
	if err != nil {
		d.o.Log.Error().Err(err).Msg("work list")
		return hers
	}
	for _, r := range rows {
		held := r.Claimant == who
		if r.Code != "" && (held || slices.Contains(r.Asked, who)) {
			hers.Cases = append(hers.Cases, turn.HersCase{Code: r.Code, Severity: r.Severity, Opened: r.Opened, Held: held})
		}
	}
	slices.SortFunc(hers.Cases, func(a, b turn.HersCase) int {
		if a.Held != b.Held {
			return map[bool]int{true: -1, false: 1}[a.Held]
		}
		return cmp.Or(a.Severity.Rank()-b.Severity.Rank(), cmp.Compare(a.Opened, b.Opened), strings.Compare(a.Code, b.Code))
	})
	if n := len(hers.Cases); n > turn.MaxHers {
		hers.Cases, hers.More = hers.Cases[:turn.MaxHers], n-turn.MaxHers
	}
	return hers
}

// judge runs the screen.
func (d *Desk) judge(text string, recent []screen.Message, at int64, lang string) screen.Verdict {
	return d.screen().Safe(text, recent, at, lang)
}

// screen is the one of the configuration in force; a reload may have brought
// another than the desk was made with.
func (d *Desk) screen() *screen.Screen {
	if r := d.o.Rules(); r != nil && r.Screen != nil {
		return r.Screen
	}
	return d.o.Screen
}

// codeIn looks up what the code at the start of a staff text stands for. One that
// cannot be read is not known: the text may be a red flag of her own.
func (d *Desk) codeIn(ctx context.Context, text string) (*turn.Code, error) {
	code, _, ok := turn.ReadCode(text)
	if !ok {
		return nil, nil
	}
	value, ok, err := d.Mark(ctx, molt.MarkID(MarkCode+code))
	if err != nil {
		return nil, err
	}
	c := turn.Code{Code: code}
	if ok {
		if err := json.Unmarshal(value, &c); err != nil {
			d.o.Log.Error().Err(err).Msg("mark of a code")
			return &turn.Code{Code: code}, nil
		}
	}
	return &c, nil
}

// Mark reads one mark. One that is torn is there, and has no value.
func (d *Desk) Mark(ctx context.Context, id molt.MarkID) ([]byte, bool, error) {
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: string(id), Limit: 1})
	if err != nil {
		return nil, false, fmt.Errorf("read mark: %w", err)
	}
	if len(p.Marks) == 0 || p.Marks[0].ID != id {
		return nil, false, nil
	}
	return p.Marks[0].Value, true, nil
}

// decide asks the core. A panic in it must not take the daemon down, nor the
// text: it goes to a successor.
func (s *step) decide() (dec turn.Decided, next turn.State, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s", ErrDecide, panicKind(p))
		}
	}()
	dec = turn.Decide(s.state, s.events, s.env())
	e := turn.Event{Seq: s.state.Seq + 1, At: s.now, Kind: turn.KindDecided, Body: &dec}
	s.events = append(s.events, e)
	s.m.memory.note(e)
	return dec, turn.Apply(s.state, e), nil
}

// panicKind keeps of a panic what cannot hold a patient's words.
func panicKind(p any) string {
	if err, ok := p.(interface{ RuntimeError() }); ok {
		return fmt.Sprintf("%T: %v", err, err)
	}
	return fmt.Sprintf("%T", p)
}

func (s *step) env() turn.Env {
	return turn.Env{Conversation: s.m.id, Now: s.now, Entropy: s.entropy, Rules: s.d.o.Rules(), Recall: s.m.memory.recall}
}

// commit writes all of the step in one batch.
func (s *step) commit(ctx context.Context, next turn.State, decided turn.Decided) (molt.Head, error) {
	b := molt.Batch{Conversation: s.m.id, Epoch: next.Epoch}
	b.Expect = molt.Expect{Seq: s.m.head.Seq, Leases: s.leases, Now: s.clock}
	for _, e := range s.events {
		if err := s.sealEvent(&b, e); err != nil {
			return molt.Head{}, err
		}
	}
	for _, id := range s.unseen {
		b.Expect.Unseen = append(b.Expect.Unseen, id)
		b.Marks = append(b.Marks, molt.Mark{ID: id, Value: []byte(s.m.id)})
	}
	b.Marks = append(b.Marks, s.marks...)
	if err := errors.Join(s.put(&b, &next, decided.Effects), s.putRinging(&b, &next)); err != nil {
		return molt.Head{}, err
	}
	plain, err := json.Marshal(next)
	if err != nil {
		return molt.Head{}, fmt.Errorf("snapshot: %w", err)
	}
	if b.SnapshotKey, b.Snapshot, err = s.m.box.Seal(s.now, seal.KindSnapshot, plain); err != nil {
		return molt.Head{}, fmt.Errorf("seal snapshot: %w", err)
	}
	return s.d.commit(ctx, s.m.box, b)
}

// commit commits what was sealed in a box, with the keys that were made for it.
func (d *Desk) commit(ctx context.Context, box *seal.Box, b molt.Batch) (head molt.Head, err error) {
	err = box.Commit(func(fresh []molt.WrappedKey) error {
		b.Keys = append(b.Keys, fresh...)
		c, err := d.o.Store.Commit(ctx, b)
		head = c.Head
		return err
	})
	return head, err
}

func (s *step) sealEvent(b *molt.Batch, e turn.Event) error {
	plain, err := json.Marshal(e.Body)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Kind, err)
	}
	key, sealed, err := s.m.box.Seal(e.At, e.Kind, plain)
	if err != nil {
		return fmt.Errorf("seal event %s: %w", e.Kind, err)
	}
	b.Events = append(b.Events, molt.Event{At: e.At, Kind: e.Kind, Key: key, Body: sealed})
	return nil
}

// dropSeen answers the texts that the store has already and returns the rest.
func (d *Desk) dropSeen(m *mailbox, letters []*letter, err error) ([]*letter, error) {
	var r *molt.Refused
	if !errors.As(err, &r) || r.Kind != molt.RefusedSeen {
		return nil, err
	}
	var rest []*letter
	for _, l := range letters {
		switch {
		case l.inbound != nil && slices.Contains(r.Marks, l.seen):
			d.finish(l, Answer{Conversation: m.id, Duplicate: true}, nil)
		case l.plan != nil && slices.ContainsFunc(r.Marks, func(id molt.MarkID) bool { return !isDrawn(id) }):
			d.finish(l, Answer{Conversation: m.id, Duplicate: true}, nil)
		default:
			rest = append(rest, l)
		}
	}
	if len(rest) == len(letters) {
		return nil, err // only a short code: once more with other bytes
	}
	return rest, errDuplicates
}

// isDrawn reports whether a mark is one that a step chose, so that the step, done
// again, chooses another: a short code, or who leads a source.
func isDrawn(id molt.MarkID) bool {
	return strings.HasPrefix(string(id), MarkCode) || strings.HasPrefix(string(id), MarkLead)
}

// after tells workers and watchers what is new.
func (d *Desk) after(id molt.ConversationID, next turn.State, decided turn.Decided) {
	for _, e := range decided.Effects {
		if e.Lane != "" || e.Kind == turn.EffectRetry {
			d.o.Kick(e.Lane.Class())
		}
	}
	d.o.Watch(id, next, decided)
}

// commitAlone writes texts without a decision when the journal would not hold
// still: no snapshot, any sequence, and an item from which the decision
// follows. A red flag takes its page along.
func (d *Desk) commitAlone(ctx context.Context, m *mailbox, letters []*letter) {
	if letters[0].inbound == nil {
		d.finishAll(letters, Answer{}, &molt.Refused{Kind: molt.RefusedSeq, Why: "the journal would not hold still"})
		return
	}
	for _, l := range letters {
		d.finishAlone(l, d.bare(ctx, m.id, l))
	}
}

func (d *Desk) finishAlone(l *letter, err error) {
	if molt.IsRefused(err, molt.RefusedSeen) {
		d.finish(l, Answer{Duplicate: true}, nil)
		return
	}
	if err == nil {
		d.o.Kick(molt.LaneTimer)
		d.o.Kick(molt.LanePage)
	}
	d.finish(l, Answer{Reason: turn.ReasonNothing}, err)
}

// inboundEvents are the facts of one text that is committed without its state.
func (d *Desk) inboundEvents(in *channels.Inbound, now molt.Time) ([]turn.Event, screen.Verdict) {
	v := d.judge(in.Words.Reveal(), nil, turn.AloneAt(in), "")
	return []turn.Event{
		{At: now, Kind: turn.KindInbound, Body: in},
		{At: now, Kind: turn.KindScreened, Body: &v},
	}, v
}
