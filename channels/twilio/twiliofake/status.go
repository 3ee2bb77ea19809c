package twiliofake

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// whatsAppWindow is how long after a handset's last message free text may go back (Twilio 63016).
const whatsAppWindow = 24 * time.Hour

// fate is what armed faults decided about a message.
type fate struct {
	code         int // why it ends badly; 0 if it does not
	arrives      bool
	receiptDelay time.Duration
	noReceipts   bool
}

// journey is one message on its way. Only its own job reads or writes it, but for last and waiting, which the carrier's lock guards.
type journey struct {
	fate
	message Entry
	expires time.Time
	slot    time.Time // when its number's rate lets it go
	shuffle bool
	steps   []step
	waiting []receipt     // to be posted at the end, in any order
	last    chan struct{} // closed when the last receipt in order was posted
}

// step is one thing that happens to a message, after a while.
type step struct {
	status string // "" stands for the arrival at the handset
	after  time.Duration
	leaves bool // the message leaves the queue by it
}

// receipt is one status callback to post.
type receipt struct {
	status   string
	code     int
	delivery int
	delay    time.Duration
}

// carry starts a message on its way, or takes it up where an earlier process left it. The caller holds the lock.
func (c *Carrier) carry(m *message, f fate) {
	now := c.opts.Now()
	if isWhatsApp(m.To) && m.Origin == OriginAPI && now.Sub(c.state.heard[pair{m.To, m.From}]) > whatsAppWindow {
		f.code = codeWindowClosed
	}
	j := &journey{
		fate: f, message: m.Entry, expires: m.At.Add(time.Duration(m.Validity) * time.Second), slot: now,
		shuffle: happens(c.chance, c.behavior.ShuffleCallbacks),
	}
	if rate := c.behavior.SegmentsPerSecond; rate > 0 {
		if c.slots[m.From].After(now) {
			j.slot = c.slots[m.From]
		}
		c.slots[m.From] = j.slot.Add(time.Duration(m.Segments) * time.Second / time.Duration(rate))
	}
	j.steps = c.plan(m, f)
	if !c.spawn(func(ctx context.Context) { c.travel(ctx, j) }) && !c.stopping {
		_ = c.record(Entry{Kind: KindStatus, SID: m.SID, From: m.From, To: m.To, Status: statusFailed, ErrorCode: codeOverflow})
	}
}

// plan lists what is still to happen to a message. The caller holds the lock.
func (c *Carrier) plan(m *message, f fate) []step {
	steps := []step{}
	add := func(status string) {
		steps = append(steps, step{status: status, after: c.behavior.StatusInterval.draw(c.chance)})
	}
	if m.Status == statusAccepted {
		add(statusQueued)
	}
	queued := len(steps)
	if m.Status == statusAccepted || m.Status == statusQueued {
		if !happens(c.chance, c.behavior.SkipSending) {
			add(statusSending)
		}
	}
	if f.code != 0 && failsUnsent(f.code) {
		add(statusFailed)
	} else {
		if m.Status != statusSent {
			add(statusSent)
		}
		if !m.arrived && (f.code == 0 || f.arrives) {
			add("")
		}
		switch {
		case f.code != 0:
			add(statusUndelivered)
		default:
			add(statusDelivered)
			if isWhatsApp(m.To) && c.behavior.ReadReceipts {
				add(statusRead)
			}
		}
	}
	if m.Status != statusSent {
		steps[queued].leaves = true
	}
	return steps
}

// failsUnsent tells the codes with which a message never left Twilio from those a network sent back.
func failsUnsent(code int) bool {
	switch code {
	case codeOverflow, codeSuspended, codeUnregistered, codeExpired, codeWindowClosed:
		return true
	default:
		return false
	}
}

