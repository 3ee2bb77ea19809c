package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1.
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/molt"
)

// Limits of the benchmark. Sixteen numbers, so that no sender's budget is what
// is measured.
const (
	benchNumbers = 16
	benchToken   = "0123456789abcdef0123456789abcdef"
	benchClients = 64
	floodClients = 8
	benchGrowth  = 10_000                 // conversations that are added before how many are left is told
	benchPoll    = 100 * time.Millisecond // a look is a scrape of the metrics, which costs too
	benchQuiet   = 500 * time.Millisecond
	benchPatient = 2 * time.Minute
)

// benchHouse is a daemon and its carrier, in one folder.
type benchHouse struct {
	dir     string
	numbers []string
	public  string
	private string
	http    *http.Client
	stop    context.CancelFunc
	ended   []chan error
	texts   atomic.Int64
	callers atomic.Int64
	opened  time.Duration // from the daemon's start to its open doors
}

// openBenchHouse starts both and returns once the doors are open.
func openBenchHouse(ctx context.Context, dir string, e env) (*benchHouse, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &benchHouse{dir: dir, stop: cancel, http: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4 * benchClients},
	}}
	for i := range benchNumbers {
		h.numbers = append(h.numbers, fmt.Sprintf("+1555010%04d", 200+i))
	}
	base, err := h.startCarrier(ctx)
	if err == nil {
		err = h.startGateway(ctx, base, e)
	}
	if err != nil {
		cancel()
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *benchHouse) startCarrier(ctx context.Context) (string, error) {
	calm := twiliofake.Calm()
	o := twiliofake.Options{
		LedgerPath: filepath.Join(h.dir, "carrier.jsonl"), AccountSID: demoAccount, AuthToken: benchToken, ControlToken: benchToken,
		Behavior: &calm, Numbers: map[string]twiliofake.Number{},
	}
	for _, n := range h.numbers {
		o.Numbers[n] = twiliofake.Number{}
	}
	c, err := twiliofake.New(o)
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	h.ended = append(h.ended, ended)
	go func() { ended <- c.Run(ctx) }() // ends with ctx; received in close
	select {
	case <-c.Ready():
		return c.Base(), nil
	case err := <-ended:
		ended <- err
		return "", err
	}
}

func (h *benchHouse) startGateway(ctx context.Context, base string, e env) error {
	held, err := holdDoors(18080, 18180)
	if err != nil {
		return err
	}
	public, private := held.public.Addr().String(), held.private.Addr().String()
	path := filepath.Join(h.dir, "bench.yaml")
	quoted := make([]string, len(h.numbers))
	for i, n := range h.numbers {
		quoted[i] = strconv.Quote(n)
	}
	text := strings.NewReplacer("PUBLIC", public, "PRIVATE", private, "BASE", base, "ACCOUNT", demoAccount, "NUMBERS", strings.Join(quoted, ", ")).Replace(benchConfig)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(h.dir, "gateway.log"))
	if err != nil {
		return err
	}
	own := env{getenv: func(name string) string {
		if name == "BENCH_TOKEN" {
			return benchToken
		}
		return e.getenv(name)
	}, stdin: strings.NewReader(""), stdout: io.Discard, stderr: log}
	began, ready, ended := time.Now(), make(chan [2]string, 1), make(chan error, 1)
	go func() { // ends with ctx; received below or in close
		defer log.Close()
		defer held.free() // where the daemon never got them
		ended <- serveOn(ctx, path, own, held.open, func(public, private string) { ready <- [2]string{public, private} })
	}()
	h.ended = append(h.ended, ended)
	select {
	case at := <-ready:
		h.public, h.private, h.opened = at[0], at[1], time.Since(began)
		return nil
	case err := <-ended:
		ended <- err
		return err
	}
}

const benchConfig = `clinic:
  {name: Bench Clinic, timezone: UTC, hours: {mon-sun: "00:00-24:00"}, phone: "+15550100100", languages: [en]}
listen: {public: "PUBLIC", private: "PRIVATE", public_url: "http://PUBLIC"}
data: data
channels:
  main: {type: twilio, account_sid: ACCOUNT, auth_token: "env:BENCH_TOKEN", base_url: "BASE", numbers: [NUMBERS]}
staff:
  - {id: alice, name: Alice, role: nurse, routes: [{name: sms, channel: main, address: "+15550100111"}]}
escalation:
  steps: [{name: nurse, on_call: [{person: alice}]}]
  all_hands: [alice]
  admins: [alice]
agent: {debounce: 0s, debounce_max: 1s}
limits: {asks_per_peer_hour: 1000, asks_per_hour: 1000000, asks_at_once: 64}
sender: {segments_per_second: 200}
`

