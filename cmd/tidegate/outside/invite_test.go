package outside

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// TestDemoPrintsWhatRuns runs what the demonstration prints, line by line as a
// newcomer would, until she has taken a case as its nurse and seen it listed.
func TestDemoPrintsWhatRuns(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		needs(t, "curl", "the demonstration prints curl lines; it is not here")
	}
	bin, dir := program(t), t.TempDir()
	d := demonstrate(t, inFolder(dir, bin, "demo"), dir)
	lines := d.printed()
	if len(lines) != 6 {
		t.Fatalf("%d lines to follow are printed, want 6:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	sh := func(line string) string {
		t.Helper()
		cmd := exec.CommandContext(within(t, patience), "sh", "-c", line)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	got := func(phone, pattern string) []string {
		t.Helper()
		re := regexp.MustCompile(pattern)
		e, err := d.carrier.Await(within(t, patience), 0, func(e twiliofake.Entry) bool {
			return e.Kind == twiliofake.KindHandset && e.To == phone && re.MatchString(e.Body)
		})
		if err != nil {
			t.Fatalf("%s never got %s: %v", phone, pattern, err)
		}
		return re.FindStringSubmatch(e.Body)
	}
	const patient, nurse = "+15550100199", "+15550100111"

	sh(lines[0])
	got(patient, "Harbor Clinic")
	if said := sh(lines[1]); !strings.Contains(said, "Harbor Clinic") {
		t.Errorf("%s\nprinted %s", lines[1], said)
	}
	sh(strings.Replace(lines[0], "hi, I need an appointment", "my chest hurts", 1))
	code := got(nurse, pagePattern.String())[1]
	sh(strings.Replace(lines[2], "CODE", code, 1))
	got(nurse, handoffPattern.String())
	if page := sh("curl -s '" + lines[3] + "'"); !strings.Contains(page, "Sign in as Alice") {
		t.Errorf("%s\nshowed\n%s", lines[3], page)
	}
	if said := sh(lines[4]); !regexp.MustCompile(`(?m)^` + code + ` +S1 +(claimed|active) .* alice `).MatchString(said) {
		t.Errorf("%s\nprinted\n%s", lines[4], said)
	}
	if said := sh(lines[5]); !strings.Contains(said, "patient …99") {
		t.Errorf("%s\nprinted\n%s", lines[5], said)
	}
}

// printed is each command that the demonstration said, on one line.
func (d *demonstration) printed() []string {
	d.t.Helper()
	var lines []string
	for ctx := within(d.t, patience); ; {
		said, err := os.ReadFile(d.stderr)
		if err != nil || ctx.Err() != nil {
			d.t.Fatalf("it never said all (%v):\n%s", err, said)
		}
		text, _, whole := strings.Cut(string(said), "Ctrl-C stops everything.")
		if !whole {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
			if command, ok := strings.CutPrefix(line, "  "); ok {
				lines = append(lines, strings.TrimSpace(command))
			}
		}
		return lines
	}
}
