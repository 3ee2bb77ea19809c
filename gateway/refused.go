package gateway

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Limits of what is said of refused webhooks: strangers choose how many come.
const (
	refusedEvery = time.Minute // at most one line of each kind
	maxRefused   = 64          // kinds that are told apart; channels and reasons are ours, so there are few
)

// refusals says in the log that webhooks are refused, since the carrier's
// console alone would know it otherwise. A line holds nothing of a request.
type refusals struct {
	log zerolog.Logger
	now func() time.Time

	mu    sync.Mutex
	kinds map[refusal]*refused
}

// refusal is a kind: which channel, and why.
type refusal struct {
	channel, reason string
	status          int
}

type refused struct {
	said       time.Time
	suppressed int // since then
}

func newRefusals(log zerolog.Logger, now func() time.Time) *refusals {
	return &refusals{log: log, now: now, kinds: map[refusal]*refused{}}
}

// refused logs the first of a kind, and then one in refusedEvery with how many
// there were since.
func (r *refusals) refused(channel, reason string, status int) {
	if suppressed, say := r.due(refusal{channel, reason, status}); say {
		r.log.Warn().Str("channel", channel).Str("reason", reason).Int("status", status).Int("suppressed", suppressed).Msg("webhook refused")
	}
}

// hidden logs in the same way that a chat cannot tell where its visitors come from.
func (r *refusals) hidden(channel, reason string) {
	if suppressed, say := r.due(refusal{channel: channel, reason: reason}); say {
		r.log.Warn().Str("channel", channel).Str("reason", reason).Int("suppressed", suppressed).Msg("chats seem to come from one address")
	}
}

// due counts one of a kind, and reports whether it is to be said, with how many were
// not since the last.
func (r *refusals) due(kind refusal) (suppressed int, say bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	k, ok := r.kinds[kind]
	if !ok {
		if len(r.kinds) >= maxRefused {
			return 0, false
		}
		k = &refused{}
		r.kinds[kind] = k
	}
	if ok && now.Sub(k.said) < refusedEvery {
		k.suppressed++
		return 0, false
	}
	suppressed = k.suppressed
	*k = refused{said: now}
	return suppressed, true
}
