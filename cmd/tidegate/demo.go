package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
)

// The demonstration clinic. All numbers are of the range kept for fiction.
const (
	demoFolder  = "tidegate-data"
	demoNumber  = "+15550100101"
	demoPatient = "+15550100199"
	demoNurse   = "+15550100111"
	demoNurseID = "alice"
	demoSecond  = "+15550100112"
	demoAdmin   = "+15550100113"
	demoAccount = "AC00000000000000000000000000000001"
)

func demoCmd(e env) *cobra.Command {
	var story bool
	var mode string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the daemon with a stand-in carrier, or play a story",
		Long: `Starts the daemon with a generated configuration in ./tidegate-data and a stand-in
SMS carrier in a process of its own. Nothing leaves this machine.

With --play it tells a story of two patients and a nurse through the real doors
and ends; it exits 1 and names each step of it that did not happen.

With --model the agent asks a stand-in language model, in a process of its own,
before the built-in flow: one that answers (ok), hangs, talks garbage, stays
silent, does what any text tells it (obedient), or is not there (none).` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownMode(mode); err != nil {
				return err
			}
			if story {
				return playDemo(c.Context(), mode, e)
			}
			return demo(c.Context(), mode, e)
		},
	}
	c.Flags().BoolVar(&story, "play", false, "play the story and end")
	c.Flags().StringVar(&mode, "model", "", "ask a stand-in language model first: "+strings.Join(modelModes(), ", "))
	return c
}

// demo is serve with a generated configuration and the stand-in carrier, whose
// feed the terminal shows; the daemon's log goes to a file.
func demo(ctx context.Context, mode string, e env) error {
	d, err := prepareDemo(demoFolder, demoPorts)
	if err != nil {
		return err
	}
	carrier, err := d.startCarrier(e, "--feed")
	if err != nil {
		return err
	}
	defer carrier.stop()
	stopModel, err := d.startModel(mode, e)
	if err != nil {
		return err
	}
	defer stopModel()
	if err := d.write(carrier.base); err != nil {
		return err
	}
	defer d.held.free() // where the daemon never got them
	log, err := d.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	quiet := e
	quiet.stderr = log
	return serveOn(ctx, d.config, quiet, d.held.open, func(string, string) { d.invite(ctx, e.stderr, carrier.base) })
}

// invite says what to do next, in lines that can be run as they stand. CODE is
// the one word to put in.
func (d *demoHouse) invite(ctx context.Context, w io.Writer, base string) {
	auth := fmt.Sprintf(`-H "Authorization: Bearer %s"`, d.control)
	text := func(from, body string) string {
		return fmt.Sprintf("  curl -s %s/_fake/text %s \\\n    -d '{\"from\":%q,\"to\":%q,\"body\":%q}'\n", base, auth, from, demoNumber, body)
	}
	verb := func(name string) string { return fmt.Sprintf("  %s %s -c %s\n", self(), name, d.config) }
	_, _ = io.WriteString(w, "\nText the clinic as a patient would:\n"+text(demoPatient, "hi, I need an appointment")+
		"See what the patient's phone got:\n"+
		fmt.Sprintf("  curl -s \"%s/_fake/phone/%s/messages?since=0\" %s\n", base, demoPatient, auth)+
		"Text \"my chest hurts\" instead, and the nurse at "+demoNurse+" is paged below. Her page names\n"+
		"a code of four signs. Take the case as she would, with that code for CODE:\n"+text(demoNurse, "CODE A")+
		"Or write from a web page: http://"+d.public+"/chat/web/\n"+
		d.seat(ctx)+
		"The work list and the record, from another terminal in this folder:\n"+verb("cases")+verb("conversations")+
		"What the carrier sees follows here; the daemon's log is in "+d.log+".\nCtrl-C stops everything.\n\n")
}

// seat is the way to the nurse's pages: a link that signs in once, or how to
// get one.
func (d *demoHouse) seat(ctx context.Context) string {
	open := self() + " staff link " + demoNurseID + " -c " + d.config
	if s, err := dial(ctx, filepath.Join(d.dir, socketFile)); err == nil {
		defer s.stop()
		var link operator.StaffLink
		if s.post(ctx, "/staff/"+demoNurseID+"/link", struct{}{}, &link) == nil {
			open = link.Link
		}
	}
	return "Sit at the nurse's desk, in a browser; the link is good once:\n  " + open + "\n"
}

// self is how this program was called, so that what is printed can be run.
func self() string {
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		return "go run ./cmd/tidegate"
	}
	return os.Args[0]
}

// demoHouse is the generated clinic.
type demoHouse struct {
	dir, config, log string
	token, control   string
	public, private  string
	modelBase        string // of the stand-in model; "": the built-in agent alone
	held             heldDoors
	lock             *os.File // held while any process of the demonstration lives
}

// demoPorts is where a demonstration looks for free ports.
const demoPorts = 8080

// prepareDemo makes the folder and the secrets, and takes two free ports from a
// number on. What is in the folder is not touched while a daemon holds it.
func prepareDemo(dir string, ports int) (*demoHouse, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	d := &demoHouse{dir: dir, config: filepath.Join(dir, "demo.yaml"), log: filepath.Join(dir, "demo.log")}
	if err := d.hold(); err != nil {
		return nil, err
	}
	var err error
	if d.token, err = secretFile(filepath.Join(dir, "carrier.token")); err != nil {
		return nil, err
	}
	if d.control, err = secretFile(filepath.Join(dir, "carrier.control")); err != nil {
		return nil, err
	}
	if d.held, err = holdDoors(ports, ports+1); err != nil {
		return nil, err
	}
	d.public, d.private = d.held.public.Addr().String(), d.held.private.Addr().String()
	return d, nil
}

