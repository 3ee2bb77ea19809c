package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/config"
)

// A setting is commented out with a # that no space follows.
var commented = regexp.MustCompile(`^( *)#([^ #\n].*)$`)

// TestExampleWhenUncommented takes the # off each setting of the example, alone
// with the sections it lies in, then off all of them, and wants a file without
// a fault: whoever uncomments a line must not be punished for it.
func TestExampleWhenUncommented(t *testing.T) {
	lines := strings.Split(string(config.Example()), "\n")
	var all []int
	for i, line := range lines {
		m := commented.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		all = append(all, i)
		if strings.HasSuffix(strings.TrimSpace(m[2]), ":") {
			continue // a section; it is tried with each line in it
		}
		t.Run(strings.TrimSpace(line), func(t *testing.T) { accepted(t, uncomment(lines, above(lines, i)...)) })
	}
	if len(all) < 15 {
		t.Errorf("%d commented settings found, want at least 15", len(all))
	}
	t.Run("all", func(t *testing.T) { accepted(t, uncomment(lines, all...)) })
}

// above is a line and the commented sections it lies in.
func above(lines []string, i int) []int {
	out := []int{i}
	depth := len(commented.FindStringSubmatch(lines[i])[1])
	for j := i - 1; j >= 0 && depth > 0; j-- {
		m := commented.FindStringSubmatch(lines[j])
		if m == nil {
			if strings.TrimSpace(lines[j]) != "" && !strings.HasPrefix(strings.TrimSpace(lines[j]), "#") {
				break // in a section that is there
			}
			continue
		}
		if len(m[1]) < depth {
			out, depth = append(out, j), len(m[1])
		}
	}
	return out
}

func uncomment(lines []string, which ...int) string {
	out := append([]string(nil), lines...)
	for _, i := range which {
		out[i] = commented.ReplaceAllString(out[i], "$1$2")
	}
	return strings.Join(out, "\n")
}

// accepted wants a file that can be built. Secrets are only referred to; the
// calendar is there.
func accepted(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tidegate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	openings := "id,start,minutes,with,key,name,dob,phone,reason\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "openings.csv"), []byte(openings), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path, nil)
	if err == nil {
		_, err = build(cfg, env{getenv: func(string) string { return scriptToken }})
	}
	if err != nil {
		t.Errorf("%v", err)
	}
}

// TestExitCodesOfTheReadme holds its table against the one list there is.
func TestExitCodesOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range exitCodes() {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d +\| %s +\|$`, c.code, regexp.QuoteMeta(c.meaning)))
		if !row.Match(readme) {
			t.Errorf("README.md has no row | %d | %s |", c.code, c.meaning)
		}
	}
	if got := len(regexp.MustCompile(`(?m)^\| \d +\|`).FindAll(readme, -1)); got != len(exitCodes()) {
		t.Errorf("README.md has %d exit codes, want %d", got, len(exitCodes()))
	}
}

// TestExampleProxy: the proxy that the runbook names lets a patient's picture through,
// keeps none in clear on its way, and logs no address that names a patient.
func TestExampleProxy(t *testing.T) {
	b, err := os.ReadFile("../../config/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	servers := strings.Split(string(b), "\nserver {")
	if len(servers) != 3 {
		t.Fatalf("%d servers, want the public one and the staff's", len(servers)-1)
	}
	public, staff := servers[1], servers[2]
	m := regexp.MustCompile(`(?m)^\s*client_max_body_size (\d+)([km]);`).FindStringSubmatch(public)
	if m == nil {
		t.Fatal("the public server says nothing of how large a body may be: nginx takes 1 MB")
	}
	most, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	most <<= map[string]int{"k": 10, "m": 20}[m[2]]
	if most < channels.MaxFileBytes {
		t.Errorf("the proxy takes %d bytes, and a patient's picture may have %d", most, channels.MaxFileBytes)
	}
	if !strings.Contains(public, "\n\tproxy_request_buffering off;") {
		t.Error("the proxy writes pictures to its own disk, in clear")
	}
	if !strings.Contains(staff, "\n\taccess_log off;") {
		t.Error("the staff's server logs what is searched for, and links that sign in")
	}
}
