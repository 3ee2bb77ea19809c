package webchat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
	"github.com/tidegate/tidegate/molt"
)

// TestTypingIsPassedOnNowAndThen: a visitor who says it a thousand times is passed on
// once, nothing is kept of it, and they see when a person types.
func TestTypingIsPassedOnNowAndThen(t *testing.T) {
	r := newRig(t)
	conn := r.browser(site).talk(0)
	say := func(id string) {
		for range 1000 {
			r.send(conn, frame{Type: "typing"})
		}
		r.send(conn, frame{Type: "text", ClientID: id, Text: "hi"})
		r.next(conn, "committed")
	}
	say("a-text-001")
	r.later(webchat.TypingEvery)
	say("a-text-002")
	r.house.mu.Lock()
	types, took := len(r.house.types), len(r.house.took)
	peer := r.house.took[0].Peer
	r.house.mu.Unlock()
	if types != 2 || took != 2 {
		t.Errorf("it was passed on %d times and %d texts were taken, want 2 and 2", types, took)
	}
	r.chat.Typing(peer)
	r.next(conn, "typing")
	r.chat.Typing("visitor:nobody")
}

func TestTextIsTakenOnceAndShownAsCommitted(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	conn := b.talk(0)
	text := frame{Type: "text", ClientID: "client-id-1", Text: "my chest hurts"}
	r.send(conn, text)
	shown := r.next(conn, "message")
	if shown.ClientID != text.ClientID || shown.Kind != "own" || shown.Text != text.Text || shown.Position == 0 {
		t.Errorf("shown as %+v", shown)
	}
	r.send(conn, text)
	if f := r.next(conn, "committed"); f.ClientID != text.ClientID {
		t.Errorf("committed %+v", f)
	}
	r.send(conn, text)
	r.next(conn, "committed")
	took := r.house.texts()
	if len(took) != 1 {
		t.Fatalf("it was taken %d times", len(took))
	}
	in := took[0]
	if in.Words != molt.Words(text.Text) || in.Source == "" || in.Account != r.chat.Accounts()[0] || strings.Contains(in.Source, "127.0.0.1") {
		t.Errorf("taken as %+v", in)
	}
	// Another visitor's client may choose the same id.
	other := r.browser(site).talk(0)
	r.send(other, text)
	r.next(other, "message")
	if took := r.house.texts(); len(took) != 2 || took[0].ProviderID == took[1].ProviderID || took[0].Peer == took[1].Peer {
		t.Errorf("two visitors' texts came as %d", len(took))
	}
}

func TestResumeMissesAndRepeatsNothing(t *testing.T) {
	r := newRig(t)
	b := r.browser(foreign)
	conn := b.talk(0)
	r.send(conn, frame{Type: "text", ClientID: "client-id-1", Text: "hello"})
	at := r.next(conn, "message").Position
	peer := r.house.texts()[0].Peer
	_ = conn.Close()
	for i := range 2*page + 1 {
		r.house.say(peer, channels.ShownAgent, fmt.Sprint("answer ", i))
	}
	again := b.talk(at)
	for i := range 2*page + 1 {
		f := r.next(again, "message")
		if f.Text != fmt.Sprint("answer ", i) || f.Position <= at {
			t.Fatalf("message %d is %+v after %d", i, f, at)
		}
		at = f.Position
	}
	r.house.say(peer, channels.ShownSafety, "call 911")
	if f := r.next(again, "message"); f.Kind != "safety" || f.Text != "call 911" {
		t.Errorf("then %+v", f)
	}
}

func TestWhatCannotBeCommittedIsSentAgain(t *testing.T) {
	r := newRig(t)
	r.house.fail = errors.New("the store is broken")
	conn := r.browser(site).talk(0)
	r.send(conn, frame{Type: "text", ClientID: "client-id-1", Text: "hello"})
	r.closed(conn, websocket.CloseTryAgainLater)
	if n := len(r.house.texts()); n != 0 {
		t.Errorf("%d texts were taken", n)
	}
}

