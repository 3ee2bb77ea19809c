package twilio

import (
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// The names under which our own ids ride in a status callback's query.
const (
	queryConversation = "c"
	queryItem         = "m"
	queryAttempt      = "n"
	queryPut          = "p"
)

// Limits of single fields, beside those of package channels.
const (
	maxAddressBytes = 256
	maxStatusBytes  = 32
	maxTypeBytes    = 128
	maxAttempt      = 1_000_000
	maxMillis       = 1 << 50 // far beyond any clock
)

// sidForm is a message's id; the same inbound may carry SM or MM.
var sidForm = regexp.MustCompile(`^(SM|MM)[0-9A-Za-z]{1,126}$`)

// Parse authenticates and reads a webhook. The error is a *channels.Rejected:
// 403 without a valid signature, 400 for a form that contradicts itself, 413
// and 415 for what is not a form at all.
//
// What the form is decides what it becomes, not the door it came through: a
// console that points the wrong URL at the wrong door must not lose a text.
func (a *Adapter) Parse(r channels.Request) (channels.Arrival, error) {
	form, query, rejected := a.authenticate(r)
	if rejected != nil {
		return channels.Arrival{}, rejected
	}
	if isInbound(r.Hook, form) {
		return a.parseInbound(form)
	}
	return a.parseStatus(form, query)
}

func isInbound(h channels.Hook, form url.Values) bool {
	switch messageStatus(form) {
	case "received", "receiving":
		return true
	case "":
		return h == channels.HookMessage || h == channels.HookVoice
	}
	return false
}

func messageStatus(form url.Values) string {
	if s := form.Get("MessageStatus"); s != "" {
		return s
	}
	return form.Get("SmsStatus")
}

// authenticate returns the form and the query once the signature holds for
// exactly them: the query is the one that was signed, not r.Query.
func (a *Adapter) authenticate(r channels.Request) (form, query url.Values, _ *channels.Rejected) {
	if r.Hook != channels.HookMessage && r.Hook != channels.HookStatus && r.Hook != channels.HookVoice {
		return nil, nil, reject(http.StatusNotFound, "no such door")
	}
	if len(r.Body) > channels.MaxHookBytes {
		return nil, nil, reject(http.StatusRequestEntityTooLarge, "body over the limit")
	}
	_, rawQuery, asked := strings.Cut(r.RawURI, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, nil, reject(http.StatusBadRequest, "query does not parse")
	}
	if rejected := wantForm(r.Header, query); rejected != nil {
		return nil, nil, rejected
	}
	form, err = url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, nil, reject(http.StatusBadRequest, "form does not parse")
	}
	// A validator that reads one value a name would sign off a second value it
	// never saw; Twilio repeats no name in a message webhook.
	if repeats(form) || repeats(query) {
		return nil, nil, reject(http.StatusBadRequest, "a form or query key is repeated")
	}
	target := a.hookPath(r.Hook)
	if asked {
		target += "?" + rawQuery
	}
	sigs := r.Header.Values(signatureHeader)
	if len(sigs) != 1 || !a.signed(sigs[0], target, form) {
		return nil, nil, reject(http.StatusForbidden, "signature missing or not ours; check the public URL and the auth token")
	}
	return form, query, nil
}

// wantForm refuses what is not a form. A GET has no form and ends here too, or
// later for want of a message id: fields are never read from the query.
func wantForm(h http.Header, query url.Values) *channels.Rejected {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case query.Has("bodySHA256") || (err == nil && kind == "application/json"):
		return reject(http.StatusUnsupportedMediaType, "JSON webhooks are not taken: set the webhook to form encoding")
	case err != nil || kind != "application/x-www-form-urlencoded":
		return reject(http.StatusUnsupportedMediaType, "content type is not application/x-www-form-urlencoded; the webhook's method must be POST")
	}
	return nil
}

