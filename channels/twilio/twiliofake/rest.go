package twiliofake

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// routes is everything the carrier answers.
func (c *Carrier) routes() http.Handler {
	mux := http.NewServeMux()
	const messages = "/" + apiVersion + "/Accounts/{account}/Messages"
	mux.HandleFunc("POST "+messages+".json", c.authenticated(c.create))
	mux.HandleFunc("GET "+messages+".json", c.authenticated(c.list))
	mux.HandleFunc("GET "+messages+"/{sid}", c.authenticated(c.fetch))
	mux.HandleFunc("DELETE "+messages+"/{sid}", c.authenticated(c.remove))
	mux.HandleFunc("GET "+messages+"/{sid}/Media.json", c.authenticated(c.listMedia))
	mux.HandleFunc("GET "+messages+"/{sid}/Media/{media}", c.authenticated(c.fetchMedia))
	mux.HandleFunc("DELETE "+messages+"/{sid}/Media/{media}", c.authenticated(c.removeMedia))
	for _, path := range []string{".json", "/{sid}", "/{sid}/Media.json", "/{sid}/Media/{media}"} {
		mux.HandleFunc(messages+path, c.authenticated(func(w http.ResponseWriter, _ *http.Request) { refuse(codeMethod, "").write(w) }))
	}
	mux.HandleFunc("GET "+cdnPath+"{media}", c.serveRedirected)
	c.controlRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(codeNotFound, r.URL.Path).write(w) })
	return c.counted(mux)
}

// counted makes the carrier's end wait for the requests it is answering.
func (c *Carrier) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if c.stopping {
			c.mu.Unlock()
			breakConnection(w)
			return
		}
		c.jobs.Add(1)
		c.mu.Unlock()
		defer c.jobs.Done()
		next.ServeHTTP(w, r)
	})
}

// authenticated lets only the account in, by HTTP Basic, and only to itself.
func (c *Carrier) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		known := subtle.ConstantTimeCompare([]byte(user), []byte(c.opts.AccountSID)) &
			subtle.ConstantTimeCompare([]byte(password), []byte(c.opts.AuthToken))
		switch {
		case known != 1:
			refuse(codeAuthenticate, "").write(w)
		case r.PathValue("account") != c.opts.AccountSID:
			refuse(codeNotFound, r.URL.Path).write(w)
		default:
			next(w, r)
		}
	}
}

// fetch answers GET Messages/{Sid}.json.
func (c *Carrier) fetch(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	m := c.find(r)
	var answer map[string]any
	if m != nil {
		answer = c.messageJSON(m)
	}
	c.mu.Unlock()
	if m == nil {
		refuse(codeNotFound, r.URL.Path).write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// remove answers DELETE Messages/{Sid}.json. The message leaves the API; the ledger forgets nothing.
func (c *Carrier) remove(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	m := c.find(r)
	var problem *apiError
	switch {
	case m == nil:
		problem = refuse(codeNotFound, r.URL.Path)
	case !m.final():
		problem = refuse(codeIncomplete, "")
	case c.record(Entry{Kind: KindDelete, SID: m.SID}) != nil:
		problem = refuse(codeInternal, "")
	}
	c.mu.Unlock()
	if problem != nil {
		problem.write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// find returns the message a path like Messages/{Sid}.json names, or nil. The caller holds the lock.
func (c *Carrier) find(r *http.Request) *message {
	sid, dotted := strings.CutSuffix(r.PathValue("sid"), ".json")
	if !dotted || !isMessageSID(sid) {
		return nil
	}
	return c.present(sid)
}

// present returns a message that was not deleted, or nil. The caller holds the lock.
func (c *Carrier) present(sid string) *message {
	if m := c.state.messages[sid]; m != nil && !m.deleted {
		return m
	}
	return nil
}

func (c *Carrier) messagesPath() string {
	return "/" + apiVersion + "/Accounts/" + c.opts.AccountSID + "/Messages"
}

// messageJSON is a message as the API shows it. The caller holds the lock.
func (c *Carrier) messageJSON(m *message) map[string]any {
	path := c.messagesPath() + "/" + m.SID
	shown := map[string]any{
		"account_sid":           c.opts.AccountSID,
		"api_version":           apiVersion,
		"body":                  m.Body,
		"date_created":          rfc2822(m.At),
		"date_sent":             rfc2822(m.sent),
		"date_updated":          rfc2822(m.updated),
		"direction":             m.direction(),
		"error_code":            nil,
		"error_message":         nil,
		"from":                  m.From,
		"messaging_service_sid": nil,
		"num_media":             strconv.Itoa(len(m.Media)),
		"num_segments":          strconv.Itoa(m.Segments),
		"price":                 nil,
		"price_unit":            "USD",
		"sid":                   m.SID,
		"status":                m.Status,
		"subresource_uris":      map[string]any{"media": path + "/Media.json"},
		"to":                    m.To,
		"uri":                   path + ".json",
	}
	if m.MessagingService != "" {
		shown["messaging_service_sid"] = m.MessagingService
	}
	if m.Status == statusAccepted { // the service has not picked a sender yet
		shown["from"] = nil
		shown["num_segments"] = "0"
	}
	if m.ErrorCode != 0 {
		shown["error_code"] = m.ErrorCode
		_, shown["error_message"] = describe(m.ErrorCode)
	}
	return shown
}

func (m *message) direction() string {
	switch {
	case m.inbound:
		return "inbound"
	case m.Origin == OriginAPI:
		return "outbound-api"
	default:
		return "outbound-reply"
	}
}

// rfc2822 is a date as this API writes it; no date is null.
func rfc2822(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC1123Z)
}

// listPage is a page of any list, as Twilio frames it.
func listPage(path string, query url.Values, page, size, count int, token string) map[string]any {
	start := page * size
	address := func(page int, token string) string {
		q := url.Values{}
		for name, values := range query {
			if name != "PageToken" {
				q[name] = values
			}
		}
		q.Set("Page", strconv.Itoa(page))
		q.Set("PageSize", strconv.Itoa(size))
		if token != "" {
			q.Set("PageToken", token)
		}
		return path + "?" + q.Encode()
	}
	shown := map[string]any{
		"first_page_uri":    address(0, ""),
		"previous_page_uri": nil,
		"next_page_uri":     nil,
		"uri":               address(page, query.Get("PageToken")),
		"page":              page,
		"page_size":         size,
		"start":             start,
		"end":               start + max(0, count-1),
	}
	if token != "" {
		shown["next_page_uri"] = address(page+1, token)
	}
	return shown
}

// paging reads Page, PageSize and PageToken. A page but the first needs the token that the page before it gave.
func paging(query url.Values) (page, size int, problem *apiError) {
	size = defaultPageSize
	if raw := query.Get("PageSize"); query.Has("PageSize") {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 1 || n > maxPageSize {
			return 0, 0, refuse(codeUnknownParameter, "PageSize is not 1 to "+strconv.Itoa(maxPageSize))
		}
		size = n
	}
	if raw := query.Get("Page"); query.Has("Page") {
		n, err := strconv.Atoi(raw)
		if err != nil || n < 0 || (n > 0 && query.Get("PageToken") == "") {
			return 0, 0, refuse(codeUnknownParameter, "Page is no page, or lacks its PageToken")
		}
		page = n
	}
	return page, size, nil
}
