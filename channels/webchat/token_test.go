package webchat

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzToken wants no text but one we signed to be a token.
func FuzzToken(f *testing.F) {
	now := time.Date(2027, 1, 15, 14, 0, 0, 0, time.UTC)
	ours, theirs := tokens{[]byte("ours")}, tokens{[]byte("theirs")}
	v := visitor{1, 2, 3} // every process of the fuzzer makes the same
	good := ours.sign(v, now)
	if got, err := ours.read(good, now); err != nil || got != v {
		f.Fatalf("a good token reads as %v, %v", got, err)
	}
	f.Add(good)
	f.Add(theirs.sign(v, now))
	f.Add(ours.sign(v, now.Add(-TokenLife-time.Second)))
	f.Add(ours.sign(v, now.Add(2*time.Hour))) // of a time to come: not ours, or another clock's
	f.Add(good[:len(good)-1] + "=")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ours.read(s, now); err == nil && s != good {
			t.Errorf("%q was taken for %v", s, got)
		}
	})
}

// FuzzOrigin wants an origin that reads to be one that reads as itself.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://clinic.example", "https://clinic.example:8443", "http://[::1]:8080", "HTTPS://Clinic.Example:443/", "https://a@b", "null", "https://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		norm, ok := originOf(s)
		if !ok {
			return
		}
		if again, ok := originOf(norm); !ok || again != norm {
			t.Errorf("%q reads as %q, and that as %q, %v", s, norm, again, ok)
		}
	})
}

// FuzzParts wants every word of a text in its parts, and no part too long.
func FuzzParts(f *testing.F) {
	for _, s := range []string{"", " ", "a. b? c! d\ne", "aaaaaaaaaaaaaaaaaaaaaaaa", "é\x00\xffé é", strings.Repeat(" ", 30) + "help"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const most = 10
		solid := func(s string) string { return strings.Join(strings.Fields(s), "") }
		texts := parts(s, most)
		for _, p := range texts {
			if utf8.RuneCountInString(p) > most || solid(p) == "" {
				t.Errorf("%q has the part %q", s, p)
			}
		}
		if want := solid(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")); solid(strings.Join(texts, "")) != want {
			t.Errorf("%q came to be %q", s, texts)
		}
	})
}

func TestSameSite(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://www.clinic.example", "https://gw.clinic.example", true},
		{"https://clinic.example", "https://gw.clinic.example:8443", true},
		{"https://other.example", "https://gw.clinic.example", false},
		{"http://www.clinic.example", "https://gw.clinic.example", false},
		{"https://a.co.uk", "https://b.co.uk", false},
		{"https://one.github.io", "https://two.github.io", false},
		{"http://127.0.0.1:8080", "http://127.0.0.1:9090", true},
		{"http://127.0.0.1", "http://127.0.0.2", false},
		{"http://localhost:3000", "http://localhost:8080", true},
	} {
		if got := sameSite(c.a, c.b); got != c.same {
			t.Errorf("sameSite(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func TestTicketsAreBounded(t *testing.T) {
	k, now := newTickets(), time.Now()
	first := k.issue(ticket{origin: "o"}, now)
	var last string
	for range MaxTickets {
		last = k.issue(ticket{origin: "o"}, now)
	}
	if n := len(k.waiting); n > MaxTickets {
		t.Errorf("%d tickets wait", n)
	}
	if _, ok := k.redeem(first, "o", now); ok {
		t.Error("the oldest was kept over the limit")
	}
	if _, ok := k.redeem(last, "o", now); !ok {
		t.Error("the newest was not")
	}
}

func TestMeterIsBounded(t *testing.T) {
	m, now := newMeter(1, time.Hour), time.Now()
	for i := range maxCounted + 100 {
		m.take(time.Duration(i).String(), now)
	}
	if n := len(m.buckets); n > maxCounted {
		t.Errorf("%d sources are counted", n)
	}
}

// TestMeterCountsWhatItLetsThrough waits exactly as long as it is told to, at
// paces that no binary fraction has.
func TestMeterCountsWhatItLetsThrough(t *testing.T) {
	for _, most := range []int{1, 3, 7, 30, 600} {
		m, began := newMeter(most, time.Minute), time.Now()
		now, through := began, 0
		for range 1000 * most {
			wait := m.take("key", now)
			if wait > 0 {
				now = now.Add(wait)
				continue
			}
			through++
			if could := float64(most) + now.Sub(began).Minutes()*float64(most); float64(through) > could+1e-3 {
				t.Fatalf("at %d a minute %d came through in %s, want no more than %g", most, through, now.Sub(began), could)
			}
		}
	}
}