// close stops both and waits for their ends.
func (h *benchHouse) close() error {
	h.stop()
	h.http.CloseIdleConnections()
	var errs []error
	for _, c := range h.ended {
		if err := <-c; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stranger is a patient nobody has heard of.
func (h *benchHouse) stranger() molt.Address {
	return molt.Address(fmt.Sprintf("+1556%07d", h.callers.Add(1)))
}

// post is one webhook as the carrier would post it, signed with our own hand.
func (h *benchHouse) post(ctx context.Context, i int, from molt.Address) error {
	form := url.Values{
		"MessageSid": {fmt.Sprintf("SM%032x", i)}, "AccountSid": {demoAccount}, "From": {from.Reveal()},
		"To": {h.numbers[i%len(h.numbers)]}, "Body": {"hi, I need an appointment"}, "NumMedia": {"0"},
	}
	to := h.public + "/hooks/main/message"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signForm(benchToken, to, form))
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: %s", resp.Status)
	}
	return nil
}

// signForm is the carrier's signature of a form: the URL, then each name and
// value in the names' order (Twilio, "Validating requests").
func signForm(token, to string, form url.Values) string {
	names := make([]string, 0, len(form))
	for n := range form {
		names = append(names, n)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, to)
	for _, n := range names {
		_, _ = io.WriteString(mac, n+form.Get(n))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// atRate posts so many texts, each when it is due and whatever became of the
// one before, and returns how long each took from then on.
func (h *benchHouse) atRate(ctx context.Context, rate, total int, from func(int) molt.Address) (took []time.Duration, refused int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began, every := time.Now(), time.Second/time.Duration(rate)
	tick := time.NewTimer(0)
	defer tick.Stop()
	for i := range total {
		due := began.Add(time.Duration(i) * every)
		tick.Reset(time.Until(due))
		select {
		case <-tick.C:
		case <-ctx.Done():
			wg.Wait()
			return took, refused
		}
		n, peer := int(h.texts.Add(1)), from(i)
		wg.Go(func() { // ends with its answer; waited for below
			err := h.post(ctx, n, peer)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused++
				return
			}
			took = append(took, time.Since(due))
		})
	}
	wg.Wait()
	return took, refused
}

// strangers posts a text of so many new patients from as many clients as a busy
// carrier has.
func (h *benchHouse) strangers(ctx context.Context, total int) (refused int) {
	var wg sync.WaitGroup
	var next, bad atomic.Int64
	for range benchClients {
		wg.Go(func() { // ends when all texts are posted
			for int(next.Add(1)) <= total {
				if h.post(ctx, int(h.texts.Add(1)), h.stranger()) != nil {
					bad.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(bad.Load())
}

// oneNumber posts texts of one number as fast as its clients get them answered,
// until ctx ends, and says how many. That some are turned away is what the limits
// are for.
func (h *benchHouse) oneNumber(ctx context.Context) (sent int) {
	var wg sync.WaitGroup
	var n atomic.Int64
	peer := h.stranger()
	for range floodClients {
		wg.Go(func() { // ends with ctx
			for ctx.Err() == nil {
				if err := h.post(ctx, int(h.texts.Add(1)), peer); err == nil || ctx.Err() == nil {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(n.Load())
}

// replies reads from the daemon's own metrics how many texts of the agent the
// carrier took.
func (h *benchHouse) replies(ctx context.Context) (int, error) {
	n, err := h.metric(ctx, `tidegate_sends_total{class="agent",outcome="sent"}`)
	return int(n), err
}

func (h *benchHouse) metric(ctx context.Context, name string) (sum float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.private+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			v, err := strconv.ParseFloat(rest[strings.LastIndex(rest, " ")+1:], 64)
			if err != nil {
				return 0, fmt.Errorf("metrics: %w", err)
			}
			sum += v
		}
	}
	return sum, nil
}

// await waits until the carrier has so many replies, or until none came for
// long, and says how many are missing.
func (h *benchHouse) await(ctx context.Context, want int) (missing int, err error) {
	poll := time.NewTicker(benchPoll)
	defer poll.Stop()
	for last, since := -1, time.Now(); ; {
		got, err := h.replies(ctx)
		switch {
		case err != nil:
			return 0, err
		case got >= want:
			return 0, nil
		case got != last:
			last, since = got, time.Now()
		case time.Since(since) > benchPatient:
			return want - got, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// settle waits until no decision was made for a while.
func (h *benchHouse) settle(ctx context.Context) error {
	poll := time.NewTicker(benchQuiet)
	defer poll.Stop()
	for last := -1.0; ; {
		n, err := h.metric(ctx, "tidegate_decisions_total")
		if err != nil || n == last {
			return err
		}
		last = n
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
