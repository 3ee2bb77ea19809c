package schedule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/wire"
	"github.com/tidegate/tidegate/molt"
)

// maxAnswer bounds what a calendar's server may say.
const maxAnswer = 1 << 20

// Remote is a calendar behind HTTP:
//
//	GET    {base}/slots?from=RFC3339&to=RFC3339&limit=N  200 {"slots": [{"id", "start": RFC3339, "minutes", "with"}]}
//	PUT    {base}/bookings/{key}  {"slot", "name", "dob", "phone", "reason"}  200 or 201; 409 when it is taken
//	GET    {base}/bookings/{key}  200 {"slot": {…}}; 404 when there is none
//	DELETE {base}/bookings/{key}  200 or 204; 404 when there was none
//
// The same PUT twice is one booking. Each PUT and DELETE says in the header
// Tidegate-Asked when it was sent (RFC 3339, to the nanosecond). One that is older than
// the last one of its key came late: it changes nothing and is answered 409, so that
// nobody has an appointment again that was given back.
type Remote struct {
	base   string
	client *http.Client
	now    func() time.Time
}

// askedHeader tells the calendar's server when a change was asked for.
const askedHeader = "Tidegate-Asked"

// NewRemote checks the address and calls nobody. A key is sent as a bearer token.
func NewRemote(base, key string, transport http.RoundTripper) (*Remote, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("calendar: the address must be https://host/path or http://host:port/path")
	}
	return &Remote{base: strings.TrimRight(base, "/"), client: wire.Client(key, transport), now: time.Now}, nil
}

// opening is a slot as the contract writes it.
type opening struct {
	ID      string    `json:"id"`
	Start   time.Time `json:"start"`
	Minutes int       `json:"minutes"`
	With    string    `json:"with"`
}

func (o opening) slot() (model.Slot, error) {
	if o.ID == "" || o.Start.IsZero() || o.Minutes < 1 {
		return model.Slot{}, errForm
	}
	return model.Slot{ID: o.ID, Start: molt.TimeOf(o.Start), Minutes: o.Minutes, With: o.With}, nil
}

var errForm = errors.New("calendar: what came back is not of the contract")

// Free implements Calendar.
func (r *Remote) Free(ctx context.Context, from, to time.Time, most int) ([]model.Slot, error) {
	q := url.Values{"from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}, "limit": {strconv.Itoa(most)}}
	var got struct {
		Slots []opening `json:"slots"`
	}
	code, err := r.call(ctx, http.MethodGet, "/slots?"+q.Encode(), nil, &got)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK || got.Slots == nil {
		return nil, answered(code)
	}
	var out []model.Slot
	for _, o := range got.Slots {
		s, err := o.slot()
		if err != nil {
			return nil, err
		}
		if at := s.Start.Std(); len(out) < most && !at.Before(from) && at.Before(to) {
			out = append(out, s)
		}
	}
	return out, nil
}

// Reserve implements Calendar.
func (r *Remote) Reserve(ctx context.Context, b Booking) error {
	code, err := r.call(ctx, http.MethodPut, "/bookings/"+url.PathEscape(b.Key), b, nil)
	switch {
	case err != nil:
		return err
	case code == http.StatusConflict:
		return ErrTaken
	case code != http.StatusOK && code != http.StatusCreated:
		return answered(code)
	}
	return nil
}

// Find implements Calendar.
func (r *Remote) Find(ctx context.Context, key string) (model.Slot, error) {
	var got struct {
		Slot *opening `json:"slot"`
	}
	code, err := r.call(ctx, http.MethodGet, "/bookings/"+url.PathEscape(key), nil, &got)
	switch {
	case err != nil:
		return model.Slot{}, err
	case code == http.StatusNotFound:
		return model.Slot{}, ErrNone
	case code != http.StatusOK || got.Slot == nil:
		return model.Slot{}, answered(code)
	}
	return got.Slot.slot()
}

// Release implements Calendar.
func (r *Remote) Release(ctx context.Context, key string) error {
	code, err := r.call(ctx, http.MethodDelete, "/bookings/"+url.PathEscape(key), nil, nil)
	if err == nil && code != http.StatusOK && code != http.StatusNoContent && code != http.StatusNotFound {
		err = answered(code)
	}
	return err
}

func answered(code int) error { return fmt.Errorf("calendar: the server answered %d", code) }

// call makes one exchange. Only a whole answer of the contract's form fills into.
func (r *Remote) call(ctx context.Context, method, path string, body, into any) (int, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("calendar: %w", err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, payload)
	if err != nil {
		return 0, errors.New("calendar: the address does not make a request")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if method != http.MethodGet {
		req.Header.Set(askedHeader, r.now().UTC().Format(time.RFC3339Nano))
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, fault(ctx, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fault(ctx, err)
	}
	if into != nil && resp.StatusCode == http.StatusOK && json.Unmarshal(b, into) != nil {
		return 0, errForm
	}
	return resp.StatusCode, nil
}

// fault is a call without a whole answer. One that was never connected is not made;
// of any other the server may have heard, and may be at it still.
func fault(ctx context.Context, err error) error {
	var op *net.OpError
	words, _ := wire.Broken(err)
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return errors.New("calendar: " + words)
	case ctx.Err() != nil:
		return fmt.Errorf("calendar: %w: %w", ErrUnanswered, context.Cause(ctx))
	}
	return fmt.Errorf("calendar: %w: %s", ErrUnanswered, cmp.Or(words, "the connection broke"))
}
