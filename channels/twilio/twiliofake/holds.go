package twiliofake

import (
	"fmt"
	"strings"
	"time"
)

// Where says at which point a create request is held.
type Where string

// The points at which a create request can be held.
const (
	BeforeAccept Where = "before_accept" // the carrier knows nothing of the message yet
	AfterAccept  Where = "after_accept"  // the message is on its way; only the answer is missing
)

// Hold is a rule that makes create requests wait for a release. Held requests go on when released whether or not their sender still lives.
type Hold struct {
	Match Match `json:"match"`
	Where Where `json:"where"`           // default before_accept
	Count int   `json:"count,omitempty"` // requests to hold; 0 means all until the rule is cleared
}

// Match picks create requests; what is empty matches anything.
type Match struct {
	To           string `json:"to,omitempty"`
	From         string `json:"from,omitempty"`
	BodyContains string `json:"body_contains,omitempty"`
}

func (m Match) holds(req createRequest) bool {
	return (m.To == "" || m.To == req.To) && (m.From == "" || m.From == req.From) && strings.Contains(req.Body, m.BodyContains)
}

// Held is a create request that waits.
type Held struct {
	ID    int64     `json:"id"`
	At    time.Time `json:"at"`
	Where Where     `json:"where"`
	SID   string    `json:"sid,omitempty"` // after_accept only
	To    string    `json:"to"`
	From  string    `json:"from"`
	Body  string    `json:"body"`
}

// Release lets held requests go on.
type Release struct {
	ID        int64 `json:"id,omitempty"`         // this one only; 0 means all
	Drop      bool  `json:"drop,omitempty"`       // break the connection; a request held before it was accepted never was
	KeepRules bool  `json:"keep_rules,omitempty"` // go on holding new requests; releasing one by its ID implies it
}

type heldRequest struct {
	Held
	released bool
	dropped  bool
}

func (h *Hold) validate() error {
	if h.Where == "" {
		h.Where = BeforeAccept
	}
	if h.Where != BeforeAccept && h.Where != AfterAccept {
		return fmt.Errorf("where: want %s or %s, got %q", BeforeAccept, AfterAccept, h.Where)
	}
	if h.Count < 0 {
		return fmt.Errorf("count: want zero or more, got %d", h.Count)
	}
	return nil
}

// hold makes a create request wait if a rule says so, and reports whether it may go on; it may not when it was dropped or the carrier ends.
func (c *Carrier) hold(where Where, req createRequest, sid string) bool {
	c.mu.Lock()
	if !c.takeHold(where, req) || len(c.held) >= maxHeld {
		c.mu.Unlock()
		return true
	}
	c.lastHeld++
	h := &heldRequest{Held: Held{
		ID: c.lastHeld, At: c.opts.Now().UTC(), Where: where, SID: sid, To: req.To, From: req.From, Body: req.Body,
	}}
	err := c.record(Entry{Kind: KindHeld, SID: sid, To: req.To, From: req.From, Body: req.Body, HeldID: h.ID, Where: where})
	if err == nil {
		c.held = append(c.held, h)
		c.wake()
	}
	c.mu.Unlock()
	return err == nil && c.await(c.life, func() bool { return h.released }) && !h.dropped
}

// takeHold reports whether a rule holds the request, and counts it. The caller holds the lock.
func (c *Carrier) takeHold(where Where, req createRequest) bool {
	for i, rule := range c.holds {
		if rule.Where != where || !rule.Match.holds(req) {
			continue
		}
		if rule.Count > 0 {
			if rule.Count--; rule.Count == 0 {
				c.holds = append(c.holds[:i:i], c.holds[i+1:]...)
			}
		}
		return true
	}
	return false
}

// release lets held requests go on and returns how many. The caller holds the lock.
func (c *Carrier) release(r Release) (int, error) {
	if !r.KeepRules && r.ID == 0 {
		c.holds = nil
	}
	var kept []*heldRequest
	freed := 0
	for _, h := range c.held {
		if r.ID != 0 && r.ID != h.ID {
			kept = append(kept, h)
			continue
		}
		word := ""
		if r.Drop {
			word = string(faultDropped)
		}
		if err := c.record(Entry{Kind: KindReleased, SID: h.SID, To: h.To, HeldID: h.ID, Where: h.Where, Error: word}); err != nil {
			return freed, err
		}
		h.released, h.dropped = true, r.Drop
		freed++
	}
	c.held = kept
	c.wake()
	return freed, nil
}
