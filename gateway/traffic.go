package gateway

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/molt"
)

const (
	faultsFor = time.Hour // how long a fault counts against a channel
	// maxTrafficFaults bounds the faults remembered of one channel; of more the
	// oldest are forgotten early.
	maxTrafficFaults = 1000
	faultRefused     = "webhook refused"
)

// traffic is the health of the channels as what passes shows it: nobody is
// pinged. It begins anew with the daemon.
type traffic struct {
	now   func() time.Time
	since molt.Time

	mu       sync.Mutex
	channels map[string]*passed
}

type passed struct {
	console.Traffic
	faults []fault // of the last hour, oldest first
}

type fault struct {
	at   molt.Time
	kind string
}

func newTraffic(now func() time.Time) *traffic {
	return &traffic{now: now, since: molt.TimeOf(now()), channels: map[string]*passed{}}
}

// of changes what is known of a channel.
func (t *traffic) of(channel string, change func(p *passed, now molt.Time)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.channels[channel]
	if p == nil {
		p = &passed{}
		t.channels[channel] = p
	}
	change(p, molt.TimeOf(t.now()))
}

func (p *passed) fault(at molt.Time, kind string) {
	p.faults = append(p.faults, fault{at, kind})
	p.faults = p.faults[max(0, len(p.faults)-maxTrafficFaults):]
}

func (t *traffic) came(channel string) {
	t.of(channel, func(p *passed, now molt.Time) { p.In = now })
}

func (t *traffic) sent(channel string) {
	t.of(channel, func(p *passed, now molt.Time) { p.Out = now })
}

func (t *traffic) failed(channel string, kind channels.FaultKind) {
	t.of(channel, func(p *passed, now molt.Time) { p.fault(now, strings.ReplaceAll(string(kind), "_", " ")) })
}

// hook takes in a webhook's answer.
func (t *traffic) hook(channel string, hook channels.Hook, status int) {
	t.of(channel, func(p *passed, now molt.Time) {
		switch {
		case status/100 != 2:
			p.fault(now, faultRefused)
		case hook == channels.HookVoice: // no text
		case hook == channels.HookStatus:
			p.Receipt = now
		default:
			p.In = now
		}
	})
}

func (t *traffic) looked(channel string, look intake.Look, err error) {
	t.of(channel, func(p *passed, now molt.Time) {
		p.Look, p.LookFailed = now, err != nil
		p.LookNew += look.New
	})
}

// show is what is known of a channel now.
func (t *traffic) show(channel string) (out console.Traffic) {
	t.of(channel, func(p *passed, now molt.Time) {
		p.faults = slices.DeleteFunc(p.faults, func(f fault) bool { return now.Sub(f.at) > faultsFor })
		out = p.Traffic
		out.Faults = nil
		for _, f := range p.faults {
			i := slices.IndexFunc(out.Faults, func(c console.FaultCount) bool { return c.Kind == f.kind })
			if i < 0 {
				i, out.Faults = len(out.Faults), append(out.Faults, console.FaultCount{Kind: f.kind})
			}
			out.Faults[i].N++
		}
	})
	return out
}

// Channels are those in force with what passed through them.
func (g *Gateway) Channels() (out []console.Channel, since molt.Time) {
	for id, a := range g.force.Load().Adapters {
		c := console.Channel{ID: id, Traffic: g.traffic.show(id)}
		if _, c.Live = a.(channels.Live); !c.Live {
			c.Accounts = a.Accounts()
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b console.Channel) int { return strings.Compare(a.ID, b.ID) })
	return out, g.traffic.since
}
