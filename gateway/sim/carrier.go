package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// listPart is how many texts the list gives at once.
const listPart = 25

// carrier stands between phones and the daemon. Its records are the judge's:
// the daemon cannot write to them, and no crash touches them.
type carrier struct {
	w        *world
	id       string
	account  molt.Address
	inbound  []*text
	calls    []*call
	stopped  map[molt.Address]bool // who texted STOP: the carrier blocks what goes to them
	opened   molt.Time             // when its list was last read from the top
	looked   molt.Time             // when a list was opened that was then read to its end
	underway int                   // webhooks, receipts and texts that have not arrived yet
}

// text is one that a phone sent to the clinic.
type text struct {
	carrier *carrier
	id      string
	from    molt.Address
	words   string
	kind    kind
	media   bool
	fates   []*fate // of its files
	sent    molt.Time
	listed  molt.Time // when the carrier's list begins to show it
	posts   int
	tries   int       // of a page that was not heard
	acked   molt.Time // first 2xx; 0: none yet
}

func (t *text) in() channels.Inbound {
	in := channels.Inbound{
		Channel: t.carrier.id, Account: t.carrier.account, Peer: t.from, ProviderID: t.id, Words: molt.Words(t.words), Via: channels.ViaWebhook,
	}
	if t.media {
		in.Media = t.files()
	}
	return in
}

// call is one attempt to send, as the carrier saw it.
type call struct {
	o       channels.Outbound
	lane    molt.Lane
	begun   molt.Time // when its attempt was committed
	at      molt.Time // when it reached the carrier
	ends    molt.Time // when it got its answer, or its connection broke
	taken   bool
	fault   channels.FaultKind // that was answered; "" when the answer was yes
	id      string
	known   bool      // the daemon had the answer on record before it could die of it
	arrived molt.Time // at the phone; 0: it did not
	told    bool      // that it arrived: the receipt was taken
	lost    bool      // a restore took it from the record
}

// ID implements channels.Adapter.
func (c *carrier) ID() string { return c.id }

// Accounts implements channels.Adapter.
func (c *carrier) Accounts() []molt.Address { return []molt.Address{c.account} }

var errList = errors.New("list: 503")

var errSocket = errors.New("a world has no sockets")

// Parse implements channels.Adapter.
func (c *carrier) Parse(channels.Request) (channels.Arrival, error) {
	return channels.Arrival{}, &channels.Rejected{HTTP: 404, Why: errSocket.Error()}
}

// later plans something that the world may not end before.
func (c *carrier) later(d time.Duration, what string, do func()) {
	c.underway++
	c.w.after(d, 0, what, func() {
		c.underway--
		do()
	})
}

// send takes a text from a phone. Webhooks come late, twice, or never.
func (c *carrier) send(from molt.Address, k kind, words string, media bool) {
	w := c.w
	t := &text{carrier: c, id: fmt.Sprintf("%s-%d", c.id, len(c.inbound)+1), from: from, words: words, kind: k, media: media, sent: w.now}
	t.listed = w.now.Add(w.within(0, 10*time.Second))
	c.inbound = append(c.inbound, t)
	w.texts[t.id] = t
	t.draw()
	switch strings.ToUpper(strings.TrimSpace(words)) {
	case "STOP":
		c.stopped[from] = true
	case "START", "YES":
		c.stopped[from] = false
	}
	w.tell("%s texts %q (%s)", w.name(from), words, t.id)
	if !w.calm && w.chance(w.weather.lose) {
		w.tell("the carrier loses the webhook of %s", t.id)
		return
	}
	c.later(w.within(0, 300*time.Millisecond), "webhook "+t.id, func() { c.post(t) })
	if w.chance(w.weather.double) {
		c.later(w.within(0, 8*time.Second), "webhook "+t.id+" again", func() { c.post(t) })
	}
}

// post delivers a webhook.
func (c *carrier) post(t *text) {
	t.posts++
	if c.w.daemon == nil || c.w.daemon.steps == nil {
		c.again(t)
		return
	}
	c.underway++
	c.w.accept(t)
}

