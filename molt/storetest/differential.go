package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

// differentialSteps is how many random steps one seed takes.
const differentialSteps = 400

func differentialCases() []Case {
	var cases []Case
	for seed := range uint64(4) {
		cases = append(cases, on(fmt.Sprintf("differential/seed %d answers as the reference does", seed), func(w *world) {
			d := &differ{world: w, reference: &world{TB: w.TB, store: memstore.New()}, rand: rand.New(rand.NewPCG(seed, 1)), now: now}
			for step := range differentialSteps {
				d.step(step)
			}
			w.same(w.dump(), d.reference.dump(), "seed %d: the stores at the end", seed)
		}))
	}
	return cases
}

// differ gives the same random batches to the reference and the store under
// test. Ids are few, so that batches meet.
type differ struct {
	*world
	reference *world
	rand      *rand.Rand
	now       molt.Time
	leases    [][2]molt.Lease // of the reference and of the store under test
}

func (d *differ) step(n int) {
	d.Helper()
	d.now += molt.Time(d.rand.IntN(400))
	switch d.rand.IntN(10) {
	case 0, 1, 2:
		d.claims(n)
	case 3:
		c := d.conversation()
		recent := d.rand.IntN(6)
		d.same(plain(d.load(c, recent)), plain(d.reference.load(c, recent)), "step %d: load %s", n, c)
	default:
		d.commits(n)
	}
	if n%50 == 0 {
		d.same(d.dump(), d.reference.dump(), "step %d: the stores", n)
	}
}

func (d *differ) commits(n int) {
	d.Helper()
	b, theirs := d.batch()
	want, wantErr := d.reference.store.Commit(context.Background(), b)
	b.Expect.Leases = theirs
	got, gotErr := d.store.Commit(context.Background(), b)
	d.same(got, want, "step %d: answer to %+v", n, b)
	d.same(refusal(gotErr), refusal(wantErr), "step %d: refusal of %+v", n, b)
}

// refusal is an error without its words, in which stores are free.
func refusal(err error) molt.Refused {
	var r *molt.Refused
	switch {
	case err == nil:
		return molt.Refused{}
	case errors.As(err, &r):
		return molt.Refused{Kind: r.Kind, Marks: r.Marks, Item: r.Item}
	}
	return molt.Refused{Kind: "no refusal", Why: err.Error()}
}

func (d *differ) claims(n int) {
	d.Helper()
	c := molt.Claim{Now: d.now, Until: d.now + 1 + molt.Time(d.rand.IntN(3000)), Limit: 1 + d.rand.IntN(4)}
	for range 1 + d.rand.IntN(3) {
		c.Classes = append(c.Classes, d.lane().Class())
	}
	want, err1 := d.reference.store.Claim(context.Background(), c)
	got, err2 := d.store.Claim(context.Background(), c)
	if err1 != nil || err2 != nil || len(got.Items) != len(want.Items) {
		d.Fatalf("step %d: claim %+v:\n got %+v %v\nwant %+v %v", n, c, got, err2, want, err1)
	}
	d.same(got.Next, want.Next, "step %d: next of claim %+v", n, c)
	for i := range got.Items {
		d.leases = append(d.leases, [2]molt.Lease{want.Items[i].Lease, got.Items[i].Lease})
		got.Items[i].Lease.Token, want.Items[i].Lease.Token = 0, 0
		got.Items[i].Body = append([]byte{}, got.Items[i].Body...)
		want.Items[i].Body = append([]byte{}, want.Items[i].Body...)
		d.same(got.Items[i], want.Items[i], "step %d: item %d of claim %+v", n, i, c)
	}
}

