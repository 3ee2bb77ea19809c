package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/policy"
)

const written = "Sit down & do not eat. <b>I call you.</b>"

const shownWritten = "Sit down &amp; do not eat. &lt;b&gt;I call you.&lt;/b&gt;"

// TestRefusedWordsComeBack: without a script, what was written for an act that is
// refused stands in the next page, once, where it was written if she may write there.
func TestRefusedWordsComeBack(t *testing.T) {
	h := open(t)
	id := h.patient("my chest hurts")
	alice, bea := h.as("alice"), h.as("bea")
	at := "/c/" + string(id)
	_, page, _ := alice.get(at)
	alice.post(at+"/act", ids(page, "verb", "take"))
	_, hers, _ := bea.get(at)
	for verb, want := range map[string]string{"relay": `readonly>` + shownWritten, "note": `readonly>` + shownWritten} {
		f := ids(hers, "verb", verb, "words", written)
		f.Set("nonce", "late-"+verb)
		_, _, head := bea.post(at+"/act", f)
		_, after, _ := bea.get(head.Get("Location"))
		if !strings.Contains(after, want) || !strings.Contains(after, "Refused") || strings.Contains(after, `aria-labelledby="kept-h" hidden`) {
			t.Errorf("%s: her words are not there:\n%s", verb, after)
		}
		if _, again, _ := bea.get(head.Get("Location")); strings.Contains(again, shownWritten) {
			t.Errorf("%s: her words stand there for good", verb)
		}
	}
	// The case is hers and the act is refused all the same: she may write it anew.
	_, page, _ = alice.get(at)
	for verb, box := range map[string]string{"relay": `id="reply" `, "resolve": `id="handback" `} {
		f := ids(page, "verb", verb, "words", written+" "+policy.Token)
		if verb == "resolve" {
			f = ids(page, "verb", verb, "words", written, "disposition", "advised") // nobody reached the patient
		}
		f.Set("nonce", "refused-"+verb)
		_, _, head := alice.post(at+"/act", f)
		_, after, _ := alice.get(head.Get("Location"))
		_, rest, _ := strings.Cut(after, box)
		if rest, _, _ = strings.Cut(rest, "</textarea>"); !strings.Contains(rest, shownWritten) {
			t.Errorf("%s: her words are not in its box:\n%s", verb, after)
		}
	}
	// A look by the page itself takes nothing away.
	f := ids(hers, "verb", "relay", "words", written)
	f.Set("nonce", "late-again")
	bea.post(at+"/act", f)
	fresh := bea.request(http.MethodGet, at, nil)
	fresh.Header.Set("X-Live", "1")
	if _, body, _ := bea.send(fresh); strings.Contains(body, shownWritten) {
		t.Error("a page that keeps itself fresh took them")
	}
	if _, after, _ := bea.get(at); !strings.Contains(after, shownWritten) {
		t.Error("and so they were lost")
	}
}

// held is a console in which alice has taken a red flag's case, and looks at it.
func held(t *testing.T) (h *house, at string, alice *browser, page string) {
	t.Helper()
	h = open(t)
	at = "/c/" + string(h.patient("my chest hurts"))
	alice = h.as("alice")
	_, page, _ = alice.get(at)
	alice.post(at+"/act", ids(page, "verb", "take"))
	_, page, _ = alice.get(at)
	return h, at, alice, page
}

// TestFaultsGiveWordsBack: too long, from a broken form, by somebody who was signed
// out meanwhile or may not: the page that says so has the words. One that came from
// another site has nothing.
func TestFaultsGiveWordsBack(t *testing.T) {
	h, at, alice, page := held(t)
	for name, c := range map[string]struct {
		who  *browser
		form url.Values
		want int
	}{
		"too long":      {alice, ids(page, "verb", "relay", "words", strings.Repeat(written, 50)), http.StatusBadRequest},
		"a broken form": {alice, url.Values{"verb": {"relay"}, "words": {written}}, http.StatusBadRequest},
		"signed out":    {h.browser(), ids(page, "verb", "relay", "words", written), http.StatusUnauthorized},
		"may not":       {h.as("ada"), ids(page, "verb", "relay", "words", written), http.StatusForbidden},
	} {
		if status, body, _ := c.who.post(at+"/act", c.form); status != c.want || !strings.Contains(body, shownWritten) {
			t.Errorf("%s: %d\n%s", name, status, body)
		}
	}
	if status, body, _ := alice.post("/start", url.Values{"nonce": {"n"}, "channel": {"main"}, "number": {"12"}, "words": {written}}); status != http.StatusBadRequest || !strings.Contains(body, shownWritten) {
		t.Errorf("a new text to no number: %d\n%s", status, body)
	}
	evil := alice.request(http.MethodPost, at+"/act", ids(page, "verb", "relay", "words", written))
	evil.Header.Set("Sec-Fetch-Site", "cross-site")
	if status, body, _ := alice.send(evil); status != http.StatusForbidden || strings.Contains(body, shownWritten) {
		t.Errorf("another site's form: %d\n%s", status, body)
	}
}

