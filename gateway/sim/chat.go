package sim

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const (
	chatChannel = "chat"
	chatAccount = molt.Address("chat:chat")
)

// chat is a channel whose peers hold a connection: no carrier keeps a text for them,
// and whether one was looked at only their pages say. Its carrier is nothing but the
// ledger of what was published and written.
type chat struct {
	*ledger
	house channels.House
	pages map[molt.Address]*page
}

// ledger is a carrier's record without its lists.
type ledger struct{ c *carrier }

func (l *ledger) ID() string               { return l.c.id }
func (l *ledger) Accounts() []molt.Address { return l.c.Accounts() }
func (l *ledger) Parse(r channels.Request) (channels.Arrival, error) {
	return l.c.Parse(r)
}

// ListInbound implements channels.Lister: what a page wrote is only with its page.
func (l *ledger) ListInbound(context.Context, molt.Address, molt.Time, channels.Cursor, func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	return nil, "", nil
}

// FindOutbound implements channels.Lister: what is attempted is published.
func (l *ledger) FindOutbound(_ context.Context, o channels.Outbound, _ molt.Time) (channels.Receipt, bool, error) {
	return channels.Receipt{ProviderID: string(o.Item), Status: channels.StatusSent}, true, nil
}

// page is a browser's page that shows the chat. Closed, it shows nothing, until its
// visitor comes back.
type page struct {
	chat   *chat
	p      *patient
	open   bool
	looked channels.Position
	shown  []*shown
	looks  bool     // it is going to
	all    []*shown // that it shows in the end
}

// shown is a text that a page shows.
type shown struct {
	channels.Shown
	k    *call     // that published it; nil: none did so far, or it is the visitor's own
	seen molt.Time // when the page said so; 0: it did not
}

// Path implements channels.Live.
func (c *chat) Path() string { return "/chat/chat/" }

// Open implements channels.Live.
func (c *chat) Open(h channels.House) http.Handler {
	c.house = h
	for _, v := range c.ordered() { // each has lost its connection, and comes back
		v.kick(v.chat.c.w.within(500*time.Millisecond, 8*time.Second))
	}
	return http.NotFoundHandler()
}

func (c *chat) ordered() (out []*page) {
	for _, p := range c.c.w.patients {
		if p.page != nil {
			out = append(out, p.page)
		}
	}
	return out
}

// Changed implements channels.Live.
func (c *chat) Changed(peer molt.Address) {
	if v := c.pages[peer]; v != nil {
		v.kick(c.c.w.within(20*time.Millisecond, 400*time.Millisecond))
	}
}

// Run implements channels.Live. Nobody runs it here: nothing stays open.
func (c *chat) Run(context.Context) error { return errSocket }

// Send implements channels.Sender: it is published already, and who looks is woken.
func (c *chat) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	w := c.c.w
	if err := ctx.Err(); err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.FaultTransient, Certain: true, Err: err}
	}
	k := &call{o: o, lane: w.job.work.Item.Lane, begun: w.job.last, at: w.now, ends: w.now, taken: true, id: string(o.Item)}
	w.judgeCall(c.c, k)
	c.c.calls = append(c.c.calls, k)
	w.job.call = k
	w.tell("chat shows %s to %s: %q", o.Class, w.name(o.Peer), o.Words.Reveal())
	if v := c.pages[o.Peer]; v != nil { // the attempt is on record, and may be read before it is made
		v.links(k)
	}
	c.Changed(o.Peer)
	return channels.Receipt{ProviderID: k.id, Status: channels.StatusSent}, nil
}

