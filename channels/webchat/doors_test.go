package webchat_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels/webchat"
)

// TestForeignPagesAreRefused is cross-site WebSocket hijacking, and the same over
// the session's door: a page that is not listed gets nothing, whatever cookie
// the browser adds.
func TestForeignPagesAreRefused(t *testing.T) {
	r := newRig(t)
	victim := r.browser(site)
	if a := victim.session(); a.status != http.StatusOK || victim.cookie == "" {
		t.Fatalf("the clinic's own page got %d", a.status)
	}
	for _, origin := range []string{"", "null", "https://evil.example", "https://clinic.example", "http://www.clinic.example", site + ".evil.example", site + "/", "HTTPS://WWW.CLINIC.EXAMPLE"} {
		evil := r.browser(origin)
		evil.cookie = victim.cookie
		if a := evil.session(); a.status != http.StatusForbidden || a.Ticket != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a session from %q got %d, ticket %q", origin, a.status, a.Ticket)
		}
		if conn, status := evil.open(victim.session().Ticket); conn != nil || status != http.StatusForbidden {
			t.Errorf("a socket from %q got %d", origin, status)
		}
	}
	twice := r.browser("")
	twice.cookie = victim.cookie
	twice.header["Origin"] = []string{site, "https://evil.example"}
	if a := twice.session(); a.status != http.StatusForbidden {
		t.Errorf("two origins got %d", a.status)
	}
}

// TestAProxyThatHidesWhereChatsComeFromIsTold: behind one all visitors are one source.
func TestAProxyThatHidesWhereChatsComeFromIsTold(t *testing.T) {
	begun := func(r *rig, forwarded string) string {
		b := r.browser(site)
		if forwarded != "" {
			b.header.Set("X-Forwarded-For", forwarded)
		}
		b.session()
		r.house.mu.Lock()
		defer r.house.mu.Unlock()
		why := strings.Join(r.house.hidden, ", ")
		r.house.hidden = nil
		return why
	}
	r := newRig(t)
	if why := begun(r, ""); why != webchat.HiddenByProxy {
		t.Errorf("a proxy that passes nothing: %q", why)
	}
	if why := begun(r, "203.0.113.9"); why != "" {
		t.Errorf("a proxy that does: %q", why)
	}
	far := newRig(t, func(o *webchat.Options) { o.TrustedProxies = []string{"192.0.2.1"} })
	if why := begun(far, "203.0.113.9"); why != webchat.HiddenUntrusted {
		t.Errorf("a proxy that is not listed: %q", why)
	}
	own := newRig(t, func(o *webchat.Options) { o.TrustedProxies, o.Certificate = []string{"192.0.2.1"}, true })
	if why := begun(own, ""); why != "" {
		t.Errorf("a browser that comes to a certificate of ours: %q", why)
	}
	plain := newRig(t, func(o *webchat.Options) { o.PublicURL = "http://127.0.0.1:8080" })
	if why := begun(plain, ""); why != "" {
		t.Errorf("where no proxy need be: %q", why)
	}
}

func TestFormsOfOtherSitesGetNoSession(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
		b := r.browser(site)
		b.header.Set("Content-Type", kind)
		if a := b.session(); a.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s got %d", kind, a.status)
		}
	}
}

// TestABusyHouseTurnsNewVisitorsAwayAlone: who has a chat goes on in it.
func TestABusyHouseTurnsNewVisitorsAwayAlone(t *testing.T) {
	r := newRig(t)
	known := r.browser(site)
	if a := known.session(); a.status != http.StatusOK {
		t.Fatalf("a visitor got %d", a.status)
	}
	r.house.busy = true
	if a := r.browser(site).session(); a.status != http.StatusServiceUnavailable || a.Ticket != "" {
		t.Errorf("a new visitor of a busy house got %d, ticket %q", a.status, a.Ticket)
	}
	if a := known.session(); a.status != http.StatusOK || !a.Resumed {
		t.Errorf("a known visitor of a busy house got %d, resumed %t", a.status, a.Resumed)
	}
}

