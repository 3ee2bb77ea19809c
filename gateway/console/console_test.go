package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func TestACaseFromListToHandBack(t *testing.T) {
	h := open(t)
	h.patient("my chest hurts")
	alice := h.as("alice")
	_, list, _ := alice.get("/cases")
	for _, want := range []string{"my chest hurts", "S1", "nobody has it", "(1) Cases"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q:\n%s", want, list)
		}
	}
	_, rest, _ := strings.Cut(list, `<a href="/c/`)
	ref, _, _ := strings.Cut(rest, `"`)
	at := "/c/" + ref
	do := func(more ...string) string {
		t.Helper()
		_, page, _ := alice.get(at)
		status, body, head := alice.post(at+"/act", ids(page, more...))
		if status != http.StatusSeeOther {
			t.Fatalf("%v: %d %s", more, status, body)
		}
		_, page, _ = alice.get(head.Get("Location"))
		return page
	}
	if page := do("verb", "take"); !strings.Contains(page, "is yours") || !strings.Contains(page, "Read back") {
		t.Errorf("after taking it:\n%s", page)
	}
	if page := do("verb", "relay", "words", "Sit down, an ambulance comes."); !strings.Contains(page, "Sit down, an ambulance comes.") {
		t.Errorf("after a reply:\n%s", page)
	}
	if page := do("verb", "called", "reached", "yes"); !strings.Contains(page, "the call is on record") {
		t.Errorf("after a call:\n%s", page)
	}
	if page := do("verb", "resolve", "disposition", "911_called", "words", "Ambulance took her.", "next_owner", "agent"); !strings.Contains(page, "is resolved") || !strings.Contains(page, "the agent answers") {
		t.Errorf("after resolving:\n%s", page)
	}
}

// TestTwoNurses: the second to click is told who has it, and her click does
// nothing, even from a page that is older than the first one's.
func TestTwoNurses(t *testing.T) {
	h := open(t)
	id := h.patient("my chest hurts")
	alice, bea := h.as("alice"), h.as("bea")
	at := "/c/" + string(id)
	_, hers, _ := bea.get(at)
	_, page, _ := alice.get(at)
	alice.post(at+"/act", ids(page, "verb", "take"))
	_, _, head := bea.post(at+"/act", ids(hers, "verb", "take"))
	_, after, _ := bea.get(head.Get("Location"))
	if !strings.Contains(after, "Refused") || !strings.Contains(after, "Alice N.") {
		t.Errorf("the late click was answered:\n%s", after)
	}
	// A page from before she took and passed it does not give it to her again.
	other := h.from("+15550100198", "I cannot breathe")
	at2 := "/c/" + string(other)
	_, old, _ := bea.get(at2)
	bea.post(at2+"/act", ids(old, "verb", "take"))
	_, page, _ = bea.get(at2)
	bea.post(at2+"/act", ids(page, "verb", "pass"))
	again := ids(old, "verb", "take")
	again.Set("nonce", "another-tab")
	_, _, head = bea.post(at2+"/act", again)
	if _, after, _ = bea.get(head.Get("Location")); !strings.Contains(after, "Refused") {
		t.Errorf("a click on an old page was answered:\n%s", after)
	}
	// The same press twice is one act.
	_, page, _ = alice.get(at)
	note := ids(page, "verb", "note", "words", "on the phone")
	alice.post(at+"/act", note)
	_, _, head = alice.post(at+"/act", note)
	if _, after, _ = alice.get(head.Get("Location")); !strings.Contains(after, "Done before") {
		t.Errorf("the second press was answered:\n%s", after)
	}
}

// TestLooksAreOnRecord: each page of words is an event, and a page that keeps
// itself fresh makes one only when there are new words.
func TestLooksAreOnRecord(t *testing.T) {
	h := open(t)
	id := h.patient("my chest hurts")
	looks := func() (n int) {
		f, err := h.audit.Export(t.Context(), id)
		must(t, err)
		for _, e := range f.Journal {
			var r turn.Read
			if e.Kind == turn.KindRead && json.Unmarshal(e.Body, &r) == nil && r.Actor == "ada" {
				n++
			}
		}
		return n
	}
	ada := h.as("ada")
	for i, c := range []struct {
		path string
		want int
	}{{"/cases", 1}, {"/c/" + string(id), 2}, {"/c/" + string(id), 2}, {"/c/" + string(id) + "/chart", 3}, {"/c/" + string(id) + "/trace", 4}, {"/search?q=0199", 5}} {
		if status, _, _ := ada.get(c.path); status != http.StatusOK {
			t.Fatalf("%s: %d", c.path, status)
		}
		if got := looks(); got != c.want {
			t.Errorf("step %d, %s: %d looks on record, want %d", i, c.path, got, c.want)
		}
	}
	h.patient("it gets worse")
	ada.get("/c/" + string(id))
	if got := looks(); got != 6 {
		t.Errorf("new words: %d looks on record, want 6", got)
	}
}