// say writes a text. The page tries until it is taken.
func (v *page) say(k kind, words string, media bool) {
	c, w := v.chat.c, v.chat.c.w
	v.open = true
	t := &text{carrier: c, id: fmt.Sprintf("chat-%d", len(c.inbound)+1), from: v.p.phone, words: words, kind: k, sent: w.now, listed: w.now}
	if media { // a file goes up alone
		t.words, t.fates = "", []*fate{{body: []byte("\xff\xd8\xff\xe0 " + t.id)}}
	}
	c.inbound = append(c.inbound, t)
	w.texts[t.id] = t
	w.tell("%s writes in the chat %q (%s)", v.p.name, words, t.id)
	v.post(t)
	if !w.calm && !w.still && w.chance(0.4) {
		w.after(w.within(time.Second, 40*time.Second), 0, v.p.name+" closes the page", func() { v.open = false })
		if w.chance(0.7) {
			w.after(w.within(20*time.Second, 15*time.Minute), 0, v.p.name+" comes back", func() {
				v.open = true
				v.kick(0)
			})
		}
	}
}

// post hands a text to the house, and comes again as long as it is not taken: after
// a death inside of it too.
func (v *page) post(t *text) {
	c, w := v.chat.c, v.chat.c.w
	defer func() {
		if t.acked == 0 || w.chance(w.weather.double) { // or the page did not hear it
			pause := min(15*time.Second, 2*time.Second<<min(t.tries, 3)) // longer each time, as a patient's page has it
			t.tries++
			c.later(w.within(pause, 4*pause), "the page posts "+t.id+" again", func() { v.post(t) })
		}
	}()
	if w.daemon == nil || w.daemon.steps == nil {
		return
	}
	if err := v.take(t); err != nil {
		w.tell("the chat's %s: %v", t.id, err)
		return
	}
	if t.acked == 0 {
		t.acked = w.now
	}
}

func (v *page) take(t *text) (err error) {
	v.chat.c.w.settle()
	t.posts++
	in := channels.Inbound{Account: chatAccount, Peer: t.from, ProviderID: t.id, Words: molt.Words(t.words)}
	if len(t.fates) > 0 {
		_, err = v.chat.house.TakeFile(context.Background(), in, t.fates[0].body)
		return err
	}
	_, err = v.chat.house.Take(context.Background(), in)
	return err
}

// kick has the page look soon.
func (v *page) kick(in time.Duration) {
	if v.looks {
		return
	}
	v.looks = true
	v.chat.c.later(in, "the page looks", func() {
		v.looks = false
		v.look()
	})
}

// look shows what is new, and says so a moment later.
func (v *page) look() {
	c, w := v.chat.c, v.chat.c.w
	if !v.open || w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.settle()
	news := v.read()
	if len(news) == 0 {
		return
	}
	upto := v.looked
	c.later(w.within(10*time.Millisecond, 800*time.Millisecond), "the page has shown it", func() { v.seen(upto, news) })
}

// read reads on from where the page is.
func (v *page) read() (news []*shown) {
	c, w := v.chat.c, v.chat.c.w
	for more := true; more; {
		view, err := v.chat.house.Look(context.Background(), chatAccount, v.p.phone, v.looked)
		if err != nil {
			w.tell("the page of %s: %v", v.p.name, err)
			v.kick(w.within(2*time.Second, 5*time.Second))
			return news
		}
		if view.Next < v.looked || view.More && view.Next == v.looked {
			w.fault("the page of %s reads from %d on and comes to %d", v.p.name, v.looked, view.Next)
			return news
		}
		for _, one := range view.Shown {
			s := &shown{Shown: one}
			v.shown = append(v.shown, s)
			if one.Kind == channels.ShownOwn {
				continue
			}
			news = append(news, s)
			if i := slices.IndexFunc(c.calls, func(k *call) bool { return k.o.Peer == v.p.phone && k.arrived == 0 && s.of(k) }); i >= 0 {
				s.link(w, c.calls[i])
			}
		}
		v.looked, more = view.Next, view.More
	}
	return news
}

// of reports whether it may be the text of that call.
func (s *shown) of(k *call) bool { return segment.Fold(s.Words.Reveal()) == k.o.Words.Reveal() }

func (s *shown) link(w *world, k *call) {
	s.k, k.arrived = k, w.now
	w.ring(k)
}

// links finds what was shown before its call was made.
func (v *page) links(k *call) {
	for _, s := range v.shown {
		if s.k == nil && s.Kind != channels.ShownOwn && s.of(k) {
			s.link(v.chat.c.w, k)
			return
		}
	}
}

