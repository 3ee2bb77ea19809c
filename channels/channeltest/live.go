package channeltest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
)

// RunLive holds a live channel to what of the contract applies to it: no
// provider stands between, so there is none to refuse, to lose an answer or to
// list anything. newChannel is called once for each test, before Open.
func RunLive(t *testing.T, newChannel func(t *testing.T) channels.Live) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, channels.Live){
		"ItKnowsItself":               func(t *testing.T, l channels.Live) { knowsItself(t, l) },
		"SendPublishes":               sendPublishes,
		"SendThatNeverBeganIsCertain": liveSendThatNeverBegan,
		"WhatWasAttemptedIsFound":     attemptedIsFound,
		"NothingIsListed":             nothingIsListed,
		"NoWebhookIsTaken":            noWebhookIsTaken,
		"ItsDoorsAreItsOwn":           doorsAreItsOwn,
	} {
		t.Run(name, func(t *testing.T) { test(t, newChannel(t)) })
	}
}

func sendPublishes(t *testing.T, l channels.Live) {
	o := outboundOf(l)
	first, err := l.Send(t.Context(), o)
	if err != nil || first.ProviderID == "" || len(first.ProviderID) > channels.MaxProviderID {
		t.Fatalf("Send = %+v, %v", first, err)
	}
	if first.Status != channels.StatusSent {
		t.Errorf("the receipt says %s; whether it was shown only the peer knows", first.Status)
	}
	if again, err := l.Send(t.Context(), o); err != nil || again.ProviderID != first.ProviderID {
		t.Errorf("the same text once more is %+v, %v; want the same receipt", again, err)
	}
}

func liveSendThatNeverBegan(t *testing.T, l channels.Live) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Send(ctx, outboundOf(l))
	var fault *channels.SendError
	if !errors.As(err, &fault) || !fault.Certain || fault.Kind == channels.FaultUnknown || fault.Hint == "" {
		t.Errorf("Send after the context's end = %v; want a certain fault with a hint", err)
	}
}

func attemptedIsFound(t *testing.T, l channels.Live) {
	o := outboundOf(l)
	r, found, err := l.FindOutbound(t.Context(), o, 1)
	sent, _ := l.Send(t.Context(), o)
	if err != nil || !found || r.ProviderID != sent.ProviderID {
		t.Errorf("FindOutbound = %+v, %v, %v: an attempt that is committed is published", r, found, err)
	}
}

func nothingIsListed(t *testing.T, l channels.Live) {
	if in, next, err := l.ListInbound(t.Context(), l.Accounts()[0], 0, "", noneKnown); err != nil || next != "" || len(in) != 0 {
		t.Errorf("ListInbound = %d, %q, %v; want nothing, and no fault", len(in), next, err)
	}
}

func noWebhookIsTaken(t *testing.T, l channels.Live) {
	a, err := l.Parse(channels.Request{Hook: channels.HookMessage, Body: []byte("From=%2B15550100177&Body=hello")})
	var rejected *channels.Rejected
	if !errors.As(err, &rejected) || rejected.HTTP != http.StatusNotFound {
		t.Errorf("Parse = %+v, %v; want it rejected as not there", a, err)
	}
}

func doorsAreItsOwn(t *testing.T, l channels.Live) {
	if p := l.Path(); !strings.HasPrefix(p, "/") || !strings.HasSuffix(p, "/") || strings.HasPrefix(p, "/hooks/") || !strings.Contains(p, l.ID()) {
		t.Errorf("its doors are at %q; want a folder of its own, with its name", p)
	}
}
