package webchat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
)

var picture = []byte("\xff\xd8\xff\xe0\x00\x10JFIF a rash on the left arm")

// post sends a file's bytes with a ticket, as a page of the browser's origin does.
func (b *browser) post(ticket string, body io.Reader) answer {
	b.r.t.Helper()
	q, err := http.NewRequest(http.MethodPost, b.r.server.URL+"/chat/web/file", body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	q.Header = b.header.Clone()
	if q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/octet-stream")
	}
	q.Header.Set("Tidegate-Ticket", ticket)
	b.sign(q.Header)
	// The server asks for a body when it reads it: who waits for that is in its place.
	c := http.Client{Transport: &http.Transport{ExpectContinueTimeout: bound, DisableKeepAlives: true}}
	q.Header.Set("Expect", "100-continue")
	resp, err := c.Do(q)
	if err != nil {
		b.r.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	decode(b.r.t, resp, &a)
	return a
}

// offers opens a chat and has tickets given for files, one an id.
func (b *browser) offers(ids ...string) (tickets []string) {
	b.r.t.Helper()
	conn := b.talk(0)
	for _, id := range ids {
		b.r.send(conn, frame{Type: "file", ClientID: id, Bytes: len(picture)})
		tickets = append(tickets, b.r.next(conn, "upload").Ticket)
	}
	return tickets
}

func ids(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("picture-%03d", i))
	}
	return out
}

// TestFileIsTakenOnceFromBothKindsOfPages sends one file from a page whose token
// is a cookie and from one that holds it in memory, and each twice, as after an
// answer that was lost.
func TestFileIsTakenOnceFromBothKindsOfPages(t *testing.T) {
	for _, origin := range []string{site, foreign} {
		r := newRig(t)
		b := r.browser(origin)
		conn := b.talk(0)
		r.send(conn, frame{Type: "lang", Lang: "es"})
		r.send(conn, frame{Type: "call_back", Number: "(212) 555-0142"})
		r.next(conn, "call_back")
		for try := range 2 {
			r.send(conn, frame{Type: "file", ClientID: "picture-001", Bytes: len(picture)})
			if a := b.post(r.next(conn, "upload").Ticket, bytes.NewReader(picture)); a.status != http.StatusOK {
				t.Fatalf("%s: try %d got %d: %s", origin, try+1, a.status, a.Why)
			}
			if try > 0 {
				break
			}
			if m := r.next(conn, "message"); m.ClientID != "picture-001" || m.Kind != "own" {
				t.Errorf("%s: the page was shown %+v", origin, m)
			}
		}
		took := r.house.texts()
		if len(took) != 1 || took[0].Words.Reveal() != string(picture) || took[0].Lang != "es" || took[0].CallBack.Reveal() != "+12125550142" || took[0].Source == "" {
			t.Errorf("%s: the house took %d: %+v", origin, len(took), took)
		}
	}
}

// TestFileFromElsewhereIsRefused: a foreign page, a form, a ticket that is
// another's, used, late or for a socket bring nothing in.
func TestFileFromElsewhereIsRefused(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	given := b.offers(ids(6)...)
	refused := func(name string, want int, a answer) {
		t.Helper()
		if a.status != want {
			t.Errorf("%s got %d, want %d", name, a.status, want)
		}
	}
	evil := r.browser("https://evil.example")
	evil.cookie = b.cookie
	refused("a foreign page", http.StatusForbidden, evil.post(given[0], bytes.NewReader(picture)))
	for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "image/jpeg"} {
		form := r.browser(site)
		form.cookie = b.cookie
		form.header.Set("Content-Type", kind)
		refused(kind, http.StatusUnsupportedMediaType, form.post(given[0], bytes.NewReader(picture)))
	}
	thief := r.browser(site)
	thief.session()
	refused("with another's cookie", http.StatusForbidden, thief.post(given[1], bytes.NewReader(picture)))
	refused("without a cookie", http.StatusForbidden, r.browser(site).post(given[2], bytes.NewReader(picture)))
	refused("with a ticket for a socket", http.StatusUnauthorized, b.post(b.session().Ticket, bytes.NewReader(picture)))
	if conn, status := b.open(given[3]); conn != nil || status != http.StatusUnauthorized {
		t.Errorf("a file's ticket opened a socket: %d", status)
	}
	refused("the first time", http.StatusOK, b.post(given[4], bytes.NewReader(picture)))
	refused("a used ticket", http.StatusUnauthorized, b.post(given[4], bytes.NewReader(picture)))
	refused("no ticket", http.StatusUnauthorized, b.post("", bytes.NewReader(picture)))
	r.later(webchat.TicketLife + time.Second)
	refused("a late ticket", http.StatusUnauthorized, b.post(given[5], bytes.NewReader(picture)))
	far := r.browser(foreign)
	ticket := far.offers("picture-001")[0]
	far.token = ""
	refused("a ticket without its token", http.StatusForbidden, far.post(ticket, bytes.NewReader(picture)))
	if took := r.house.texts(); len(took) != 1 {
		t.Errorf("%d files were taken, want 1", len(took))
	}
}

