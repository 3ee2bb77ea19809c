package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/reload"
)

// maxBody bounds a request's body: a form may hold the whole configuration file,
// three bytes of the form to a byte of it.
func maxBody(r *http.Request) int64 {
	if strings.HasPrefix(r.URL.Path, "/admin/config") {
		return 3*config.MaxFile + MaxForm
	}
	return MaxForm
}

// configRoutes are the pages of the configuration file.
func (c *Console) configRoutes() map[string]route {
	if c.o.Config == nil {
		return map[string]route{}
	}
	return map[string]route{
		"GET /admin/config":              {access.Configure, c.configPage},
		"POST /admin/config":             {access.Configure, c.configForm},
		"POST /admin/config/check":       {access.Configure, c.configCheck},
		"GET /admin/config/history":      {access.Configure, c.history},
		"GET /admin/config/history/{id}": {access.Configure, c.version},
		"POST /admin/config/back":        {access.Configure, c.rollBack},
	}
}

type configPage struct {
	Path     string
	Text     string
	Was      string // the digest of the file that is edited
	ReadOnly string
	State    reload.State
	Missing  string // why the file cannot be read
	Checked  bool
	Faults   []config.Fault
	Says     string
	Diff     []diffLine // against what is in force
	Changed  bool       // the file is another by now
}

// diffLine is one line of a diff.
type diffLine struct {
	Class string // "add", "gone", "at", ""
	Words string
}

// diffHead is how many lines of a diff name the two sides.
const diffHead = 3

// diffOf shows what would change. Equal contents have no lines.
func diffOf(was, is []byte) (lines []diffLine) {
	d := diff.Diff("in force", plainLines(was), "this", plainLines(is))
	for i, l := range strings.SplitAfter(string(d), "\n") {
		line := diffLine{Words: strings.TrimSuffix(l, "\n")}
		switch {
		case l == "", i < diffHead:
			continue
		case l[0] == '+':
			line.Class = "add"
		case l[0] == '-':
			line.Class = "gone"
		case l[0] == '@':
			line.Class = "at"
		}
		lines = append(lines, line)
	}
	return lines
}

// plainLines gives a file one kind of line ends, and the last line its own.
func plainLines(text []byte) []byte {
	s := normal(string(text))
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return []byte(s)
}

func (c *Console) configPage(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	p := configPage{State: c.o.Config.State()}
	f, err := c.o.Config.File()
	if err != nil { // what is in force can still be seen
		p.Missing, p.Text = err.Error(), string(c.o.Config.InForce())
		return c.show(w, r, "admin_config", p)
	}
	p.Path, p.Text, p.Was, p.ReadOnly = f.Path, string(f.Text), f.Digest, f.ReadOnly
	if p.Diff = diffOf(c.o.Config.InForce(), f.Text); p.State.Failed() || len(p.Diff) > 0 {
		p.check(c, f.Text)
	}
	return c.show(w, r, "admin_config", p)
}

// check fills in what is wrong with a text and what it would change.
func (p *configPage) check(c *Console, text []byte) {
	says, err := c.o.Config.Check(text)
	p.Checked, p.Says = true, says
	if err != nil {
		p.Faults = reload.FaultsOf(p.Path, err)
	}
	p.Diff = diffOf(c.o.Config.InForce(), text)
}

// configForm checks or applies what was edited. Whatever goes wrong, what she
// wrote stays in the editor.
func (c *Console) configForm(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	text := normal(r.PostFormValue("text"))
	p := configPage{Text: text, Was: r.PostFormValue("was"), State: c.o.Config.State()}
	if f, err := c.o.Config.File(); err == nil {
		p.Path, p.ReadOnly, p.Changed = f.Path, f.ReadOnly, f.Digest != p.Was
	} else {
		p.Missing = err.Error()
	}
	status := http.StatusOK
	if r.PostFormValue("do") == "apply" {
		err := c.o.Config.Apply(r.Context(), s.ID, []byte(text), p.Was)
		if err == nil {
			c.said.put(s, "It is in the file and in force.")
			http.Redirect(w, r, "/admin/config", http.StatusSeeOther)
			return nil
		}
		var faults config.Faults
		switch {
		case errors.Is(err, reload.ErrChanged):
			status, p.Changed = http.StatusConflict, true
		case errors.As(err, &faults):
			status = http.StatusUnprocessableEntity
		default:
			return applyProblem(err)
		}
	}
	p.check(c, []byte(text))
	w.WriteHeader(status)
	return c.show(w, r, "admin_config", p)
}