// batch makes a batch with the reference's leases, and the same leases of the
// store under test.
func (d *differ) batch() (molt.Batch, []molt.Lease) {
	b := molt.Batch{Expect: molt.Expect{Now: d.now}}
	if d.chance(80) {
		d.journalPart(&b)
	}
	for range d.some(2) {
		id := d.mark()
		b.Expect.Unseen = append(b.Expect.Unseen, id)
		b.Marks = append(b.Marks, molt.Mark{ID: id})
	}
	if d.chance(20) {
		b.Marks = append(b.Marks, molt.Mark{ID: d.mark(), Drop: d.chance(70), Value: d.body()})
	}
	for range d.some(3) {
		it := item(d.item(), d.conversation(), d.lane(), d.now+molt.Time(d.rand.IntN(2000)-1000))
		it.Body = d.body()
		b.Put = append(b.Put, it)
	}
	if d.chance(15) {
		b.Cancel = append(b.Cancel, d.item(), d.item())
	}
	if d.chance(5) {
		b.Done = append(b.Done, d.item())
	}
	if d.chance(5) {
		b.Retry = append(b.Retry, molt.Retry{Item: d.item(), Due: d.now + 100})
	}
	return b, d.leasePart(&b)
}

func (d *differ) journalPart(b *molt.Batch) {
	b.Conversation = d.conversation()
	head := d.reference.load(b.Conversation, 0).Head
	b.Expect.Seq, b.Expect.AnySeq = head.Seq, d.chance(20)
	if d.chance(5) {
		b.Expect.Seq++
	}
	if d.chance(20) {
		epoch := head.Epoch + uint64(d.some(1))
		b.Expect.Epoch = &epoch
	}
	if d.chance(20) {
		b.Epoch = max(head.Epoch, 1) - 1 + uint64(d.rand.IntN(3))
	}
	for range d.some(4) {
		b.Events = append(b.Events, molt.Event{At: d.now - molt.Time(d.some(1)*d.rand.IntN(50)), Kind: "k", Body: d.body()})
	}
	if d.chance(40) {
		b.Snapshot = append([]byte{}, d.body()...)
	}
	if d.chance(10) {
		b.Keys = append(b.Keys, molt.WrappedKey{ID: molt.KeyID(fmt.Sprint("k", d.rand.IntN(3))), Conversation: b.Conversation, Wrapped: d.body()})
	}
	if d.chance(10) {
		b.Shed = append(b.Shed, uint64(d.rand.IntN(int(head.Seq)+2)))
	}
}

// leasePart expects a lease of before and most often ends its item.
func (d *differ) leasePart(b *molt.Batch) []molt.Lease {
	if len(d.leases) == 0 || d.chance(50) {
		return nil
	}
	pair := d.leases[len(d.leases)-1-min(d.rand.IntN(4), len(d.leases)-1)]
	b.Expect.Leases = append(b.Expect.Leases, pair[0])
	switch d.rand.IntN(3) {
	case 0:
		b.Done = append(b.Done, pair[0].Item)
	case 1:
		b.Retry = append(b.Retry, molt.Retry{Item: pair[0].Item, Due: d.now + molt.Time(d.rand.IntN(500))})
	}
	return []molt.Lease{pair[1]}
}

func (d *differ) chance(percent int) bool { return d.rand.IntN(100) < percent }

// some is 0 in half of the cases, else up to n.
func (d *differ) some(n int) int {
	if d.chance(50) {
		return 0
	}
	return 1 + d.rand.IntN(n)
}

func (d *differ) conversation() molt.ConversationID {
	return []molt.ConversationID{conv, other, "c_three"}[d.rand.IntN(3)]
}

func (d *differ) lane() molt.Lane {
	return []molt.Lane{"safety", "page:a:sms", "page:b:sms", "agent", "timer:w"}[d.rand.IntN(5)]
}

func (d *differ) item() molt.ItemID { return molt.ItemID(fmt.Sprint("i", d.rand.IntN(12))) }
func (d *differ) mark() molt.MarkID { return molt.MarkID(fmt.Sprint("m", d.rand.IntN(40))) }

func (d *differ) body() []byte {
	body := make([]byte, d.rand.IntN(40))
	for i := range body {
		body[i] = byte(d.rand.Uint32())
	}
	return body
}
