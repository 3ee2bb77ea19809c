package twiliofake

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// FaultKind names a way to fail.
type FaultKind string

// The faults. Those of the first group strike the answer to a create request, one at most; an error from 30000 on and the last two strike what becomes of
// an accepted message.
const (
	FaultServerError   FaultKind = "server_error"   // a 5xx: Status, default 500
	FaultRateLimited   FaultKind = "rate_limited"   // 429, code 20429, with RetryAfter seconds, default 1
	FaultHang          FaultKind = "hang"           // Delay before the request is taken, or before it is answered if AfterAccept
	FaultReset         FaultKind = "reset"          // the connection breaks
	FaultLostAnswer    FaultKind = "lost_answer"    // a reset after the message was accepted: it is carried, and the sender does not know
	FaultError         FaultKind = "error"          // Code: below 30000 a refusal, from there on the end of an accepted message
	FaultDelayReceipts FaultKind = "delay_receipts" // every status callback of the message comes Delay later
	FaultDropReceipts  FaultKind = "drop_receipts"  // none comes

	faultDropped FaultKind = "dropped" // a held request that was dropped on release
)

// Fault is one armed fault. It strikes requests that match all of To, From and BodyContains, of which the empty ones match anything.
type Fault struct {
	Kind         FaultKind `json:"kind"`
	To           string    `json:"to,omitempty"`
	From         string    `json:"from,omitempty"`
	BodyContains string    `json:"body_contains,omitempty"`
	Count        int       `json:"count,omitempty"` // strikes left; 0 means 1, -1 until cleared

	Status      int      `json:"status,omitempty"`
	RetryAfter  int      `json:"retry_after,omitempty"` // seconds
	Code        int      `json:"code,omitempty"`
	Delay       Duration `json:"delay,omitempty"`
	AfterAccept bool     `json:"after_accept,omitempty"` // of server_error, rate_limited, hang and reset: strike when the message is already accepted
	Arrives     bool     `json:"arrives,omitempty"`      // of error from 30000 on: the handset gets the words although the receipt says no
}

func (f *Fault) validate() error {
	switch f.Kind {
	case FaultServerError:
		if f.Status == 0 {
			f.Status = http.StatusInternalServerError
		}
		if f.Status < 500 || f.Status > 599 {
			return fmt.Errorf("status: want 500 to 599, got %d", f.Status)
		}
	case FaultRateLimited:
		if f.RetryAfter == 0 {
			f.RetryAfter = 1
		}
	case FaultError:
		if f.Code < 10000 || f.Code > 99999 {
			return fmt.Errorf("code: want five digits, got %d", f.Code)
		}
	case FaultLostAnswer:
		f.AfterAccept = true
	case FaultHang, FaultDelayReceipts:
		if f.Delay <= 0 || time.Duration(f.Delay) > maxDelay {
			return fmt.Errorf("delay: want more than zero and at most %s, got %s", maxDelay, time.Duration(f.Delay))
		}
	case FaultReset, FaultDropReceipts:
	default:
		return fmt.Errorf("kind: unknown %q", f.Kind)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Count < -1 || f.RetryAfter < 0 {
		return errors.New("count and retry_after: want no such negative number")
	}
	return nil
}

// answers reports whether the fault strikes the answer to a create request rather than the fate of a message.
func (f *Fault) answers() bool {
	switch f.Kind {
	case FaultDelayReceipts, FaultDropReceipts:
		return false
	case FaultError:
		return f.Code < firstDeliveryCode
	default:
		return true
	}
}

func (f *Fault) matches(to, from, body string) bool {
	return (f.To == "" || f.To == to) && (f.From == "" || f.From == from) && strings.Contains(body, f.BodyContains)
}

// refusal is what the sender reads when the fault is told rather than felt.
func (f *Fault) refusal() *apiError {
	var e *apiError
	switch f.Kind {
	case FaultRateLimited:
		e = refuse(codeTooMany, "")
		e.RetryAfter = f.RetryAfter
	case FaultError:
		e = refuse(f.Code, "")
	default:
		e = refuse(codeInternal, "")
		e.Status = f.Status
	}
	e.Fault = f.Kind
	return e
}

// arm adds a fault. The caller holds the lock.
func (c *Carrier) arm(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	if len(c.faults) >= maxArmed {
		return fmt.Errorf("faults: at most %d can be armed", maxArmed)
	}
	c.faults = append(c.faults, &f)
	return nil
}

// strike takes the oldest armed fault that fits, and uses up one of its strikes. The caller holds the lock.
func (c *Carrier) strike(to, from, body string, fits func(*Fault) bool) *Fault {
	for i, f := range c.faults {
		if !fits(f) || !f.matches(to, from, body) {
			continue
		}
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			c.faults = append(c.faults[:i:i], c.faults[i+1:]...)
		}
		return f
	}
	return nil
}

// strikeAnswer takes the fault, if any, that strikes the answer to a create request.
func (c *Carrier) strikeAnswer(req createRequest) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.strike(req.To, req.From, req.Body, (*Fault).answers)
}

// strikeFate takes the faults, if any, that decide what becomes of a message. The caller holds the lock.
func (c *Carrier) strikeFate(to, from, body string) fate {
	var f fate
	if hit := c.strike(to, from, body, func(f *Fault) bool { return f.Kind == FaultError && !f.answers() }); hit != nil {
		f.code, f.arrives = hit.Code, hit.Arrives
	}
	if hit := c.strike(to, from, body, func(f *Fault) bool { return f.Kind == FaultDelayReceipts }); hit != nil {
		f.receiptDelay = time.Duration(hit.Delay)
	}
	if hit := c.strike(to, from, body, func(f *Fault) bool { return f.Kind == FaultDropReceipts }); hit != nil {
		f.noReceipts = true
	}
	return f
}
