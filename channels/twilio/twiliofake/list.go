package twiliofake

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// pageTokenPrefix begins the token that stands for the last message of a page.
const pageTokenPrefix = "PA"

// listQuery is what a list of messages is asked for.
type listQuery struct {
	to, from    string
	after, till time.Time // by the date sent; zero when open, till excluded
	dated       bool
	page, size  int
	before      int // only messages with a lower index
}

// list answers GET Messages.json, newest first.
func (c *Carrier) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	c.mu.Lock()
	q, problem := c.readList(query)
	var (
		shown []map[string]any
		token string
	)
	if problem == nil {
		shown, token = c.collect(q)
	}
	c.mu.Unlock()
	if problem != nil {
		problem.write(w)
		return
	}
	answer := listPage(c.messagesPath()+".json", query, q.page, q.size, len(shown), token)
	answer["messages"] = shown
	writeJSON(w, http.StatusOK, answer)
}

// collect returns one page of what a query finds, and the token of the next page if there is one. The caller holds the lock.
func (c *Carrier) collect(q listQuery) (shown []map[string]any, token string) {
	now := c.opts.Now()
	shown = []map[string]any{}
	last := ""
	for _, m := range slices.Backward(c.state.order[:q.before]) {
		if !c.listable(m, now) || !q.finds(m, c.behavior.ListHidesUnsent) {
			continue
		}
		if len(shown) == q.size {
			return shown, pageTokenPrefix + last
		}
		shown = append(shown, c.messageJSON(m))
		last = m.SID
	}
	return shown, ""
}

// listable reports whether the list has caught up with a message. The caller holds the lock.
func (c *Carrier) listable(m *message, now time.Time) bool {
	return !m.deleted && !now.Before(m.At.Add(c.behavior.ListLag.at(m.share)))
}

func (q listQuery) finds(m *message, hideUnsent bool) bool {
	if (q.to != "" && q.to != m.To) || (q.from != "" && q.from != m.From) {
		return false
	}
	if !q.dated {
		return true
	}
	date := m.sent
	if date.IsZero() {
		if hideUnsent {
			return false
		}
		date = m.At
	}
	date = date.Truncate(time.Second) // dates cross the wire in seconds
	return (q.after.IsZero() || !date.Before(q.after)) && (q.till.IsZero() || date.Before(q.till))
}

// readList reads the query of a list. The caller holds the lock.
func (c *Carrier) readList(query url.Values) (listQuery, *apiError) {
	q := listQuery{to: query.Get("To"), from: query.Get("From"), before: len(c.state.order)}
	for name, values := range query {
		if len(values) > 1 {
			return q, refuse(codeUnknownParameter, name+" is given twice")
		}
		problem := q.readDate(name, values[0])
		if problem != nil {
			return q, problem
		}
	}
	var problem *apiError
	if q.page, q.size, problem = paging(query); problem != nil {
		return q, problem
	}
	if token := query.Get("PageToken"); token != "" {
		m := c.state.messages[strings.TrimPrefix(token, pageTokenPrefix)]
		if m == nil {
			return q, refuse(codeUnknownParameter, "PageToken is none of ours")
		}
		q.before = m.index
	}
	return q, nil
}

// readDate narrows the query by one parameter. The comparison is part of the name: DateSent>=2026-01-02 parses as the name DateSent> with that value,
// and clients that escape the whole comparison send the name DateSent>=. All comparisons include the date they name.
func (q *listQuery) readDate(name, value string) *apiError {
	switch name {
	case "To", "From", "Page", "PageSize", "PageToken":
		return nil
	case "DateSent", "DateSent<", "DateSent>", "DateSent<=", "DateSent>=":
	default:
		return refuse(codeUnknownParameter, name+" is no parameter of this list")
	}
	start, end, ok := dateSpan(value)
	if !ok {
		return refuse(codeUnknownParameter, name+" is no date")
	}
	q.dated = true
	switch strings.TrimSuffix(name, "=") {
	case "DateSent":
		day := start.UTC().Truncate(24 * time.Hour)
		q.after, q.till = day, day.AddDate(0, 0, 1)
	case "DateSent>":
		q.after = start
	case "DateSent<":
		q.till = end
	}
	return nil
}

// dateSpan reads a day in GMT, or a moment, which stands for its second.
func dateSpan(value string) (start, end time.Time, ok bool) {
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return day, day.AddDate(0, 0, 1), true
	}
	if moment, err := time.Parse(time.RFC3339, value); err == nil {
		start = moment.UTC().Truncate(time.Second)
		return start, start.Add(time.Second), true
	}
	return time.Time{}, time.Time{}, false
}