func TestCallBackAndLanguageRideWithTheText(t *testing.T) {
	r := newRig(t)
	conn := r.browser(site).talk(0)
	for number, want := range map[string]string{
		"(212) 555-0142": "+12125550142", "+44 20 7946 0958": "+442079460958", "my chest hurts": "", "12": "", "<script>": "", strings.Repeat("5", 60): "",
	} {
		r.send(conn, frame{Type: "call_back", Number: number})
		f := r.next(conn, "call_back")
		if f.OK == nil || *f.OK != (want != "") || f.Number != want {
			t.Errorf("%q is read as %+v, want %q", number, f, want)
		}
	}
	r.send(conn, frame{Type: "call_back", Number: "212 555 0142"})
	r.send(conn, frame{Type: "lang", Lang: "es"})
	r.send(conn, frame{Type: "lang", Lang: "xx"})
	r.send(conn, frame{Type: "text", ClientID: "client-id-1", Text: "hola"})
	r.next(conn, "committed")
	if in := r.house.texts()[0]; in.CallBack != "+12125550142" || in.Lang != "es" {
		t.Errorf("it came with %q, %q", in.CallBack.Reveal(), in.Lang)
	}
}

func TestBadFrames(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.MessageLength = 100 })
	b := r.browser(site)
	conn := b.talk(0)
	r.send(conn, frame{Type: "text", ClientID: "client-id-1", Text: " \n\t"})
	if f := r.next(conn, "refused"); f.ClientID != "client-id-1" || f.Why != "empty" {
		t.Errorf("an empty text: %+v", f)
	}
	r.send(conn, frame{Type: "text", ClientID: "x", Text: "hello"})
	if f := r.next(conn, "refused"); f.Why != "client_id" {
		t.Errorf("a client id that is none: %+v", f)
	}
	r.send(conn, frame{Type: "something new"}) // of a later version: read past
	r.send(conn, frame{Type: "text", ClientID: "client-id-2", Text: strings.Repeat("é", 300) + "\x00"})
	r.next(conn, "committed")
	for i, in := range r.house.texts() {
		if n := len([]rune(in.Words.Reveal())); in.Cut || i < 3 && n != 100 || i == 3 && n != 1 {
			t.Errorf("a long text's part %d: cut %v, %d letters", i, in.Cut, n)
		}
	}
	for name, first := range map[string]string{"no JSON": "hello", "no hello": `{"type":"text","client_id":"client-id-3","text":"x"}`} {
		fresh, _ := b.open(b.session().Ticket)
		_ = fresh.WriteMessage(websocket.TextMessage, []byte(first))
		_ = fresh.SetReadDeadline(time.Now().Add(bound))
		if _, _, err := fresh.ReadMessage(); err == nil {
			t.Errorf("%s: it goes on", name)
		}
	}
	huge := b.talk(0)
	_ = huge.WriteMessage(websocket.TextMessage, []byte(`{"type":"text","text":"`+strings.Repeat("x", 64<<10)+`"}`))
	r.closed(huge, websocket.CloseMessageTooBig)
	if n := len(r.house.texts()); n != 4 {
		t.Errorf("%d texts were taken, want the four parts of one", n)
	}
}

// TestLongTextIsTakenWhole has the emergency at a long text's end, and the store
// break halfway: its client_id stands for all of it.
func TestLongTextIsTakenWhole(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.MessageLength = 100 })
	b := r.browser(site)
	conn := b.talk(0)
	long := strings.Repeat("so it began with my knee. ", 9) + strings.Repeat(" ", 300) + "and now I cannot breathe"
	text := frame{Type: "text", ClientID: "client-id-1", Text: long}
	r.house.breaks(2)
	r.send(conn, text)
	r.closed(conn, websocket.CloseTryAgainLater)
	r.house.breaks(0)
	conn = b.talk(0)
	for i := range 2 {
		if f := r.next(conn, "message"); f.ClientID != fmt.Sprint("client-id-1.", i+1) {
			t.Errorf("part %d is %+v", i+1, f)
		}
	}
	r.send(conn, text)
	var shown frame
	for shown.ClientID != text.ClientID {
		shown = r.next(conn, "message")
	}
	var all string
	for _, in := range r.house.texts() {
		words := in.Words.Reveal()
		if len(words) > 100 || strings.TrimSpace(words) == "" || strings.TrimSpace(words) == words && !strings.HasSuffix(long, words) {
			t.Errorf("a part is %q", words)
		}
		all += words
	}
	if strings.Join(strings.Fields(all), " ") != strings.Join(strings.Fields(long), " ") {
		t.Errorf("taken: %q", all)
	}
	if !strings.HasSuffix(shown.Text, "and now I cannot breathe") {
		t.Errorf("the client_id stands for %q", shown.Text)
	}
}

