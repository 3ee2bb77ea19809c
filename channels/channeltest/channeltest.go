// Package channeltest is the conformance suite of the contract in package
// channels: what it says in sentences is here a test, and every adapter runs it.
//
// It owns the expectations and nothing of a wire format: a Rig, written beside
// each adapter, plays the provider. It must never be imported but by tests.
package channeltest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Answer is how a provider treats a text we send.
type Answer int

// The answers a Rig can be told to give.
const (
	Takes   Answer = iota // it takes the text and says so
	Loses                 // it takes the text and the answer is lost on the way
	Garbles               // it takes the text and the answer cannot be read
	Breaks                // it has a fault of its own; whether it took the text nobody knows
	Hangs                 // it never answers
	Down                  // no connection can be had
	Limits                // it refuses for now and says how long to wait
	Refuses               // the recipient opted out; its words quote the text and both numbers
)

// Rig is a provider in a test's hands, with one adapter configured for it.
type Rig interface {
	Adapter() channels.Adapter
	// Answer sets how sends are treated from now on. Rigs start with Takes.
	Answer(a Answer)
	// Sends are the sends the provider saw, refused ones too, oldest first.
	Sends() []Send
	// Text makes someone text us. The provider's list holds it from then on;
	// the webhook is returned as it came over the wire.
	Text(from, to molt.Address, words molt.Words) channels.Request
	// Report returns one status webhook about a send, as it came over the wire.
	Report(s Send) channels.Request
	// Tick lets the provider's clock move on by a second or more.
	Tick()
	// Now is the provider's clock.
	Now() molt.Time
}

// Send is what a provider saw of one send.
type Send struct {
	From, To, Words string
	ProviderID      string // "" when it was not taken
	Callback        string // where reports about it go
}

const (
	peer  = molt.Address("+15550100177")
	other = molt.Address("+15550100188")
	words = molt.Words("My chest hurts & my arm, too: ¿qué hago? 😀")
)

// Run holds an adapter to the contract. newRig is called once for each test.
func Run(t *testing.T, newRig func(t *testing.T) Rig) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Rig){
		"ItKnowsItself":                  itKnowsItself,
		"SendTakesOnce":                  sendTakesOnce,
		"SendNeverRetries":               sendNeverRetries,
		"SendThatNeverBeganIsCertain":    sendThatNeverBeganIsCertain,
		"OurIDsRideBack":                 ourIDsRideBack,
		"ParseReadsAText":                parseReadsAText,
		"ParseTakesAnUnknownAccount":     parseTakesAnUnknownAccount,
		"ParseIsRepeatable":              parseIsRepeatable,
		"ParseRejectsWhatWasTouched":     parseRejectsWhatWasTouched,
		"ListIsOldestFirst":              listIsOldestFirst,
		"ListLeavesOutWhatIsKnown":       listLeavesOutWhatIsKnown,
		"ListAndWebhookAgree":            listAndWebhookAgree,
		"FindRepairsALostAnswer":         findRepairsALostAnswer,
		"FindTakesNoOther":               findTakesNoOther,
		"ListWithoutProviderIsAnError":   listWithoutProviderIsAnError,
		"ErrorsHoldNoWordsAndNoNumbers":  errorsHoldNoWordsAndNoNumbers,
		"ManySendsAtOnceKeepTheirAnswer": manySendsAtOnceKeepTheirAnswer,
	} {
		t.Run(name, func(t *testing.T) { test(t, newRig(t)) })
	}
}

func outbound(r Rig) channels.Outbound { return outboundOf(r.Adapter()) }

func outboundOf(a channels.Adapter) channels.Outbound {
	return channels.Outbound{
		Conversation: "c_7f3a", Item: "i_7f3a.12.0", Attempt: 2, Put: 1772463610500,
		Account: a.Accounts()[0], Peer: peer, Words: words, Class: channels.ClassAgent, Validity: 10 * time.Minute,
	}
}

func itKnowsItself(t *testing.T, r Rig) { knowsItself(t, r.Adapter()) }

func knowsItself(t *testing.T, a channels.Adapter) {
	if a.ID() == "" || len(a.Accounts()) == 0 {
		t.Fatalf("ID %q, %d accounts; want both", a.ID(), len(a.Accounts()))
	}
	a.Accounts()[0] = "+10000000000"
	if a.Accounts()[0] == "+10000000000" {
		t.Error("who holds the list of accounts can change it")
	}
}

