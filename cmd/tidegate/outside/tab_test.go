package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// maxTabs bounds how often a key is pressed to get somewhere.
const maxTabs = 80

// maxPresses bounds how often the mouse is pressed on what moves.
const maxPresses = 5

// browser is a real browser with a window for each person.
type browser struct {
	t   *testing.T
	ctx context.Context // the browser itself, as chromedp keeps it
}

// tab is a page in a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context // the tab itself, as chromedp keeps it
}

func browse(t *testing.T) *browser {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		needs(t, "chromium", "the browser; install chromium")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.DisableGPU))
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return &browser{t, ctx}
}

// window opens one for somebody else: it shares no cookie with another.
func (b *browser) window(width, height int64) *tab {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(end)
	p := &tab{b.t, ctx}
	p.size(width, height)
	call(p, network.Enable, network.EnableParams{})
	return p
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("browser: %v\n%s", err, b.log())
	}
}

func (b *tab) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// log is what the page shows, for a test that failed.
func (b *tab) log() string {
	s, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body ? document.title + "\n" + document.body.innerText : ""`))
	return s
}

// is waits until an expression is true, also of a page that is only on its way.
func (b *tab) is(format string, args ...any) {
	b.t.Helper()
	expression := fmt.Sprintf(format, args...)
	safe := `(() => { try { return Boolean(` + expression + `); } catch { return false; } })()`
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](safe, chromedp.WithPollingTimeout(patience)))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("never true: %s: %v\n%s", expression, err, b.log())
		}
	}
}

func (b *tab) value(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// click presses the mouse on what a CSS selector finds, and once more where the
// page moved under the mouse and something else took the press.
func (b *tab) click(selector string) {
	b.t.Helper()
	for range maxPresses {
		b.is(`document.querySelector(%s).checkVisibility()`, quoted(selector))
		b.value(`(() => {
			window.missed = "";
			addEventListener("click", (e) => { if (!e.target.closest(` + quoted(selector) + `)) window.missed = e.target.outerHTML.slice(0, 80); }, {capture: true, once: true});
			return "";
		})()`)
		b.do(chromedp.Click(chromedp.CSS(selector)))
		// No answer, or none of this: the press has led to another page.
		missed, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`window.missed || ""`))
		if err != nil || missed == "" {
			return
		}
		b.t.Logf("%s has moved away from under the mouse, which met %s", selector, missed)
	}
	b.t.Fatalf("%s moves away each time\n%s", selector, b.log())
}

// press holds the mouse down on it, and release lets it go.
func (b *tab) press(selector string) (release func()) {
	b.t.Helper()
	at := strings.Fields(b.value(`(() => {
		const r = document.querySelector(` + quoted(selector) + `).getBoundingClientRect();
		return Math.round(r.x + r.width / 2) + " " + Math.round(r.y + r.height / 2);
	})()`))
	x, errX := strconv.ParseFloat(at[0], 64)
	y, errY := strconv.ParseFloat(at[1], 64)
	if err := errors.Join(errX, errY); err != nil {
		b.t.Fatal(err)
	}
	left := []chromedp.MouseOption{chromedp.ButtonLeft, chromedp.ClickCount(1)}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, left...))
	return func() { b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, left...)) }
}

// types writes into a field.
func (b *tab) types(selector, words string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), words))
}

// keys presses keys where the focus is.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// tabTo moves the focus by the keyboard alone, as far as it takes.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range maxTabs {
		if b.value(`String(document.activeElement.matches(`+quoted(selector)+`))`) == "true" {
			return
		}
		b.keys(kb.Tab)
	}
	b.t.Fatalf("the keyboard does not get to %s\n%s", selector, b.log())
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// call gives the browser a command that chromedp has no action for.
func call[P, R any](b *tab, cmd cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, cmd, params); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// cut takes the network away from addresses that a pattern names, "" all: what
// is on its way is lost, what is open stays open and brings nothing.
func (b *tab) cut(pattern string) {
	b.t.Helper()
	rules := []*network.Conditions{{URLPattern: pattern, Offline: true, DownloadThroughput: -1, UploadThroughput: -1}}
	call(b, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: rules})
	if pattern == "" {
		call(b, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
	}
}

// mend brings the network back.
func (b *tab) mend() {
	b.t.Helper()
	call(b, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{}})
	call(b, network.OverrideNetworkState, network.OverrideNetworkStateParams{DownloadThroughput: -1, UploadThroughput: -1})
}

// fits wants no sideways scrolling.
func (b *tab) fits(what string) {
	b.t.Helper()
	w := b.value(`document.documentElement.scrollWidth <= innerWidth ? "" : document.documentElement.scrollWidth + " pixels wide on a screen of " + innerWidth`)
	if w != "" {
		b.t.Errorf("%s is %s", what, w)
	}
}

// accessible holds the page against axe-core's rules.
func (b *tab) accessible(what string) {
	b.t.Helper()
	axe := os.Getenv("TIDEGATE_AXE")
	if axe == "" {
		if required("axe") {
			b.t.Fatal("TIDEGATE_TEST_REQUIRE names axe: TIDEGATE_AXE names no axe.min.js")
		}
		b.t.Log("accessibility is not judged: TIDEGATE_AXE names no axe.min.js")
		return
	}
	source, err := os.ReadFile(axe)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](string(source)+"\n;true")); err != nil {
		b.t.Fatalf("axe: %v", err)
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]violation](`axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.map((v) => ({impact: v.impact, what: v.id + ": " + v.help + "\n" + v.nodes.map((n) => n.html + " " + n.failureSummary).join("\n")})))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe: %v", err)
	}
	for _, v := range found {
		if slices.Contains([]string{"serious", "critical"}, v.Impact) {
			b.t.Errorf("%s: %s %s", what, v.Impact, v.What)
		} else {
			b.t.Logf("%s: %s %s", what, v.Impact, strings.SplitN(v.What, "\n", 2)[0])
		}
	}
}

// violation is a rule of accessibility that a page breaks.
type violation struct {
	Impact string `json:"impact"`
	What   string `json:"what"`
}
