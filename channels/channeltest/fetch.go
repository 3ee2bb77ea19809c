package channeltest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
)

// FileRig is a provider that has files in a test's hands, with one adapter
// configured for it.
type FileRig interface {
	Fetcher() channels.Fetcher
	// File gives the provider a file and returns how an inbound refers to it.
	File(body []byte) channels.Media
	// Answer sets how fetches are treated from now on: Takes, Garbles (the answer
	// ends before the file does), Breaks, Down, Limits, Refuses.
	Answer(a Answer)
	// Fetches is how many the provider saw.
	Fetches() int
}

// secretName is in no error: an address leads to a patient's picture.
const secretName = "secret-name"

// RunFetcher holds a Fetcher to the contract. newRig is called once for each test.
func RunFetcher(t *testing.T, newRig func(t *testing.T) FileRig) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, FileRig){
		"FetchGetsTheFile":            fetchGetsTheFile,
		"FetchHasItsLimit":            fetchHasItsLimit,
		"FetchNeverRetries":           fetchNeverRetries,
		"FetchTakesNoOtherAddress":    fetchTakesNoOtherAddress,
		"FetchThatNeverBeganIsAFault": fetchThatNeverBegan,
	} {
		t.Run(name, func(t *testing.T) { test(t, newRig(t)) })
	}
}

func fetchGetsTheFile(t *testing.T, r FileRig) {
	for _, body := range [][]byte{[]byte("\xff\xd8\xff picture"), {0}, bytes.Repeat([]byte("x"), channels.MaxFileBytes)} {
		m := r.File(body)
		m.Type = "text/html" // the sender's word changes nothing
		if got, err := r.Fetcher().Fetch(t.Context(), m); err != nil || !bytes.Equal(got, body) {
			t.Errorf("Fetch of %d bytes = %d bytes, %v", len(body), len(got), err)
		}
	}
}

func fetchHasItsLimit(t *testing.T, r FileRig) {
	if f := fetchInVain(t.Context(), t, r, r.File(make([]byte, channels.MaxFileBytes+1))); f.Kind != channels.FetchTooLarge {
		t.Errorf("one byte over the limit: %s", f.Kind)
	}
	if f := fetchInVain(t.Context(), t, r, r.File(nil)); f.Kind != channels.FetchEmpty || f.Kind.Final() {
		t.Errorf("no byte at all: %s", f.Kind)
	}
}

func fetchNeverRetries(t *testing.T, r FileRig) {
	m := r.File([]byte("picture"))
	for _, c := range []struct {
		answer Answer
		kind   channels.FetchFault
		seen   int
	}{
		{Garbles, channels.FetchTransient, 1},
		{Breaks, channels.FetchTransient, 1},
		{Down, channels.FetchTransient, 0},
		{Limits, channels.FetchRate, 1},
		{Refuses, channels.FetchDenied, 1},
	} {
		before := r.Fetches()
		r.Answer(c.answer)
		f := fetchInVain(t.Context(), t, r, m)
		if f.Kind != c.kind || f.Kind.Final() {
			t.Errorf("answer %d: %s, want %s, to be tried again", c.answer, f.Kind, c.kind)
		}
		if n := r.Fetches() - before; n != c.seen {
			t.Errorf("answer %d: the provider saw %d fetches, want %d", c.answer, n, c.seen)
		}
		if c.answer == Limits && f.RetryAfter <= 0 {
			t.Error("the wait the provider asked for is lost")
		}
	}
	r.Answer(Takes)
	if got, err := r.Fetcher().Fetch(t.Context(), m); err != nil || string(got) != "picture" {
		t.Errorf("after all that: %d bytes, %v", len(got), err)
	}
}

func fetchTakesNoOtherAddress(t *testing.T, r FileRig) {
	for _, at := range []string{"", "nonsense", "http://127.0.0.1:9/" + secretName, "https://elsewhere.example/" + secretName, "file:///etc/" + secretName} {
		if f := fetchInVain(t.Context(), t, r, channels.Media{URL: at}); f.Kind != channels.FetchAddress || !f.Kind.Final() {
			t.Errorf("%q: %s", at, f.Kind)
		}
	}
	if r.Fetches() != 0 {
		t.Errorf("the provider saw %d fetches", r.Fetches())
	}
}

func fetchThatNeverBegan(t *testing.T, r FileRig) {
	m := r.File([]byte("picture"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f := fetchInVain(ctx, t, r, m); f.Kind.Final() {
		t.Errorf("after the context's end: %s, which is never tried again", f.Kind)
	}
	if r.Fetches() != 0 {
		t.Errorf("the provider saw %d fetches", r.Fetches())
	}
}

// fetchInVain fetches and returns the fault, which names no address.
func fetchInVain(ctx context.Context, t *testing.T, r FileRig, m channels.Media) *channels.FetchError {
	t.Helper()
	body, err := r.Fetcher().Fetch(ctx, m)
	f, ok := err.(*channels.FetchError) //nolint:errorlint // The contract says the error is one, not that it wraps one.
	if !ok || f == nil || body != nil {
		t.Fatalf("Fetch = %d bytes, error %T; want a *channels.FetchError", len(body), err)
	}
	if m.URL != "" && strings.Contains(f.Error()+f.Hint, m.URL) || strings.Contains(f.Error()+f.Hint, secretName) {
		t.Errorf("the fault tells the address: %v", f)
	}
	return f
}
