package console

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// act carries out what a form asks for. It speaks of the case as the form
// showed it: a click that comes too late is refused with who has the case now.
func (c *Console) act(w http.ResponseWriter, r *http.Request, s access.Session) error {
	a, err := actOf(r, s)
	if err != nil {
		return err
	}
	id, found, err := c.o.Casework.Find(r.Context(), r.PathValue("ref"))
	if err != nil {
		return err
	}
	if a.Case == "" && !a.Verb.OfReview() {
		a.Case = found
	}
	out, err := c.o.Casework.Act(r.Context(), id, nil, a)
	if err != nil {
		return err
	}
	to := "/c/" + refOf(out.Row)
	if out.Done && a.Verb == turn.VerbTake && out.Row.Severity == escalation.S1 {
		to += "?first"
	}
	if !out.Done && !out.Again {
		return c.refused(w, r, s, draft{out.Row.Conversation, a.Verb, a.Words.Reveal()}, out.Why, to)
	}
	return c.went(w, r, s, out.Why, to)
}

// formAnswer is what a page hears that posted a form by script: where to go on, or
// why to stay as it is.
type formAnswer struct {
	To    string `json:"to,omitempty"`
	Why   string `json:"why,omitempty"`
	Said  string `json:"said,omitempty"`  // what became of it, for a page that stays
	Nonce string `json:"nonce,omitempty"` // for its next act
}

// byScript reports whether a page posted a form itself, and keeps what is written
// in it until it hears that it went.
func byScript(r *http.Request) bool { return r.Header.Get("X-Form") != "" }

// went goes on to a page, which says what became of an act.
func (c *Console) went(w http.ResponseWriter, r *http.Request, s access.Session, why, to string) error {
	if r.Header.Get("X-Form") == "stay" { // she writes something else there
		return answerJSON(w, http.StatusOK, formAnswer{Said: why, Nonce: newNonce()})
	}
	c.said.put(s, why)
	if byScript(r) {
		return answerJSON(w, http.StatusOK, formAnswer{To: to})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// refused says why an act was not done. What was written for it is not lost: a page
// with script has it still, any other gets it back.
func (c *Console) refused(w http.ResponseWriter, r *http.Request, s access.Session, d draft, why, to string) error {
	if byScript(r) {
		return answerJSON(w, http.StatusConflict, formAnswer{Why: why})
	}
	c.drafts.put(s, d)
	c.said.put(s, why)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func answerJSON(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(body)
}

// actOf reads a form.
func actOf(r *http.Request, s access.Session) (turn.Acted, error) {
	err := parse(r)
	if err != nil {
		return turn.Acted{}, err
	}
	f := r.PostForm
	a := turn.Acted{
		Actor: s.ID, Via: "console", Verb: turn.Verb(f.Get("verb")), Case: molt.CaseID(f.Get("case")), Words: molt.Words(strings.TrimSpace(normal(f.Get("words")))),
		To: molt.PersonID(f.Get("to")), Severity: escalation.Severity(f.Get("severity")), Reached: f.Get("reached") == "yes",
		FalseAlarm: f.Get("false_alarm") != "", Disposition: f.Get("disposition"), NextOwner: escalation.Owner(f.Get("next_owner")),
	}
	if v := f.Get("version"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
		}
		a.Version = n
	}
	if v := f.Get("review"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil || len(f.Get("code")) > turn.CodeLength {
			return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
		}
		a.Review, a.ReviewCode, a.Case = n, f.Get("code"), ""
		if a.Saw, err = strconv.ParseUint(cmp.Or(f.Get("saw"), "0"), 10, 64); err != nil {
			return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
		}
	}
	nonce := f.Get("nonce")
	if nonce == "" || len(nonce) > maxNonce {
		return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
	}
	a.ID, err = actID(a, nonce)
	return a, err
}

// actID names an act. The same again is the same act; other words, or another button,
// are another one, though they come from a page that was not loaded anew.
func actID(a turn.Acted, nonce string) (string, error) {
	actor := a.Actor
	a.Case, a.Version, a.Saw = "", 0, 0 // what the page knew of the case is no part of it
	b, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return "console:" + string(actor) + ":" + nonce + ":" + hex.EncodeToString(sum[:8]), nil
}

// normal gives the line ends of a form their plain shape.
func normal(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// segments says how a text would go out, so that she sees it while she writes.
func (c *Console) segments(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	words := segment.Fold(strings.TrimSpace(normal(r.PostFormValue("words"))))
	n, _ := segment.Count(words)
	_, err := w.Write([]byte(segmentsInWords(len([]rune(words)), n)))
	return err
}

func segmentsInWords(letters, segments int) string {
	text := strconv.Itoa(letters) + " characters, "
	if segments == 1 {
		return text + "1 text"
	}
	return text + strconv.Itoa(segments) + " texts"
}
