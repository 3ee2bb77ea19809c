package twiliofake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// pollStep is how long one request of a waiting method waits before the next is made.
const pollStep = 20 * time.Second

// Client drives a carrier's control plane. Methods that wait do so until their context ends.
type Client struct {
	Base  string       // of the carrier, such as http://127.0.0.1:4010
	Token string       // the control token
	HTTP  *http.Client // default http.DefaultClient
}

// ControlError is an answer of the control plane other than 2xx.
type ControlError struct {
	Status  int
	Message string
}

// Error names the status and repeats the carrier's words.
func (e *ControlError) Error() string {
	return fmt.Sprintf("carrier answered %d: %s", e.Status, e.Message)
}

// Text sends a text from a handset and returns its SID.
func (c Client) Text(ctx context.Context, t Text) (string, error) {
	var answer textAnswer
	err := c.Do(ctx, http.MethodPost, "text", t, &answer)
	return answer.SID, err
}

// Hold makes matching create requests wait.
func (c Client) Hold(ctx context.Context, h Hold) error {
	return c.Do(ctx, http.MethodPost, "hold", h, nil)
}

// Held waits until at least one create request is held and returns all that are.
func (c Client) Held(ctx context.Context) ([]Held, error) {
	for {
		var answer heldAnswer
		if err := c.Do(ctx, http.MethodGet, "held?wait="+pollStep.String(), nil, &answer); err != nil || len(answer.Held) > 0 {
			return answer.Held, err
		}
	}
}

// Release lets held requests go on and returns how many did. The zero Release frees all and clears the rules.
func (c Client) Release(ctx context.Context, r Release) (int, error) {
	var answer releaseAnswer
	err := c.Do(ctx, http.MethodPost, "release", r, &answer)
	return answer.Released, err
}

// Ledger returns the entries after a sequence number, all there are now, without the bytes of media.
func (c Client) Ledger(ctx context.Context, since int64) ([]Entry, error) {
	var all []Entry
	for {
		page, err := c.ledgerPage(ctx, since, 0)
		if err != nil {
			return all, err
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		since = page[len(page)-1].Seq
	}
}

// Await waits for the first entry after a sequence number that matches.
func (c Client) Await(ctx context.Context, since int64, match func(Entry) bool) (Entry, error) {
	for {
		page, err := c.ledgerPage(ctx, since, pollStep)
		if err != nil {
			return Entry{}, err
		}
		for _, e := range page {
			if since = e.Seq; match(e) {
				return e, nil
			}
		}
	}
}

func (c Client) ledgerPage(ctx context.Context, since int64, wait time.Duration) ([]Entry, error) {
	var answer ledgerAnswer
	err := c.Do(ctx, http.MethodGet, fmt.Sprintf("ledger?since=%d&wait=%s", since, wait), nil, &answer)
	return answer.Entries, err
}

// Phone waits until a handset has received something after a sequence number and returns it, oldest first.
func (c Client) Phone(ctx context.Context, number string, since int64) ([]HandsetMessage, error) {
	for {
		messages, err := c.phone(ctx, number, since, pollStep)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
	}
}

// PhoneNow returns what a handset has received after a sequence number by now.
func (c Client) PhoneNow(ctx context.Context, number string, since int64) ([]HandsetMessage, error) {
	return c.phone(ctx, number, since, 0)
}

func (c Client) phone(ctx context.Context, number string, since int64, wait time.Duration) ([]HandsetMessage, error) {
	var answer phoneAnswer
	path := fmt.Sprintf("phone/%s/messages?since=%d&wait=%s", url.PathEscape(number), since, wait)
	err := c.Do(ctx, http.MethodGet, path, nil, &answer)
	return answer.Messages, err
}

// Idle waits until nothing is on its way in either direction and returns the sequence number of the last entry then.
func (c Client) Idle(ctx context.Context) (int64, error) {
	for {
		var answer idleAnswer
		if err := c.Do(ctx, http.MethodGet, "idle?wait="+pollStep.String(), nil, &answer); err != nil || answer.Idle {
			return answer.Seq, err
		}
	}
}

// Do makes one request of the control plane: a path below /_fake/, JSON in and out.
func (c Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("carrier %s: %w", path, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Base+"/_fake/"+path, body)
	if err != nil {
		return fmt.Errorf("carrier %s: %w", path, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("Content-Type", "application/json")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("carrier %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return controlErrorOf(response)
	}
	if out == nil {
		out = &struct{}{}
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("carrier %s: %w", path, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return nil
}

func controlErrorOf(response *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxFormBytes))
	var said controlError
	if json.Unmarshal(raw, &said) != nil || said.Error == "" {
		said.Error = strconv.Quote(string(raw))
	}
	return &ControlError{Status: response.StatusCode, Message: said.Error}
}
