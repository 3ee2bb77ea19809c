package webchat

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/nyaruka/phonenumbers"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Options make one web chat.
type Options struct {
	ID        string // the channel's name in the configuration; part of its paths
	PublicURL string // the gateway as browsers reach it
	Section
	Certificate bool // the gateway shows its own: browsers may come without a proxy
	Clinic      string
	Phone       string // as it is read, to call when the chat does not work
	Emergency   string
	Country     string           // of call-back numbers written without a country code
	Languages   []string         // at least one; the first is the usual one
	Now         func() time.Time // default time.Now
}

// Adapter is one configured web chat.
type Adapter struct {
	o        Options
	origin   string // the gateway's own
	account  molt.Address
	tickets  *tickets
	sessions *meter // new visitors, by source
	asks     *meter // tickets, by source: a page that reloads without end
	texts    *meter // by visitor
	files    *meter // by source
	allFiles *meter // of all sources
	uploads  *slots
	upgrader websocket.Upgrader
	hub      *hub

	// Given once, by Open.
	house   channels.House
	tokens  tokens
	sources sources
	widget  []byte
}

var (
	_ channels.Live   = (*Adapter)(nil)
	_ channels.Typist = (*Adapter)(nil)
)

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// ticketsPerSession is how often a visitor may begin anew within the hour,
// counted together for all of one source.
const ticketsPerSession = 60

// New checks the options and starts nothing. Its error is [channels.Faults].
func New(o Options) (*Adapter, error) {
	faults := o.Check()
	u, err := url.Parse(o.PublicURL)
	switch {
	case err != nil || u.Host == "":
		faults = append(faults, channels.Fault{Field: "public_url", Rule: "must be a scheme and a host, optionally a path", Hint: "write it as in https://gw.example.org"})
	case !idForm.MatchString(o.ID):
		faults = append(faults, channels.Fault{Field: "id", Rule: "must be 1 to 64 letters, digits, - and _, starting with a letter or digit"})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Adapter{
		o: o, origin: serialize(&url.URL{Scheme: u.Scheme, Host: u.Host}), account: molt.Address("chat:" + o.ID), tickets: newTickets(),
		sessions: newMeter(o.SessionsPerHour, time.Hour), asks: newMeter(o.SessionsPerHour*ticketsPerSession, time.Hour),
		texts: newMeter(o.MessagesPerMinute, time.Minute), hub: newHub(),
		files: newMeter(o.FilesPerHour, time.Hour), allFiles: newMeter(o.FilesPerHour*FilesOfAll, time.Hour), uploads: newSlots(),
	}
	a.upgrader = websocket.Upgrader{
		HandshakeTimeout: writeWait, ReadBufferSize: bufferBytes, WriteBufferSize: bufferBytes, WriteBufferPool: a.hub.buffers(),
		Subprotocols: []string{Protocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // looked at before, with an answer in words
	}
	return a, nil
}

// ID is the channel's name in the configuration.
func (a *Adapter) ID() string { return a.o.ID }

// Accounts is our one end.
func (a *Adapter) Accounts() []molt.Address { return []molt.Address{a.account} }

// Send publishes. The attempt is committed, and that is what visitors read; here
// their sockets are only woken. Whether they saw it, they say.
func (a *Adapter) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	if ctx.Err() != nil {
		return channels.Receipt{}, &channels.SendError{
			Kind: channels.FaultTransient, Certain: true, Hint: "The daemon was stopping: it is tried again.", Err: ctx.Err(),
		}
	}
	a.Changed(o.Peer)
	return receiptOf(o), nil
}

func receiptOf(o channels.Outbound) channels.Receipt {
	return channels.Receipt{ProviderID: string(o.Item), Status: channels.StatusSent}
}

// Changed wakes the peer's sockets.
func (a *Adapter) Changed(peer molt.Address) { a.hub.kick(peer) }

// Typing shows the peer that a person is writing.
func (a *Adapter) Typing(peer molt.Address) { a.hub.typing(peer) }

// ListInbound has nothing to list: no carrier holds texts for us, and a visitor's
// page repeats its own until it reads that they are committed.
func (*Adapter) ListInbound(context.Context, molt.Address, molt.Time, channels.Cursor, func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	return nil, "", nil
}

// FindOutbound finds every text whose attempt is committed: it is published.
func (*Adapter) FindOutbound(_ context.Context, o channels.Outbound, _ molt.Time) (channels.Receipt, bool, error) {
	return receiptOf(o), true, nil
}

// Parse takes no webhook.
func (*Adapter) Parse(channels.Request) (channels.Arrival, error) {
	return channels.Arrival{}, &channels.Rejected{HTTP: http.StatusNotFound, Why: "a web chat has no webhooks"}
}

// Path is where its doors are.
func (a *Adapter) Path() string { return "/chat/" + a.o.ID + "/" }

// Run keeps sockets open until ctx ends, closes them and waits for their end.
func (a *Adapter) Run(ctx context.Context) error {
	<-ctx.Done()
	a.hub.close()
	return nil
}

// callBack reads a number as people write it, and writes it as E.164 (ITU-T
// E.164). It asks only whether such a number can be: a real one that no table
// knows yet must not be refused to somebody who needs a call.
func (a *Adapter) callBack(s string) (molt.Address, bool) {
	if len(s) > maxNumber {
		return "", false
	}
	n, err := phonenumbers.Parse(strings.TrimSpace(s), a.o.Country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", false
	}
	return molt.Address(phonenumbers.Format(n, phonenumbers.E164)), true
}
