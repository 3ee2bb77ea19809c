package webchat

import (
	"math"
	"sync"
	"time"
)

// maxCounted bounds the sources that are counted at a time. Over it one that is
// not the newest is forgotten: a limit must not become a leak.
const maxCounted = 50_000

// meter lets each key do so many things in a period: a bucket that holds most,
// and fills at an even pace.
type meter struct {
	most float64
	per  time.Duration

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newMeter(most int, per time.Duration) *meter {
	return &meter{most: float64(most), per: per, buckets: map[string]bucket{}}
}

// take counts one, or says how long to wait until there is room for one.
func (m *meter) take(key string, now time.Time) (wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.buckets[key]
	if !ok {
		if len(m.buckets) >= maxCounted {
			m.forget(now)
		}
		b = bucket{left: m.most, at: now}
	}
	pace := m.most / float64(m.per)
	b.left = min(m.most, b.left+max(0, float64(now.Sub(b.at)))*pace)
	b.at = now
	if b.left < 1 {
		wait = time.Duration(math.Ceil((1 - b.left) / pace)) // never nothing, which says that one was counted
	} else {
		b.left--
	}
	m.buckets[key] = b
	return wait
}

// forget drops the buckets that are full again, and any one when none is.
func (m *meter) forget(now time.Time) {
	before, one := len(m.buckets), ""
	for key, b := range m.buckets {
		if one = key; now.Sub(b.at) >= m.per {
			delete(m.buckets, key)
		}
	}
	if len(m.buckets) == before {
		delete(m.buckets, one)
	}
}
