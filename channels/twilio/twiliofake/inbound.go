package twiliofake

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const apiVersion = "2010-04-01"

// Text is what a handset sends to a number of the clinic's, and how its webhook fares. Zero values leave that to the behavior.
type Text struct {
	From             string  `json:"from"`
	To               string  `json:"to"`
	Body             string  `json:"body"`
	Media            []Media `json:"media,omitempty"`                 // content_type and bytes; a URL that they redirect to, or a trick
	MessagingService string  `json:"messaging_service_sid,omitempty"` // for the webhook to carry

	Copies   int      `json:"copies,omitempty"`   // times the webhook is posted
	Together bool     `json:"together,omitempty"` // all copies at once
	Delay    Duration `json:"delay,omitempty"`    // before the webhook, beside the behavior's own
	Lost     bool     `json:"lost,omitempty"`     // no webhook is ever posted: only the list shows the text
}

// Errors of texts.
var (
	errUnknownNumber = errors.New("to: no number of this account")
	errBusy          = errors.New("the carrier has too much to do")
)

func (t Text) validate() error {
	switch {
	case !validAddress(t.From):
		return fmt.Errorf("from %q: want E.164, with whatsapp: before it or not", t.From)
	case isWhatsApp(t.From) != isWhatsApp(t.To):
		return errors.New("from and to: want the same channel")
	case t.From == t.To:
		return errors.New("from and to: want two numbers")
	case len(t.Body) > maxInboundBytes:
		return fmt.Errorf("body: want at most %d bytes, got %d", maxInboundBytes, len(t.Body))
	case t.Body == "" && len(t.Media) == 0:
		return errors.New("body: want words or media")
	case len(t.Media) > maxOutboundMedia:
		return fmt.Errorf("media: want at most %d, got %d", maxOutboundMedia, len(t.Media))
	case t.Copies < 0 || t.Copies > maxCopies:
		return fmt.Errorf("copies: want 0 to %d, got %d", maxCopies, t.Copies)
	case t.Delay < 0 || time.Duration(t.Delay) > maxDelay:
		return fmt.Errorf("delay: want 0 to %s, got %s", maxDelay, time.Duration(t.Delay))
	case t.MessagingService != "" && !servicePattern.MatchString(t.MessagingService):
		return fmt.Errorf("messaging service %q: want MG and 32 hex digits", t.MessagingService)
	}
	size := 0
	for _, m := range t.Media {
		size += len(m.Bytes)
		if m.ContentType == "" {
			return errors.New("media: want a content type for each")
		}
		if err := m.Trick.validate(); err != nil {
			return fmt.Errorf("media: %w", err)
		}
	}
	if size > maxMediaBytes {
		return fmt.Errorf("media: want at most %d bytes together, got %d", maxMediaBytes, size)
	}
	return nil
}

// receive takes a text from a handset: it is in the ledger, and its webhook on its way, when this returns.
func (c *Carrier) receive(t Text) (string, error) {
	if err := t.validate(); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ours := c.state.numbers[t.To]
	switch {
	case !ours:
		return "", errUnknownNumber
	case c.stopping || c.running >= maxJobs || len(c.state.order) >= maxMessages:
		return "", errBusy
	}
	if t.MessagingService == "" && happens(c.chance, c.behavior.ServiceShare) {
		t.MessagingService = n.MessagingService
	}
	seq := c.ledger.next()
	media := make([]Media, len(t.Media))
	for i, m := range t.Media {
		media[i] = Media{SID: newSID("ME", c.opts.AccountSID, c.opts.Seed, seq, i+1), ContentType: m.ContentType, URL: m.URL, Bytes: m.Bytes, Trick: m.Trick}
	}
	sid := newSID(sidPrefix(len(media) > 0), c.opts.AccountSID, c.opts.Seed, seq, 0)
	err := c.record(Entry{
		Kind: KindInbound, SID: sid, From: t.From, To: t.To, Body: t.Body, Media: media, MessagingService: t.MessagingService,
		Segments: segments(t.Body), Status: statusReceived, Keyword: keywordOf(t.From, t.Body),
	})
	if err != nil {
		return "", err
	}
	m := c.state.messages[sid]
	c.announce(m, t)
	return sid, c.obey(m)
}

