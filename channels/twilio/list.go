package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of listing.
const (
	pageSize      = 1000 // the most the API gives
	maxPages      = 10   // of one call; the rest of the list is the next one's
	maxPhotos     = 100  // texts with files, each a question of its own, after which no page more is read in a call
	findPageSize  = 100
	maxFindPages  = 5 // newest first between two numbers; what is looked for is minutes old
	maxPageURI    = 4096
	listTimeout   = 2 * time.Minute
	mediaTimeout  = 5 * time.Minute  // for the files of all texts of one call
	findBefore    = 30 * time.Second // our clock may run ahead of Twilio's
	findAfter     = 5 * time.Minute
	apiPathPrefix = "/2010-04-01/Accounts/"
)

var errPageLink = errors.New("the link to the next page is not one of the API")

// ListInbound implements [channels.Lister]. The API lists the newest first, and links
// each page to the next by the last message on it, so that no text is passed over,
// whatever its time and whatever comes meanwhile.
func (a *Adapter) ListInbound(ctx context.Context, account molt.Address, since molt.Time, from channels.Cursor, known func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	listing, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	since = max(since, 0)
	since -= since % 1000
	var found []openapi.ApiV2010Message
	for photos, n := 0, 0; n < maxPages && photos < maxPhotos; n++ {
		page, err := a.inboundPage(listing, account, since, from)
		if err != nil {
			return a.textsOf(ctx, found), tryAgain(from, err), fmt.Errorf("list inbound: %w", err)
		}
		before := len(found)
		for _, m := range page.Messages {
			// The filters may be coarser than asked for; what counts is checked here.
			if value(m.Direction) != "inbound" || value(m.To) != account.Reveal() || !sidForm.MatchString(value(m.Sid)) ||
				!IsAddress(value(m.From)) || max(timeOf(m.DateSent), sentAt(m)) < since || known(value(m.Sid)) {
				continue
			}
			found = append(found, m)
			if number(value(m.NumMedia), 1<<31-1) > 0 {
				photos++
			}
		}
		next, err := nextLink(page)
		if from = channels.Cursor(next); err != nil || next == "" {
			return a.textsOf(ctx, found), "", err
		}
		if before > 0 && before == len(found) {
			break // what nobody brought mostly lies together, and it waits
		}
	}
	return a.textsOf(ctx, found), from, nil
}

// inboundPage reads one page; its fault is a *channels.SendError.
func (a *Adapter) inboundPage(ctx context.Context, account molt.Address, since molt.Time, from channels.Cursor) (page *openapi.ListMessageResponse, err error) {
	c := a.newCall(ctx)
	if from != "" {
		page, err = c.nextPage(string(from))
	} else {
		p := &openapi.ListMessageParams{}
		p.SetTo(account.Reveal())
		p.SetPageSize(pageSize)
		if since > 0 {
			p.SetDateSentAfter(since.Std())
		}
		page, err = c.api().PageMessage(p, "", "")
	}
	if err != nil {
		return nil, c.fault(err)
	}
	return page, nil
}

// tryAgain is where to read on after a fault: where it was, unless the link is what was
// refused, as one to a message that is gone may be.
func tryAgain(from channels.Cursor, err error) channels.Cursor {
	var fault *channels.SendError
	if errors.As(err, &fault) && (!fault.Certain || fault.Kind == channels.FaultRate || fault.Kind == channels.FaultTransient) {
		return from
	}
	return ""
}

// textsOf turns records into texts, oldest first.
func (a *Adapter) textsOf(ctx context.Context, found []openapi.ApiV2010Message) []channels.Inbound {
	ctx, cancel := context.WithTimeout(ctx, mediaTimeout)
	defer cancel()
	slices.SortStableFunc(found, func(x, y openapi.ApiV2010Message) int {
		return cmp.Or(cmp.Compare(sentAt(x), sentAt(y)), cmp.Compare(value(x.Sid), value(y.Sid)))
	})
	out := make([]channels.Inbound, 0, len(found))
	for _, m := range found {
		out = append(out, a.inboundOf(ctx, m))
	}
	return out
}

// sentAt is when Twilio took the text.
func sentAt(m openapi.ApiV2010Message) molt.Time {
	if t := timeOf(m.DateCreated); t != 0 {
		return t
	}
	return timeOf(m.DateSent)
}

func (a *Adapter) inboundOf(ctx context.Context, m openapi.ApiV2010Message) channels.Inbound {
	in := channels.Inbound{
		Channel: a.id, Account: molt.Address(value(m.To)), Peer: molt.Address(value(m.From)),
		ProviderID: value(m.Sid), At: sentAt(m), Via: channels.ViaBackfill,
	}
	in.Words, in.Cut = cleanWords(value(m.Body))
	n := number(value(m.NumMedia), 1<<31-1)
	in.Cut = in.Cut || n > channels.MaxMedia
	if n > 0 {
		in.Media = a.mediaOf(ctx, in.ProviderID, min(n, channels.MaxMedia))
	}
	return in
}

