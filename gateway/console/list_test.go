package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/molt"
)

// TestOneSourceIsOneCard: many chats from one place do not push other patients
// off the screen, and none of them is hidden.
func TestOneSourceIsOneCard(t *testing.T) {
	h := open(t)
	h.rules.Plan.Steps = []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}}
	for i := range 5 {
		h.chat(fmt.Sprintf("visitor%d", i), "my chest hurts")
	}
	h.patient("I cannot breathe")
	_, page, _ := h.as("alice").get("/cases")
	if cards, others := strings.Count(page, `<li class="case`), strings.Count(page, "my chest hurts"); cards != 2 || others != 5 {
		t.Errorf("%d cards and %d chats on the list, want 2 and 5:\n%s", cards, others, page)
	}
}

// TestChatsOfOneSourceHideNoEmergency: however many chats one network opens, the
// emergency that comes after them stands on the list.
func TestChatsOfOneSourceHideNoEmergency(t *testing.T) {
	h := open(t)
	h.rules.Plan.Steps = []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}}
	for i := range console.MaxListed + 20 {
		h.chat(fmt.Sprintf("visitor%d", i), "my chest hurts")
	}
	h.from("+15550100198", "I cannot breathe, my wife is calling")
	_, page, _ := h.as("alice").get("/cases")
	if !strings.Contains(page, "my wife is calling") {
		t.Error("the emergency is not on the list")
	}
	more := fmt.Sprintf("and %d more", console.MaxListed+20-1-console.MaxOthers)
	if cards := strings.Count(page, `<li class="case`); cards != 2 || !strings.Contains(page, more) {
		t.Errorf("%d cards, want 2; the first says %q: %v", cards, more, strings.Contains(page, more))
	}
}

// TestMoreThanTheListHolds: what has no room is counted.
func TestMoreThanTheListHolds(t *testing.T) {
	h := open(t)
	for i := range console.MaxListed + 3 {
		h.from(molt.Address(fmt.Sprintf("+1555010%04d", 1000+i)), "my chest hurts")
	}
	_, page, _ := h.as("alice").get("/cases")
	if cards := strings.Count(page, `<li class="case`); cards != console.MaxListed || !strings.Contains(page, "3 more are not shown") {
		t.Errorf("%d cards of %d", cards, console.MaxListed)
	}
}

func TestSearchForSignsFindsNobody(t *testing.T) {
	h := open(t)
	h.patient("hello")
	for _, q := range []string{"---", "( )", "+ +", "1--", "0 9"} {
		_, page, _ := h.as("ada").get("/search?q=" + url.QueryEscape(q))
		if strings.Contains(page, `<li class="case`) || !strings.Contains(page, "at least 3") {
			t.Errorf("%q found somebody", q)
		}
	}
}

func TestATextNeedsATelephone(t *testing.T) {
	h := open(t)
	h.rules.Accounts["web"] = "web"
	alice := h.as("alice")
	_, page, _ := alice.get("/start")
	if strings.Contains(page, `<option value="web"`) {
		t.Error("a web chat is offered to text from")
	}
	for name, c := range map[string][2]string{"a web chat": {"web", "+12125550177"}, "a colleague": {"main", "+15550100112"}} {
		status, body, _ := alice.post("/start", ids(page, "channel", c[0], "number", c[1], "words", "Please come in today."))
		if status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestABrokenFormIsTold: and nothing of it reaches the log.
func TestABrokenFormIsTold(t *testing.T) {
	h := open(t)
	req := h.as("alice").request(http.MethodPost, "/c/"+string(h.patient("my chest hurts"))+"/act", url.Values{})
	req.URL.RawQuery = "a=%z1"
	if status, body, _ := h.as("alice").send(req); status != http.StatusBadRequest || strings.Contains(body, "%z1") {
		t.Errorf("a broken form: %d", status)
	}
	if log := h.log.String(); strings.Contains(log, "z1") {
		t.Errorf("in the log: %s", log)
	}
}

// TestButtonsDoWhatTheySay: none stands on a page that would only be refused.
func TestButtonsDoWhatTheySay(t *testing.T) {
	h := open(t)
	h.rules.Plan.Steps = []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}}
	at := "/c/" + string(h.patient("my chest hurts"))
	alice, bea := h.as("alice"), h.as("bea")
	shows := func(b *browser, button string) bool {
		_, page, _ := b.get(at)
		return strings.Contains(page, button)
	}
	const take, pass = `value="take"`, `value="pass"`
	if !shows(alice, take) || !shows(alice, pass) || !shows(bea, take) || shows(bea, pass) {
		t.Error("who is asked can take and pass, anybody else can take")
	}
	_, page, _ := alice.get(at)
	alice.post(at+"/act", ids(page, "verb", "take"))
	if shows(bea, take) || shows(bea, pass) || !shows(bea, "Alice N. has it") {
		t.Error("a case that a colleague has is not to be taken")
	}
}

