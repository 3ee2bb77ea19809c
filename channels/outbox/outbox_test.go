package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/molt"
)

// stub is an adapter whose Send and FindOutbound are the test's.
type stub struct {
	channels.Adapter
	send func(context.Context, channels.Outbound) (channels.Receipt, error)
}

func (s stub) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	return s.send(ctx, o)
}

func (s stub) FindOutbound(ctx context.Context, o channels.Outbound, _ molt.Time) (channels.Receipt, bool, error) {
	r, err := s.send(ctx, o)
	return r, err == nil, err
}

func newOutbox(t *testing.T, send func(context.Context, channels.Outbound) (channels.Receipt, error)) *outbox.Outbox {
	t.Helper()
	b, err := outbox.New(outbox.Options{Adapter: func(channel string) (channels.Adapter, bool) {
		return stub{send: send}, channel == "sms"
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func outbound(words molt.Words) channels.Outbound {
	return channels.Outbound{Item: "i", Attempt: 1, Account: "+15550100100", Peer: "+15550100199", Words: words, Class: channels.ClassAgent}
}

func TestSendPassesTheReceipt(t *testing.T) {
	b := newOutbox(t, func(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the attempt has no deadline")
		}
		return channels.Receipt{ProviderID: "SM1"}, nil
	})
	r, fault := b.Send(t.Context(), "sms", outbound("hello"))
	if fault != nil || r.ProviderID != "SM1" {
		t.Errorf("Send = %+v, %v", r, fault)
	}
}

func TestSendMakesFaultsSound(t *testing.T) {
	const words = "my chest hurts"
	for name, c := range map[string]struct {
		send func() (channels.Receipt, error)
		kind channels.FaultKind
		sure bool
	}{
		"a fault passes": {func() (channels.Receipt, error) {
			return channels.Receipt{}, &channels.SendError{Kind: channels.FaultRate, Certain: true}
		}, channels.FaultRate, true},
		"unknown is never certain": {func() (channels.Receipt, error) {
			return channels.Receipt{}, &channels.SendError{Kind: channels.FaultUnknown, Certain: true}
		}, channels.FaultUnknown, false},
		"a fault without a kind":      {func() (channels.Receipt, error) { return channels.Receipt{}, &channels.SendError{Certain: true} }, channels.FaultUnknown, false},
		"a foreign error":             {func() (channels.Receipt, error) { return channels.Receipt{}, errors.New(words) }, channels.FaultUnknown, false},
		"a panic":                     {func() (channels.Receipt, error) { panic(words) }, channels.FaultUnknown, false},
		"a receipt without an id":     {func() (channels.Receipt, error) { return channels.Receipt{}, nil }, channels.FaultUnknown, false},
		"a nil fault in an interface": {func() (channels.Receipt, error) { return channels.Receipt{ProviderID: "x"}, (*channels.SendError)(nil) }, channels.FaultUnknown, false},
	} {
		b := newOutbox(t, func(context.Context, channels.Outbound) (channels.Receipt, error) { return c.send() })
		r, fault := b.Send(t.Context(), "sms", outbound(words))
		if fault == nil || fault.Kind != c.kind || fault.Certain != c.sure || r.ProviderID != "" {
			t.Errorf("%s: Send = %+v, %+v; want kind %s, certain %v", name, r, fault, c.kind, c.sure)
			continue
		}
		if strings.Contains(fault.Error()+fault.Hint, words) {
			t.Errorf("%s: the error holds the patient's words", name)
		}
	}
}

func TestSendWithoutChannel(t *testing.T) {
	b := newOutbox(t, nil)
	_, fault := b.Send(t.Context(), "pigeon", outbound("x"))
	if fault == nil || fault.Kind != channels.FaultConfiguration || !fault.Certain {
		t.Errorf("Send = %+v, want a certain configuration fault", fault)
	}
	if _, _, err := b.Find(t.Context(), "pigeon", outbound("x"), 0); err == nil {
		t.Error("Find on a channel that is not there gave no error")
	}
}

func TestWaitHoldsBackWhatTheBudgetHasNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t, func(context.Context, channels.Outbound) (channels.Receipt, error) {
			return channels.Receipt{ProviderID: "SM1"}, nil
		})
		if err := b.Wait(t.Context(), outbound(molt.Words(strings.Repeat("x", 1500)))); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Wait(ctx, outbound("x")); err == nil {
			t.Error("Wait = nil right after ten segments; want the context's error")
		}
	})
}

func TestFindSurvivesPanic(t *testing.T) {
	b := newOutbox(t, func(context.Context, channels.Outbound) (channels.Receipt, error) { panic("words") })
	_, found, err := b.Find(t.Context(), "sms", outbound("x"), 0)
	if found || err == nil || strings.Contains(err.Error(), "words") {
		t.Errorf("Find = %v, %v; want an error without the panic's words", found, err)
	}
}
