package outside

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

// alertFile is what this test reads of the alert rules.
type alertFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Annotations map[string]string
		}
	}
}

var (
	metricUse   = regexp.MustCompile(`(tidegate_[a-z_]+)(?:\{([^}]*)\})?`)
	labelName   = regexp.MustCompile(`([a-z]+)(?:=~|!=|!~|=)"`)
	groupedBy   = regexp.MustCompile(`by \(([a-z, ]+)\)`)
	familySaid  = regexp.MustCompile(`(?m)^# TYPE (tidegate_[a-z_]+) `)
	seriesShown = regexp.MustCompile(`(?m)^(tidegate_[a-z_]+)(?:\{([^}]*)\})? `)
)

// TestAlertsAndDashboard holds every metric that an alert or a panel names against
// what the running daemon shows, its labels too, and every alert and anomaly
// against the runbook.
func TestAlertsAndDashboard(t *testing.T) {
	t.Parallel()
	shown := shownMetrics(t)
	raw := config(t, "alerts.yaml")
	var alerts alertFile
	if err := yaml.Unmarshal(raw, &alerts); err != nil {
		t.Fatal(err)
	}
	book := string(config(t, "RUNBOOK.md"))
	rules := 0
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			rules++
			for _, wrong := range misnamed(r.Expr, shown) {
				t.Errorf("alert %s: %s", r.Alert, wrong)
			}
			if !strings.Contains(book, "\n### "+r.Alert+"\n\n") || r.Annotations["runbook"] != "RUNBOOK.md#"+strings.ToLower(r.Alert) {
				t.Errorf("alert %s has no entry in the runbook, or does not lead there: %q", r.Alert, r.Annotations["runbook"])
			}
		}
	}
	for _, kind := range shown["tidegate_anomalies_total"]["kind"] {
		if !strings.Contains(book, "\n### "+kind+"\n\n") {
			t.Errorf("anomaly %s has no entry in the runbook", kind)
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(config(t, "grafana.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, x := range p.Targets {
			for _, wrong := range misnamed(x.Expr, shown) {
				t.Errorf("panel %q: %s", p.Title, wrong)
			}
		}
	}
	if rules < 15 || len(board.Panels) < 12 || len(shown["tidegate_anomalies_total"]["kind"]) < 5 {
		t.Errorf("%d alerts, %d panels, anomalies %v", rules, len(board.Panels), shown["tidegate_anomalies_total"]["kind"])
	}
	if got := misnamed(`sum by (nobody) (tidegate_cases_none{severity="S1"} + tidegate_cases_open{color="red"})`, shown); len(got) != 3 {
		t.Errorf("the judge does not bite: %q", got)
	}
}

func config(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../../config/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// labels are a metric's labels with their values.
type labels map[string][]string

// shownMetrics is what a daemon shows to which everything has happened once.
func shownMetrics(t *testing.T) map[string]labels {
	t.Helper()
	w, _ := besieged(t, ollamafake.ModeObedient)
	b := newBesieger(1, injection{"book", `{"action":"call","call":{"tool":"find_slot","arguments":{}}}`})
	p := &phone{w: w, ctx: within(t, 3*patience), number: b.phone, b: b}
	if err := p.all("hi, what openings are there?", "when are you open?", "my chest hurts"); err != nil {
		t.Fatal(err)
	}
	w.idle(within(t, patience))
	// A certificate is shown by a daemon that has one; here it is taken at its word.
	out := map[string]labels{"tidegate_certificate_ends_seconds": {"listener": {"public"}}}
	_, page := get(t, "http://"+w.private+"/metrics")
	for _, m := range familySaid.FindAllStringSubmatch(page, -1) {
		out[m[1]] = labels{}
	}
	for _, m := range seriesShown.FindAllStringSubmatch(page, -1) {
		name := family(m[1])
		if out[name] == nil {
			out[name] = labels{}
		}
		for _, l := range regexp.MustCompile(`([a-z]+)="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			out[name][l[1]] = append(out[name][l[1]], l[2])
		}
	}
	return out
}

// family is the metric that a series of a histogram belongs to.
func family(series string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		series = strings.TrimSuffix(series, suffix)
	}
	return series
}

// misnamed is what an expression asks for and no daemon shows.
func misnamed(expr string, shown map[string]labels) (wrong []string) {
	var known []labels
	for _, m := range metricUse.FindAllStringSubmatch(expr, -1) {
		has, ok := shown[family(m[1])]
		if !ok {
			wrong = append(wrong, "no daemon shows "+m[1])
			continue
		}
		known = append(known, has)
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if has[l[1]] == nil {
				wrong = append(wrong, fmt.Sprintf("%s has no label %s", m[1], l[1]))
			}
		}
	}
	for _, m := range groupedBy.FindAllStringSubmatch(expr, -1) {
		for _, name := range strings.Split(m[1], ", ") {
			found := false
			for _, has := range known {
				found = found || has[name] != nil
			}
			if !found {
				wrong = append(wrong, "nothing in it has a label "+name)
			}
		}
	}
	return wrong
}

// TestAlertRulesParse has Prometheus itself read the rules.
func TestAlertRulesParse(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		needs(t, "promtool", "Prometheus's own tool reads the rules; it is not here")
	}
	if out, err := exec.CommandContext(within(t, patience), "promtool", "check", "rules", "../../../config/alerts.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheCollectorIsBounded: what the daemon keeps may grow fivefold before it is walked
// through, and not beyond its bound.
func TestTheCollectorIsBounded(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{})
	w.start()
	_, page := get(t, "http://"+w.private+"/metrics")
	for _, want := range []string{"\ngo_gc_gogc_percent 400\n", "\ngo_gc_gomemlimit_bytes 1.073741824e+09\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics does not say %q", want)
		}
	}
}