// TestFileOfAnotherKindIsRefused goes by the bytes: a name or a type that the
// sender writes is nobody's.
func TestFileOfAnotherKindIsRefused(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	given := b.offers(ids(8)...)
	for i, c := range []struct {
		name string
		body []byte
		want int
	}{
		{"a drawing with a program", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), http.StatusUnsupportedMediaType},
		{"a page", []byte("<!doctype html><script>alert(1)</script>"), http.StatusUnsupportedMediaType},
		{"a program", []byte("MZ\x90\x00\x03"), http.StatusUnsupportedMediaType},
		{"nothing", nil, http.StatusBadRequest},
		{"one byte too many", append(append([]byte{}, picture...), make([]byte, channels.MaxFileBytes+1-len(picture))...), http.StatusRequestEntityTooLarge},
		{"the most", append(append([]byte{}, picture...), make([]byte, channels.MaxFileBytes-len(picture))...), http.StatusOK},
		{"a telephone's picture", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1"), http.StatusOK},
		{"a document", []byte("%PDF-1.7\n"), http.StatusOK},
	} {
		if a := b.post(given[i], bytes.NewReader(c.body)); a.status != c.want {
			t.Errorf("%s got %d (%s), want %d", c.name, a.status, a.Why, c.want)
		}
	}
	if took := r.house.texts(); len(took) != 3 {
		t.Errorf("%d files were taken, want 3", len(took))
	}
}

// TestFilesAreCounted: over the limit of a network, and of all, a file is refused
// with a reason, and texts go on.
func TestFilesAreCounted(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.FilesPerHour = 2 })
	b := r.browser(site)
	conn := b.talk(0)
	ask := func(id string, bytes int) frame {
		r.send(conn, frame{Type: "file", ClientID: id, Bytes: bytes})
		for {
			if f := r.any(conn); f.Type == "upload" || f.Type == "refused" {
				return f
			}
		}
	}
	if f := ask("picture-000", channels.MaxFileBytes+1); f.Why != "large" || f.ClientID != "picture-000" {
		t.Errorf("a file too large got %+v", f)
	}
	for i := range 3 {
		f := ask(fmt.Sprintf("picture-%03d", i), 10)
		if over := i == 2; over != (f.Why == "many") {
			t.Errorf("file %d got %+v", i, f)
		}
	}
	r.send(conn, frame{Type: "text", ClientID: "a-text-001", Text: "my chest hurts"})
	r.next(conn, "committed")
	r.later(time.Hour)
	if f := ask("picture-003", 10); f.Ticket == "" {
		t.Errorf("an hour later it got %+v", f)
	}
	none := newRig(t, func(o *webchat.Options) { o.FilesPerHour = 0 })
	conn = none.browser(site).talk(0)
	none.send(conn, frame{Type: "file", ClientID: "picture-000", Bytes: 10})
	if f := none.next(conn, "refused"); f.Why != "no_files" {
		t.Errorf("a chat without files answered %+v", f)
	}
}

