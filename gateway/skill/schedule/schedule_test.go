package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const head = "id,start,minutes,with,key,name,dob,phone,reason\n"

func zone(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func file(t *testing.T, rows string) (*File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openings.csv")
	if err := os.WriteFile(path, []byte(head+rows), 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, zone(t))
	if err != nil {
		t.Fatal(err)
	}
	return f, path
}

// server speaks the contract over a map.
func server(t *testing.T) *Remote {
	t.Helper()
	var mu sync.Mutex
	booked, last := map[string]string{}, map[string]time.Time{}
	slots := map[string]opening{}
	for i, id := range []string{"b", "a"} {
		slots[id] = opening{ID: id, Start: time.Date(2026, 5, 4, 15-i, 0, 0, 0, time.UTC), Minutes: 20}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/slots", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		out := []opening{}
		for _, id := range []string{"a", "b"} {
			taken := false
			for _, s := range booked {
				taken = taken || s == id
			}
			if !taken {
				out = append(out, slots[id])
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"slots": out})
	})
	late := func(r *http.Request) bool {
		key, at := r.PathValue("key"), asked(t, r)
		if at.Before(last[key]) {
			return true
		}
		last[key] = at
		return false
	}
	mux.HandleFunc("PUT /v1/bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var b Booking
		_ = json.NewDecoder(r.Body).Decode(&b)
		if late(r) {
			w.WriteHeader(http.StatusConflict)
			return
		}
		for key, s := range booked {
			if s == b.Slot && key != r.PathValue("key") || key == r.PathValue("key") && s != b.Slot {
				w.WriteHeader(http.StatusConflict)
				return
			}
		}
		booked[r.PathValue("key")] = b.Slot
	})
	mux.HandleFunc("GET /v1/bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		s, ok := booked[r.PathValue("key")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"slot": slots[s]})
	})
	mux.HandleFunc("DELETE /v1/bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if late(r) {
			w.WriteHeader(http.StatusConflict)
			return
		}
		delete(booked, r.PathValue("key"))
		w.WriteHeader(http.StatusNoContent)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c, err := NewRemote(s.URL+"/v1/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asked is when a change was asked for, as the contract has it told.
func asked(t *testing.T, r *http.Request) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.Header.Get("Tidegate-Asked"))
	if err != nil {
		t.Errorf("%s %s does not say when it was asked for: %v", r.Method, r.URL.Path, err)
	}
	return at
}

// TestALateBookingIsRefused: a request that was on its way while its booking was given
// back tells the server that it is older, and a new one for the same opening is not.
func TestALateBookingIsRefused(t *testing.T) {
	c := server(t)
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) { c.now = func() time.Time { return now.Add(d) } }
	b := Booking{Key: "k1", Slot: "a"}
	at(time.Second)
	if err := c.Reserve(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	at(2 * time.Second)
	if err := c.Release(t.Context(), "k1"); err != nil {
		t.Fatal(err)
	}
	at(1500 * time.Millisecond)
	if err := c.Reserve(t.Context(), b); !errors.Is(err, ErrTaken) {
		t.Errorf("a late booking: %v, want ErrTaken", err)
	}
	at(3 * time.Second)
	if err := c.Reserve(t.Context(), b); err != nil {
		t.Errorf("the same opening chosen anew: %v", err)
	}
	at(2500 * time.Millisecond)
	if err := c.Release(t.Context(), "k1"); err == nil {
		t.Error("a late giving back is taken for one that was done")
	}
	if _, err := c.Find(t.Context(), "k1"); err != nil {
		t.Errorf("the opening chosen anew was given back by a late call: %v", err)
	}
}

// TestCalendars holds both kinds to the same promises.
func TestCalendars(t *testing.T) {
	f, _ := file(t, "b,2026-05-04 11:00,20,\na,2026-05-04 10:00,20,Dr. Lee\n")
	for name, c := range map[string]Calendar{"file": f, "server": server(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			from := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
			free := func() string {
				slots, err := c.Free(ctx, from, from.AddDate(0, 0, 14), 10)
				if err != nil {
					t.Fatal(err)
				}
				ids := ""
				for _, s := range slots {
					ids += s.ID
				}
				return ids
			}
			if got := free(); got != "ab" {
				t.Errorf("free: %q, the earliest first is ab", got)
			}
			if slots, err := c.Free(ctx, from, from.AddDate(0, 0, 1), 10); err != nil || len(slots) != 0 {
				t.Errorf("free on another day: %v, %v", slots, err)
			}
			if _, err := c.Find(ctx, "k1"); !errors.Is(err, ErrNone) {
				t.Errorf("find before: %v", err)
			}
			for range 2 {
				if err := c.Reserve(ctx, Booking{Key: "k1", Slot: "a", Name: "Ana"}); err != nil {
					t.Fatalf("reserve: %v", err)
				}
			}
			if s, err := c.Find(ctx, "k1"); err != nil || s.ID != "a" || s.Start.Std().UTC().Hour() != 14 {
				t.Errorf("find: %+v, %v", s, err)
			}
			if err := c.Reserve(ctx, Booking{Key: "k2", Slot: "a"}); !errors.Is(err, ErrTaken) {
				t.Errorf("a second key for one opening: %v", err)
			}
			if err := c.Reserve(ctx, Booking{Key: "k1", Slot: "b"}); !errors.Is(err, ErrTaken) {
				t.Errorf("one key for a second opening: %v", err)
			}
			if got := free(); got != "b" {
				t.Errorf("free: %q, want b", got)
			}
			for range 2 {
				if err := c.Release(ctx, "k1"); err != nil {
					t.Errorf("release: %v", err)
				}
			}
			if got := free(); got != "ab" {
				t.Errorf("free: %q, want ab again", got)
			}
		})
	}
}

