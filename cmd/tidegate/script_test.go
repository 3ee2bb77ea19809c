package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt/boltstore"
)

// The scripts in testdata/script run the real binary. Beside testscript's own
// commands they have:
//
//	exits CODE COMMAND…      runs it and demands that exit code
//	daemon FILE              starts serve and waits until it is ready
//	halt                     ends it; testscript's own stop would end the script, as passed
//	crash                    kills it, as a power cut would
//	text FROM ID WORDS…      posts a signed text from a patient; ID is the carrier's
//	forge METHOD PATH        sends the daemon what no carrier signed, and wants it refused
//	settle FILE              writes the running daemon's private port into its configuration
//	code NAME                sets NAME to the short code of the first case on stdout
//	hold FOLDER              holds the folder's store, and answers nothing
//	tamper STORE             changes a byte of the first journal
//	newer STORE              gives it the schema of a later program
//	swap FILE OLD NEW        changes the first OLD in it to NEW
//	truncate FILE            cuts it in half
//	mode MODE FILE           demands that mode of a file

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tidegate": main})
}

const scriptToken = "0123456789abcdef0123456789abcdef"

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TOKEN", scriptToken)
			e.Values[runningKey{}] = &running{stop: func() {}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "daemon": scriptDaemon, "busy": scriptBusy, "halt": scriptStop, "crash": scriptCrash, "text": scriptText,
			"forge": scriptForge, "call": scriptCall, "certificate": scriptCertificate, "env-is": scriptEnvIs, "settle": scriptSettle, "code": scriptCode, "hold": scriptHold, "tamper": scriptTamper,
			"newer": scriptNewer, "truncate": scriptTruncate, "swap": scriptSwap, "mode": scriptMode,
		},
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// running is the daemon of a script.
type running struct{ stop, kill func() }

// runningKey finds it among the script's values.
type runningKey struct{}