// TestFormsByScript: a page that posts a form itself hears where to go on, or why
// to stay, and one that stays gets what it needs for the next act.
func TestFormsByScript(t *testing.T) {
	h := open(t)
	at := "/c/" + string(h.patient("my chest hurts"))
	alice, bea := h.as("alice"), h.as("bea")
	_, page, _ := alice.get(at)
	by := func(b *browser, how string, form url.Values) (int, string) {
		r := b.request(http.MethodPost, at+"/act", form)
		r.Header.Set("X-Form", how)
		status, body, _ := b.send(r)
		return status, body
	}
	if status, body := by(alice, "go", ids(page, "verb", "take")); status != http.StatusOK || !strings.HasPrefix(body, `{"to":"/c/`) {
		t.Errorf("taken: %d %s", status, body)
	}
	if status, body := by(bea, "go", ids(page, "verb", "relay", "words", written)); status != http.StatusConflict || !strings.Contains(body, `{"why":"Refused: `) || strings.Contains(body, "Sit down") {
		t.Errorf("refused: %d %s", status, body)
	}
	if _, after, _ := bea.get(at); strings.Contains(after, shownWritten) {
		t.Error("the gateway kept words that the page has")
	}
	alice.get(at)
	_, page, _ = alice.get(at)
	status, body := by(alice, "stay", ids(page, "verb", "called", "reached", "yes"))
	if status != http.StatusOK || !strings.Contains(body, `"said":"Case `) || !strings.Contains(body, `"nonce":"`) || strings.Contains(body, `"to"`) {
		t.Errorf("for a page that stays: %d %s", status, body)
	}
	if _, after, _ := alice.get(at); strings.Contains(after, `class="said"`) {
		t.Error("the next page says it again")
	}
	if status, body := by(h.browser(), "go", ids(page, "verb", "relay", "words", written)); status != http.StatusUnauthorized || !strings.Contains(body, "signed out") || strings.Contains(body, "Sit down") {
		t.Errorf("signed out: %d %s", status, body)
	}
}

// TestReadyRepliesAreThoseInForce: she is offered the clinic's own, with what each
// takes as a text, and others once the configuration says so.
func TestReadyRepliesAreThoseInForce(t *testing.T) {
	h, at, alice, _ := held(t)
	for _, c := range []struct{ reply, want string }{
		{"Hello from <b>{clinic}</b>.", `<span dir="auto">Hello from &lt;b&gt;Harbor&lt;/b&gt;.</span> <small>25 characters, 1 text</small>`},
		{strings.Repeat("Please tell us more. ", 8), `characters, 2 texts</small>`},
	} {
		texts, err := h.rules.Texts.WithReplies(map[string][]string{"en": {c.reply}}, policy.Gate{})
		must(t, err)
		h.rules.Texts = texts
		if _, page, _ := alice.get(at); !strings.Contains(page, c.want) {
			t.Errorf("%q is not offered:\n%s", c.reply, page)
		}
	}
}

// TestOtherWordsAreAnotherAct: a page whose answer was lost, or that has two forms on
// their way at once, has one nonce for both. What is written in the second goes out.
func TestOtherWordsAreAnotherAct(t *testing.T) {
	_, at, alice, page := held(t)
	said := func(more ...string) string {
		t.Helper()
		_, _, head := alice.post(at+"/act", ids(page, more...))
		_, after, _ := alice.get(head.Get("Location"))
		return after
	}
	if after := said("verb", "called", "reached", "yes"); strings.Contains(after, "Done before") {
		t.Fatalf("the first act:\n%s", after)
	}
	for _, words := range []string{"I called you back.", "Do not drive. Call 911 now."} {
		if after := said("verb", "relay", "words", words); strings.Contains(after, "Done before") || !strings.Contains(after, words) {
			t.Errorf("%q was taken for what was sent before:\n%s", words, after)
		}
	}
	if after := said("verb", "relay", "words", "I called you back."); !strings.Contains(after, "Done before") {
		t.Errorf("the same words again are another act:\n%s", after)
	}
}