// TestADraftIsWordsToo: a draft comes after the words it answers, and a page that
// keeps itself fresh shows it. That look is on record too.
func TestADraftIsWordsToo(t *testing.T) {
	h := open(t)
	h.rules.Agent, h.rules.Autonomy = true, turn.AutonomyDraft
	id := h.patient("are you open on Saturday?")
	looks := func() (n int) {
		f, err := h.audit.Export(t.Context(), id)
		must(t, err)
		for _, e := range f.Journal {
			if e.Kind == turn.KindRead {
				n++
			}
		}
		return n
	}
	alice := h.as("alice")
	live := func() string {
		r := alice.request(http.MethodGet, "/c/"+string(id), nil)
		r.Header.Set("X-Live", "1")
		_, body, _ := alice.send(r)
		return body
	}
	live()
	live()
	if got := looks(); got != 1 {
		t.Fatalf("%d looks on record before the draft, want 1", got)
	}
	_, err := h.desk.Step(t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		r := turn.Replied{Item: s.Ask.Item, Saw: s.Seq, Epoch: s.Epoch, Answer: model.Answer{Kind: model.KindReply, Text: "We are closed on Saturday."}}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindReplied, Body: &r}}}
	})
	must(t, err)
	if body := live(); !strings.Contains(body, "We are closed on Saturday.") {
		t.Fatalf("the page has no draft:\n%s", body)
	}
	if got := looks(); got != 2 {
		t.Errorf("%d looks on record once a draft was shown, want 2", got)
	}
	if live(); looks() != 2 {
		t.Errorf("%d looks on record of a draft that was seen before, want 2", looks())
	}
}

// TestRights asks for every page as everybody.
func TestRights(t *testing.T) {
	h := open(t)
	id := string(h.patient("my chest hurts"))
	for _, c := range []struct {
		method, path string
		right        access.Right
	}{
		{"GET", "/cases", access.Read},
		{"GET", "/c/" + id, access.Read},
		{"GET", "/c/" + id + "/chart", access.Read},
		{"GET", "/c/" + id + "/trace", access.Read},
		{"GET", "/search?q=lopez", access.Read},
		{"GET", "/start", access.Work},
		{"POST", "/start", access.Work},
		{"POST", "/c/" + id + "/act", access.Work},
		{"POST", "/segments", access.Work},
	} {
		for who, p := range people {
			status, _, _ := h.as(who).send(h.browser().request(c.method, c.path, url.Values{}))
			if refused := status == http.StatusForbidden; refused == p.Role.May(c.right) {
				t.Errorf("%s %s as %s (%s): %d", c.method, c.path, who, p.Role, status)
			}
		}
		status, body, head := h.browser().send(h.browser().request(c.method, c.path, url.Values{}))
		if strings.Contains(body, "chest") || status == http.StatusOK {
			t.Errorf("%s %s as nobody: %d %s", c.method, c.path, status, body)
		}
		if c.method == "GET" && !strings.HasPrefix(head.Get("Location"), "/sign-in?to=%2Fc") {
			t.Errorf("%s as nobody leads to %q", c.path, head.Get("Location"))
		}
	}
}

// TestSignInIsGuarded: reuse, theft, fixation, pre-fetch, other sites and hosts.
func TestSignInIsGuarded(t *testing.T) {
	h := open(t)
	link := h.mint("alice")
	for range 3 { // what fetches links ahead of people uses none up
		if status, page, _ := h.browser().get("/in?t=" + link); status != http.StatusOK || !strings.Contains(page, "Alice N.") {
			t.Fatalf("the link's page: %d", status)
		}
	}
	b := h.browser()
	req := b.request("POST", "/in", url.Values{"t": {link}})
	req.AddCookie(&http.Cookie{Name: "__Host-tidegate", Value: "chosen-by-an-attacker"})
	_, _, head := b.send(req)
	set := head.Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-tidegate=") || strings.Contains(set, "chosen") {
		t.Errorf("the session's cookie: %q", set)
	}
	for _, want := range []string{"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie lacks %s: %q", want, set)
		}
	}
	if status, _, _ := h.browser().post("/in", url.Values{"t": {link}}); status != http.StatusGone {
		t.Errorf("a used link: %d, want 410", status)
	}
	if status, _, _ := b.get("/cases"); status != http.StatusOK {
		t.Errorf("signed in: %d", status)
	}
	b.post("/sign-out", url.Values{})
	stolen := b.request("GET", "/cases", nil)
	stolen.Header.Set("Cookie", strings.Split(set, ";")[0])
	if status, _, _ := h.browser().send(stolen); status != http.StatusSeeOther {
		t.Errorf("a cookie of a session that was ended: %d", status)
	}
}

