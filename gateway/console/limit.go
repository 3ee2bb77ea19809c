package console

import (
	"sync"
	"time"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Limits on asking for links. A link is 32 random bytes: trying them is no way in.
const (
	asksPerPerson = 3 // in a quarter of an hour
	limitWindow   = 15 * time.Minute
)

// limiter counts what is done under a name in a window of time.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	began time.Time
	count map[string]int
}

func newLimiter(now func() time.Time) *limiter { return &limiter{now: now, count: map[string]int{}} }

// allow counts one more and reports whether it is within the limit. Names are
// those of the configuration, so there are no more than it has.
func (l *limiter) allow(name string, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.began) >= limitWindow || now.Before(l.began) {
		l.began, l.count = now, map[string]int{}
	}
	l.count[name]++
	return l.count[name] <= limit
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

// draft is what somebody wrote for an act that was not done.
type draft struct {
	at    molt.ConversationID
	verb  turn.Verb
	words string
}

// drafts hold such words until their writer's next look at the conversation, in
// memory alone: one a session, and maxFlashes in all.
type drafts struct {
	mu   sync.Mutex
	kept map[look]draft
}

func newDrafts() *drafts { return &drafts{kept: map[look]draft{}} }

func (f *drafts) put(s access.Session, d draft) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.kept) >= maxFlashes {
		clear(f.kept)
	}
	f.kept[look{session: s.ID, began: s.Began}] = d
}

// take returns the words that a session's last act at a conversation left.
func (f *drafts) take(s access.Session, at molt.ConversationID) draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := look{session: s.ID, began: s.Began}
	d := f.kept[k]
	if d.at != at {
		return draft{}
	}
	delete(f.kept, k)
	return d
}
