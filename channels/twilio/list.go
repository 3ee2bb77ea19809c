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
	maxPages      = 5    // of one window of back-fill
	secondPages   = 20   // of a window that is one second and cannot be halved: a flood must not end all looking
	findPageSize  = 100
	maxFindPages  = 5  // newest first between two numbers; what is looked for is minutes old
	maxWindows    = 48 // a window is halved at most this often
	maxPageURI    = 4096
	listTimeout   = 2 * time.Minute
	findBefore    = 30 * time.Second // our clock may run ahead of Twilio's
	findAfter     = 5 * time.Minute
	apiPathPrefix = "/2010-04-01/Accounts/"
)

var (
	errOverflow = errors.New("more messages in one second than can be listed")
	errPageLink = errors.New("the link to the next page is not one of the API")
)

// window is a stretch of time; to 0 leaves it open.
type window struct{ from, to molt.Time }

// second reports that it is one second, which cannot be halved.
func (w window) second() bool { return w.to != 0 && w.to == w.from }

// ListInbound returns what was sent to account since then, oldest first. The
// API lists the newest first, so a window that holds more than its pages can is
// halved until its oldest part fits; a second is read to its end.
//
// The list is never cut inside one second, the API's resolution: asking again
// from the last one's time always gets further.
func (a *Adapter) ListInbound(ctx context.Context, account molt.Address, since molt.Time, limit int) ([]channels.Inbound, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	from := max(since, 0)
	from -= from % 1000
	now := molt.TimeOf(a.now()).Add(findAfter)
	w := window{from: from}
	var first []openapi.ApiV2010Message // of the second asked from, where it was a window of its own
	for range maxWindows {
		most := maxPages
		if w.second() {
			most = secondPages
		}
		found, whole, err := a.inboundIn(ctx, account, w, most)
		switch {
		case err != nil:
			return nil, false, err
		case whole && w.second() && w.from == from:
			first, w = found, window{from: from + 1000} // to end with it would ask for it again
		case whole && len(found) == 0 && w.to != 0:
			w = window{from: max(w.to, w.from+1000)} // nothing there: the rest lies in what was halved away
		case whole:
			out, more := a.firstOf(ctx, append(first, found...), from, limit, w.to != 0)
			return out, more, nil
		case w.second():
			return nil, false, fmt.Errorf("list inbound: %w", errOverflow)
		default:
			to := w.to
			if to == 0 {
				to = now
			}
			w.to = w.from + (to-w.from)/2
			w.to -= w.to % 1000
		}
	}
	return nil, false, fmt.Errorf("list inbound: %w", errOverflow)
}

// inboundIn lists one window; whole is false when there were more pages than
// are read, of which there may be most.
func (a *Adapter) inboundIn(ctx context.Context, account molt.Address, w window, most int) (found []openapi.ApiV2010Message, whole bool, err error) {
	p := &openapi.ListMessageParams{}
	p.SetTo(account.Reveal())
	p.SetPageSize(pageSize)
	if w.from > 0 {
		p.SetDateSentAfter(w.from.Std())
	}
	if w.to > 0 {
		p.SetDateSentBefore(w.to.Std())
	}
	whole, err = a.pages(ctx, p, most, func(m openapi.ApiV2010Message) {
		// The filters may be coarser than asked for; what counts is checked here.
		if value(m.Direction) == "inbound" && value(m.To) == account.Reveal() && sidForm.MatchString(value(m.Sid)) &&
			IsAddress(value(m.From)) && max(timeOf(m.DateSent), sentAt(m)) >= w.from {
			found = append(found, m)
		}
	})
	if err != nil {
		return nil, false, fmt.Errorf("list inbound: %w", err)
	}
	return found, whole, nil
}

// firstOf sorts, cuts to the limit and turns records into texts.
func (a *Adapter) firstOf(ctx context.Context, found []openapi.ApiV2010Message, from molt.Time, limit int, more bool) ([]channels.Inbound, bool) {
	slices.SortStableFunc(found, func(x, y openapi.ApiV2010Message) int {
		return cmp.Or(cmp.Compare(sentAt(x), sentAt(y)), cmp.Compare(value(x.Sid), value(y.Sid)))
	})
	if n := cut(found, from, limit); n < len(found) {
		found, more = found[:n], true
	}
	out := make([]channels.Inbound, 0, len(found))
	for _, m := range found {
		out = append(out, a.inboundOf(ctx, m))
	}
	return out, more
}

// cut is how many of the sorted records to return: limit, and on to the end of
// the second it falls into; a whole second further when that one is from.
func cut(found []openapi.ApiV2010Message, from molt.Time, limit int) int {
	n := min(max(limit, 1), len(found))
	for n < len(found) && (sentAt(found[n]) == sentAt(found[n-1]) || sentAt(found[n-1]) <= from) {
		n++
	}
	return n
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
	_, err := a.pages(ctx, p, maxFindPages, func(m openapi.ApiV2010Message) {
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
	_, err := a.pages(ctx, p, maxFindPages, func(m openapi.ApiV2010Message) {
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

// pages reads at most limit pages. whole reports that there were no more. A
// fault is a *channels.SendError, so that its kind and wait are at hand.
func (a *Adapter) pages(ctx context.Context, p *openapi.ListMessageParams, limit int, each func(openapi.ApiV2010Message)) (whole bool, err error) {
	c := a.newCall(ctx)
	page, err := c.api().PageMessage(p, "", "")
	for range limit {
		if err != nil {
			return false, c.fault(err)
		}
		for _, m := range page.Messages {
			each(m)
		}
		next := value(page.NextPageUri)
		if next == "" {
			return true, nil
		}
		if len(next) > maxPageURI || !strings.HasPrefix(next, apiPathPrefix) {
			return false, errPageLink
		}
		c = a.newCall(ctx)
		page, err = c.nextPage(next)
	}
	return false, err
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
