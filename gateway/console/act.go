package console

import (
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
	c.said.put(s, out.Why)
	to := "/c/" + refOf(out.Row)
	if out.Done && a.Verb == turn.VerbTake && out.Row.Severity == escalation.S1 {
		to += "?first"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// actOf reads a form.
func actOf(r *http.Request, s access.Session) (turn.Acted, error) {
	if err := parse(r); err != nil {
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
		if err != nil {
			return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
		}
		a.Review, a.Case = n, ""
	}
	nonce := f.Get("nonce")
	if nonce == "" || len(nonce) > maxNonce {
		return a, problem(http.StatusBadRequest, "The form is broken: load the page again.")
	}
	a.ID = "console:" + string(s.ID) + ":" + nonce
	return a, nil
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

// canned are replies that are written often. They are the start of an answer
// and stand in the box for her to change.
func canned(lang, clinic string) []string {
	if lang == "es" {
		return []string{
			"Soy enfermera de " + clinic + ". ¿Puede hablar por telefono ahora?",
			"¿Desde cuando lo tiene, y esta empeorando?",
			"Le estoy llamando ahora. Conteste el telefono, por favor.",
			"Gracias. Si empeora, llame al 911.",
		}
	}
	return []string{
		"This is a nurse at " + clinic + ". Can you talk on the phone now?",
		"Since when do you have this, and is it getting worse?",
		"I am calling you now. Please pick up the phone.",
		"Thank you. If it gets worse, call 911.",
	}
}