func TestOtherSitesAndHostsAreRefused(t *testing.T) {
	h := open(t)
	id := string(h.patient("my chest hurts"))
	b := h.as("alice")
	_, page, _ := b.get("/c/" + id)
	for name, change := range map[string]func(*http.Request){
		"cross-site":       func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site":        func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"origin":           func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"origin null":      func(r *http.Request) { r.Header.Set("Origin", "null") },
		"another host":     func(r *http.Request) { r.Host = "evil.example" },
		"host by suffix":   func(r *http.Request) { r.Host = "console.example.evil.example" },
		"loopback in name": func(r *http.Request) { r.Host = "127.0.0.1.evil.example" },
	} {
		req := b.request("POST", "/c/"+id+"/act", ids(page, "verb", "take"))
		change(req)
		if status, _, _ := b.send(req); status != http.StatusForbidden && status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if _, page, _ := b.get("/c/" + id); !strings.Contains(page, "nobody has it") {
		t.Error("one of them took the case")
	}
}

// TestLiveIsGuarded: the WebSocket opens for our own pages of people signed in,
// and ends when they sign out.
func TestLiveIsGuarded(t *testing.T) {
	h := open(t)
	b := h.as("alice")
	home, err := url.Parse(h.web.URL)
	must(t, err)
	dial := func(origin, cookie string) (*websocket.Conn, int) {
		d := websocket.Dialer{TLSClientConfig: h.web.Client().Transport.(*http.Transport).TLSClientConfig, HandshakeTimeout: 10 * time.Second}
		head := http.Header{}
		if origin != "" {
			head.Set("Origin", origin)
		}
		if cookie != "" {
			head.Set("Cookie", "__Host-tidegate="+cookie)
		}
		ws, resp, err := d.DialContext(t.Context(), "wss://"+home.Host+"/live?at=", head)
		if err != nil && resp == nil {
			t.Fatal(err)
		}
		return ws, resp.StatusCode
	}
	token, _, err := h.access.SignIn(t.Context(), h.mint("bea"), "")
	must(t, err)
	for name, c := range map[string]struct {
		origin, cookie string
		want           int
	}{
		"another site": {"https://evil.example", token, 403}, "no origin": {"", token, 403}, "null": {"null", token, 403},
		"nobody": {h.web.URL, "", 401}, "made up": {h.web.URL, "x", 401}, "our own": {h.web.URL, token, 101},
	} {
		ws, status := dial(c.origin, c.cookie)
		if status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
		if ws != nil {
			_ = ws.Close()
		}
	}
	ws, _ := dial(h.web.URL, token)
	defer ws.Close()
	var says struct{ S1 int }
	must(t, ws.ReadJSON(&says))
	h.patient("my chest hurts")
	for says.S1 != 1 { // told again until the case is counted
		must(t, ws.ReadJSON(&says))
	}
	_ = b
}

// hostile are texts and names that would be more than text somewhere.
var hostile = []string{
	`<script>window.pwned=1</script>`, `"><img src=x onerror="window.pwned=1">`, `</textarea><script>window.pwned=1</script>`,
	`javascript:window.pwned=1`, `{{.Me.Name}}`, `<svg/onload=window.pwned=1>`, `'; window.pwned=1; '`, "\u202egnp.exe", "\x1b[31mred\x1b[0m\x07",
	`=HYPERLINK("http://evil.example","x")`, "+1+1", "@SUM(A1)", "line one\nline two: forged", `&lt;script&gt;`,
}

// TestHostileTextIsText: whatever a patient writes stands on the pages as text.
func TestHostileTextIsText(t *testing.T) {
	h := open(t)
	var id molt.ConversationID
	for _, s := range hostile {
		id = h.patient("my chest hurts " + s)
	}
	b := h.as("alice")
	for _, path := range []string{"/cases", "/c/" + string(id), "/c/" + string(id) + "/chart", "/c/" + string(id) + "/trace", "/search?q=" + url.QueryEscape(hostile[1]), "/c/" + url.PathEscape(hostile[0])} {
		_, page, head := b.get(path)
		for _, bad := range []string{"<script>w", "<img", "<svg", "onerror=\"", "</textarea><s"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	_, chart, _ := b.get("/c/" + string(id) + "/chart")
	if strings.Contains(chart, "\x1b") || strings.Contains(chart, "\u202e") || strings.Contains(chart, "\nline two") {
		t.Error("the chart holds what hides, turns or forges lines")
	}
	if log := h.log.String(); strings.Contains(log, "chest") || strings.Contains(log, "0199") {
		t.Errorf("the log holds words or a number: %s", log)
	}
}

func TestALinkIsTextedToTheContact(t *testing.T) {
	h := open(t)
	b := h.browser()
	_, known, _ := b.post("/sign-in", url.Values{"id": {"alice"}})
	_, unknown, _ := b.post("/sign-in", url.Values{"id": {"mallory"}})
	if known != unknown {
		t.Error("the answer tells who works here")
	}
	stream, _ := h.desk.StreamOf("alice", "main", phones["alice"])
	f, err := h.audit.Export(t.Context(), stream)
	must(t, err)
	var words string
	for _, o := range f.Outbound {
		words += o.Words.Reveal()
	}
	if strings.Count(words, "https://console.example/in?t=") != 1 {
		t.Fatalf("her phone got %q", words)
	}
	_, rest, _ := strings.Cut(words, "/in?t=")
	token, _, _ := strings.Cut(rest, " ")
	if status, _, _ := h.browser().post("/in", url.Values{"t": {token}}); status != http.StatusSeeOther {
		t.Errorf("the link she got: %d", status)
	}
	for range 10 { // a flood of asks texts her no more than a few
		h.browser().post("/sign-in", url.Values{"id": {"alice"}})
	}
	f, err = h.audit.Export(t.Context(), stream)
	must(t, err)
	if len(f.Outbound) != 3 {
		t.Errorf("%d links were texted in a quarter of an hour, want 3", len(f.Outbound))
	}
}

func TestStartAConversation(t *testing.T) {
	h := open(t)
	b := h.as("alice")
	_, page, _ := b.get("/start")
	form := ids(page, "channel", "main", "number", "(555) 010-0177", "words", "This is the clinic. Please call us.")
	for _, c := range []struct{ field, value, says string }{{"number", "hello", "not a telephone number"}, {"channel", "nope", "no such channel"}, {"words", " ", "what the patient is to read"}} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set(c.field, c.value)
		if status, body, _ := b.post("/start", bad); status != http.StatusBadRequest || !strings.Contains(body, c.says) {
			t.Errorf("%s %q: %d", c.field, c.value, status)
		}
	}
	form.Set("number", "+1 212 555 0177")
	status, body, head := b.post("/start", form)
	if status != http.StatusSeeOther {
		t.Fatalf("start: %d %s", status, body)
	}
	_, page, _ = b.get(head.Get("Location"))
	for _, want := range []string{"&#43;12125550177", "This is the clinic. Please call us.", "Alice N. is with the patient"} {
		if !strings.Contains(page, want) {
			t.Errorf("the new conversation lacks %q:\n%s", want, page)
		}
	}
	// The same form again is the same act.
	b.post("/start", form)
	id := h.desk.ConversationOf("main", "+12125550101", "+12125550177")
	f, err := h.audit.Export(t.Context(), id)
	must(t, err)
	if n := len(f.Outbound); n != 1 {
		t.Errorf("%d texts left for one form: %+v", n, f.Outbound)
	}
}

// TestALinkLeadsToTheCase: who was led to a case by a page comes to it after
// signing in, and a link leads nowhere else.
func TestALinkLeadsToTheCase(t *testing.T) {
	h := open(t)
	h.patient("my chest hurts")
	_, list, _ := h.as("alice").get("/cases")
	_, rest, _ := strings.Cut(list, `<a href="/c/`)
	code, _, _ := strings.Cut(rest, `"`)
	for to, want := range map[string]string{
		"/c/" + code: "/c/" + code, "/c/" + code + "/act": "/cases", "https://evil.example": "/cases", "//evil.example": "/cases", "/c/../admin": "/cases", "": "/cases",
	} {
		_, page, _ := h.browser().get("/sign-in?to=" + url.QueryEscape(to))
		if !strings.Contains(page, `name="to" value="`+want+`"`) {
			t.Errorf("to %q: the page does not lead to %s", to, want)
		}
		status, _, head := h.browser().post("/in", url.Values{"t": {h.mint("alice")}, "to": {to}})
		if status != http.StatusSeeOther || head.Get("Location") != want {
			t.Errorf("to %q: %d %s, want %s", to, status, head.Get("Location"), want)
		}
	}
}
