package outside

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// The clinic of these tests. All numbers are of the range kept for fiction.
const (
	clinic  = "+15550100101"
	alice   = "+15550100111" // the nurse on call
	carmen  = "+15550100112" // the next step
	bob     = "+15550100113" // the admin
	account = "AC00000000000000000000000000000001"
	token   = "0123456789abcdef0123456789abcdef"
)

// world is a carrier's process and a daemon's on one folder. The carrier
// outlives the daemon.
type world struct {
	t       *testing.T
	bin     string
	dir     string
	public  string // host and port of the daemon's door
	private string
	carrier twiliofake.Client
	stand   *process // the carrier's
	daemon  *process
	pid     int // the daemon's own, also under strace
}

// setting is what differs between the worlds of different tests.
type setting struct {
	profile string // of the carrier
	seed    uint64
	// Sections of the configuration; "" for what the kill loop needs.
	agent, backfill string
	chat            string // the origins of a web chat; "": there is none
}

const worldConfig = `clinic:
  name: Harbor
  timezone: America/New_York
  hours: {mon-sun: "00:00-24:00"}
  phone: "+15550100100"
  languages: [en, es]
listen: {public: %[1]s, private: %[2]s, public_url: "http://%[1]s"}
data: data
channels:
  main: {type: twilio, account_sid: %[3]s, auth_token: "file:%[4]s/token", base_url: "%[5]s", numbers: ["+15550100101"]}%[8]s
staff:
  - {id: alice, name: Alice, role: nurse, routes: [{name: sms, channel: main, address: "+15550100111", phi: true}]}
  - {id: carmen, name: Carmen, role: lead, routes: [{name: sms, channel: main, address: "+15550100112", phi: true}]}
  - {id: bob, name: Bob, role: admin, routes: [{name: sms, channel: main, address: "+15550100113"}]}
escalation:
  steps:
    - {name: first, on_call: [{person: alice}]}
    - {name: second, on_call: [{person: carmen}]}
  all_hands: [alice, carmen, bob]
  admins: [bob]
backfill: %[7]s
agent: %[6]s
limits: {asks_per_hour: 100000}
sender: {segments_per_second: 100}
`

// newWorld starts the carrier and writes the configuration; no daemon runs yet.
func newWorld(t *testing.T, dir string, s setting) *world {
	t.Helper()
	w := &world{t: t, bin: program(t), dir: dir}
	w.write("token", token)
	w.public, w.private = freeAddress(t), freeAddress(t)
	cmd := exec.Command(w.bin, "carrier", "--ledger", w.path("ledger.jsonl"), "--account", account, "--profile", s.profile,
		"--seed", strconv.FormatUint(s.seed, 10), "--number", clinic+"=http://"+w.public+"/hooks/main/message")
	cmd.Env = append(os.Environ(), "CARRIER_AUTH_TOKEN="+token, "CARRIER_CONTROL_TOKEN=control")
	w.stand = start(t, cmd, w.path("carrier.log"))
	w.carrier = twiliofake.Client{Base: w.stand.field("base"), Token: "control"}
	if s.agent == "" {
		s.agent = "{debounce: 100ms, debounce_max: 1s}"
	}
	if s.backfill == "" {
		s.backfill = "{every: 1m, overlap: 1h}"
	}
	w.write("tidegate.yaml", fmt.Sprintf(worldConfig, w.public, w.private, account, dir, w.carrier.Base, s.agent, s.backfill, s.channels(w.public)))
	return w
}

// channels is the web chat's part of the configuration.
func (s setting) channels(public string) string {
	if s.chat == "" {
		return ""
	}
	return fmt.Sprintf("\n  web: {type: webchat, origins: [%q, %s], sessions_per_hour: 100000, sockets_per_source: 3000, sockets: 3000}", "http://"+public, s.chat)
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// freeAddress finds a port that nobody listens on, outside the range from which
// the system hands out ports by itself: it stays free while the daemon is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%9000; port < 32000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		addr := l.Addr().String()
		_ = l.Close()
		if _, taken := handedOut.LoadOrStore(addr, true); !taken {
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// run starts the daemon, behind a command such as strace if one is given. It
// returns an error when the daemon did not live to be ready.
func (w *world) run(behind ...string) error {
	args := slices.Concat(behind, []string{w.bin, "serve", "--config", w.path("tidegate.yaml"), "--end-with-stdin"})
	p, err := begin(w.t, exec.Command(args[0], args[1:]...), w.path("daemon.log"))
	if err != nil {
		return err
	}
	w.daemon = p
	w.pid, err = strconv.Atoi(p.field("pid"))
	return err
}

func (w *world) start() {
	w.t.Helper()
	if err := w.run(); err != nil {
		w.t.Fatal(err)
	}
}

// kill ends the daemon at once, whatever it is doing.
func (w *world) kill() {
	_ = syscall.Kill(w.pid, syscall.SIGKILL)
	<-w.daemon.ended
	_ = w.daemon.in.Close()
}

// stop ends the daemon as an operator does.
func (w *world) stop() {
	w.t.Helper()
	if err := syscall.Kill(w.pid, syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	if code := w.daemon.exits(); code != 0 {
		w.t.Errorf("SIGTERM: exit %d, want 0\n%s", code, tail(w.log()))
	}
}

func (w *world) log() []byte {
	b, err := os.ReadFile(w.path("daemon.log"))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// ledger is all that the carrier has written down.
func (w *world) ledger() []twiliofake.Entry {
	w.t.Helper()
	entries, err := w.carrier.Ledger(within(w.t, patience), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

// end is the number of the ledger's last entry.
func (w *world) end() int64 {
	w.t.Helper()
	entries := w.ledger()
	return entries[len(entries)-1].Seq
}

func (w *world) text(from, words string) string {
	w.t.Helper()
	sid, err := w.carrier.Text(within(w.t, patience), twiliofake.Text{From: from, To: clinic, Body: words})
	if err != nil {
		w.t.Fatal(err)
	}
	return sid
}

// awaits waits for an entry of the ledger.
func (w *world) awaits(since int64, what string, match func(twiliofake.Entry) bool) twiliofake.Entry {
	w.t.Helper()
	e, err := w.carrier.Await(within(w.t, patience), since, match)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", what, err, tail(w.log()))
	}
	return e
}

// gets waits until a phone got a text with these words in it.
func (w *world) gets(since int64, phone, words string) twiliofake.Entry {
	w.t.Helper()
	return w.awaits(since, phone+" never got "+strconv.Quote(words), func(e twiliofake.Entry) bool {
		return e.Kind == twiliofake.KindHandset && e.To == phone && strings.Contains(e.Body, words)
	})
}

// idle waits until nothing is on its way at the carrier, or the time is over.
func (w *world) idle(ctx context.Context) bool {
	_, err := w.carrier.Idle(ctx)
	return err == nil
}
