package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	clinic  = molt.Address("+15550100101")
	patient = molt.Address("+15550100199")
	nurse   = molt.Address("+15550100111")
)

// bound is how long a test waits for what must come.
const bound = 10 * time.Second

// wire is a channel that the test holds the other end of.
type wire struct {
	sent chan channels.Outbound // every attempt, as it begins
	do   func(context.Context, channels.Outbound) (channels.Receipt, error)
}

func (w *wire) ID() string               { return "main" }
func (w *wire) Accounts() []molt.Address { return []molt.Address{clinic} }

func (w *wire) Send(ctx context.Context, o channels.Outbound) (channels.Receipt, error) {
	w.sent <- o
	if w.do != nil {
		return w.do(ctx, o)
	}
	return channels.Receipt{ProviderID: "SM" + string(o.Item), Status: channels.StatusQueued}, nil
}

func (w *wire) ListInbound(context.Context, molt.Address, molt.Time, channels.Cursor, func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	return nil, "", nil
}

func (w *wire) FindOutbound(context.Context, channels.Outbound, molt.Time) (channels.Receipt, bool, error) {
	return channels.Receipt{}, false, nil
}

func (w *wire) Parse(r channels.Request) (channels.Arrival, error) {
	from, words, ok := strings.Cut(string(r.Body), " ")
	if !ok {
		return channels.Arrival{}, &channels.Rejected{HTTP: http.StatusBadRequest, Why: "not a text"}
	}
	return channels.Arrival{Inbound: &channels.Inbound{
		Channel: "main", Account: clinic, Peer: molt.Address(from), ProviderID: r.Query.Get("id"), Words: molt.Words(words), Via: "webhook",
	}}, nil
}

// thinker is a model whose answers the test gives.
type thinker struct {
	asked chan model.Request
	do    func(context.Context, model.Request) (model.Answer, error)
}

func (t *thinker) Name() string { return "test/thinker" }

func (t *thinker) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	t.asked <- r
	return t.do(ctx, r)
}

func says(words string) func(context.Context, model.Request) (model.Answer, error) {
	return func(context.Context, model.Request) (model.Answer, error) {
		return model.Answer{Kind: model.KindReply, Text: molt.Words(words)}, nil
	}
}

