package outside

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// jpeg begins as a picture does, and goes on with what nobody may find in a log
// or on the disk.
var jpeg = []byte("\xff\xd8\xff\xe0\x00\x10JFIF a rash on the left arm")

const (
	sender  = "+15550100191"
	another = "+15550100192"
)

// TestPictures: what a patient sends is fetched from the carrier through all that
// goes wrong there, kept through a kill, and shown to a nurse.
func TestPictures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "mean", seed: 3})
	w.start()
	trapped := trap(t)
	file := func(trick twiliofake.Trick) twiliofake.Media {
		return twiliofake.Media{ContentType: "image/jpeg", Bytes: jpeg, Trick: trick}
	}
	since := w.end()
	w.photos(another, "my chest hurts, look", file(""), twiliofake.Media{ContentType: "image/png", Bytes: []byte("<html><script>alert(1)</script>")})
	w.gets(since, alice, "S1 page")
	w.photos(sender, "", file(""), file(twiliofake.TrickLate), file(twiliofake.TrickMissing), file(twiliofake.TrickBreaks), file(twiliofake.TrickShort),
		file(twiliofake.TrickHuge), file(twiliofake.TrickEndless), file(twiliofake.TrickDrip), twiliofake.Media{ContentType: "image/jpeg", URL: trapped.at})
	w.counts(`outcome="kept"`, 4) // of which the late one was asked for twice
	w.counts(`outcome="too_large"`, 2)
	w.counts(`outcome="address"`, 1)
	w.kill() // the drip is still on its way
	w.start()
	w.filesAre(sender, "kept image/jpeg", "kept image/jpeg", "not_found", "transient", "transient", "too_large", "too_large", "", "address")
	w.filesAre(another, "kept image/jpeg", "kept text/html")
	if n := trapped.count.Load(); n != 0 {
		t.Errorf("%d connections were made to where a file redirected", n)
	}
	w.sealedFiles(3) // the same picture twice is one file
	w.showsPictures(t)
	w.tidegate("verify")
	w.missesAFile()
}

// photos is a handset that sends files.
func (w *world) photos(from, words string, files ...twiliofake.Media) {
	w.t.Helper()
	if _, err := w.carrier.Text(within(w.t, patience), twiliofake.Text{From: from, To: clinic, Body: words, Media: files}); err != nil {
		w.t.Fatal(err)
	}
}

// trapDoor is an address on this machine where nobody is to come.
type trapDoor struct {
	at    string
	count atomic.Int64
}

func trap(t *testing.T) *trapDoor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	d := &trapDoor{at: "http://" + l.Addr().String() + "/latest/meta-data/"}
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.count.Add(1)
			_ = c.Close()
		}
	}()
	return d
}

// counts waits until the daemon has counted so many files of an outcome.
func (w *world) counts(outcome string, n int) {
	w.t.Helper()
	want := fmt.Sprintf(`tidegate_files_total{channel="main",%s} %d`, outcome, n)
	for ctx := within(w.t, patience); ; {
		if _, metrics := get(w.t, "http://"+w.private+"/metrics"); strings.Contains(metrics, want) {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("the metrics never say %s\n%s", want, tail(w.log()))
		}
	}
}

// record is what an export says of one conversation's files.
type record struct {
	Conversation string `json:"conversation"`
	Began        struct {
		Peer string `json:"peer"`
	} `json:"began"`
	Inbound []struct {
		Files []struct {
			Index           int
			Hash, Type, Why string
		}
	} `json:"inbound"`
}

