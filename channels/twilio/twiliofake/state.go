package twiliofake

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// The states of a message, in Twilio's words.
const (
	statusAccepted    = "accepted"
	statusQueued      = "queued"
	statusSending     = "sending"
	statusSent        = "sent"
	statusDelivered   = "delivered"
	statusUndelivered = "undelivered"
	statusFailed      = "failed"
	statusRead        = "read"
	statusReceived    = "received"
)

// message is what the carrier knows about one message, either way.
type message struct {
	Entry             // the create or inbound entry that began it
	index     int     // its place in the order of all messages
	inbound   bool    // a handset's
	share     float64 // where in the span of list lags it falls
	updated   time.Time
	sent      time.Time // zero until it is
	arrived   bool      // a handset got it
	deleted   bool
	announced bool // a webhook was begun, or never will be
}

// final reports whether nothing more will happen to the message.
func (m *message) final() bool {
	switch m.Status {
	case statusDelivered, statusUndelivered, statusFailed, statusRead, statusReceived:
		return true
	default:
		return false
	}
}

// pair is one handset and one number of the clinic's.
type pair struct{ handset, number string }

// HandsetMessage is a message as a phone shows it.
type HandsetMessage struct {
	Seq    int64     `json:"seq"` // of the ledger's entry
	At     time.Time `json:"at"`
	SID    string    `json:"sid"`
	From   string    `json:"from"`
	Body   string    `json:"body"`
	Media  []Media   `json:"media,omitempty"`
	Origin Origin    `json:"origin"`
}

// state is the fold of the ledger: nothing in it comes from anywhere else, so that a restart finds exactly what was written.
type state struct {
	numbers  map[string]Number
	messages map[string]*message
	order    []*message
	optedOut map[pair]bool // number is the scope: a number, or a service
	phones   map[string][]HandsetMessage
	heard    map[pair]time.Time // when a handset last wrote
	account  string
}

func newState() *state {
	return &state{
		numbers:  map[string]Number{},
		messages: map[string]*message{},
		optedOut: map[pair]bool{},
		phones:   map[string][]HandsetMessage{},
		heard:    map[pair]time.Time{},
	}
}

// apply takes one entry in.
func (s *state) apply(e Entry) {
	switch e.Kind {
	case KindStart:
		s.account = e.Account
	case KindNumber:
		s.numbers[e.To] = Number{SMSURL: e.URL, StatusCallback: e.StatusCallback, MessagingService: e.MessagingService}
	case KindInbound:
		s.heard[pair{e.From, e.To}] = e.At
		s.begin(e, true)
	case KindCreate:
		s.begin(e, false)
	case KindOptOut:
		s.optedOut[pair{e.From, s.scope(e.To)}] = true
	case KindOptIn:
		delete(s.optedOut, pair{e.From, s.scope(e.To)})
	default:
		if m := s.messages[e.SID]; m != nil {
			s.advance(m, e)
		}
	}
}

func (s *state) begin(e Entry, inbound bool) {
	m := &message{Entry: e, index: len(s.order), inbound: inbound, share: shareOf(e.SID), updated: e.At}
	if inbound {
		m.sent = e.At
	}
	s.messages[e.SID] = m
	s.order = append(s.order, m)
}

// advance takes in what happened to a message.
func (s *state) advance(m *message, e Entry) {
	switch e.Kind {
	case KindStatus:
		m.Status, m.ErrorCode, m.updated = e.Status, e.ErrorCode, e.At
		if m.sent.IsZero() && (e.Status == statusSent || m.final()) {
			m.sent = e.At
		}
	case KindWebhook:
		m.announced = true
	case KindHandset:
		m.arrived = true
		s.phones[e.To] = append(s.phones[e.To], HandsetMessage{
			Seq: e.Seq, At: e.At, SID: e.SID, From: e.From, Body: e.Body, Media: e.Media, Origin: e.Origin,
		})
	case KindDelete:
		m.deleted = true
	case KindDeleteFile:
		m.Media = slices.DeleteFunc(slices.Clone(m.Media), func(f Media) bool { return f.SID == e.MediaSID })
	}
}

// scope is what an opt-out from a number covers: its messaging service if it has one, else the number alone.
func (s *state) scope(number string) string {
	if n := s.numbers[number]; n.MessagingService != "" {
		return n.MessagingService
	}
	return number
}

func (s *state) blocked(handset, number string) bool {
	return s.optedOut[pair{handset, s.scope(number)}]
}

// senderOf picks the number a messaging service sends from: the first of its numbers on the recipient's channel.
func (s *state) senderOf(service, to string) (number string, known bool) {
	for candidate, n := range s.numbers {
		if n.MessagingService != service {
			continue
		}
		known = true
		if isWhatsApp(candidate) == isWhatsApp(to) && (number == "" || candidate < number) {
			number = candidate
		}
	}
	return number, known
}

// newSID derives an identifier from the ledger's account, the seed and a sequence number, which never repeats in one ledger.
func newSID(prefix, account string, seed uint64, seq int64, index int) string {
	var salt [24]byte
	binary.BigEndian.PutUint64(salt[:], seed)
	binary.BigEndian.PutUint64(salt[8:], uint64(seq))
	binary.BigEndian.PutUint64(salt[16:], uint64(index))
	sum := sha256.Sum256([]byte(prefix + account + string(salt[:])))
	return prefix + hex.EncodeToString(sum[:16])
}

// shareOf spreads SIDs evenly over [0,1), so that a message's lag is the same whenever it is asked for.
func shareOf(sid string) float64 {
	sum := sha256.Sum256([]byte(sid))
	return float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
}

// sidPrefix is MM for messages with media and SM for all others.
func sidPrefix(media bool) string {
	if media {
		return "MM"
	}
	return "SM"
}

// isMessageSID reports whether a name in a path could be a message's.
func isMessageSID(sid string) bool {
	return len(sid) == 34 && (strings.HasPrefix(sid, "SM") || strings.HasPrefix(sid, "MM"))
}