type rig struct {
	t       *testing.T
	wire    *wire
	model   *thinker
	gateway *Gateway
	log     *lockedBuffer
	public  string
	private string
	texts   int
	store   molt.Store
	ring    *seal.Keyring
	stop    func() // sees it end; the test's end calls it too
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig runs a gateway until the test ends, and sees it end.
func newRig(t *testing.T) *rig {
	t.Helper()
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newRigOn(t, memstore.New(), ring)
}

// again is the next daemon over the same store, the last one having ended.
func (r *rig) again() *rig {
	r.t.Helper()
	r.stop()
	next := newRigOn(r.t, r.store, r.ring)
	next.texts = r.texts
	return next
}

func newRigOn(t *testing.T, store molt.Store, ring *seal.Keyring) *rig {
	t.Helper()
	return newRigWith(t, store, ring, nil)
}

// newRigWith does what has to be done before it runs.
func newRigWith(t *testing.T, store molt.Store, ring *seal.Keyring, skills *skill.Box, before ...func(*rig)) *rig {
	t.Helper()
	r := &rig{
		t: t, store: store, ring: ring, log: &lockedBuffer{}, wire: &wire{sent: make(chan channels.Outbound, 100)},
		model: &thinker{asked: make(chan model.Request, 100), do: says("hello from the agent")},
	}
	scr, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	session, err := agent.New(agent.Options{Providers: []model.Provider{r.model}, Timeout: bound})
	if err != nil {
		t.Fatal(err)
	}
	r.gateway, err = New(Options{
		Store: store, Ring: ring, Screen: scr, Public: listen(t, &r.public), Private: listen(t, &r.private), Log: zerolog.New(r.log),
		Parts: Parts{
			Rules: rules(t), Adapters: map[string]channels.Adapter{"main": r.wire}, Session: session, SegmentsPerSecond: 1000,
			Persona: model.Persona{Languages: []string{"en"}}, Skills: skills,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range before {
		do(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.gateway.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func listen(t *testing.T, addr *string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	*addr = "http://" + l.Addr().String()
	return l
}

func rules(t *testing.T) *turn.Rules {
	t.Helper()
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &turn.Rules{
		Digest: "test", Languages: []string{"en", "es"}, Zone: time.UTC, Agent: true, Texts: texts,
		Accounts: map[string]molt.Address{"main": clinic}, DebounceMax: time.Second, Watchdog: time.Minute, HoldTextEvery: time.Minute,
		Plan: escalation.Plan{
			Terms: escalation.DefaultTerms(), Hours: escalation.Hours{Zone: time.UTC},
			People: map[molt.PersonID]escalation.Person{"alice": {ID: "alice", Name: "Alice", Role: "nurse", Routes: []escalation.Route{
				{Name: "sms", Channel: "main", Address: nurse, PHI: true},
			}}},
			Steps:    []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}},
			AllHands: []molt.PersonID{"alice"}, Admins: []molt.PersonID{"alice"},
		},
	}
}

func (r *rig) text(from molt.Address, words string) {
	r.t.Helper()
	r.texts++
	resp, err := http.Post(fmt.Sprintf("%s/hooks/main/message?id=SM%d", r.public, r.texts), "text/plain", strings.NewReader(from.Reveal()+" "+words))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		r.t.Fatalf("webhook answered %d", resp.StatusCode)
	}
}

// leaves waits for the next attempt to send.
func (r *rig) leaves() channels.Outbound {
	r.t.Helper()
	select {
	case o := <-r.wire.sent:
		return o
	case <-time.After(bound):
		r.t.Fatalf("nothing leaves; log:\n%s", r.log)
	}
	return channels.Outbound{}
}

// red waits for the two texts that a red flag sends, in either order.
func (r *rig) red() (page channels.Outbound) {
	r.t.Helper()
	got := map[channels.Class]channels.Outbound{}
	for range 2 {
		o := r.leaves()
		got[o.Class] = o
	}
	if got[channels.ClassSafety].Peer != patient || got[channels.ClassPage].Peer != nurse {
		r.t.Fatalf("left: %v; want a safety text to the patient and a page to the nurse", got)
	}
	return got[channels.ClassPage]
}

// decided waits until the log tells of a decision with that reason.
func (r *rig) decided(reason turn.Reason) {
	r.t.Helper()
	deadline := time.Now().Add(bound)
	for !strings.Contains(r.log.String(), fmt.Sprintf("%q:%q", "reason", reason)) {
		if time.Now().After(deadline) {
			r.t.Fatalf("no decision %q; log:\n%s", reason, r.log)
		}
		r.get(r.private + "/healthz") // a bounded wait that lets the daemon work
	}
}

func (r *rig) get(url string) (int, string) {
	r.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestRedFlagWhileTheModelThinks(t *testing.T) {
	r := newRig(t)
	answer := make(chan struct{})
	r.model.do = func(context.Context, model.Request) (model.Answer, error) {
		<-answer
		return model.Answer{Kind: model.KindReply, Text: "chatter about your appointment"}, nil
	}
	r.text(patient, "I need an appointment")
	<-r.model.asked
	r.text(patient, "my chest hurts")
	r.red()
	close(answer)
	r.decided(turn.ReasonFenced)
	select {
	case o := <-r.wire.sent:
		t.Errorf("after the red flag a text of class %s left", o.Class)
	default:
	}
}

func TestRedFlagWhileTheCarrierHolds(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	r.wire.do = func(_ context.Context, o channels.Outbound) (channels.Receipt, error) {
		if o.Class != channels.ClassAgent {
			return channels.Receipt{ProviderID: "SM1"}, nil
		}
		<-release
		return channels.Receipt{}, &channels.SendError{Kind: channels.FaultUnknown, Err: errors.New("cut")}
	}
	r.text(patient, "I need an appointment")
	if o := r.leaves(); o.Class != channels.ClassAgent {
		t.Fatalf("a text of class %s left first", o.Class)
	}
	r.text(patient, "my chest hurts")
	page := r.red() // though the agent's text is still held
	close(release)
	r.decided(turn.ReasonCheck)
	code := strings.Fields(page.Words.Reveal()[strings.Index(page.Words.Reveal(), "case ")+5:])[0]
	r.text(nurse, strings.Trim(code, ".")+" A")
	if o := r.leaves(); o.Peer != nurse || !strings.Contains(o.Words.Reveal(), "left before") {
		t.Errorf("the handoff does not say that the agent's text left before: %q", o.Words.Reveal())
	}
}

func TestModelThatFailsEndsWithAPerson(t *testing.T) {
	r := newRig(t)
	r.model.do = func(context.Context, model.Request) (model.Answer, error) {
		return model.Answer{}, model.ErrUnavailable
	}
	r.text(patient, "I need an appointment")
	r.decided(turn.ReasonAskAgain)
	r.decided(turn.ReasonAgentFailed)
	if o := r.leaves(); o.Peer != patient || !strings.Contains(o.Words.Reveal(), "nurse") {
		t.Error("the patient was not told that a nurse will read this")
	}
}

func TestTokenNeverLeaves(t *testing.T) {
	r := newRig(t)
	r.model.do = says("Sure thing " + policy.Token)
	r.text(patient, "I need an appointment")
	r.decided(turn.ReasonAgentFailed)
	if o := r.leaves(); strings.Contains(strings.ToLower(o.Words.Reveal()), strings.ToLower(policy.Token)) {
		t.Errorf("the token left: %q", o.Words.Reveal())
	}
}

func TestDoorsRefuseInWords(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "/hooks/other/message", "x", http.StatusNotFound},
		{http.MethodPost, "/hooks/main/else", "x", http.StatusNotFound},
		{http.MethodGet, "/hooks/main/message", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/hooks/main/message", "x", http.StatusBadRequest},
		{http.MethodPost, "/hooks/main/message", strings.Repeat("x", channels.MaxHookBytes+1), http.StatusRequestEntityTooLarge},
		{http.MethodGet, "/metrics", "", http.StatusNotFound}, // not on the public listener
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, r.public+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.want)
		}
	}
}

func TestHealthMetricsAndLogHoldNobody(t *testing.T) {
	r := newRig(t)
	if code, _ := r.get(r.private + "/readyz"); code != http.StatusOK {
		t.Errorf("readyz %d", code)
	}
	r.text(patient, "my chest hurts badly")
	r.red()
	_, metrics := r.get(r.private + "/metrics")
	if !strings.Contains(metrics, `tidegate_cases_open{severity="S1"} 1`) {
		t.Error("metrics do not show the open case")
	}
	for _, secret := range []string{"chest", "badly", "5550100199", "5550100111"} {
		if strings.Contains(metrics, secret) || strings.Contains(r.log.String(), secret) {
			t.Errorf("%q stands in metrics or log", secret)
		}
	}
}
