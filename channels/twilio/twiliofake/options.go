package twiliofake

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"time"
)

// The limits of the carrier. Twilio's own are named after what they bound; the others keep one process small.
const (
	maxBodyUnits      = 1600  // UTF-16 units in an outbound body (Twilio 21617)
	maxValidity       = 36000 // seconds a message may wait (Twilio, ValidityPeriod)
	maxOutboundMedia  = 10    // media URLs in one message (Twilio 21623)
	maxMediaBytes     = 5 << 20
	maxFormBytes      = 64 << 10
	maxControlBytes   = 8 << 20 // a text with all its media, in base64
	maxReplyBytes     = 64 << 10
	maxInboundBytes   = 16 << 10 // words of one inbound text
	defaultPageSize   = 50
	maxPageSize       = 1000
	maxLedgerPage     = 1000
	maxPhonePage      = 1000
	maxLedgerLine     = 16 << 20
	maxLedgerEntries  = 2_000_000
	maxMessages       = 500_000
	maxJobs           = 20_000
	maxPosts          = 256
	maxHeld           = 1000
	maxArmed          = 1000
	maxCopies         = 10
	maxNumbers        = 1000
	maxDelay          = time.Hour
	maxWait           = 60 * time.Second
	maxFeedLines      = 1024
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = time.Minute
	shutdownGrace     = 2 * time.Second
	maxHeaderBytes    = 64 << 10
)

// Errors of Options and of a carrier's life.
var (
	ErrOptions    = errors.New("twiliofake: bad options")
	ErrRunTwice   = errors.New("twiliofake: a carrier runs once")
	ErrLedgerFull = errors.New("twiliofake: the ledger is full")
)

var (
	accountPattern = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	servicePattern = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
)

// Options is what a carrier is built from.
type Options struct {
	Listen       string            // address of the one listener; default 127.0.0.1:0
	LedgerPath   string            // the ledger's file; created if missing, resumed if not
	AccountSID   string            // AC and 32 hex digits
	AuthToken    string            // the account's token: Basic auth of the API and key of every signature
	ControlToken string            // bearer token of the control plane
	Numbers      map[string]Number // the clinic's numbers (E.164, or whatsapp: and E.164)
	Behavior     *Behavior         // nil means Mean()
	Now          func() time.Time  // the clock of ledger, lists and limits; default time.Now
	Seed         uint64            // of everything drawn by chance, and of the SIDs
	Out          io.Writer         // a feed for people; nil for none. It shows the words of messages
}

// Number is one number of the clinic's.
type Number struct {
	SMSURL           string `json:"sms_url"`                         // where inbound texts are posted; empty means nowhere
	StatusCallback   string `json:"status_callback,omitempty"`       // used when a create request names none
	MessagingService string `json:"messaging_service_sid,omitempty"` // the service the number belongs to; it widens opt-outs to all its numbers
}

// Behavior says how the carrier carries itself. Shares are probabilities from 0 to 1.
type Behavior struct {
	AnswerLatency  Span `json:"answer_latency"`  // before a create request is answered
	WebhookLatency Span `json:"webhook_latency"` // before an inbound text is first posted
	StatusInterval Span `json:"status_interval"` // between the states of an outbound message
	ListLag        Span `json:"list_lag"`        // until a message can be listed; fetching it by SID never lags

	SkipSending        float64  `json:"skip_sending"`        // share of messages that go from queued to sent
	DuplicateWebhook   float64  `json:"duplicate_webhook"`   // share of inbound texts posted two or three times
	DuplicateTogether  float64  `json:"duplicate_together"`  // share of those whose copies are posted at once
	DuplicateDelay     Span     `json:"duplicate_delay"`     // before a copy that comes later
	DuplicateCallback  float64  `json:"duplicate_callback"`  // share of status callbacks posted twice
	ShuffleCallbacks   float64  `json:"shuffle_callbacks"`   // share of messages whose callbacks come in any order
	LateCallback       float64  `json:"late_callback"`       // share of status callbacks that come late
	LateBy             Span     `json:"late_by"`             // how late
	ServiceShare       float64  `json:"service_share"`       // share of inbound texts that carry the number's messaging service
	PortlessSignature  float64  `json:"portless_signature"`  // share of webhooks signed for their URL without its port
	LoseWebhook        float64  `json:"lose_webhook"`        // share of inbound texts never posted: only the list shows them
	InOrder            bool     `json:"in_order"`            // post the texts of one handset to one number in order
	ReadReceipts       bool     `json:"read_receipts"`       // WhatsApp messages end in read
	ListHidesUnsent    bool     `json:"list_hides_unsent"`   // a message not yet sent matches no DateSent filter
	MediaRedirect      bool     `json:"media_redirect"`      // media answer with a redirect, as Twilio's do
	SegmentsPerSecond  int      `json:"segments_per_second"` // rate of one number; 0 means without limit
	QueueSegments      int      `json:"queue_segments"`      // segments that may wait for that rate; more are 21611
	CreatesPerSecond   int      `json:"creates_per_second"`  // create requests a second; more are 20429; 0 means without limit
	WebhookConnectTime Duration `json:"webhook_connect_time"`
	WebhookReadTime    Duration `json:"webhook_read_time"`
	WebhookTotalTime   Duration `json:"webhook_total_time"`
}

// Twilio's defaults for webhooks, from its page on connection overrides.
const (
	twilioConnectTime = 5 * time.Second
	twilioReadTime    = 15 * time.Second
	twilioTotalTime   = 15 * time.Second
)

