package outside

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/channels/webchat"
)

// A visitor of the kill loop's web chat: says hello, writes a red flag once
// somebody has answered, and reads on. What the page shows is its record.
type visitor struct {
	client *webchat.Client
	flag   string // the words of the red flag, which nobody else writes

	mu      sync.Mutex
	shown   []webchat.Message
	flagged bool
}

const visitorHello = "hi, I need an appointment"

// visit opens a chat that comes back by itself until ctx ends.
func (p *people) visit(ctx context.Context) {
	p.mu.Lock()
	v := &visitor{flag: fmt.Sprintf("my chest hurts, this is visitor %d", 1000+len(p.visitors))}
	p.visitors = append(p.visitors, v)
	p.mu.Unlock()
	var err error
	v.client, err = webchat.NewClient(webchat.ClientOptions{
		Page: "http://" + p.w.public + "/chat/web/", Show: func(m webchat.Message) { p.visitorReads(ctx, v, m) },
	})
	if err == nil {
		err = v.client.Say(visitorHello)
	}
	if err != nil {
		p.fault(err)
		return
	}
	p.chats.Go(func() { p.fault(v.client.Run(ctx)) })
}

var relayPattern = regexp.MustCompile(`relay-([A-Z2-9]{4})`)

// visitorReads does what somebody at the page does: answers, and once a nurse's
// words are there, needs her no more.
func (p *people) visitorReads(ctx context.Context, v *visitor, m webchat.Message) {
	v.mu.Lock()
	v.shown = append(v.shown, m)
	speaks := m.Kind != channels.ShownOwn && !v.flagged
	v.flagged = v.flagged || speaks
	v.mu.Unlock()
	if speaks {
		p.fault(v.client.Say(v.flag))
	}
	if r := relayPattern.FindStringSubmatch(m.Text); r != nil && m.Kind == channels.ShownPerson {
		p.once(ctx, chatOf(r[1]), "done "+r[1], r[1]+" D seen to")
	}
}

// chatOf stands for the number that a visitor does not have.
func chatOf(code string) string { return "chat " + code }

// judge says what is wrong with what the page showed: an own text lost or shown
// twice, a message twice or out of order, a red flag without its safety text.
func (v *visitor) judge() (faults []error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	own, last, safe := map[string]int{}, channels.Position(0), false
	for _, m := range v.shown {
		if m.Position <= last {
			faults = append(faults, fmt.Errorf("position %d was shown after %d", m.Position, last))
		}
		last = m.Position
		if m.Kind == channels.ShownOwn {
			own[m.Text]++
		}
		safe = safe || own[v.flag] > 0 && m.Kind == channels.ShownSafety && strings.Contains(m.Text, "Call 911 now")
		if m.Kind == channels.ShownAgent && own[v.flag] > 0 && !slices.ContainsFunc(v.shown, isPerson) {
			faults = append(faults, fmt.Errorf("spoken over: %q after the red flag", m.Text))
		}
		if restartPattern.MatchString(m.Text) {
			faults = append(faults, fmt.Errorf("told of a restart: %q", m.Text))
		}
	}
	if own[visitorHello] != 1 || own[v.flag] != 1 || v.client.Pending() != 0 {
		faults = append(faults, fmt.Errorf("own texts are shown %d and %d times, want once; %d are not committed", own[visitorHello], own[v.flag], v.client.Pending()))
	}
	if !safe {
		faults = append(faults, fmt.Errorf("no safety text was shown after %q", v.flag))
	}
	return faults
}

func isPerson(m webchat.Message) bool { return m.Kind == channels.ShownPerson }

// done reports whether the visitor has said all and was answered.
func (v *visitor) done() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.flagged && v.client.Pending() == 0 && slices.ContainsFunc(v.shown, func(m webchat.Message) bool { return m.Kind == channels.ShownSafety })
}

// visitorsDone waits until all visitors have, or the time is over; judge tells.
func (p *people) visitorsDone(ctx context.Context) {
	for ctx.Err() == nil && slices.ContainsFunc(p.visitors, func(v *visitor) bool { return !v.done() }) {
		p.lull(ctx, time.Second)
	}
}

// chatsFlagged wants every visitor's red flag in a page to a nurse, who reads it
// on her phone, and each visitor's record in order.
func (j *judge) chatsFlagged() {
	for i, v := range j.people.visitors {
		j.chats++
		paged := slices.ContainsFunc(j.entries, func(e twiliofake.Entry) bool {
			return e.Kind == twiliofake.KindHandset && (e.To == alice || e.To == carmen) && strings.Contains(e.Body, v.flag)
		})
		if !paged {
			j.fault("unpaged: visitor %d wrote %q", i, v.flag)
		}
		for _, f := range v.judge() {
			j.fault("visitor %d: %w", i, f)
		}
	}
}