func TestRunEndsEverySocket(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	conn := b.talk(0)
	r.next(conn, "state")
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.stop() }()
	r.closed(conn, websocket.CloseGoingAway)
	<-stopped
	if late, status := b.open(b.session().Ticket); late != nil || status != 503 {
		t.Errorf("a socket after the end got %d", status)
	}
}

// TestClientSurvivesDrops is the terminal's client through a server that hangs up
// again and again: nothing is lost and nothing shown twice.
func TestClientSurvivesDrops(t *testing.T) {
	r := newRig(t)
	var mu sync.Mutex
	shown := map[string]int{}
	got := make(chan string, 100)
	c := r.client(webchat.ClientOptions{Show: func(m webchat.Message) {
		mu.Lock()
		shown[m.Text]++
		mu.Unlock()
		got <- m.Text
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	const rounds = 3
	for i := range rounds {
		if err := c.Say(fmt.Sprint("text ", i)); err != nil {
			t.Fatal(err)
		}
		await(t, got, fmt.Sprint("text ", i))
		r.wires.cut()
		r.house.say(r.house.texts()[0].Peer, channels.ShownAgent, fmt.Sprint("answer ", i))
		if err := c.Say(fmt.Sprint("while off ", i)); err != nil {
			t.Fatal(err)
		}
		await(t, got, fmt.Sprint("while off ", i))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(shown) != 3*rounds || c.Pending() != 0 {
		t.Errorf("%d messages shown, %d pending; want %d and none", len(shown), c.Pending(), 3*rounds)
	}
	for text, n := range shown {
		if n != 1 {
			t.Errorf("%q was shown %d times", text, n)
		}
	}
	if n := len(r.house.texts()); n != 2*rounds {
		t.Errorf("%d texts were taken, want %d", n, 2*rounds)
	}
}

// TestClientSaysAgainWhatItShowed breaks the connection while the client shows an
// answer, before it can say so.
func TestClientSaysAgainWhatItShowed(t *testing.T) {
	r := newRig(t)
	seen := make(chan channels.Position, 100)
	r.house.sees = func(at channels.Position) { seen <- at }
	shown := make(chan channels.Position, 1)
	c := r.client(webchat.ClientOptions{Show: func(m webchat.Message) {
		if m.Kind == channels.ShownOwn {
			r.house.say(r.house.texts()[0].Peer, channels.ShownSafety, "call 911")
			return
		}
		r.wires.cut()
		shown <- m.Position
	}})
	if err := c.Say("my chest hurts"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	at := <-shown
	for late := time.After(bound); ; {
		select {
		case upto := <-seen:
			if upto < at {
				continue
			}
		case <-late:
			t.Error("what it showed is not on record")
		}
		break
	}
	cancel()
	<-ended
}

func await(t *testing.T, got <-chan string, want string) {
	t.Helper()
	for {
		select {
		case text := <-got:
			if text == want {
				return
			}
		case <-time.After(bound):
			t.Fatalf("%q never came", want)
		}
	}
}

func TestClientStopsWhereItIsNotWanted(t *testing.T) {
	r := newRig(t)
	c := r.client(webchat.ClientOptions{Origin: "https://evil.example"})
	var refused *webchat.RefusedError
	if err := c.Run(t.Context()); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("Run = %v", err)
	}
	if err := r.client(webchat.ClientOptions{CallBack: "nonsense"}).Run(t.Context()); !errors.As(err, &refused) {
		t.Errorf("Run with a bad number = %v", err)
	}
}