// TestASwappedEmergencyIsTold: one is taken and another comes within the moment
// in which changes are gathered. The count is as before, and the page is told
// that it is another one.
func TestASwappedEmergencyIsTold(t *testing.T) {
	h := open(t)
	home, err := url.Parse(h.web.URL)
	must(t, err)
	token, _, err := h.access.SignIn(t.Context(), h.mint("bea"), "")
	must(t, err)
	at := "/c/" + string(h.patient("my chest hurts"))
	alice := h.as("alice")
	_, page, _ := alice.get(at)
	d := websocket.Dialer{TLSClientConfig: h.web.Client().Transport.(*http.Transport).TLSClientConfig, HandshakeTimeout: 10 * time.Second}
	ws, _, err := d.DialContext(t.Context(), "wss://"+home.Host+"/live?at=", http.Header{"Origin": {h.web.URL}, "Cookie": {"__Host-tidegate=" + token}})
	must(t, err)
	defer ws.Close()
	type says struct {
		S1     int   `json:"s1"`
		Newest int64 `json:"newest"`
	}
	var first, now says
	must(t, ws.ReadJSON(&first))
	alice.post(at+"/act", ids(page, "verb", "take"))
	h.from("+15550100198", "I cannot breathe")
	for now.Newest <= first.Newest || now.S1 != 1 {
		must(t, ws.ReadJSON(&now))
	}
}

func TestAStrangersAsksKeepNobodyOut(t *testing.T) {
	h := open(t)
	for i := range 50 {
		h.browser().post("/sign-in", url.Values{"id": {fmt.Sprint("nobody", i)}})
	}
	h.browser().post("/sign-in", url.Values{"id": {"alice"}})
	stream, _ := h.desk.StreamOf("alice", "main", phones["alice"])
	f, err := h.audit.Export(t.Context(), stream)
	must(t, err)
	if len(f.Outbound) != 1 {
		t.Errorf("%d links were texted, want 1", len(f.Outbound))
	}
}

// TestAChatIsFoundByTheNumberToCall: a visitor has no number of their own.
func TestAChatIsFoundByTheNumberToCall(t *testing.T) {
	h := open(t)
	ticket, err := h.desk.Accept(t.Context(), channels.Inbound{
		Channel: "web", Account: "web", Peer: "v0042", ProviderID: "W1", Words: "hi", Via: channels.ViaLive, Source: "net", CallBack: "+12125550142",
	})
	must(t, err)
	_, err = ticket.Wait(t.Context())
	must(t, err)
	alice := h.as("alice")
	if _, page, _ := alice.get("/search?q=0142"); !strings.Contains(page, "Web visitor") {
		t.Errorf("by the last digits it is not found:\n%s", page)
	}
	if _, page, _ := alice.get("/search?q=0042"); strings.Contains(page, "Web visitor") {
		t.Errorf("it is found by what is no number:\n%s", page)
	}
}

// TestACrowdStandsOnOneCard: chats that wait behind those that ring take no room of
// other patients', and their card says what they are.
func TestACrowdStandsOnOneCard(t *testing.T) {
	h := open(t)
	h.rules.ChatsRinging = 1
	for i := range 5 {
		h.chatFrom(fmt.Sprintf("v%d", i), fmt.Sprintf("net%d", i), "my chest hurts")
	}
	h.patient("my chest hurts")
	_, page, _ := h.as("alice").get("/cases")
	if n := strings.Count(page, `<li class="case `); n != 2 {
		t.Errorf("%d cards, want one of the chats and one of the patient", n)
	}
	if n := strings.Count(page, "it waits to be taken behind"); n != 4 {
		t.Errorf("%d say that they wait, want 4:\n%s", n, page)
	}
}
