package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/channels/webchat"
)

// maxMetrics bounds what is read of a daemon's metrics.
const maxMetrics = 4 << 20

// hookCount is a line of the metric that counts webhooks.
var hookCount = regexp.MustCompile(`^tidegate_webhooks_total\{channel="([^"]+)",hook="[^"]+",status="([0-9]{3})"\} ([0-9.e+]+)$`)

// hiddenChats is a line of the metric that counts chats whose source is hidden.
var hiddenChats = regexp.MustCompile(`^tidegate_chat_source_hidden_total\{channel="([^"]+)",reason="([^"]+)"\} ([0-9.e+]+)$`)

// tornSpending is the line of the metric that counts what cannot be read of a day's spending.
var tornSpending = regexp.MustCompile(`^tidegate_spending_damaged ([1-9][0-9.e+]*)$`)

// heard reads a line of metrics that is of no webhook.
func (x *examination) heard(line string) {
	if m := tornSpending.FindStringSubmatch(line); m != nil {
		n, _ := strconv.ParseFloat(m[1], 64)
		x.warn("agent.budget", "the log names them; each counts for the most it can have spent until the agent is asked there again, at the latest until midnight", "of %.0f conversations it cannot be read what they spent on models today", n)
		return
	}
	x.hidden(line)
}

// hidden says of a line of metrics whether it counts such chats.
func (x *examination) hidden(line string) {
	m := hiddenChats.FindStringSubmatch(line)
	if m == nil {
		return
	}
	cure := "have the proxy set X-Forwarded-For to the address of who asks: until then all visitors share the limits of one address, and ring as one"
	if m[2] == webchat.HiddenUntrusted {
		cure = "list the proxy's address under channels." + m[1] + ".trusted_proxies: until then all visitors share the limits of one address, and ring as one"
	}
	n, _ := strconv.ParseFloat(m[3], 64)
	x.warn("chat "+m[1], cure, "%.0f chats began since the daemon's start of which it cannot tell where from: %s", n, m[2])
}

// refusedHooks tells which webhooks the running daemon did not take since its
// start: the carrier's console knows it, and nobody looks there.
func (x *examination) refusedHooks(ctx context.Context, private string) {
	counts, err := countRefused(ctx, private, x.heard)
	if err != nil {
		x.warn("webhooks", "its metrics are on listen.private", "what was refused cannot be told: %v", err)
		return
	}
	if len(counts) == 0 {
		x.ok("webhooks", "none was refused since the daemon's start")
	}
	for _, c := range counts {
		why, cure := refusalInWords(c.status, c.channel)
		x.warn("webhooks "+c.channel, cure, "%d refused since the daemon's start (%d): %s", c.count, c.status, why)
	}
}

type refusedCount struct {
	channel       string
	status, count int
}

// countRefused reads the metrics; other hears the lines that are not of webhooks.
func countRefused(ctx context.Context, private string, other func(line string)) ([]refusedCount, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, private+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := ourselves().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics answered %s", resp.Status)
	}
	var out []refusedCount
	lines := bufio.NewScanner(io.LimitReader(resp.Body, maxMetrics))
	for lines.Scan() {
		m := hookCount.FindStringSubmatch(lines.Text())
		if m == nil {
			other(lines.Text())
			continue
		}
		status, _ := strconv.Atoi(m[2])
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil || status/100 == 2 || n < 1 {
			continue
		}
		same := func(c refusedCount) bool { return c.channel == m[1] && c.status == status }
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].count += int(n) // of the channel's other door
			continue
		}
		out = append(out, refusedCount{m[1], status, int(n)})
	}
	return out, lines.Err()
}

// refusalInWords says what a refusal means and its usual cure.
func refusalInWords(status int, channel string) (why, cure string) {
	switch status {
	case http.StatusForbidden:
		return "the signature is missing or does not fit", "listen.public_url has to be the address the carrier calls, to the letter, and the token that of channels." + channel + "'s account"
	case http.StatusNotFound:
		return "they were sent to an address that is none of ours", "enter at the carrier what stands below; strangers who try addresses count here too"
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return "they were not forms sent by POST", "choose HTTP POST at the carrier, and form encoding"
	case http.StatusServiceUnavailable:
		return "they could not be committed", "the daemon's log says why; the texts are fetched later from the carrier's list"
	}
	return "they do not read as webhooks of the carrier", "the daemon's log names the reason; something between the carrier and the gateway may change them"
}