// Calm returns the behavior of a carrier on its best day: at once, in order, once. It is for demonstrations and for tests of one thing at a time.
func Calm() Behavior {
	return Behavior{
		InOrder:            true,
		WebhookConnectTime: Duration(twilioConnectTime),
		WebhookReadTime:    Duration(twilioReadTime),
		WebhookTotalTime:   Duration(twilioTotalTime),
		QueueSegments:      maxValidity,
	}
}

// Mean returns the default behavior: everything Twilio may do, more often than Twilio does it. No webhook is lost in it, since what is lost must be asked for.
func Mean() Behavior {
	b := Calm()
	b.InOrder = false
	b.AnswerLatency = Span{0, Duration(30 * time.Millisecond)}
	b.WebhookLatency = Span{0, Duration(150 * time.Millisecond)}
	b.StatusInterval = Span{Duration(5 * time.Millisecond), Duration(200 * time.Millisecond)}
	b.ListLag = Span{Duration(time.Second), Duration(4 * time.Second)}
	b.SkipSending = 0.3
	b.DuplicateWebhook = 0.25
	b.DuplicateTogether = 0.5
	b.DuplicateDelay = Span{0, Duration(500 * time.Millisecond)}
	b.DuplicateCallback = 0.25
	b.ShuffleCallbacks = 0.3
	b.LateCallback = 0.1
	b.LateBy = Span{Duration(200 * time.Millisecond), Duration(2 * time.Second)}
	b.ServiceShare = 0.5
	b.PortlessSignature = 0.2
	b.ReadReceipts = true
	b.ListHidesUnsent = true
	b.MediaRedirect = true
	return b
}

// Profile returns a behavior by its name, calm or mean.
func Profile(name string) (Behavior, error) {
	switch name {
	case "calm":
		return Calm(), nil
	case "mean", "":
		return Mean(), nil
	default:
		return Behavior{}, fmt.Errorf("%w: profile %q: want calm or mean", ErrOptions, name)
	}
}

func (b Behavior) validate() error {
	var faults []error
	for _, s := range []struct {
		name string
		span Span
	}{
		{"answer_latency", b.AnswerLatency},
		{"webhook_latency", b.WebhookLatency},
		{"status_interval", b.StatusInterval},
		{"list_lag", b.ListLag},
		{"duplicate_delay", b.DuplicateDelay},
		{"late_by", b.LateBy},
		{"webhook_connect_time", Span{b.WebhookConnectTime, b.WebhookConnectTime}},
		{"webhook_read_time", Span{b.WebhookReadTime, b.WebhookReadTime}},
		{"webhook_total_time", Span{b.WebhookTotalTime, b.WebhookTotalTime}},
	} {
		faults = append(faults, s.span.validate(s.name))
	}
	for _, s := range []struct {
		name  string
		share float64
	}{
		{"skip_sending", b.SkipSending},
		{"duplicate_webhook", b.DuplicateWebhook},
		{"duplicate_together", b.DuplicateTogether},
		{"duplicate_callback", b.DuplicateCallback},
		{"shuffle_callbacks", b.ShuffleCallbacks},
		{"late_callback", b.LateCallback},
		{"service_share", b.ServiceShare},
		{"portless_signature", b.PortlessSignature},
		{"lose_webhook", b.LoseWebhook},
	} {
		if !(s.share >= 0 && s.share <= 1) {
			faults = append(faults, fmt.Errorf("%s: want a share from 0 to 1, got %v", s.name, s.share))
		}
	}
	if b.WebhookConnectTime <= 0 || b.WebhookReadTime <= 0 || b.WebhookTotalTime <= 0 {
		faults = append(faults, errors.New("webhook times: want more than zero"))
	}
	if b.SegmentsPerSecond < 0 || b.QueueSegments < 0 || b.CreatesPerSecond < 0 {
		faults = append(faults, errors.New("rates and queue: want zero or more"))
	}
	return errors.Join(faults...)
}

// withDefaults returns the options with every default written in.
func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Behavior == nil {
		mean := Mean()
		o.Behavior = &mean
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		faults = append(faults, fmt.Errorf("listen: %w", err))
	}
	if o.LedgerPath == "" {
		faults = append(faults, errors.New("ledger path: want a file"))
	}
	if !accountPattern.MatchString(o.AccountSID) {
		faults = append(faults, fmt.Errorf("account SID %q: want AC and 32 hex digits", o.AccountSID))
	}
	if o.AuthToken == "" {
		faults = append(faults, errors.New("auth token: want one"))
	}
	if o.ControlToken == "" {
		faults = append(faults, errors.New("control token: want one"))
	}
	if len(o.Numbers) > maxNumbers {
		faults = append(faults, fmt.Errorf("numbers: want at most %d, got %d", maxNumbers, len(o.Numbers)))
	}
	for number, n := range o.Numbers {
		if err := n.validate(number); err != nil {
			faults = append(faults, err)
		}
	}
	faults = append(faults, o.Behavior.validate())
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}

func (n Number) validate(number string) error {
	if !validAddress(number) {
		return fmt.Errorf("number %q: want E.164, with whatsapp: before it or not", number)
	}
	for _, target := range []string{n.SMSURL, n.StatusCallback} {
		if target != "" && !validHook(target) {
			return fmt.Errorf("number %s: webhook %q: want an absolute http or https URL", number, target)
		}
	}
	if n.MessagingService != "" && !servicePattern.MatchString(n.MessagingService) {
		return fmt.Errorf("number %s: messaging service %q: want MG and 32 hex digits", number, n.MessagingService)
	}
	return nil
}

// validHook reports whether a URL can be a webhook. Twilio refuses host names with an underscore, and so do we.
func validHook(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" {
		return false
	}
	host := u.Hostname()
	return host != "" && hostPattern.MatchString(host)
}
