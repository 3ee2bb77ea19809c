package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const (
	testsPerPerson = 10 // test texts and pages in a quarter of an hour
	sampleMoment   = "Mon 10:30 AM"
)

type textsPage struct {
	Languages []textsIn
	Routes    []escalation.Route // of who looks, for a test text
}

type textsIn struct {
	Lang, Name string
	Texts      []textRow
}

// textRow is a patient text as it would leave.
type textRow struct {
	Name     string
	Words    string
	Length   int
	Segments int
	Wide     bool // a letter outside GSM-7: a segment holds fewer
}

// texts shows every text that patients can receive, with its values, as it would
// leave now.
func (c *Console) texts(w http.ResponseWriter, r *http.Request, s access.Session) error {
	rules := c.o.Rules()
	p := textsPage{Routes: rules.Plan.People[s.ID].Routes}
	for _, lang := range rules.Languages {
		in := textsIn{Lang: lang, Name: languageName(lang)}
		for _, name := range policy.TextNames() {
			row := textRow{Name: name, Words: segment.Fold(rules.Texts.Say(lang, name, sampleMoment))}
			var encoding string
			row.Segments, encoding = segment.Count(row.Words)
			row.Length, row.Wide = len([]rune(row.Words)), encoding != segment.GSM7
			in.Texts = append(in.Texts, row)
		}
		p.Languages = append(p.Languages, in)
	}
	return c.show(w, r, "admin_texts", p)
}

// testText sends one of the patient texts to the admin's own phone, as a patient
// would get it.
func (c *Console) testText(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	rules, lang, name := c.o.Rules(), r.PostFormValue("lang"), r.PostFormValue("name")
	if !slices.Contains(rules.Languages, lang) || !slices.Contains(policy.TextNames(), name) {
		return problem(http.StatusBadRequest, "There is no such text; nothing was sent.")
	}
	return c.test(w, r, s, "/admin/texts", turn.Notice{What: "test_text", Words: molt.Words(rules.Texts.Say(lang, name, sampleMoment))})
}

// testPage sends the admin what she can tell from a page, by the lane of pages.
func (c *Console) testPage(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	words := fmt.Sprintf("%s: this is a test page that %s asked for. No patient waits; nothing is to be done.", c.o.Rules().Clinic, s.Name)
	return c.test(w, r, s, "/admin", turn.Notice{What: "test_page", Words: molt.Words(words)})
}

// test sends to a route of the admin's own, and to nobody else's.
func (c *Console) test(w http.ResponseWriter, r *http.Request, s access.Session, back string, n turn.Notice) error {
	routes := c.o.Rules().Plan.People[s.ID].Routes
	i, err := strconv.Atoi(r.PostFormValue("route"))
	if err != nil || i < 0 || i >= len(routes) {
		return problem(http.StatusBadRequest, "The configuration has no such route of yours; nothing was sent.")
	}
	if !c.asks.allow("test "+string(s.ID), testsPerPerson) {
		return problem(http.StatusTooManyRequests, "That was a lot of tests. Try again in a quarter of an hour.")
	}
	if err := c.tell(r, s.ID, routes[i].Channel, routes[i].Address, n); err != nil {
		return err
	}
	c.said.put(s, "It is on its way to your "+routes[i].Name+" route. If it does not come, the overview counts why.")
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}
