package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// The demonstration clinic. All numbers are of the range kept for fiction.
const (
	demoFolder  = "tidegate-data"
	demoNumber  = "+15550100101"
	demoNurse   = "+15550100111"
	demoSecond  = "+15550100112"
	demoAdmin   = "+15550100113"
	demoAccount = "AC00000000000000000000000000000001"
)

func demoCmd(e env) *cobra.Command {
	var play bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the daemon with a stand-in carrier, or play a story",
		Long: `Starts the daemon with a generated configuration in ./tidegate-data and a stand-in
SMS carrier in a process of its own. Nothing leaves this machine.

With --play it tells a story of two patients and a nurse through the real doors
and ends; it exits 1 if any step of it did not happen.` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if play {
				return errors.New("not yet")
			}
			return demo(c.Context(), e)
		},
	}
	c.Flags().BoolVar(&play, "play", false, "play the story and end")
	return c
}

// demo is serve with a generated configuration and the stand-in carrier.
func demo(ctx context.Context, e env) error {
	d, err := prepareDemo(demoFolder)
	if err != nil {
		return err
	}
	carrier, err := startCarrier(ctx, d, e)
	if err != nil {
		return err
	}
	defer carrier.stop()
	if err := d.write(carrier.base); err != nil {
		return err
	}
	return serve(ctx, d.config, e, func(public, _ string) {
		fmt.Fprintf(e.stderr, `
Text the clinic as a patient would:
  curl -s %s/_fake/text -H "Authorization: Bearer %s" \
    -d '{"from":"+15550100199","to":"%s","body":"hi, I need an appointment"}'
See what the patient's phone got:
  curl -s "%s/_fake/phone/+15550100199/messages?since=0" -H "Authorization: Bearer %s"
Then text "my chest hurts" and look at the nurse's phone, %s.
Ctrl-C stops everything.
`, carrier.base, d.control, demoNumber, carrier.base, d.control, demoNurse)
	})
}

// demoHouse is the generated clinic.
type demoHouse struct {
	dir, config     string
	token, control  string
	public, private string
}

// prepareDemo makes the folder and the secrets, and finds two free ports.
func prepareDemo(dir string) (*demoHouse, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	d := &demoHouse{dir: dir, config: filepath.Join(dir, "demo.yaml")}
	var err error
	if d.token, err = secretFile(filepath.Join(dir, "carrier.token")); err != nil {
		return nil, err
	}
	if d.control, err = secretFile(filepath.Join(dir, "carrier.control")); err != nil {
		return nil, err
	}
	if d.public, err = freePort(8080); err != nil {
		return nil, err
	}
	d.private, err = freePort(8081, d.public)
	return d, err
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

// freePort is the first free loopback port from a number on.
func freePort(from int, taken ...string) (string, error) {
	for port := from; port < from+maxPortTries; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if len(taken) > 0 && taken[0] == addr {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		return addr, l.Close()
	}
	return "", fmt.Errorf("no free port from %d to %d", from, from+maxPortTries-1)
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
staff:
  - {id: alice, name: Alice, role: nurse, routes: [{name: sms, channel: main, address: "{{.Nurse}}", phi: true}]}
  - {id: carmen, name: Carmen, role: lead, lang: es, routes: [{name: sms, channel: main, address: "{{.Second}}", phi: true}]}
  - {id: bob, name: Bob, role: admin, routes: [{name: sms, channel: main, address: "{{.Admin}}"}]}
escalation:
  steps:
    - {name: nurse, on_call: [{person: alice}]}
    - {name: lead, on_call: [{person: carmen}]}
  all_hands: [alice, carmen, bob]
  admins: [bob]
agent: {debounce: 300ms, debounce_max: 2s}
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
		"Public": d.public, "Private": d.private, "Account": demoAccount, "TokenFile": token, "Base": base,
		"Number": demoNumber, "Nurse": demoNurse, "Second": demoSecond, "Admin": demoAdmin,
	})
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return os.WriteFile(d.config, []byte(b.String()), 0o600)
}

// child is a process of ours that ends when its standard input closes.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	base string // a carrier's
}

func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

func startCarrier(ctx context.Context, d *demoHouse, e env) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	hook := "http://" + d.public + "/hooks/main/message"
	cmd := exec.Command(self, "carrier", "--ledger", filepath.Join(d.dir, "carrier.jsonl"), "--account", demoAccount,
		"--number", demoNumber+"="+hook, "--profile", "calm")
	cmd.Env = append(os.Environ(), "CARRIER_AUTH_TOKEN="+d.token, "CARRIER_CONTROL_TOKEN="+d.control)
	cmd.Stderr = e.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	c := &child{cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	base, ok := strings.CutPrefix(strings.TrimSpace(line), "carrier base=")
	if err != nil || !ok {
		c.stop()
		return nil, fmt.Errorf("carrier: it did not start: %q", line)
	}
	c.base = base
	_ = ctx
	return c, nil
}