// travel takes a message from step to step.
func (c *Carrier) travel(ctx context.Context, j *journey) {
	for _, s := range j.steps {
		if !rest(ctx, s.after) {
			return
		}
		if s.leaves {
			code, alive := c.leaveQueue(ctx, j)
			if !alive {
				return
			}
			if code != 0 {
				c.advance(j, statusFailed, code)
				break
			}
		}
		if s.status == "" {
			c.arrive(j)
			continue
		}
		code := 0
		if s.status == statusFailed || s.status == statusUndelivered {
			code = j.code
		}
		c.advance(j, s.status, code)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chance.Shuffle(len(j.waiting), func(a, b int) { j.waiting[a], j.waiting[b] = j.waiting[b], j.waiting[a] })
	for _, r := range j.waiting {
		c.dispatch(j, r, false)
	}
}

// leaveQueue waits until the message may leave its queue. It returns the code with which it fails instead, and whether the carrier still lives.
func (c *Carrier) leaveQueue(ctx context.Context, j *journey) (code int, alive bool) {
	valid, cancel := context.WithTimeout(ctx, j.expires.Sub(c.opts.Now()))
	defer cancel()
	inTime := rest(valid, j.slot.Sub(c.opts.Now())) && c.await(valid, func() bool { return !c.paused[SideHandset] })
	if ctx.Err() != nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !inTime || !c.opts.Now().Before(j.expires):
		return codeExpired, true
	case j.message.Origin != OriginCarrier && c.state.blocked(j.message.To, j.message.From):
		return codeOptedOut, true
	default:
		return 0, true
	}
}

// arrive puts the words on the phone.
func (c *Carrier) arrive(j *journey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := j.message
	_ = c.record(Entry{Kind: KindHandset, SID: m.SID, From: m.From, To: m.To, Body: m.Body, Media: m.Media, Origin: m.Origin})
}

// advance writes a new state down and reports it.
func (c *Carrier) advance(j *journey, status string, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := j.message
	if err := c.record(Entry{Kind: KindStatus, SID: m.SID, From: m.From, To: m.To, Status: status, ErrorCode: code}); err != nil {
		return
	}
	if m.StatusCallback == "" || j.noReceipts {
		return
	}
	r := receipt{status: status, code: code, delivery: 1, delay: j.receiptDelay}
	again := happens(c.chance, c.behavior.DuplicateCallback)
	late := happens(c.chance, c.behavior.LateCallback)
	if late {
		r.delay += c.behavior.LateBy.draw(c.chance)
	}
	c.post(j, r, !late)
	if again {
		r.delivery = 2
		r.delay += c.behavior.DuplicateDelay.draw(c.chance)
		c.post(j, r, false)
	}
}

// post sends a receipt now, or keeps it for the end if the message's receipts are shuffled. The caller holds the lock.
func (c *Carrier) post(j *journey, r receipt, inOrder bool) {
	if j.shuffle {
		j.waiting = append(j.waiting, r)
		return
	}
	c.dispatch(j, r, inOrder)
}

// dispatch posts a receipt beside the caller, who holds the lock; in order means after the receipt before it was posted.
func (c *Carrier) dispatch(j *journey, r receipt, inOrder bool) {
	m := j.message
	hook := hook{
		kind: KindCallback, sid: m.SID, target: m.StatusCallback, form: c.callbackForm(m, r), delivery: r.delivery, status: r.status,
		portless: happens(c.chance, c.behavior.PortlessSignature),
	}
	var before chan struct{}
	done := make(chan struct{})
	if inOrder {
		before, j.last = j.last, done
	}
	posted := c.spawn(func(ctx context.Context) {
		defer close(done)
		if wait(ctx, before) && rest(ctx, r.delay) {
			c.call(ctx, hook)
		}
	})
	if !posted {
		close(done)
		_ = c.record(hook.entry(Entry{Phase: PhaseEnded, Error: "never posted: the carrier has too much to do"}))
	}
}

// wait waits for a channel to close; nil needs no waiting.
func wait(ctx context.Context, done <-chan struct{}) bool {
	if done == nil {
		return ctx.Err() == nil
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// callbackForm is what Twilio posts to a status callback.
func (c *Carrier) callbackForm(m Entry, r receipt) url.Values {
	form := url.Values{
		"AccountSid":    {c.opts.AccountSID},
		"ApiVersion":    {apiVersion},
		"From":          {m.From},
		"MessageSid":    {m.SID},
		"MessageStatus": {r.status},
		"SmsSid":        {m.SID},
		"SmsStatus":     {r.status},
		"To":            {m.To},
	}
	if m.MessagingService != "" {
		form.Set("MessagingServiceSid", m.MessagingService)
	}
	if r.code != 0 {
		form.Set("ErrorCode", strconv.Itoa(r.code))
	}
	if isWhatsApp(m.To) {
		form.Set("ChannelPrefix", "whatsapp")
		form.Set("ChannelToAddress", m.To)
	} else if r.status == statusDelivered || r.status == statusUndelivered {
		form.Set("RawDlrDoneDate", c.opts.Now().UTC().Format("0601021504"))
	}
	return form
}
