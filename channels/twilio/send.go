package twilio

import (
	"context"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/molt"
)

// Limits of one message, from the API's description of ValidityPeriod and Body.
const (
	minValidity  = 1      // seconds
	maxValidity  = 36_000 // seconds
	maxBodyRunes = 1600
)

// Send asks Twilio once to send one text. It never tries again.
func (a *Adapter) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	if fault := refuse(ctx, o); fault != nil {
		return channels.Receipt{}, fault
	}
	ctx, cancel := context.WithTimeout(ctx, channels.SendTimeout)
	defer cancel()
	c := a.newCall(ctx)
	msg, err := c.api().CreateMessage(a.createParams(o))
	if err != nil {
		return channels.Receipt{}, c.fault(err)
	}
	r, ok := receiptOf(msg)
	if !ok || c.status >= 300 { // a redirect's body is nobody's word
		return channels.Receipt{}, c.fault(errUnclear)
	}
	return r, nil
}

// refuse stops here what Twilio would refuse anyway, so that it is certain and
// costs no request.
func refuse(ctx context.Context, o channels.Outbound) *channels.SendError {
	certain := func(kind channels.FaultKind, hint string, err error) *channels.SendError {
		return &channels.SendError{Kind: kind, Certain: true, Hint: hint, Err: err}
	}
	segments, _ := segment.Count(o.Words.Reveal())
	switch {
	case ctx.Err() != nil:
		return certain(channels.FaultTransient, hintConnect, cause(errEnded, ctx.Err()))
	case !IsAddress(o.Account.Reveal()):
		return certain(channels.FaultConfiguration, "The sender is not a number: check numbers.", errNoRequest)
	case !IsAddress(o.Peer.Reveal()):
		return certain(channels.FaultRecipient, "The recipient is not a number this channel can reach.", errNoRequest)
	case o.Words == "":
		return certain(channels.FaultRejected, "The text is empty.", errNoRequest)
	case utf8.RuneCountInString(o.Words.Reveal()) > maxBodyRunes,
		!isWhatsApp(o.Peer.Reveal()) && segments > channels.MaxSegmentsSent:
		return certain(channels.FaultTooLong, meaningOf(21617).hint, errNoRequest)
	}
	return nil
}

func (a *Adapter) createParams(o channels.Outbound) *openapi.CreateMessageParams {
	p := &openapi.CreateMessageParams{}
	p.SetTo(o.Peer.Reveal())
	p.SetFrom(o.Account.Reveal())
	p.SetBody(o.Words.Reveal())
	p.SetStatusCallback(a.callbackURL(o))
	if a.serviceSID != "" {
		p.SetMessagingServiceSid(a.serviceSID)
	}
	if o.Validity > 0 {
		p.SetValidityPeriod(min(max(int(o.Validity/time.Second), minValidity), maxValidity))
	}
	return p
}

// callbackURL carries our own ids, so that a report repairs a lost answer.
func (a *Adapter) callbackURL(o channels.Outbound) string {
	q := url.Values{}
	q.Set(queryConversation, string(o.Conversation))
	q.Set(queryItem, string(o.Item))
	q.Set(queryAttempt, strconv.Itoa(o.Attempt))
	if o.Put > 0 {
		q.Set(queryPut, strconv.FormatInt(int64(o.Put), 10))
	}
	return a.hookURL(channels.HookStatus) + "?" + q.Encode()
}

// receiptOf reads a message record; ok is false when it holds no id.
func receiptOf(m *openapi.ApiV2010Message) (r channels.Receipt, ok bool) {
	sid := value(m.Sid)
	if !sidForm.MatchString(sid) {
		return channels.Receipt{}, false
	}
	r = channels.Receipt{ProviderID: sid, Status: channels.Status(value(m.Status)), At: timeOf(m.DateCreated), Code: value(m.ErrorCode)}
	r.Segments = number(value(m.NumSegments), maxBodyRunes)
	return r, true
}

// timeOf reads an RFC 2822 date as the API writes it; 0 when it does not parse.
func timeOf(s *string) molt.Time {
	t, err := time.Parse(time.RFC1123Z, value(s))
	if err != nil {
		return 0
	}
	return molt.TimeOf(t)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