// mediaOf lists a message's n attachments. A record names only their number.
// What cannot be had keeps its place without a URL: a text must not wait for
// its photo, and that a photo came is a message.
func (a *Adapter) mediaOf(ctx context.Context, sid string, n int) []channels.Media {
	media := make([]channels.Media, n)
	page, err := a.newCall(ctx).api().PageMedia(sid, (&openapi.ListMediaParams{}).SetPageSize(channels.MaxMedia), "", "")
	if err != nil {
		return media
	}
	for i := range min(n, len(page.MediaList)) {
		m := page.MediaList[i]
		at := a.base.String() + apiPathPrefix + a.accountSID + "/Messages/" + sid + "/Media/" + url.PathEscape(value(m.Sid))
		media[i] = mediaRef(at, value(m.ContentType))
	}
	return media
}

// FindOutbound looks for a text whose send had no answer. To, From and body
// must be equal and the time close to the attempt's; of several the closest is
// taken. The list is not filtered by date: a text that still waits at Twilio
// has no date sent yet.
func (a *Adapter) FindOutbound(ctx context.Context, o channels.Outbound, attempted molt.Time) (channels.Receipt, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	p := &openapi.ListMessageParams{}
	p.SetTo(o.Peer.Reveal())
	p.SetFrom(o.Account.Reveal())
	p.SetPageSize(findPageSize)
	var best channels.Receipt
	err := a.pages(ctx, p, maxFindPages, func(m openapi.ApiV2010Message) {
		r, ok := receiptOf(&m)
		if ok && isOurs(m, o) && near(r.At, attempted) && (best.ProviderID == "" || distance(r.At, attempted) < distance(best.At, attempted)) {
			best = r
		}
	})
	if err != nil && best.ProviderID == "" {
		return channels.Receipt{}, false, fmt.Errorf("find outbound: %w", err)
	}
	return best, best.ProviderID != "", nil
}

// Recall looks for a text to somebody that Twilio took in [from, until), whatever
// its words when o has none. The list gives whole seconds.
func (a *Adapter) Recall(ctx context.Context, o channels.Outbound, from, until molt.Time) (channels.Receipt, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	p := &openapi.ListMessageParams{}
	p.SetTo(o.Peer.Reveal())
	p.SetFrom(o.Account.Reveal())
	p.SetPageSize(findPageSize)
	var found channels.Receipt
	err := a.pages(ctx, p, maxFindPages, func(m openapi.ApiV2010Message) {
		r, ok := receiptOf(&m)
		words := o
		if o.Words == "" {
			words.Words = molt.Words(value(m.Body))
		}
		lost := r.Status == channels.StatusFailed || r.Status == channels.StatusUndelivered
		if at := sentAt(m); ok && !lost && isOurs(m, words) && at >= from && at.Add(time.Second) <= until {
			found = r
		}
	})
	if err != nil && found.ProviderID == "" {
		return channels.Receipt{}, false, fmt.Errorf("recall: %w", err)
	}
	return found, found.ProviderID != "", nil
}

func isOurs(m openapi.ApiV2010Message, o channels.Outbound) bool {
	return strings.HasPrefix(value(m.Direction), "outbound") && value(m.To) == o.Peer.Reveal() &&
		value(m.From) == o.Account.Reveal() && value(m.Body) == o.Words.Reveal()
}

// near allows for a second lost to the API's resolution.
func near(at, attempted molt.Time) bool {
	return at >= attempted.Add(-findBefore-time.Second) && at <= attempted.Add(findAfter)
}

func distance(x, y molt.Time) time.Duration { return x.Sub(y).Abs() }

// pages reads at most limit pages. A fault is a *channels.SendError, so that its kind
// and wait are at hand.
func (a *Adapter) pages(ctx context.Context, p *openapi.ListMessageParams, limit int, each func(openapi.ApiV2010Message)) error {
	c := a.newCall(ctx)
	page, err := c.api().PageMessage(p, "", "")
	for range limit {
		if err != nil {
			return c.fault(err)
		}
		for _, m := range page.Messages {
			each(m)
		}
		next, bad := nextLink(page)
		if bad != nil || next == "" {
			return bad
		}
		c = a.newCall(ctx)
		page, err = c.nextPage(next)
	}
	return err
}

// nextLink is where the next page lies; "": there is none.
func nextLink(page *openapi.ListMessageResponse) (string, error) {
	next := value(page.NextPageUri)
	if next != "" && (len(next) > maxPageURI || !strings.HasPrefix(next, apiPathPrefix)) {
		return "", errPageLink
	}
	return next, nil
}

// nextPage follows a link the list gave; only its path and query count.
func (c *call) nextPage(uri string) (*openapi.ListMessageResponse, error) {
	resp, err := c.api().RequestHandler().Get(DefaultBaseURL+uri, nil, nil, "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	page := &openapi.ListMessageResponse{}
	if err := json.NewDecoder(resp.Body).Decode(page); err != nil {
		return nil, err
	}
	return page, nil
}