func sendTakesOnce(t *testing.T, r Rig) {
	o := outbound(r)
	receipt, err := r.Adapter().Send(t.Context(), o)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	sends := r.Sends()
	if len(sends) != 1 {
		t.Fatalf("the provider saw %d sends, want 1", len(sends))
	}
	s := sends[0]
	if s.From != o.Account.Reveal() || s.To != o.Peer.Reveal() || s.Words != o.Words.Reveal() {
		t.Errorf("the provider saw %+v, want what was sent, byte by byte", s)
	}
	if receipt.ProviderID == "" || receipt.ProviderID != s.ProviderID || len(receipt.ProviderID) > channels.MaxProviderID {
		t.Errorf("receipt %+v, want the provider's id %q", receipt, s.ProviderID)
	}
	if receipt.Status.Rank() > channels.StatusSent.Rank() {
		t.Errorf("the receipt says %s, which a create cannot know", receipt.Status)
	}
}

func sendNeverRetries(t *testing.T, r Rig) {
	for _, c := range []struct {
		name    string
		answer  Answer
		kind    channels.FaultKind
		certain bool
		seen    int
	}{
		{"loses", Loses, channels.FaultUnknown, false, 1},
		{"garbles", Garbles, channels.FaultUnknown, false, 1},
		{"breaks", Breaks, channels.FaultUnknown, false, 1},
		{"hangs", Hangs, channels.FaultUnknown, false, 1},
		{"down", Down, channels.FaultTransient, true, 0},
		{"limits", Limits, channels.FaultRate, true, 1},
		{"refuses", Refuses, channels.FaultOptedOut, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(r.Sends())
			fault := sendInVain(t, r, c.answer)
			if fault.Kind != c.kind || fault.Certain != c.certain {
				t.Errorf("fault %s, certain %v; want %s, certain %v", fault.Kind, fault.Certain, c.kind, c.certain)
			}
			if n := len(r.Sends()) - before; n != c.seen {
				t.Errorf("the provider saw %d sends, want %d", n, c.seen)
			}
			if c.answer == Limits && fault.RetryAfter <= 0 {
				t.Error("the wait the provider asked for is lost")
			}
			if fault.Hint == "" {
				t.Error("no hint for the admin")
			}
		})
	}
}

// sendInVain sends while the provider answers so, and returns the fault.
func sendInVain(t *testing.T, r Rig, answer Answer) *channels.SendError {
	t.Helper()
	r.Answer(answer)
	defer r.Answer(Takes)
	ctx := t.Context()
	if answer == Hangs {
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		ctx = short
	}
	receipt, err := r.Adapter().Send(ctx, outbound(r))
	fault, ok := err.(*channels.SendError) //nolint:errorlint // The contract says the error is one, not that it wraps one.
	if !ok || fault == nil {
		t.Fatalf("Send = %+v, error %T; want a *channels.SendError", receipt, err)
	}
	if receipt != (channels.Receipt{}) {
		t.Errorf("a receipt %+v beside a fault", receipt)
	}
	return fault
}

func sendThatNeverBeganIsCertain(t *testing.T, r Rig) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Adapter().Send(ctx, outbound(r))
	var fault *channels.SendError
	if !errors.As(err, &fault) || !fault.Certain || fault.Kind == channels.FaultUnknown {
		t.Errorf("Send after the context's end = %v; want a certain fault", err)
	}
	if n := len(r.Sends()); n != 0 {
		t.Errorf("the provider saw %d sends, want none", n)
	}
}

func ourIDsRideBack(t *testing.T, r Rig) {
	o := outbound(r)
	receipt, err := r.Adapter().Send(t.Context(), o)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	arrival, err := r.Adapter().Parse(r.Report(r.Sends()[0]))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	s := arrival.Status
	if s == nil || arrival.Inbound != nil {
		t.Fatalf("arrival %+v, want a status report alone", arrival)
	}
	if s.Conversation != o.Conversation || s.Item != o.Item || s.Attempt != o.Attempt || s.Put != o.Put || s.ProviderID != receipt.ProviderID || s.Channel != r.Adapter().ID() {
		t.Errorf("report %+v, want the ids of %s, attempt %d, put at %d, provider id %s", s, o.Item, o.Attempt, o.Put, receipt.ProviderID)
	}
}

func parseText(t *testing.T, r Rig, req channels.Request) channels.Inbound {
	t.Helper()
	arrival, err := r.Adapter().Parse(req)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if arrival.Inbound == nil || arrival.Status != nil {
		t.Fatalf("arrival %+v, want a text alone", arrival)
	}
	return *arrival.Inbound
}

func parseReadsAText(t *testing.T, r Rig) {
	account := r.Adapter().Accounts()[0]
	in := parseText(t, r, r.Text(peer, account, words))
	if in.Words != words || in.Peer != peer || in.Account != account || in.Channel != r.Adapter().ID() || in.Via != "webhook" || in.ProviderID == "" || in.Cut {
		t.Errorf("text %+v is not what was sent", in)
	}
}

func parseTakesAnUnknownAccount(t *testing.T, r Rig) {
	if in := parseText(t, r, r.Text(peer, other, words)); in.Account != other {
		t.Errorf("account %q, want it passed on as it is", in.Account.Reveal())
	}
}