func TestTicketsOpenOneSocketOnceInTimeFromTheirPage(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	used := b.session().Ticket
	if conn, status := b.open(used); conn == nil {
		t.Fatalf("a good ticket got %d", status)
	}
	if conn, status := b.open(used); conn != nil || status != http.StatusUnauthorized {
		t.Errorf("a used ticket got %d", status)
	}
	late := b.session().Ticket
	r.later(webchat.TicketLife + time.Second)
	if conn, status := b.open(late); conn != nil || status != http.StatusUnauthorized {
		t.Errorf("a late ticket got %d", status)
	}
	elsewhere := r.browser(foreign)
	elsewhere.cookie = b.cookie
	if conn, status := elsewhere.open(b.session().Ticket); conn != nil || status != http.StatusUnauthorized {
		t.Errorf("a ticket of another page got %d", status)
	}
	for _, made := range []string{"", "x", strings.Repeat("A", 43)} {
		if conn, status := b.open(made); conn != nil || status != http.StatusUnauthorized {
			t.Errorf("ticket %q got %d", made, status)
		}
	}
}

// TestStolenTicketOpensNothing has a ticket fall into other hands before it is
// used: without the visitor's token it is nothing.
func TestStolenTicketOpensNothing(t *testing.T) {
	r := newRig(t)
	victim := r.browser(site)
	thief := r.browser(site)
	thief.session()
	if conn, status := thief.open(victim.session().Ticket); conn != nil || status != http.StatusForbidden {
		t.Errorf("with another's cookie it got %d", status)
	}
	if conn, status := r.browser(site).open(victim.session().Ticket); conn != nil || status != http.StatusForbidden {
		t.Errorf("without a cookie it got %d", status)
	}
	// Where the token is in the page's memory it comes with the first frame.
	far := r.browser(foreign)
	other := r.browser(foreign)
	other.session()
	for name, token := range map[string]string{"another's": other.token, "none": "", "made up": strings.Repeat("A", 76)} {
		conn, status := far.open(far.session().Ticket)
		if conn == nil {
			t.Fatalf("%s: refused with %d", name, status)
		}
		r.send(conn, frame{Type: "hello", Token: token})
		r.closed(conn, websocket.ClosePolicyViolation)
	}
}

// TestFixation plants tokens in a visitor's browser: what was not signed here is
// no token, and one that is ours is not looked at where another could put it.
func TestFixation(t *testing.T) {
	r := newRig(t)
	attacker := r.browser(foreign)
	attacker.session()
	good := attacker.token
	body, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	body[5] ^= 1
	tampered := base64.RawURLEncoding.EncodeToString(body)
	for name, planted := range map[string]string{"made up": strings.Repeat("A", 76), "tampered": tampered, "short": good[:20], "empty": ""} {
		b := r.browser(site)
		b.cookie = planted
		if a := b.session(); a.Resumed || b.cookie == planted {
			t.Errorf("a %s cookie was taken for a visitor", name)
		}
		b = r.browser(foreign)
		b.token = planted
		if a := b.session(); a.Resumed || b.token == planted {
			t.Errorf("a %s token was taken for a visitor", name)
		}
	}
	twice := r.browser(site)
	twice.header.Set("Cookie", cookieName+"="+good+"; "+cookieName+"="+good)
	if a := twice.session(); a.Resumed {
		t.Error("of two cookies one was chosen")
	}
	// On the clinic's own page only the cookie counts: what a script, a URL or a
	// cookie without the prefix brings is nobody.
	crossed := r.browser(site)
	crossed.token = good
	if a := crossed.session(); a.Resumed {
		t.Error("a token was taken where the cookie counts")
	}
	plain := r.browser(site)
	plain.header.Set("Cookie", "tidegate-web="+good)
	if a := plain.session(); a.Resumed {
		t.Error("a cookie that another host of the domain can set was taken")
	}
}

func TestTokensEnd(t *testing.T) {
	r := newRig(t)
	b := r.browser(foreign)
	b.session()
	old := b.token
	r.later(webchat.TokenLife - time.Minute)
	if a := b.session(); !a.Resumed || b.token == old {
		t.Error("a token that is used is not renewed")
	}
	b.token = old
	r.later(2 * time.Minute)
	if a := b.session(); a.Resumed {
		t.Error("a token outlived its life")
	}
}

func TestCookieIsOnlyTheBrowsers(t *testing.T) {
	r := newRig(t)
	a := r.browser(site).session()
	set := a.header.Get("Set-Cookie")
	for _, want := range []string{cookieName + "=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(set, want) {
			t.Errorf("Set-Cookie %q lacks %s", set, want)
		}
	}
	if strings.Contains(set, "Domain") || strings.Contains(set, "Max-Age") || a.Token != "" {
		t.Errorf("Set-Cookie %q reaches further, or the token is in the answer too", set)
	}
	if far := r.browser(foreign).session(); far.header.Get("Set-Cookie") != "" || far.Token == "" {
		t.Error("another site's page got a cookie that its browser would not send")
	}
	q, _ := http.NewRequest(http.MethodDelete, r.server.URL+"/chat/web/session", nil)
	q.Header.Set("Origin", site)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !strings.Contains(resp.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("ending left %q", resp.Header.Get("Set-Cookie"))
	}
}