// scriptBusy gives a configuration a carrier that asks for patience each time: a text to
// a patient is under way for as long as the script takes.
func scriptBusy(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: busy FILE")
	}
	carrier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "25")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"code": 20429, "message": "Too Many Requests", "status": 429}`))
	}))
	ts.Defer(carrier.Close)
	file := ts.MkAbs(args[0])
	text := strings.Replace(ts.ReadFile(args[0]), `base_url: "http://127.0.0.1:9"`, `base_url: "`+carrier.URL+`"`, 1)
	ts.Check(os.WriteFile(file, []byte(text), 0o600))
}

func scriptDaemon(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("tidegate", "serve", "-c", ts.MkAbs(args[0]), "--end-with-stdin")
	cmd.Env = []string{"TOKEN=" + scriptToken, "PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	path, err := exec.LookPath("tidegate")
	if err == nil {
		cmd.Path, cmd.Err = path, nil
	}
	in, err := cmd.StdinPipe()
	ts.Check(err)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	var log syncBuffer
	cmd.Stderr = &log
	ts.Check(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`^ready public=(\S+) private=(\S+) `).FindStringSubmatch(line)
	if err != nil || m == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ts.Fatalf("the daemon did not start: %q\n%s", line, log.String())
	}
	ts.Setenv("PUBLIC", m[1])
	ts.Setenv("PRIVATE", m[2])
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = in.Close()
			_ = cmd.Wait()
		}
	}
	ts.Defer(stop)
	*ts.Value(runningKey{}).(*running) = running{stop: stop, kill: func() { _ = cmd.Process.Kill() }}
}

func scriptCrash(ts *testscript.TestScript, _ bool, _ []string) {
	r := ts.Value(runningKey{}).(*running)
	r.kill()
	r.stop()
}

func scriptStop(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Value(runningKey{}).(*running).stop()
}

// scriptText posts to the daemon what the carrier would, signed for the public
// address of the configuration.
func scriptText(ts *testscript.TestScript, _ bool, args []string) {
	words, err := strconv.Unquote(`"` + strings.Join(args[2:], " ") + `"`)
	ts.Check(err)
	form := url.Values{
		"MessageSid": {"SM" + strings.Repeat("0", 32-len(args[1])) + args[1]}, "AccountSid": {demoAccount}, "From": {args[0]}, "To": {demoNumber},
		"Body": {words}, "NumMedia": {"0"},
	}
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("PUBLIC")+"/hooks/main/message", strings.NewReader(form.Encode()))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signForm(scriptToken, "http://127.0.0.1:9/hooks/main/message", form))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		ts.Fatalf("the text got %s", resp.Status)
	}
}

// scriptCall calls a number of ours as the carrier tells it, and writes what the
// caller would hear to the file "heard".
func scriptCall(ts *testscript.TestScript, _ bool, args []string) {
	form := url.Values{"CallSid": {"CA" + strings.Repeat("0", 32)}, "AccountSid": {demoAccount}, "From": {args[0]}, "To": {demoNumber}, "CallStatus": {"ringing"}}
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("PUBLIC")+"/hooks/main/voice", strings.NewReader(form.Encode()))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signForm(scriptToken, "http://127.0.0.1:9/hooks/main/voice", form))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	heard, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("the call got %s", resp.Status)
	}
	ts.Check(os.WriteFile(ts.MkAbs("heard"), heard, 0o600))
}

// scriptCertificate writes a certificate and its key that end so long from now.
func scriptCertificate(ts *testscript.TestScript, _ bool, args []string) {
	left, err := time.ParseDuration(args[2])
	ts.Check(err)
	cert, key, _, err := newCertificate("gw.example.org", time.Now().Add(left))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), cert, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), key, 0o600))
}

func scriptEnvIs(ts *testscript.TestScript, _ bool, args []string) {
	if got := ts.Getenv(args[0]); !strings.HasPrefix(got, args[1]) {
		ts.Fatalf("%s is %q, want it to begin with %q", args[0], got, args[1])
	}
}

func scriptForge(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest(args[0], ts.Getenv("PUBLIC")+args[1], strings.NewReader("From=%2B15550100199&Body=forged"))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 4 {
		ts.Fatalf("it got %s", resp.Status)
	}
}

func scriptSettle(ts *testscript.TestScript, _ bool, args []string) {
	_, addr, _ := strings.Cut(ts.Getenv("PRIVATE"), "://")
	text := strings.Replace(ts.ReadFile(args[0]), `private: "127.0.0.1:0"`, `private: "`+addr+`"`, 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func scriptCode(ts *testscript.TestScript, _ bool, args []string) {
	var list operator.Cases
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	if len(list.Cases) == 0 {
		ts.Fatalf("no case in the list")
	}
	ts.Setenv(args[0], list.Cases[0].Code)
	ts.Setenv(args[0]+"_CONVERSATION", string(list.Cases[0].Conversation))
}

func scriptHold(ts *testscript.TestScript, _ bool, args []string) {
	store, err := boltstore.Open(boltstore.Options{Path: ts.MkAbs(args[0]) + "/" + storeFile, Holder: "a test that answers nothing"})
	ts.Check(err)
	ts.Defer(func() { _ = store.Close() })
}

// scriptTamper changes the last byte of the first event that is stored.
func scriptTamper(ts *testscript.TestScript, _ bool, args []string) {
	db, err := bolt.Open(ts.MkAbs(args[0]), 0o600, nil)
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("events"))
		k, v := b.Cursor().First()
		changed := append([]byte(nil), v...)
		changed[len(changed)-1] ^= 1
		return b.Put(append([]byte(nil), k...), changed)
	}))
}

func scriptNewer(ts *testscript.TestScript, _ bool, args []string) {
	db, err := bolt.Open(ts.MkAbs(args[0]), 0o600, nil)
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("1000")) }))
}

func scriptTruncate(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()/2))
}

func scriptSwap(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if info.Mode().Perm() != os.FileMode(want) {
		ts.Fatalf("%s has mode %04o, want %04o", args[1], info.Mode().Perm(), want)
	}
}