// answer hears what came of a webhook. Without a 2xx only the list knows the
// text from here on, unless it is tried once more.
func (c *carrier) answer(t *text, ok bool) {
	c.underway--
	switch {
	case !ok:
		c.again(t)
	case t.acked == 0:
		t.acked = c.w.now
	}
}

func (c *carrier) again(t *text) {
	if t.posts == 1 && c.w.chance(0.3) {
		c.later(time.Second, "webhook "+t.id+" once more", func() { c.post(t) })
	}
}

// cut breaks all connections.
func (c *carrier) cut() {
	for _, k := range c.calls {
		if k.ends > c.w.now {
			k.ends = c.w.now
		}
	}
}

// Send implements channels.Sender.
func (c *carrier) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	w := c.w
	if err := ctx.Err(); err != nil { // the connection is never opened
		return channels.Receipt{}, &channels.SendError{Kind: channels.FaultUnknown, Err: err}
	}
	k := &call{o: o, lane: w.job.work.Item.Lane, begun: w.job.last, at: w.now}
	w.judgeCall(c, k)
	c.calls = append(c.calls, k)
	w.job.call = k
	fault := c.meet(k)
	k.ends = w.now.Add(w.took)
	w.tell("%s sends %s to %s: %q: %s", c.id, o.Class, w.name(o.Peer), o.Words.Reveal(), w.answerOf(k, fault))
	if k.taken {
		k.id = fmt.Sprintf("SM%s%d", c.id, len(c.calls))
		c.carry(k)
	}
	if fault != nil {
		k.fault = fault.Kind
		return channels.Receipt{}, fault
	}
	return channels.Receipt{ProviderID: k.id, Status: channels.StatusQueued, Segments: 1, At: w.now}, nil
}

func (w *world) answerOf(k *call, fault *channels.SendError) string {
	switch {
	case fault == nil:
		return "taken"
	case k.taken:
		return "taken, the answer is lost"
	}
	return string(fault.Kind)
}

// meet draws what becomes of a call.
func (c *carrier) meet(k *call) *channels.SendError {
	w := c.w
	w.took = w.within(10*time.Millisecond, 300*time.Millisecond)
	if c.stopped[k.o.Peer] {
		return &channels.SendError{Kind: channels.FaultOptedOut, Code: 21610, HTTP: 400, Certain: true}
	}
	x := w.r.Float64() / max(w.weather.carrier, 1e-9)
	if w.calm {
		x = 1e9
	}
	certain := func(f channels.FaultKind, code int, after time.Duration) *channels.SendError {
		return &channels.SendError{Kind: f, Code: code, HTTP: 400, Certain: true, RetryAfter: after}
	}
	unknown := func(taken bool) *channels.SendError {
		k.taken, w.took = taken, w.within(time.Second, channels.SendTimeout)
		return &channels.SendError{Kind: channels.FaultUnknown, Err: context.DeadlineExceeded}
	}
	switch {
	case x < 0.06:
		return certain(channels.FaultRate, 20429, pick(w.r, 0, time.Second, 15*time.Second, 40*time.Second))
	case x < 0.10:
		return certain(channels.FaultTransient, 0, 0)
	case x < 0.14:
		return unknown(true)
	case x < 0.18:
		return unknown(false)
	case x < 0.19:
		return certain(channels.FaultUnreachable, 30003, 0)
	case x < 0.196:
		return certain(pick(w.r, channels.FaultRecipient, channels.FaultRejected, channels.FaultTooLong, channels.FaultWindow), 21211, 0)
	case x < 0.204:
		return certain(channels.FaultFiltered, 30007, 0)
	case x < 0.208:
		return certain(channels.FaultConfiguration, 30034, 0)
	}
	k.taken = true
	return nil
}