// seen tells the house what was shown, until it is taken.
func (v *page) seen(upto channels.Position, news []*shown) {
	c, w := v.chat.c, v.chat.c.w
	done := false
	defer func() {
		if !done {
			c.later(w.within(2*time.Second, 8*time.Second), "the page says again what it has shown", func() { v.seen(upto, news) })
		}
	}()
	if w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.settle()
	if err := v.chat.house.Seen(context.Background(), chatAccount, v.p.phone, upto); err != nil {
		w.tell("seen by %s: %v", v.p.name, err)
		return
	}
	done = true
	for _, s := range news {
		s.seen = w.now
	}
}

// anew is all that a page shows which opens now.
func (v *page) anew() (all []*shown) {
	w := v.chat.c.w
	var looked channels.Position
	for more := true; more; {
		view, err := v.chat.house.Look(context.Background(), chatAccount, v.p.phone, looked)
		if err != nil || view.Next < looked || view.More && view.Next == looked {
			w.fault("a page of %s that opens now: from %d to %d, %v", v.p.name, looked, view.Next, err)
			return all
		}
		for _, one := range view.Shown {
			all = append(all, &shown{Shown: one})
		}
		looked, more = view.Next, view.More
	}
	return all
}

// checkChat: a page that opens now shows each text once, and what another one saw bit
// by bit is the same.
func (w *world) checkChat(r *record) {
	for _, v := range w.chat.ordered() {
		if slices.ContainsFunc(r.journals, func(j *journal) bool { return j.began.Peer == v.p.phone && w.disk.frozen[j.id] }) {
			continue
		}
		v.all = v.anew()
		if n := len(v.shown); n > len(v.all) || !slices.EqualFunc(v.shown, v.all[:n], func(a, b *shown) bool { return a.At == b.At && a.Words == b.Words }) {
			w.fault("%s saw %d texts, and a page that opens now shows others in their place", v.p.name, n)
		}
		times := map[string]int{}
		for _, s := range v.all {
			if s.Kind == channels.ShownOwn {
				times[s.ProviderID]++
			}
		}
		for _, t := range w.chat.c.inbound {
			if t.from == v.p.phone && times[t.id] != 1 {
				w.fault("the page of %s shows her text %s %d times", v.p.name, t.id, times[t.id])
			}
		}
	}
}

// showed reports whether a peer's page had something of ours to show in that time: the
// attempt publishes it, though a death comes before the call.
func (c *chat) showed(peer molt.Address, from, to molt.Time) bool {
	v := c.pages[peer]
	return v != nil && slices.ContainsFunc(v.all, func(s *shown) bool { return s.Kind != channels.ShownOwn && s.Time >= from && s.Time <= to })
}

// checkSeen: a safety text that stood in a chat unseen is told to who looks after the
// patient, in time.
func (w *world) checkSeen(j *journal) {
	if !j.began.Live {
		return
	}
	told := map[molt.ItemID]molt.Time{}
	for _, e := range j.events {
		d, ok := e.Body.(*turn.Decided)
		if !ok {
			continue
		}
		for _, x := range d.Effects {
			if _, there := told[x.Item]; x.Kind == turn.EffectUnseen && !there {
				told[x.Item] = e.At
			}
		}
	}
	first := map[molt.ItemID]bool{}
	for _, k := range w.callsOf(j.id) {
		if k.o.Class != channels.ClassSafety || k.o.Peer != j.began.Peer || first[k.o.Item] {
			continue
		}
		first[k.o.Item] = true
		until := k.at.Add(turn.SeenWithin + w.slack())
		until += w.away(k.at, until+molt.Time(time.Hour.Milliseconds()))
		at, ok := told[k.o.Item]
		seen := slices.ContainsFunc(w.chat.pages[k.o.Peer].shown, func(s *shown) bool { return s.k == k && s.seen > 0 && s.seen <= until })
		if until < w.now && !seen && (!ok || at > until) {
			w.fault("%s: the safety text %s stood unseen from %s on, and nobody was told until %s", j.id, k.o.Item, k.at, until)
		}
	}
}

var _ channels.Live = (*chat)(nil)