// TestFilesWaitForRoom: while there is hardly room on the disk no file takes what
// texts need, whether it was asked for before or not.
func TestFilesWaitForRoom(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	conn := b.talk(0)
	r.send(conn, frame{Type: "file", ClientID: "picture-000", Bytes: len(picture)})
	given := r.next(conn, "upload").Ticket
	r.house.mu.Lock()
	r.house.busy = true
	r.house.mu.Unlock()
	if a := b.post(given, bytes.NewReader(picture)); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a file on a full disk got %d", a.status)
	}
	r.send(conn, frame{Type: "file", ClientID: "picture-001", Bytes: len(picture)})
	if f := r.next(conn, "refused"); f.Why != "many" || f.ClientID != "picture-001" {
		t.Errorf("a file on a full disk was answered %+v", f)
	}
	r.send(conn, frame{Type: "text", ClientID: "a-text-001", Text: "my chest hurts"})
	r.next(conn, "committed")
	if n := len(r.house.texts()); n != 1 {
		t.Errorf("%d were taken, want the text alone", n)
	}
}

// TestManyNetworksTogetherAreBounded is a botnet that fills a disk.
func TestManyNetworksTogetherAreBounded(t *testing.T) {
	r := newRig(t, func(o *webchat.Options) { o.FilesPerHour = 1 })
	refused := 0
	for i := range webchat.FilesOfAll + 5 {
		b := r.browser(site)
		b.header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i+1))
		conn := b.talk(0)
		r.send(conn, frame{Type: "file", ClientID: "picture-000", Bytes: 10})
		for {
			f := r.any(conn)
			if f.Type == "refused" && f.Why == "many" {
				refused++
			}
			if f.Type == "refused" || f.Type == "upload" {
				break
			}
		}
	}
	if refused != 5 {
		t.Errorf("%d were refused, want 5", refused)
	}
}

// TestUploadsAtOnceAreBounded holds uploads open and brings one more; the place of
// one that ended is free again, and texts are taken all the while.
func TestUploadsAtOnceAreBounded(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	given := b.offers(ids(webchat.UploadsOfSource + 2)...)
	type open struct {
		w    *io.PipeWriter
		done chan answer
	}
	var held []open
	for _, ticket := range given[:webchat.UploadsOfSource] {
		pr, pw := io.Pipe()
		o := open{pw, make(chan answer, 1)}
		go func() { o.done <- b.post(ticket, pr) }() // ends when the test ends its body
		if _, err := pw.Write(picture); err != nil {
			t.Fatal(err)
		}
		held = append(held, o)
	}
	if a := b.post(given[webchat.UploadsOfSource], bytes.NewReader(picture)); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("one more got %d", a.status)
	}
	for _, o := range held {
		_ = o.w.Close()
		if a := <-o.done; a.status != http.StatusOK {
			t.Errorf("one that took its time got %d: %s", a.status, a.Why)
		}
	}
	if a := b.post(given[webchat.UploadsOfSource+1], bytes.NewReader(picture)); a.status != http.StatusOK {
		t.Errorf("afterwards one got %d", a.status)
	}
}

// TestFileThatIsNotKeptIsToBeSentAgain: what breaks off, and what cannot be
// committed, leaves nothing, and is taken when it comes again.
func TestFileThatIsNotKeptIsToBeSentAgain(t *testing.T) {
	r := newRig(t)
	b := r.browser(site)
	given := b.offers(ids(3)...)
	cut, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(cut, "POST /chat/web/file HTTP/1.1\r\nHost: gw\r\nOrigin: %s\r\nCookie: %s=%s\r\nTidegate-Ticket: %s\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n%s", site, cookieName, b.cookie, given[0], picture)
	_ = cut.(*net.TCPConn).CloseWrite()
	if reply, _ := io.ReadAll(cut); !strings.Contains(string(reply), "408") {
		t.Errorf("what broke off got %q", reply)
	}
	r.house.mu.Lock()
	r.house.fail = errors.New("the disk is full")
	r.house.mu.Unlock()
	if a := b.post(given[1], bytes.NewReader(picture)); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("what could not be kept got %d", a.status)
	}
	r.house.mu.Lock()
	r.house.fail = nil
	r.house.mu.Unlock()
	if a := b.post(given[2], bytes.NewReader(picture)); a.status != http.StatusOK || len(r.house.texts()) != 1 {
		t.Errorf("again it got %d; %d are kept", a.status, len(r.house.texts()))
	}
}