// heldDoors are open listeners for a daemon of this process. A port that was
// found free and let go of may be another's by the time it is wanted.
type heldDoors struct{ public, private net.Listener }

// holdDoors takes the first free loopback ports from two numbers on.
func holdDoors(public, private int) (h heldDoors, err error) {
	if h.public, err = openPort(public); err != nil {
		return h, err
	}
	if h.private, err = openPort(private); err != nil {
		_ = h.public.Close()
	}
	return h, err
}

// open hands them to the daemon, which closes them.
func (h heldDoors) open(*config.Config) (public, private net.Listener, err error) {
	return h.public, h.private, nil
}

// free closes them, for a daemon in a process of its own.
func (h heldDoors) free() {
	_ = h.public.Close()
	_ = h.private.Close()
}

// holdTries bounds the wait for an earlier demonstration's last process.
const holdTries = 30

// hold takes the folder. The lock goes with every process that is started, so
// that it is free when the last of them has ended and not before: two carriers
// on one ledger would spoil it. A daemon that was started alone holds the store.
func (d *demoHouse) hold() error {
	var err error
	if d.lock, err = os.OpenFile(filepath.Join(d.dir, "demo.lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	for range holdTries {
		if err = syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	store, openErr := boltstore.Open(boltstore.Options{Path: filepath.Join(d.dir, storeFile)})
	switch {
	case openErr != nil:
		return openErr // it says who holds it
	case err != nil:
		return errors.Join(fmt.Errorf("%s: %w: another demo is in it", d.dir, molt.ErrHeld), store.Close())
	}
	return store.Close()
}

// secretFile reads a secret, or makes it at the first start.
func secretFile(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		raw := make([]byte, 16)
		_, _ = rand.Read(raw) // never fails
		b = []byte(hex.EncodeToString(raw))
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// maxPortTries bounds the search for a free port.
const maxPortTries = 50

// openPort takes the first free loopback port from a number on.
func openPort(from int) (net.Listener, error) {
	for port := from; port < from+maxPortTries; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d", from, from+maxPortTries-1)
}

var demoTemplate = template.Must(template.New("demo").Parse(`# Generated for the demonstration; written anew at each start.
clinic:
  name: Harbor Clinic
  timezone: America/New_York
  hours: {mon-fri: "08:00-17:00"}
  phone: "+15550100100"
  languages: [en, es]
listen:
  public: {{.Public}}
  private: {{.Private}}
  public_url: http://{{.Public}}
data: .
channels:
  main:
    type: twilio
    account_sid: {{.Account}}
    auth_token: file:{{.TokenFile}}
    base_url: {{.Base}}
    numbers: ["{{.Number}}"]
  web:
    type: webchat
    origins: ["http://{{.Public}}"]
staff:
  - {id: alice, name: Alice, role: nurse, routes: [{name: sms, channel: main, address: "{{.Nurse}}", phi: true}]}
  - {id: carmen, name: Carmen, role: lead, routes: [{name: sms, channel: main, address: "{{.Second}}", phi: true}]}
  - {id: bob, name: Bob, role: admin, routes: [{name: sms, channel: main, address: "{{.Admin}}"}]}
escalation:
  steps:
    - {name: nurse, on_call: [{person: alice}]}
    - {name: lead, on_call: [{person: carmen}]}
  all_hands: [alice, carmen, bob]
  admins: [bob]
agent:
  debounce: 300ms
  debounce_max: 2s
{{- if .Model}}
  models: [ollama/stand-in, scripted/intake]
  providers: {ollama: {base_url: "{{.Model}}", at_once: 4}}
  ask_timeout: 2s
  watchdog: 8s
{{- end}}
sender: {segments_per_second: 50}
`))

// write writes the configuration. It differs from a real one in nothing but
// its numbers: the carrier's address is the stand-in's.
func (d *demoHouse) write(base string) error {
	token, err := filepath.Abs(filepath.Join(d.dir, "carrier.token"))
	if err != nil {
		return err
	}
	var b strings.Builder
	err = demoTemplate.Execute(&b, map[string]string{
		"Public": d.public, "Private": d.private, "Account": demoAccount, "TokenFile": token, "Base": base, "Model": d.modelBase,
		"Number": demoNumber, "Nurse": demoNurse, "Second": demoSecond, "Admin": demoAdmin,
	})
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return os.WriteFile(d.config, []byte(b.String()), 0o600)
}

// openLog opens the file that takes the daemon's log; a new start adds to it.
func (d *demoHouse) openLog() (*os.File, error) {
	f, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return f, nil
}

// startCarrier starts the carrier's process. Its ledger goes on where an
// earlier one's ended.
func (d *demoHouse) startCarrier(e env, more ...string) (*child, error) {
	args := append([]string{
		"carrier", "--ledger", filepath.Join(d.dir, "carrier.jsonl"), "--account", demoAccount,
		"--number", demoNumber + "=http://" + d.public + "/hooks/main/message", "--profile", "calm",
	}, more...)
	c, line, err := startChild(args, []string{"CARRIER_AUTH_TOKEN=" + d.token, "CARRIER_CONTROL_TOKEN=" + d.control}, e.stderr, d.lock)
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	base, ok := strings.CutPrefix(line, "carrier base=")
	if !ok {
		c.stop()
		return nil, fmt.Errorf("carrier: it did not start: %q", line)
	}
	c.base = base
	return c, nil
}