func TestLimitsOfOneSource(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.SessionsPerHour, o.SocketsPerSource = 3, 2 })
	from := func(ip string) *browser {
		b := r.browser(foreign)
		b.header.Set("X-Forwarded-For", ip)
		return b
	}
	var kept *browser
	for range 3 {
		kept = from("198.51.100.7")
		if a := kept.session(); a.status != http.StatusOK {
			t.Fatalf("within the limit: %d", a.status)
		}
	}
	if a := from("198.51.100.7").session(); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("one too many got %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if a := kept.session(); a.status != http.StatusOK || !a.Resumed {
		t.Errorf("who chats already got %d", a.status)
	}
	if a := from("198.51.100.8").session(); a.status != http.StatusOK {
		t.Errorf("a neighbor got %d", a.status)
	}
	for _, written := range []string{"198.51.100.7:41234", "::ffff:198.51.100.7", "[::ffff:198.51.100.7]:443"} {
		if a := from(written).session(); a.status != http.StatusTooManyRequests {
			t.Errorf("%s is the same address, and got %d", written, a.status)
		}
	}
	// What stands before the last hop anybody may have written.
	if a := from("203.0.113.99, 198.51.100.7").session(); a.status != http.StatusTooManyRequests {
		t.Errorf("a made-up hop in front got %d", a.status)
	}
	for _, ip := range []string{"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::9"} {
		from(ip).session()
	}
	if a := from("2001:db8:1:2:aaaa::1").session(); a.status != http.StatusTooManyRequests {
		t.Errorf("a /64 is one source, and got %d", a.status)
	}
	r.later(time.Hour)
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusSwitchingProtocols, http.StatusServiceUnavailable} {
		conn, status := kept.open(kept.session().Ticket)
		if status != want {
			t.Errorf("socket %d got %d, want %d", i+1, status, want)
		}
		if conn != nil { // who says something keeps the room
			r.send(conn, frame{Type: "hello", Token: kept.token})
			r.send(conn, frame{Type: "text", ClientID: fmt.Sprint("client-id-", i), Text: "hello"})
			r.next(conn, "committed")
		}
	}
}

func TestUntrustedProxyIsNotBelieved(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.SessionsPerHour, o.TrustedProxies = 1, nil })
	first, second := r.browser(foreign), r.browser(foreign)
	first.header.Set("X-Forwarded-For", "198.51.100.7")
	second.header.Set("X-Forwarded-For", "198.51.100.8")
	first.session()
	if a := second.session(); a.status != http.StatusTooManyRequests {
		t.Errorf("a stranger's word for an address was taken: %d", a.status)
	}
}

func TestPageRunsNothingOfAnybodyElses(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.Clinic = `</script><script>alert(1)</script>"` })
	get := func(path string) (string, http.Header) {
		resp, err := http.Get(r.server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %d, %v", path, resp.StatusCode, resp.Header)
		}
		return string(b), resp.Header
	}
	html, header := get("/chat/web/")
	csp := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self' wss://gw.clinic.example"} {
		if !strings.Contains(csp, want) {
			t.Errorf("CSP %q lacks %s", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(html, "<script>") {
		t.Errorf("the page runs inline script, or its policy %q lets it", csp)
	}
	script, _ := get("/chat/web/widget.js")
	for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "</script>", "SETTINGS"} {
		if strings.Contains(script, never) {
			t.Errorf("the widget has %s in it", never)
		}
	}
	if style, _ := get("/chat/web/widget.css"); style == "" {
		t.Error("no style")
	}
}

func TestPageOfItsOwnHasToBeListed(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.Origins = []string{site} })
	resp, err := http.Get(r.server.URL + "/chat/web/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("it is served with %d", resp.StatusCode)
	}
}

func TestPreflight(t *testing.T) {
	r := newRig(t)
	for origin, want := range map[string]int{foreign: http.StatusNoContent, "https://evil.example": http.StatusForbidden} {
		q, _ := http.NewRequest(http.MethodOptions, r.server.URL+"/chat/web/session", nil)
		q.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		allowed := resp.Header.Get("Access-Control-Allow-Origin")
		if resp.StatusCode != want || (allowed == origin) != (want == http.StatusNoContent) {
			t.Errorf("%s: %d, allowed %q", origin, resp.StatusCode, allowed)
		}
	}
}