func (w *world) record(phone string) record {
	w.t.Helper()
	var r record
	if err := json.Unmarshal([]byte(w.tidegate("conversations", "export", phone, "--json")), &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// filesAre compares what became of each file of a phone's one text: kept and its
// type, why not, or "" while nothing came of it.
func (w *world) filesAre(phone string, want ...string) {
	w.t.Helper()
	got := make([]string, len(want))
	for _, f := range w.record(phone).Inbound[0].Files {
		got[f.Index] = f.Why
		if f.Hash != "" {
			got[f.Index] = "kept " + f.Type
		}
	}
	for i := range want {
		if got[i] != want[i] {
			w.t.Errorf("file %d of %s: %q, want %q", i, phone, got[i], want[i])
		}
	}
}

// sealedFiles looks at the folder: so many files, none half written, none that
// shows what is in it, none for others to read.
func (w *world) sealedFiles(want int) {
	w.t.Helper()
	entries, err := os.ReadDir(w.path("data/media"))
	if err != nil {
		w.t.Fatal(err)
	}
	if len(entries) != want {
		w.t.Errorf("%d files lie there, want %d: %v", len(entries), want, entries)
	}
	for _, e := range entries {
		path := filepath.Join(w.path("data/media"), e.Name())
		body, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err := errors.Join(err, statErr); err != nil {
			w.t.Fatal(err)
		}
		if bytes.Contains(body, []byte("rash")) || bytes.Contains(body, []byte("JFIF")) || info.Mode().Perm() != 0o600 || !strings.HasPrefix(e.Name(), "f_") {
			w.t.Errorf("%s, mode %v, shows what is in it or who may read it", e.Name(), info.Mode())
		}
	}
	for _, secret := range []string{"rash", sender, trapPath, "/Media/"} {
		if bytes.Contains(w.log(), []byte(secret)) {
			w.t.Errorf("the log holds %q", secret)
		}
	}
}

const trapPath = "meta-data"

// showsPictures opens the page as a nurse: the picture is there, the page that
// came as one is only to be saved, and nobody else is let in.
func (w *world) showsPictures(t *testing.T) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	nurse := &http.Client{Jar: jar, Timeout: patience}
	link, err := url.Parse(w.link(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.fetches(nurse, http.MethodPost, "/in", "t="+url.QueryEscape(link.Query().Get("t"))); status != http.StatusOK {
		t.Fatalf("sign in: %d", status)
	}
	at := "/c/" + w.record(another).Conversation
	_, page, _ := w.fetches(nurse, http.MethodGet, at, "")
	if !strings.Contains(page, `<img src="`+at+`/media/2/0" alt="Picture from the patient, `) || !strings.Contains(page, `media/2/1">File from the patient`) {
		t.Errorf("the page does not show them:\n%s", page)
	}
	if status, body, head := w.fetches(nurse, http.MethodGet, at+"/media/2/0", ""); status != http.StatusOK || body != string(jpeg) || head.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the picture: %d, %d bytes, %s", status, len(body), head.Get("Content-Type"))
	}
	if _, _, head := w.fetches(nurse, http.MethodGet, at+"/media/2/1", ""); head.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(head.Get("Content-Disposition"), "attachment") {
		t.Errorf("the page that came as a picture: %v", head)
	}
	if _, body, _ := w.fetches(http.DefaultClient, http.MethodGet, at+"/media/2/0", ""); strings.Contains(body, "JFIF") {
		t.Error("the picture is shown to nobody in particular")
	}
}

func (w *world) fetches(c *http.Client, method, path, form string) (int, string, http.Header) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t, patience), method, "http://"+w.private+path, strings.NewReader(form))
	if err != nil {
		w.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := c.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.StatusCode, string(body), a.Header
}

// missesAFile takes one away: verify names it, and exits 1.
func (w *world) missesAFile() {
	w.t.Helper()
	name := w.record(another).Inbound[0].Files[0].Hash
	if err := os.Remove(filepath.Join(w.path("data/media"), name)); err != nil {
		w.t.Fatal(err)
	}
	out, err := exec.CommandContext(within(w.t, patience), w.bin, "verify", "--config", w.path("tidegate.yaml")).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "file "+name+": it is not there") {
		w.t.Errorf("verify: %v\n%s", err, out)
	}
}
