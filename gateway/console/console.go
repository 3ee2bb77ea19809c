package console

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/reload"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Limits of a page.
const (
	MaxForm   = 64 << 10 // bytes of a posted form
	MaxListed = 100      // cards on one list
	MaxOthers = 10       // further chats of one source on a card
	MaxFound  = 20       // conversations one search shows
	maxNonce  = 64
)

// Options make a Console. Everything is required but what says its default.
type Options struct {
	Casework *casework.Desk
	Intake   *intake.Desk
	Audit    *audit.Auditor
	Access   *access.Access
	Files    *attic.Attic       // what patients sent; nil: nothing of it is kept
	Rules    func() *turn.Rules // in force now
	// URL is the address people open, "https://console.example"; links in texts
	// begin with it, and requests for another host are refused.
	URL string
	// Gateway is what the admin's pages show and change; nil: there are none.
	Gateway Gateway
	// Config keeps the configuration file; nil: there is none to edit.
	Config *reload.Keeper
	// Kick wakes the workers after something was put for them.
	Kick func(class molt.Lane)
	// Typing hears that somebody writes to the patient of a conversation; nil: nobody.
	Typing func(ctx context.Context, id molt.ConversationID, who molt.PersonID)
	Now    func() time.Time // default time.Now
	Log    zerolog.Logger
}

// Console is the staff's pages.
type Console struct {
	o      Options
	home   *url.URL
	pages  func() map[string]*template.Template // made when the first is shown: a start waits for none
	hub    *hub
	looks  *looks
	asks   *limiter
	said   *flashes
	drafts *drafts
}

// New checks the options and starts nothing.
func New(o Options) (*Console, error) {
	if o.Casework == nil || o.Intake == nil || o.Audit == nil || o.Access == nil || o.Rules == nil {
		return nil, errors.New("console: Casework, Intake, Audit, Access and Rules are required")
	}
	home, err := url.Parse(o.URL)
	if err != nil || home.Host == "" || home.Scheme != "http" && home.Scheme != "https" {
		return nil, errors.New("console: URL must be a whole address")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Kick == nil {
		o.Kick = func(molt.Lane) {}
	}
	if o.Typing == nil {
		o.Typing = func(context.Context, molt.ConversationID, molt.PersonID) {}
	}
	c := &Console{o: o, home: home, hub: newHub(), looks: newLooks(), asks: newLimiter(o.Now), said: newFlashes(), drafts: newDrafts()}
	c.pages = sync.OnceValue(c.parse)
	return c, nil
}

// parse reads the pages. They are in the binary, so that a fault in one is the
// build's, and every test that shows a page finds it.
func (c *Console) parse() map[string]*template.Template {
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		panic(err)
	}
	pages := map[string]*template.Template{}
	for _, n := range names {
		if n == "pages/layout.html" {
			continue
		}
		pages[n[len("pages/"):len(n)-len(".html")]] = template.Must(template.New("layout.html").Funcs(c.funcs()).ParseFS(pageFiles, "pages/layout.html", n))
	}
	return pages
}

// Changed tells the pages that show a conversation, and the lists, that there
// is something new. It never waits.
func (c *Console) Changed(id molt.ConversationID, s *turn.State, d turn.Decided) {
	if d.Reason == turn.ReasonRead {
		return // or every look would call for the next
	}
	waits := slices.ContainsFunc(d.Effects, func(e turn.Effect) bool { return e.Kind == turn.EffectReview })
	c.hub.changed(string(id), s.Case != nil || waits)
}

// Typing tells the pages that show a conversation that its patient is writing.
func (c *Console) Typing(id molt.ConversationID) { c.hub.typing(string(id)) }

// Close ends every live connection.
func (c *Console) Close() { c.hub.close() }