func parseIsRepeatable(t *testing.T, r Rig) {
	req := r.Text(peer, r.Adapter().Accounts()[0], words)
	first, second := parseText(t, r, req), parseText(t, r, req)
	if first.ProviderID != second.ProviderID || first.Words != second.Words {
		t.Errorf("the same webhook read twice differs: %+v, %+v", first, second)
	}
}

func parseRejectsWhatWasTouched(t *testing.T, r Rig) {
	good := r.Text(peer, r.Adapter().Accounts()[0], words)
	for name, touch := range map[string]func(channels.Request) channels.Request{
		"another word": func(q channels.Request) channels.Request {
			q.Body = []byte(strings.Replace(string(q.Body), "chest", "toe", 1))
			return q
		},
		"one more field": func(q channels.Request) channels.Request {
			q.Body = append(slices.Clone(q.Body), "&Extra=1"...)
			return q
		},
		"another query": func(q channels.Request) channels.Request { q.RawURI += "?x=1"; return q },
		"no headers":    func(q channels.Request) channels.Request { q.Header = http.Header{}; return q },
		"no body":       func(q channels.Request) channels.Request { q.Body = nil; return q },
		"a huge body": func(q channels.Request) channels.Request {
			q.Body = append(slices.Clone(q.Body), strings.Repeat("x", channels.MaxHookBytes)...)
			return q
		},
	} {
		arrival, err := r.Adapter().Parse(touch(good))
		rejected, ok := err.(*channels.Rejected) //nolint:errorlint // The contract says the error is one, not that it wraps one.
		if !ok || rejected.HTTP < 400 || rejected.HTTP > 499 {
			t.Errorf("%s: Parse = %+v, %v; want it rejected", name, arrival, err)
			continue
		}
		leaks(t, name, rejected.Error(), peer, r.Adapter().Accounts()[0])
	}
}

// texts makes n texts, a second apart, and returns the time before the first.
func texts(t *testing.T, r Rig, n int) (since molt.Time, ids []string) {
	t.Helper()
	since = r.Now()
	for range n {
		r.Tick()
		ids = append(ids, parseText(t, r, r.Text(peer, r.Adapter().Accounts()[0], words)).ProviderID)
	}
	return since, ids
}

func noneKnown(string) bool { return false }

func idsOf(in []channels.Inbound) (ids []string) {
	for _, i := range in {
		ids = append(ids, i.ProviderID)
	}
	return ids
}

func listIsOldestFirst(t *testing.T, r Rig) {
	since, want := texts(t, r, 5)
	if _, err := r.Adapter().Send(t.Context(), outbound(r)); err != nil {
		t.Fatalf("Send: %v", err)
	}
	r.Text(peer, other, words) // not this account's
	in, next, err := r.Adapter().ListInbound(t.Context(), r.Adapter().Accounts()[0], since, "", noneKnown)
	if err != nil || next != "" || !slices.Equal(idsOf(in), want) {
		t.Errorf("ListInbound = %v, next %q, %v; want %v", idsOf(in), next, err, want)
	}
	if !slices.IsSortedFunc(in, func(a, b channels.Inbound) int { return int(a.At - b.At) }) {
		t.Error("the times are not rising")
	}
}

// listLeavesOutWhatIsKnown: it is asked of each text of the list, and of nothing else.
func listLeavesOutWhatIsKnown(t *testing.T, r Rig) {
	since, want := texts(t, r, 5)
	if _, err := r.Adapter().Send(t.Context(), outbound(r)); err != nil {
		t.Fatalf("Send: %v", err)
	}
	var asked []string
	in, _, err := r.Adapter().ListInbound(t.Context(), r.Adapter().Accounts()[0], since, "", func(id string) bool {
		asked = append(asked, id)
		return id != want[1] && id != want[3]
	})
	if err != nil || !slices.Equal(idsOf(in), []string{want[1], want[3]}) {
		t.Errorf("ListInbound = %v, %v; want %v alone", idsOf(in), err, []string{want[1], want[3]})
	}
	slices.Sort(asked)
	slices.Sort(want)
	if !slices.Equal(asked, want) {
		t.Errorf("it was asked of %v; want %v", asked, want)
	}
}

func listAndWebhookAgree(t *testing.T, r Rig) {
	since := r.Now()
	r.Tick()
	hook := parseText(t, r, r.Text(peer, r.Adapter().Accounts()[0], words))
	in, _, err := r.Adapter().ListInbound(t.Context(), r.Adapter().Accounts()[0], since, "", noneKnown)
	if err != nil || len(in) != 1 {
		t.Fatalf("ListInbound = %d texts, %v; want one", len(in), err)
	}
	if in[0].At == 0 || in[0].Via != "backfill" {
		t.Errorf("listed at %d via %q, want the provider's time and backfill", in[0].At, in[0].Via)
	}
	in[0].At, in[0].Via = hook.At, hook.Via
	if l := in[0]; l.ProviderID != hook.ProviderID || l.Words != hook.Words || l.Peer != hook.Peer || l.Account != hook.Account || l.Channel != hook.Channel || len(l.Media) != len(hook.Media) {
		t.Errorf("list says %+v, webhook said %+v", l, hook)
	}
}