// applyProblem says why nothing was done.
func applyProblem(err error) error {
	switch {
	case errors.Is(err, reload.ErrChanged):
		return problem(http.StatusConflict, "The file changed since this page was loaded; nothing was done. Load the page again.")
	case errors.Is(err, reload.ErrReadOnly):
		return problem(http.StatusConflict, "The file cannot be written by the daemon; nothing was done. Change it where it is kept: the daemon takes it from there.")
	}
	return err
}

// checkAnswer is what the editor is told while she writes.
type checkAnswer struct {
	Faults []checkFault `json:"faults"`
	Says   string       `json:"says"`
}

type checkFault struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

func (c *Console) configCheck(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	out := checkAnswer{Faults: []checkFault{}}
	says, err := c.o.Config.Check([]byte(normal(r.PostFormValue("text"))))
	out.Says = says
	if err != nil {
		for _, f := range reload.FaultsOf("", err) {
			out.Faults = append(out.Faults, checkFault{f.Line, faultWords(f)})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(out)
}

// faultWords writes a fault as `tidegate check` does, without the file's name.
func faultWords(f config.Fault) string {
	f.File, f.Line = "", 0
	return strings.TrimPrefix(f.Error(), ": ")
}

type historyPage struct {
	Versions []reload.Version
	InForce  string // digest
}

func (c *Console) history(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	versions, err := c.o.Config.History(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, "admin_history", historyPage{Versions: versions, InForce: c.o.Config.State().Digest})
}

type versionPage struct {
	reload.Version
	Content string
	Change  []diffLine // against the one before it
	First   bool
	Back    []diffLine // what going back to it would change
	Was     string
}

func (c *Console) find(r *http.Request, id string) (v, before reload.Version, err error) {
	versions, err := c.o.Config.History(r.Context())
	if err != nil {
		return v, before, err
	}
	n, err := strconv.ParseUint(id, 10, 64)
	i := slices.IndexFunc(versions, func(v reload.Version) bool { return v.N == n })
	if err != nil || i < 0 {
		return v, before, problem(http.StatusNotFound, "That one is not kept: the history holds the last "+strconv.Itoa(reload.MaxHistory)+".")
	}
	if i+1 < len(versions) {
		before = versions[i+1]
	}
	return versions[i], before, nil
}

func (c *Console) version(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	v, before, err := c.find(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := versionPage{
		Version: v, Content: string(v.Text), First: before.N == 0,
		Change: diffOf(before.Text, v.Text), Back: diffOf(c.o.Config.InForce(), v.Text),
	}
	if f, err := c.o.Config.File(); err == nil {
		p.Was = f.Digest
	}
	return c.show(w, r, "admin_version", p)
}

// rollBack applies an older content, which passes the same check.
func (c *Console) rollBack(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	v, _, err := c.find(r, r.PostFormValue("n"))
	if err != nil {
		return err
	}
	if v.Text == nil {
		return problem(http.StatusBadRequest, "That one was too long to be kept.")
	}
	err = c.o.Config.Apply(r.Context(), s.ID, v.Text, r.PostFormValue("was"))
	var faults config.Faults
	if errors.As(err, &faults) {
		return problem(http.StatusUnprocessableEntity, "That one has faults by now, and nothing was done: "+faultWords(faults[0]))
	}
	if err != nil {
		return applyProblem(err)
	}
	c.said.put(s, "The older configuration is in the file and in force.")
	http.Redirect(w, r, "/admin/config", http.StatusSeeOther)
	return nil
}