func repeats(v url.Values) bool {
	for _, values := range v {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

func (a *Adapter) parseInbound(form url.Values) (channels.Arrival, error) {
	sid, from, to := form.Get("MessageSid"), form.Get("From"), form.Get("To")
	switch {
	case !sidForm.MatchString(sid):
		return channels.Arrival{}, reject(http.StatusBadRequest, "MessageSid is missing or malformed")
	case !IsAddress(from):
		return channels.Arrival{}, reject(http.StatusBadRequest, "From is not an address")
	case to == "" || len(to) > maxAddressBytes || !utf8.ValidString(to):
		return channels.Arrival{}, reject(http.StatusBadRequest, "To is missing or malformed")
	}
	in := &channels.Inbound{
		Channel: a.id, Account: molt.Address(to), Peer: molt.Address(from),
		ProviderID: sid, Via: channels.ViaWebhook,
	}
	var moreMedia bool
	in.Words, in.Cut = cleanWords(form.Get("Body"))
	in.Media, moreMedia = parseMedia(form)
	in.Cut = in.Cut || moreMedia
	return channels.Arrival{Inbound: in}, nil
}

// cleanWords makes the text valid UTF-8 without NULs and cuts it to its limit
// between two runes.
func cleanWords(s string) (w molt.Words, cut bool) {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) <= channels.MaxWordsBytes {
		return molt.Words(s), false
	}
	end := channels.MaxWordsBytes
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return molt.Words(s[:end]), true
}

// parseMedia lists the attachments. One whose URL is missing or too long keeps
// its place without a URL: that a photo came is a message even when the photo
// cannot be had. more reports that there were too many.
func parseMedia(form url.Values) (media []channels.Media, more bool) {
	n, err := strconv.Atoi(form.Get("NumMedia"))
	if err != nil || n <= 0 {
		return nil, false
	}
	if n > channels.MaxMedia {
		n, more = channels.MaxMedia, true
	}
	for i := range n {
		k := strconv.Itoa(i)
		media = append(media, mediaRef(form.Get("MediaUrl"+k), form.Get("MediaContentType"+k)))
	}
	return media, more
}

func mediaRef(u, kind string) channels.Media {
	if len(u) > channels.MaxMediaURL || !utf8.ValidString(u) {
		u = ""
	}
	if len(kind) > maxTypeBytes || !utf8.ValidString(kind) {
		kind = ""
	}
	return channels.Media{URL: u, Type: kind}
}

func (a *Adapter) parseStatus(form, query url.Values) (channels.Arrival, error) {
	sid, status := form.Get("MessageSid"), messageStatus(form)
	switch {
	case !sidForm.MatchString(sid):
		return channels.Arrival{}, reject(http.StatusBadRequest, "MessageSid is missing or malformed")
	case status == "" || len(status) > maxStatusBytes || !utf8.ValidString(status):
		return channels.Arrival{}, reject(http.StatusBadRequest, "MessageStatus is missing or malformed")
	}
	s := &channels.StatusReport{
		Channel: a.id, ProviderID: sid, Status: channels.Status(status),
		Code: number(form.Get("ErrorCode"), 1<<31-1),
	}
	if s.Code > 0 && (s.Status == channels.StatusUndelivered || s.Status == channels.StatusFailed) {
		m := meaningOf(s.Code)
		s.Fault, s.Hint = m.kind, m.hint
	}
	c, m := query.Get(queryConversation), query.Get(queryItem)
	if isID(c) && isID(m) {
		s.Conversation, s.Item = molt.ConversationID(c), molt.ItemID(m)
		s.Attempt = number(query.Get(queryAttempt), maxAttempt)
		s.Put = molt.Time(number(query.Get(queryPut), maxMillis))
	}
	return channels.Arrival{Status: s}, nil
}

func isID(s string) bool { return s != "" && len(s) <= molt.MaxIDBytes && utf8.ValidString(s) }

// number reads a decimal between 0 and limit; anything else is 0.
func number(s string, limit int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > limit {
		return 0
	}
	return n
}

func reject(status int, why string) *channels.Rejected {
	return &channels.Rejected{HTTP: status, Why: why}
}