func findRepairsALostAnswer(t *testing.T, r Rig) {
	attempted := r.Now()
	_ = sendInVain(t, r, Loses)
	receipt, found, err := r.Adapter().FindOutbound(t.Context(), outbound(r), attempted)
	if err != nil || !found || receipt.ProviderID != r.Sends()[0].ProviderID {
		t.Errorf("FindOutbound = %+v, %v, %v; want %s", receipt, found, err, r.Sends()[0].ProviderID)
	}
}

func findTakesNoOther(t *testing.T, r Rig) {
	attempted := r.Now()
	if _, err := r.Adapter().Send(t.Context(), outbound(r)); err != nil {
		t.Fatalf("Send: %v", err)
	}
	for name, change := range map[string]func(*channels.Outbound, *molt.Time){
		"other words":     func(o *channels.Outbound, _ *molt.Time) { o.Words += "." },
		"other peer":      func(o *channels.Outbound, _ *molt.Time) { o.Peer = other },
		"long before":     func(_ *channels.Outbound, at *molt.Time) { *at = at.Add(time.Hour) },
		"long after":      func(_ *channels.Outbound, at *molt.Time) { *at = at.Add(-time.Hour) },
		"case of letters": func(o *channels.Outbound, _ *molt.Time) { o.Words = molt.Words(strings.ToUpper(o.Words.Reveal())) },
	} {
		o, at := outbound(r), attempted
		change(&o, &at)
		if receipt, found, err := r.Adapter().FindOutbound(t.Context(), o, at); found || err != nil {
			t.Errorf("%s: FindOutbound = %+v, %v, %v; want nothing", name, receipt, found, err)
		}
	}
}

func listWithoutProviderIsAnError(t *testing.T, r Rig) {
	r.Answer(Down)
	if in, _, err := r.Adapter().ListInbound(t.Context(), r.Adapter().Accounts()[0], r.Now(), "", noneKnown); err == nil {
		t.Errorf("ListInbound of a provider that is down = %d texts without an error", len(in))
	} else {
		leaks(t, "ListInbound", err.Error(), peer, r.Adapter().Accounts()[0])
	}
	if _, found, err := r.Adapter().FindOutbound(t.Context(), outbound(r), r.Now()); err == nil || found {
		t.Errorf("FindOutbound of a provider that is down = %v, %v", found, err)
	} else {
		leaks(t, "FindOutbound", err.Error(), peer, r.Adapter().Accounts()[0])
	}
}

func errorsHoldNoWordsAndNoNumbers(t *testing.T, r Rig) {
	for _, a := range []Answer{Loses, Garbles, Breaks, Hangs, Down, Limits, Refuses} {
		fault := sendInVain(t, r, a)
		for err := error(fault); err != nil; err = errors.Unwrap(err) {
			leaks(t, "Send", err.Error()+fault.Hint, peer, r.Adapter().Accounts()[0])
		}
	}
}

// leaks fails when a text shows words of the patient or digits of a number.
func leaks(t *testing.T, where, text string, numbers ...molt.Address) {
	t.Helper()
	for _, w := range []string{"chest", "hurts", "qué"} {
		if strings.Contains(text, w) {
			t.Errorf("%s: %q shows the patient's words", where, text)
		}
	}
	for _, n := range numbers {
		if s := n.Reveal(); strings.Contains(text, s[max(0, len(s)-7):]) {
			t.Errorf("%s: %q shows a number", where, text)
		}
	}
}

func manySendsAtOnceKeepTheirAnswer(t *testing.T, r Rig) {
	const n = 8
	got := make(chan string, n)
	for i := range n {
		go func() { // ends with its one send
			o := outbound(r)
			o.Words = molt.Words(strings.Repeat("x", i+1))
			receipt, err := r.Adapter().Send(t.Context(), o)
			if err != nil {
				receipt.ProviderID = err.Error()
			}
			got <- o.Words.Reveal() + "=" + receipt.ProviderID
		}()
	}
	var answers, want []string
	for range n {
		answers = append(answers, <-got)
	}
	for _, s := range r.Sends() {
		want = append(want, s.Words+"="+s.ProviderID)
	}
	slices.Sort(answers)
	slices.Sort(want)
	if !slices.Equal(answers, want) {
		t.Errorf("receipts %v, the provider gave %v", answers, want)
	}
}
