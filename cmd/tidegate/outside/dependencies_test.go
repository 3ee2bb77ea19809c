package outside

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// faults are the ways in which something that answers does not.
func faults() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"slow-drip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for { // until nobody listens any more
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		},
		"reset": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			c.Close()
		},
		"5xx":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x00\xff}{ <html>")) },
		"wrong-schema": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"ok": true, "message": 7, "choices": "none", "slots": {"a": 1}, "slot": [], "sid": null}`))
		},
	}
}

func faulty(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.CloseClientConnections) // before Close, which waits for them
	t.Cleanup(s.Close)
	return s.URL
}

// TestEveryDependencyMayFail walks model, scheduler and carrier through each way to
// fail. In none is anybody left hanging, and a red flag pages.
func TestEveryDependencyMayFail(t *testing.T) {
	t.Parallel()
	for name, fault := range faults() {
		for kind, set := range map[string]func(t *testing.T, fault http.HandlerFunc) (w *world, asks string){
			"ollama": modelFails("ollama"), "openai": modelFails("openai"), "scheduler": schedulerFails, "booking": bookingFails, "carrier": carrierFails,
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				w, asks := set(t, fault)
				w.start()
				if kind == "booking" {
					w.text(booker, "what openings do you have?")
					w.gets(0, booker, "option 1 is")
				}
				if asks != "" {
					since := w.end()
					w.text(booker, asks)
					if e := w.gets(since, booker, ""); strings.Contains(e.Body, "You are booked") {
						t.Errorf("the patient reads of a booking that nobody made: %q", e.Body)
					}
				}
				w.redFlagPages(t, "+12125550177")
			})
		}
	}
}

// redFlagPages has a patient in danger read the safety text and a nurse the page,
// however long the carrier makes of it.
func (w *world) redFlagPages(t *testing.T, patient string) {
	t.Helper()
	since := w.end()
	w.text(patient, "my chest hurts")
	for what, match := range map[string]func(entry) bool{
		"the safety text": func(e entry) bool { return e.To == patient && strings.Contains(e.Body, "911") },
		"the page":        func(e entry) bool { return e.To != patient && strings.Contains(e.Body, "S1 page") },
	} {
		if _, err := w.carrier.Await(within(t, 4*patience), since, func(e entry) bool { return e.Kind == kindHandset && match(e) }); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func modelFails(kind string) func(*testing.T, http.HandlerFunc) (*world, string) {
	return func(t *testing.T, fault http.HandlerFunc) (*world, string) {
		agent := fmt.Sprintf("{models: [near/stand-in], providers: {near: {type: %s, base_url: %q}}, ask_timeout: 1s, debounce: 50ms, debounce_max: 1s, watchdog: 15s}", kind, faulty(t, fault))
		return newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, agent: agent}), "when are you open?"
	}
}

// schedulerFails has a calendar that fails from the first look on.
func schedulerFails(t *testing.T, fault http.HandlerFunc) (*world, string) {
	w, _ := booking(t, "base_url: "+faulty(t, fault))
	return w, "what openings do you have?"
}

// bookingFails has a calendar that offers, and fails once it is to book.
func bookingFails(t *testing.T, fault http.HandlerFunc) (*world, string) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slots", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"slots": []any{map[string]any{
			"id": "a1", "start": time.Now().Add(48 * time.Hour).Truncate(time.Minute), "minutes": 20, "with": "Dr. Lee",
		}}})
	})
	mux.HandleFunc("/", fault)
	w, _ := booking(t, "base_url: "+faulty(t, mux))
	return w, "option 1"
}

// carrierFails has a carrier that fails at the first texts it is to send, a safety
// text and a page, and then is well.
func carrierFails(t *testing.T, fault http.HandlerFunc) (*world, string) {
	dir := t.TempDir()
	w := newWorld(t, dir, setting{profile: "calm", seed: 1})
	to, err := url.Parse(w.carrier.Base)
	if err != nil {
		t.Fatal(err)
	}
	pass, left := httputil.NewSingleHostReverseProxy(to), atomic.Int32{}
	left.Store(2)
	proxy := faulty(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && left.Add(-1) >= 0 {
			fault(rw, r)
			return
		}
		pass.ServeHTTP(rw, r)
	}))
	b, err := os.ReadFile(w.path("tidegate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("tidegate.yaml", strings.Replace(string(b), w.carrier.Base, proxy, 1))
	return w, ""
}
