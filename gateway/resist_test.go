package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

func TestStrangersMakeNoMetrics(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/hooks/main/%ff", "/hooks/%ff/message", "/hooks/main/else", "/hooks/else/else"} {
		resp, err := http.Post(r.public+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Errorf("%s: the handler panicked: %v", path, err)
			continue
		}
		_ = resp.Body.Close()
	}
	if _, m := r.get(r.private + "/metrics"); strings.Contains(m, `"else"`) || !strings.Contains(m, `hook="unknown"`) {
		t.Error("a stranger's path is a label")
	}
}

func TestADraggingStaffChannelHoldsUpNoSafetyText(t *testing.T) {
	r := newRig(t)
	p := &r.gateway.force.Load().rules.Plan
	for i := range 2 * sendWorkers {
		id := molt.PersonID(fmt.Sprintf("n%d", i))
		p.People[id] = escalation.Person{ID: id, Name: string(id), Role: "nurse", Routes: []escalation.Route{
			{Name: "sms", Channel: "main", Address: molt.Address(fmt.Sprintf("+155501002%02d", i))},
		}}
		p.Steps[0].OnCall = append(p.Steps[0].OnCall, escalation.Shift{Person: id})
	}
	release := make(chan struct{})
	r.wire.do = func(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
		if o.Class == channels.ClassPage {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return channels.Receipt{ProviderID: "SM1"}, nil
	}
	defer close(release)
	r.text(patient, "my chest hurts")
	for range sendWorkers + 1 { // every worker for pages is held now
		r.leaves()
	}
	other := molt.Address("+15550100198")
	r.text(other, "my chest hurts")
	if o := r.leaves(); o.Peer != other || o.Class != channels.ClassSafety {
		t.Errorf("next left a text of class %s, not the second patient's safety text", o.Class)
	}
}

func TestAnUnreadableTimerCountsAsFired(t *testing.T) {
	r := newRig(t)
	r.text(patient, "my chest hurts")
	r.red()
	timers := func() (out []molt.Item) {
		p, err := r.gateway.o.Store.Scan(t.Context(), molt.Query{Table: molt.TableItems, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			if it.Lane == "timer:case" {
				out = append(out, it)
			}
		}
		return out
	}
	before := timers()
	if len(before) != 1 {
		t.Fatalf("%d case timers", len(before))
	}
	it := before[0]
	due := it.Due.Add(time.Second)
	c, err := r.gateway.o.Store.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{molt.LaneTimer}, Now: due, Until: due.Add(time.Hour), Limit: 1})
	if err != nil || len(c.Items) != 1 {
		t.Fatalf("claim: %v, %v", c.Items, err)
	}
	c.Items[0].Body = []byte("torn")
	through(r.gateway.beginTimer)(t.Context(), c.Items[0])
	if after := timers(); len(after) != 1 || after[0].ID == it.ID {
		t.Errorf("timers of the open S1: %v; want a new one", after)
	}
}
