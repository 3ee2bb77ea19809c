package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const swaps = 1000

// TestAThousandSwapsUnderLoad: patients text without a pause while what is in
// force changes under them. Every text is answered 204 and stands in the record
// once, and each decision comes out the same by the rules it names.
func TestAThousandSwapsUnderLoad(t *testing.T) {
	r := newRig(t)
	r.text(patient, "hello") // it runs
	base := r.gateway.force.Load().Parts
	parts, known := swapParts(t, base, r)
	over, tick := make(chan struct{}), make(chan struct{}) // a swap to a text, so that neither runs away
	var drained, posted sync.WaitGroup
	drained.Add(2)
	go func() { defer drained.Done(); drain(over, r.wire.sent) }()
	go func() { defer drained.Done(); drain(over, r.model.asked) }()
	taken := make([]int, 4)
	for i := range taken {
		posted.Add(1)
		go func() {
			defer posted.Done()
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				id := fmt.Sprintf("SMload-%d-%d", i, n)
				resp, err := http.Post(r.public+"/hooks/main/message?id="+id, "text/plain", strings.NewReader(fmt.Sprintf("+155501003%02d hi again", i)))
				if err != nil {
					t.Errorf("text %s: %v", id, err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusNoContent {
					t.Errorf("text %s was answered %d", id, resp.StatusCode)
					return
				}
				taken[i]++
				select {
				case tick <- struct{}{}:
				case <-over:
				}
			}
		}()
	}
	for i := range swaps {
		soon(t, tick)
		if err := r.gateway.Swap(t.Context(), parts[i%len(parts)]); err != nil {
			t.Fatal(err)
		}
	}
	close(over)
	posted.Wait()
	drained.Wait()
	r.stop()
	found := map[string]int{}
	err := audit.New(r.store, r.ring).ExportAll(context.Background(), func(molt.ConversationID) error { return nil }, func(f audit.File) error {
		for _, in := range f.Inbound {
			found[in.ProviderID]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for i, n := range taken {
		total += n
		for k := range n {
			if id := fmt.Sprintf("SMload-%d-%d", i, k); found[id] != 1 {
				t.Errorf("text %s stands in the record %d times", id, found[id])
			}
		}
	}
	rep, err := audit.New(r.store, r.ring).Replay(context.Background(), audit.Again{Known: func(d string) *turn.Rules { return known[d] }}, func(audit.Redecision) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !rep.OK() || rep.NotDecided > 0 || rep.Equal < total {
		t.Errorf("%+v of %d texts", rep, total)
	}
}

// soon waits for what must come.
func soon(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(bound):
		t.Fatal("it does not come")
	}
}

// swapParts are parts that differ in all a reload can change.
func swapParts(t *testing.T, base Parts, r *rig) (parts []Parts, known map[string]*turn.Rules) {
	t.Helper()
	known = map[string]*turn.Rules{base.Rules.Digest: base.Rules}
	for i := range 3 {
		p := base
		p.Rules = rules(t)
		p.Rules.Digest, p.Rules.Clinic, p.Rules.Agent = fmt.Sprintf("rules-%d", i), fmt.Sprintf("Harbor %d", i), i != 2
		p.Adapters = map[string]channels.Adapter{"main": &wire{sent: r.wire.sent}}
		known[p.Rules.Digest] = p.Rules
		parts = append(parts, p)
	}
	return parts, known
}

func drain[T any](over <-chan struct{}, c <-chan T) {
	for {
		select {
		case <-c:
		case <-over:
			return
		}
	}
}

// TestASwapThatCannotBeKeptChangesNothing: what decisions name has to be on
// record first.
func TestASwapThatCannotBeKeptChangesNothing(t *testing.T) {
	r := newRig(t)
	r.text(patient, "hello")
	before := r.gateway.force.Load()
	for name, p := range map[string]Parts{
		"no rules":    {Session: before.Session, Adapters: before.Adapters},
		"no channels": {Session: before.Session, Rules: before.Rules},
		"a record that no store takes": {
			Session: before.Session, Rules: before.Rules, Adapters: before.Adapters, Record: make([]byte, molt.MaxBodyBytes+1),
		},
	} {
		if err := r.gateway.Swap(t.Context(), p); err == nil {
			t.Errorf("%s: swapped", name)
		}
	}
	r.stop()
	if err := r.gateway.Swap(t.Context(), before.Parts); !errors.Is(err, ErrStopping) {
		t.Errorf("after the end: %v", err)
	}
	if r.gateway.force.Load() != before {
		t.Error("what is in force changed")
	}
}

// TestWhatWaitsOnAChannelThatIsGone is not lost: a person is told that it did
// not leave.
func TestWhatWaitsOnAChannelThatIsGone(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	r.wire.do = func(context.Context, channels.Outbound) (channels.Receipt, error) {
		<-release
		return channels.Receipt{}, &channels.SendError{Kind: channels.FaultTransient, Certain: true}
	}
	r.text(patient, "my chest hurts")
	r.leaves() // the safety text or the page is at the carrier; both are to be tried again
	next := r.gateway.force.Load().Parts
	next.Rules = rules(t)
	next.Rules.Digest = "moved"
	next.Rules.Accounts = map[string]molt.Address{"new": clinic}
	next.Rules.Senders = map[string][]molt.Address{"new": {clinic}}
	route := next.Rules.Plan.People["alice"]
	route.Routes = slices.Clone(route.Routes)
	route.Routes[0].Channel = "new"
	next.Rules.Plan.People["alice"] = route
	fresh := &wire{sent: make(chan channels.Outbound, 100)}
	next.Adapters = map[string]channels.Adapter{"new": fresh}
	if err := r.gateway.Swap(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	close(release)
	select {
	case o := <-fresh.sent:
		if o.Peer != nurse {
			t.Errorf("to %s; want the nurse, by the channel there is", o.Peer)
		}
	case <-time.After(bound):
		t.Fatalf("nobody is told; log:\n%s", r.log)
	}
}

// liveWire is a channel whose peers hold a connection.
type liveWire struct {
	wire
	opened  int
	running chan struct{} // closed once Run is called
	ended   chan struct{} // closed once it returns
}

func (*liveWire) Path() string         { return "/chat/main/" }
func (*liveWire) Changed(molt.Address) {}
func (l *liveWire) Open(channels.House) http.Handler {
	l.opened++
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, "%p", l) })
}

func (l *liveWire) Run(ctx context.Context) error {
	close(l.running)
	<-ctx.Done()
	close(l.ended)
	return nil
}

func newLive(sent chan channels.Outbound) *liveWire {
	return &liveWire{wire: wire{sent: sent}, running: make(chan struct{}), ended: make(chan struct{})}
}

// TestALiveChannelStaysOrMakesRoom: the one that is taken over keeps its
// connections; another has its doors in the old one's place, and the old ends.
func TestALiveChannelStaysOrMakesRoom(t *testing.T) {
	r := newRig(t)
	r.text(patient, "hello")
	one, two := newLive(r.wire.sent), newLive(r.wire.sent)
	swap := func(l channels.Adapter) {
		t.Helper()
		p := r.gateway.force.Load().Parts
		p.Adapters = map[string]channels.Adapter{"main": l}
		if err := r.gateway.Swap(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	at := func() string {
		_, body := r.get(r.public + "/chat/main/")
		return body
	}
	swap(one)
	soon(t, one.running)
	swap(one)
	if one.opened != 1 || at() != fmt.Sprintf("%p", one) {
		t.Errorf("opened %d times; at the door: %s", one.opened, at())
	}
	swap(two)
	soon(t, two.running)
	soon(t, one.ended)
	if at() != fmt.Sprintf("%p", two) {
		t.Error("the old one is at the door")
	}
	swap(r.wire)
	if code, _ := r.get(r.public + "/chat/main/"); code != http.StatusNotFound {
		t.Errorf("at the door of a channel that is gone: %d", code)
	}
	soon(t, two.ended)
}
