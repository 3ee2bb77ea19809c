package console

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/molt"
)

// Limits on signing in, in a quarter of an hour.
const (
	asksPerPerson  = 3
	asksPerSource  = 20
	triesPerSource = 60
	limitWindow    = 15 * time.Minute
	maxLimited     = 4096 // names that are counted at a time; then the oldest window's are forgotten
)

// limiter counts what is done under a name in a window of time.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	began time.Time
	count map[string]int
}

func newLimiter(now func() time.Time) *limiter { return &limiter{now: now, count: map[string]int{}} }

// allow counts one more and reports whether it is within the limit. When too
// many names are counted, new ones wait for the next window: a flood must not
// make the count forget.
func (l *limiter) allow(name string, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.began) >= limitWindow || now.Before(l.began) {
		l.began, l.count = now, map[string]int{}
	}
	if _, known := l.count[name]; !known && len(l.count) >= maxLimited {
		return false
	}
	l.count[name]++
	return l.count[name] <= limit
}

// sourceOf is the machine a request came from. Behind a proxy all share its
// limit, which is the safe way to be wrong.
func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// maxLooks bounds what is remembered of looks; after it a look is recorded once
// more, which is the safe way to be wrong.
const maxLooks = 4096

// looks remembers which words a person was shown, so that a page which keeps
// itself fresh records a look when there are new words, and not each second.
type looks struct {
	mu   sync.Mutex
	seen map[look]uint64
}

type look struct {
	session molt.PersonID
	began   molt.Time
	id      molt.ConversationID
	what    string
}

func newLooks() *looks { return &looks{seen: map[look]uint64{}} }

// fresh reports whether words up to seq are new to a session on a page.
func (l *looks) fresh(s access.Session, id molt.ConversationID, what string, seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, ok := l.seen[look{s.ID, s.Began, id, what}]
	return !ok || was < seq
}

// shown remembers a look that is on record.
func (l *looks) shown(s access.Session, id molt.ConversationID, what string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seen) >= maxLooks {
		clear(l.seen)
	}
	l.seen[look{s.ID, s.Began, id, what}] = seq
}

// maxFlashes bounds the sentences that wait for their page.
const maxFlashes = 1024

// flashes holds the sentence that a session's next page begins with.
type flashes struct {
	mu    sync.Mutex
	words map[look]string
}

func newFlashes() *flashes { return &flashes{words: map[look]string{}} }

func (f *flashes) put(s access.Session, words string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.words) >= maxFlashes {
		clear(f.words)
	}
	f.words[look{session: s.ID, began: s.Began}] = words
}

func (f *flashes) take(s access.Session) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := look{session: s.ID, began: s.Began}
	w := f.words[k]
	delete(f.words, k)
	return w
}