// Handler is the whole surface.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/cases", http.StatusSeeOther) })
	mux.HandleFunc("GET /sign-in", c.open(c.signInPage))
	mux.HandleFunc("POST /sign-in", c.open(c.askLink))
	mux.HandleFunc("GET /in", c.open(c.linkPage))
	mux.HandleFunc("POST /in", c.open(c.useLink))
	routes := map[string]route{
		"POST /sign-out":                   {access.Read, c.signOut},
		"GET /cases":                       {access.Read, c.cases},
		"GET /c/{ref}":                     {access.Read, c.conversation},
		"GET /c/{ref}/chart":               {access.Read, c.chart},
		"GET /c/{ref}/trace":               {access.Read, c.trace},
		"GET /c/{ref}/media/{seq}/{index}": {access.Read, c.media},
		"POST /c/{ref}/act":                {access.Work, c.act},
		"GET /search":                      {access.Read, c.search},
		"GET /start":                       {access.Work, c.startPage},
		"POST /start":                      {access.Work, c.start},
		"POST /segments":                   {access.Work, c.segments},
		"GET /live":                        {access.Read, c.live},
	}
	maps.Copy(routes, c.adminRoutes())
	for pattern, p := range routes {
		mux.HandleFunc(pattern, c.signedIn(p.right, p.answer))
	}
	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(c.home.Scheme + "://" + c.home.Host); err != nil {
		panic(err) // New has read the address
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fault(w, r, problem(http.StatusForbidden, "That came from another site, and nothing was done. Open the console itself and do it there."))
	}))
	return c.guard(cross.Handler(mux))
}

// route is an address for those who have the right.
type route struct {
	right  access.Right
	answer answer
}

// answer is a page: what it returns as an error the reader sees as a sentence.
type answer func(w http.ResponseWriter, r *http.Request, s access.Session) error

// Problem is what went wrong, in a sentence for the reader.
type Problem struct {
	Status int
	Why    string
	Kept   string // what was written and not taken, for its writer
}

func (p *Problem) Error() string { return p.Why }

func problem(status int, why string) error { return &Problem{Status: status, Why: why} }

func problemOf(err error) *Problem {
	var p *Problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Why: "That was over 64 KiB; nothing was done."}
	case casework.IsFault(err):
		return &Problem{Status: http.StatusBadRequest, Why: "Not done: " + err.Error() + "."}
	case errors.Is(err, casework.ErrNoCode), errors.Is(err, casework.ErrNoReference):
		return &Problem{Status: http.StatusNotFound, Why: "There is no such case now: a code ends with its case. Search by name or number."}
	case errors.Is(err, intake.ErrUnknownConversation):
		return &Problem{Status: http.StatusNotFound, Why: "There is no such conversation."}
	case errors.Is(err, intake.ErrFrozen), errors.Is(err, intake.ErrDecide):
		return &Problem{Status: http.StatusConflict, Why: "This conversation's journal cannot be gone on with. Its patient is with staff in the conversation that follows it; tidegate verify says what is wrong."}
	case errors.Is(err, molt.ErrClosed), errors.Is(err, molt.ErrBroken):
		return &Problem{Status: http.StatusServiceUnavailable, Why: "The gateway is stopping. Nothing was done: try again in a moment."}
	}
	return &Problem{Status: http.StatusInternalServerError, Why: "It did not work; the gateway's log has the reason."}
}

// fault shows what went wrong. A page that only keeps itself fresh sees the
// status.
func (c *Console) fault(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		c.o.Log.Error().Err(err).Msg("console")
	}
	if byScript(r) {
		_ = answerJSON(w, p.Status, formAnswer{Why: p.Why}) // who asked is gone
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	shown := *p
	if r.Method == http.MethodPost { // as far as the form was read
		shown.Kept = r.PostForm.Get("words")
	}
	c.write(w, r, "fault", &shown)
}

type sessionKey struct{}

// frame is what every page stands in.
type frame struct {
	Me     access.Session
	Clinic string
	Paused bool           // on all channels
	Silent []string       // the channels on which the agent may not speak
	Faults []config.Fault // of the configuration file, for who may mend it
	Said   string
	Page   any
}

// show writes a page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, name string, page any) error {
	c.write(w, r, name, page)
	return nil
}

// write puts a page into its frame, with what the session was last told. A page
// that only keeps itself fresh leaves that for the next one.
func (c *Console) write(w http.ResponseWriter, r *http.Request, name string, page any) {
	rules := c.o.Rules()
	f := frame{Clinic: rules.Clinic, Page: page}
	f.Silent, f.Paused = rules.Silent()
	f.Me, _ = r.Context().Value(sessionKey{}).(access.Session)
	if c.o.Config != nil && f.Me.Role.May(access.Configure) {
		f.Faults = c.o.Config.State().Faults
	}
	if !isLive(r) {
		f.Said = c.said.take(f.Me)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := c.pages()[name].Execute(w, f); err != nil {
		c.o.Log.Debug().Str("page", name).Msg("page not read to its end")
	}
}

// isLive reports whether a page keeps itself fresh, or loads its pictures:
// nobody's doing.
func isLive(r *http.Request) bool {
	return r.Header.Get("X-Live") != "" || r.URL.Path == "/live" || r.Header.Get("Sec-Fetch-Dest") == "image"
}