func TestManyWritersOfOneFile(t *testing.T) {
	f, path := file(t, "a,2026-05-04 10:00,20,\n")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if f.Reserve(t.Context(), Booking{Key: fmt.Sprint("k", i), Slot: "a"}) == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	data, err := os.ReadFile(path)
	if err != nil || won != 1 || strings.Count(string(data), "20,,k") != 1 {
		t.Errorf("%d of 8 have the one opening (%v)\n%s", won, err, data)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode changed: %v, %v", info.Mode(), err)
	}
}

func TestNoFormulaInTheFile(t *testing.T) {
	f, path := file(t, "a,2026-05-04 10:00,20,\n")
	if err := f.Reserve(t.Context(), Booking{Key: "k", Slot: "a", Name: "=cmd()", Phone: "+12125550142", Reason: "a\nb,\"c\""}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), `k,'=cmd(),,+12125550142,"a b,""c"""`) {
		t.Errorf("%v\n%s", err, data)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":        {"", "line 1 must be id,start"},
		"another head": {"a,b\n", "line 1 must be"},
		"no start":     {head + "a,soon,20,\n", "line 2: start"},
		"no minutes":   {head + "a,2026-05-04 10:00,x,\n", "line 2: minutes"},
		"twice":        {head + "a,2026-05-04 10:00,20,\na,2026-05-04 10:00,20,\n", "line 3: id"},
		"no CSV":       {head + "a,\"b\n", "no CSV"},
		"too many":     {head + strings.Repeat("a,2026-05-04 10:00,20,\n", MaxRows), "more than"},
		"too long":     {head + strings.Repeat("x", MaxFileBytes), "longer than"},
	} {
		path := filepath.Join(t.TempDir(), "x.csv")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path, time.UTC); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none"), time.UTC); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// TestAServerOnABadDay walks the ways in which a dependency fails.
func TestAServerOnABadDay(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"5xx":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"garbage":        func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Ana</html>") },
		"another schema": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"openings":[],"booking":{}}`) },
		"a slot half": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"slots":[{"id":"a"}],"slot":{"id":"a"}}`)
		},
		"empty":   func(http.ResponseWriter, *http.Request) {},
		"a reset": func(w http.ResponseWriter, _ *http.Request) { hijack(t, w, "") },
		"cut in the body": func(w http.ResponseWriter, _ *http.Request) {
			hijack(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"sl")
		},
		"a slow drip": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(h)
			defer s.Close()
			c, err := NewRemote(s.URL, "k1", nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			now := time.Now()
			_, freeErr := c.Free(ctx, now, now.Add(time.Hour), 3)
			_, findErr := c.Find(ctx, "key")
			for _, err := range []error{freeErr, findErr} {
				if err == nil || strings.Contains(err.Error(), "Ana") || strings.Contains(err.Error(), "k1") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func hijack(t *testing.T, w http.ResponseWriter, first string) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, first)
	if tcp, ok := conn.(*net.TCPConn); ok && first == "" {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func TestRemoteAddresses(t *testing.T) {
	for _, base := range []string{"", "calendar", "ftp://x"} {
		if _, err := NewRemote(base, "", nil); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

// TestUnanswered: a call that never reached the server is not made; of one to which no
// answer comes nobody knows.
func TestUnanswered(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not hear that the caller left
		<-r.Context().Done()
	}))
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	defer breaks.Close()
	defer hangs.Close()
	for _, c := range []struct {
		what, url string
		want      bool
	}{{"it hangs", hangs.URL, true}, {"it breaks off", breaks.URL, true}, {"nobody listens", gone.URL, false}} {
		r, err := NewRemote(c.url, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = r.Reserve(ctx, Booking{Key: "k", Slot: "a"})
		cancel()
		if err == nil || errors.Is(err, ErrUnanswered) != c.want {
			t.Errorf("%s: %v; unanswered: want %v", c.what, err, c.want)
		}
	}
}