// carry takes a text to its phone and reports on the way.
func (c *carrier) carry(k *call) {
	w := c.w
	mean := w.weather.carrier
	if w.calm {
		mean = 0
	}
	reports := []channels.StatusReport{{Status: channels.StatusSent}, {Status: channels.StatusDelivered}}
	switch {
	case w.chance(0.03 * mean):
		reports[1] = channels.StatusReport{Status: pick(w.r, channels.StatusUndelivered, channels.StatusFailed), Code: 30003, Fault: channels.FaultUnreachable}
		if w.chance(0.3) {
			reports[1].Code, reports[1].Fault = 30007, channels.FaultFiltered
		}
	default:
		c.later(w.within(200*time.Millisecond, 3*time.Second), "text arrives", func() {
			k.arrived = w.now
			w.ring(k)
		})
	}
	for i, r := range reports {
		r.Channel, r.Conversation, r.Item, r.Attempt, r.Put, r.ProviderID = c.id, k.o.Conversation, k.o.Item, k.o.Attempt, k.o.Put, k.id
		at := time.Duration(i+1) * w.within(50*time.Millisecond, 2*time.Second)
		if w.chance(0.1 * mean) {
			at += w.within(10*time.Second, 10*time.Minute)
		}
		copies := 1
		switch {
		case w.chance(0.08 * mean):
			copies = 0
		case w.chance(0.1 * mean):
			copies = 2
		}
		for range copies {
			c.later(at, "receipt", func() { k.told = w.report(r) && r.Status == channels.StatusDelivered || k.told })
		}
	}
}

// report brings a receipt to its door; one that finds nobody is lost.
func (w *world) report(r channels.StatusReport) (taken bool) {
	if w.daemon == nil || w.daemon.steps == nil {
		return false
	}
	w.settle()
	if err := w.daemon.steps.Desk().Report(context.Background(), r); err != nil {
		w.tell("receipt: %v", err)
		return false
	}
	return true
}

// ListInbound implements channels.Lister. The list lags, and at times fails, now and
// then halfway.
func (c *carrier) ListInbound(_ context.Context, account molt.Address, since molt.Time, from channels.Cursor, known func(string) bool) (in []channels.Inbound, next channels.Cursor, err error) {
	if !c.w.calm && c.w.chance(0.1*c.w.weather.carrier) {
		return nil, from, errList
	}
	at, err := strconv.Atoi(string(from))
	if from == "" {
		at, c.opened, err = len(c.inbound), c.w.now, nil
	}
	if err != nil || account != c.account {
		return nil, "", err
	}
	for n := 0; at > 0 && n < listPart; n++ {
		at--
		t := c.inbound[at]
		i := t.in()
		if i.At = t.sent - t.sent%1000; i.At < since-since%1000 || t.listed > c.w.now || known(t.id) {
			continue
		}
		in = append(in, i)
	}
	slices.SortStableFunc(in, func(a, b channels.Inbound) int { return int(a.At - b.At) })
	switch {
	case at == 0:
		c.looked = c.opened
		return in, "", nil
	case !c.w.calm && c.w.chance(0.1*c.w.weather.carrier):
		return in, channels.Cursor(strconv.Itoa(at)), errList
	}
	return in, channels.Cursor(strconv.Itoa(at)), nil
}

// FindOutbound implements channels.Lister.
func (c *carrier) FindOutbound(ctx context.Context, o channels.Outbound, attempted molt.Time) (channels.Receipt, bool, error) {
	w := c.w
	w.took = w.within(10*time.Millisecond, 500*time.Millisecond)
	if err := ctx.Err(); err != nil {
		return channels.Receipt{}, false, err
	}
	if !w.calm && w.chance(0.1*w.weather.carrier) {
		return channels.Receipt{}, false, errList
	}
	for _, k := range c.calls {
		lag := time.Duration(1+len(k.o.Words)%7) * time.Second
		if k.taken && k.o.Peer == o.Peer && k.o.Words == o.Words && k.at >= attempted && k.at.Add(lag) <= w.now {
			return channels.Receipt{ProviderID: k.id, Status: channels.StatusSent, At: k.at}, true, nil
		}
	}
	return channels.Receipt{}, false, nil
}

var _ channels.Adapter = (*carrier)(nil)