// announce posts the webhook of an inbound text, as often as the text or chance has it. The caller holds the lock.
func (c *Carrier) announce(m *message, t Text) {
	target := c.state.numbers[m.To].SMSURL
	lost := t.Lost || happens(c.chance, c.behavior.LoseWebhook)
	if lost || target == "" {
		why := "lost by the carrier"
		if !lost {
			why = "the number has no webhook"
		}
		_ = c.record(Entry{Kind: KindWebhook, SID: m.SID, From: m.From, To: m.To, Phase: PhaseEnded, Error: why})
		return
	}
	copies, together := t.Copies, t.Together
	if copies == 0 {
		copies = 1
		if happens(c.chance, c.behavior.DuplicateWebhook) {
			copies, together = 2+c.chance.IntN(2), happens(c.chance, c.behavior.DuplicateTogether)
		}
	}
	delay := time.Duration(t.Delay) + c.behavior.WebhookLatency.draw(c.chance)
	for n := 1; n <= copies; n++ {
		after := delay
		if n > 1 && !together {
			after += time.Duration(n-1) * c.behavior.DuplicateDelay.draw(c.chance)
		}
		c.announceOnce(m.Entry, n, after)
	}
}

// announceOnce posts one copy of a webhook after a while. The caller holds the lock.
func (c *Carrier) announceOnce(m Entry, delivery int, delay time.Duration) {
	var before chan struct{}
	done := make(chan struct{})
	if c.behavior.InOrder {
		key := pair{m.From, m.To}
		before, c.lines[key] = c.lines[key], done
	}
	portless := happens(c.chance, c.behavior.PortlessSignature)
	posted := c.spawn(func(ctx context.Context) {
		defer close(done)
		if !wait(ctx, before) || !rest(ctx, delay) || !c.await(ctx, func() bool { return !c.paused[SideWebhook] }) {
			return
		}
		// The address is read as late as possible, as a number's owner may have moved the webhook meanwhile.
		c.mu.Lock()
		target := c.state.numbers[m.To].SMSURL
		c.mu.Unlock()
		answer := c.call(ctx, hook{kind: KindWebhook, sid: m.SID, target: target, form: c.inboundForm(m), delivery: delivery, portless: portless})
		c.sendReplies(m, answer)
	})
	if !posted {
		close(done)
		_ = c.record(Entry{Kind: KindWebhook, SID: m.SID, From: m.From, To: m.To, Delivery: delivery, Phase: PhaseEnded, Error: errBusy.Error()})
	}
}

// sendReplies sends what an answer to a webhook told the carrier to send.
func (c *Carrier) sendReplies(m Entry, answer outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range replies(answer) {
		if c.state.blocked(m.From, m.To) {
			_ = c.record(Entry{Kind: KindRefused, To: m.From, From: m.To, Body: text, ErrorCode: codeOptedOut, Error: callerFault(codeOptedOut)})
			continue
		}
		_, _ = c.take(outbound{from: m.To, to: m.From, body: text, validity: maxValidity, origin: OriginReply}, fate{})
	}
}

// inboundForm is what Twilio posts about an inbound text.
func (c *Carrier) inboundForm(m Entry) url.Values {
	form := url.Values{
		"AccountSid":    {c.opts.AccountSID},
		"ApiVersion":    {apiVersion},
		"Body":          {m.Body},
		"From":          {m.From},
		"MessageSid":    {m.SID},
		"NumMedia":      {strconv.Itoa(len(m.Media))},
		"NumSegments":   {strconv.Itoa(m.Segments)},
		"SmsMessageSid": {m.SID},
		"SmsSid":        {m.SID},
		"SmsStatus":     {statusReceived},
		"To":            {m.To},
	}
	if m.MessagingService != "" {
		form.Set("MessagingServiceSid", m.MessagingService)
		if m.Keyword != "" {
			form.Set("OptOutType", m.Keyword)
		}
	}
	for i, f := range m.Media {
		n := strconv.Itoa(i)
		form.Set("MediaContentType"+n, f.ContentType)
		form.Set("MediaUrl"+n, c.Base()+c.mediaPath(m.SID, f.SID))
	}
	if isWhatsApp(m.From) {
		form.Set("MessageType", "text")
		form.Set("ProfileName", "Pat")
		form.Set("WaId", strings.TrimPrefix(m.From, whatsAppPrefix+"+"))
		return form
	}
	addPlace(form, "From", m.From)
	addPlace(form, "To", m.To)
	return form
}

// addPlace adds where a number is from, as far as a carrier knows: something for North America, a country's absence for the rest.
func addPlace(form url.Values, side, number string) {
	city, state, zip, country := "", "", "", ""
	if strings.HasPrefix(number, "+1") {
		city, state, zip, country = "CHICAGO", "IL", "60601", "US"
	}
	form.Set(side+"City", city)
	form.Set(side+"State", state)
	form.Set(side+"Zip", zip)
	form.Set(side+"Country", country)
}
