package operator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
)

// Limits of a request.
const (
	maxBody  = 64 << 10
	maxNonce = 64
)

// Options make an Operator. Desk, Audit and Rules are required.
type Options struct {
	Desk  *intake.Desk
	Audit *audit.Auditor
	Rules func() *turn.Rules // in force now
	Files *attic.Attic       // what patients sent; nil: verify does not look at it
	// Daemon says that a daemon answers, so that what is decided is also sent.
	Daemon bool
	// NoActs says why nothing can be acted on here; "": it can.
	NoActs string
	// Custody changes keys and erases; nil: it cannot be done here.
	Custody *custody.Custody
	// End ends with whoever answers: work that outlives its request ends then.
	End context.Context //nolint:containedctx // It is the daemon's own, not a request's.
	// Copy backs the store up; nil: it cannot be.
	Copy Copy
	// Checkpoints is the file of signed heads that verify compares with; "": none.
	Checkpoints string
	// Link makes a one-time link to the console; nil: no console runs here.
	Link func(context.Context, molt.PersonID) (string, error)
	// Scarce reports whether the disk is nearly full; nil: it never is.
	Scarce func() bool
	Now    func() time.Time // default time.Now
	Log    zerolog.Logger
}

// Operator answers the operator's verbs.
type Operator struct {
	o    Options
	work *casework.Desk
}

// New checks the options and starts nothing.
func New(o Options) (*Operator, error) {
	if o.Desk == nil || o.Audit == nil || o.Rules == nil {
		return nil, errors.New("operator: Desk, Audit and Rules are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.End == nil {
		o.End = context.Background()
	}
	if o.Scarce == nil {
		o.Scarce = func() bool { return false }
	}
	work, err := casework.New(casework.Options{Desk: o.Desk, Rules: o.Rules})
	if err != nil {
		return nil, err
	}
	return &Operator{o: o, work: work}, nil
}

// Handler is the whole surface. It belongs behind a server with ConnContext.
func (p *Operator) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /status":                        p.status,
		"GET /cases":                         p.cases,
		"GET /cases/{ref}":                   p.showCase,
		"POST /cases/{ref}/acts":             p.act,
		"GET /drafts":                        p.reviews,
		"GET /drafts/{code}":                 p.showReview,
		"POST /drafts/{code}/acts":           p.actOnReview,
		"GET /conversations":                 p.conversations,
		"GET /conversations/{id}":            p.conversation,
		"GET /conversations/{id}/trace":      p.trace,
		"POST /conversations/{id}/take-over": p.takeOver,
		"POST /staff/{id}/link":              p.staffLink,
		"GET /export":                        p.export,
		"GET /verify":                        p.verify,
		"GET /replay":                        p.replay,
		"GET /backup":                        p.backup,
		"GET /keys":                          p.keys,
		"POST /keys/rotate":                  p.rotate,
		"POST /erase":                        p.erase,
		"GET /erase":                         p.erasures,
		"POST /conversations/{id}/hold":      p.hold,
		"GET /patients/{ref}":                p.patient,
	} {
		mux.HandleFunc(pattern, p.answer(answer))
	}
	return mux
}

// answer lets known users in, bounds the body and writes what went wrong as a
// sentence.
func (p *Operator) answer(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if actor(r.Context()) == "" {
			writeProblem(w, &Problem{Status: http.StatusForbidden, Why: "who is at the other end of the socket cannot be told, so nobody is let in"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err := f(w, r)
		if err == nil {
			return
		}
		pr := problemOf(err)
		if pr.Status == http.StatusInternalServerError {
			p.o.Log.Error().Err(err).Msg("operator")
		}
		writeProblem(w, pr)
	}
}

// Problem is what went wrong, in a sentence for the operator.
type Problem struct {
	Status int    `json:"-"`
	Why    string `json:"error"`
}

func (p *Problem) Error() string { return p.Why }

func problem(status int, why string) error { return &Problem{status, why} }

func problemOf(err error) *Problem {
	var p *Problem
	var tooLarge *http.MaxBytesError
	var unfinished *custody.UnfinishedError
	switch {
	case errors.As(err, &unfinished):
		return &Problem{http.StatusConflict, unfinished.Error()}
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return &Problem{http.StatusRequestEntityTooLarge, "the request is over 64 KiB"}
	case casework.IsFault(err):
		return &Problem{http.StatusBadRequest, err.Error()}
	case errors.Is(err, casework.ErrNoCode):
		return &Problem{http.StatusNotFound, err.Error() + ", and tidegate cases lists those there are"}
	case errors.Is(err, casework.ErrNoReview):
		return &Problem{http.StatusNotFound, err.Error() + ", and tidegate drafts lists what there is"}
	case errors.Is(err, casework.ErrNoReference):
		return &Problem{http.StatusNotFound, err.Error()}
	case errors.Is(err, intake.ErrUnknownConversation), errors.Is(err, audit.ErrNoConversation):
		return &Problem{http.StatusNotFound, "there is no such conversation"}
	case errors.Is(err, intake.ErrFrozen), errors.Is(err, intake.ErrDecide):
		return &Problem{http.StatusConflict, "the conversation's journal cannot be gone on with; tidegate verify says why, and its patient is with staff in the conversation that follows it"}
	case errors.Is(err, audit.ErrCheckpoints):
		return &Problem{http.StatusConflict, "the checkpoints cannot be read: look at the file that audit.checkpoints or --checkpoints names"}
	case errors.Is(err, custody.ErrBusy), errors.Is(err, custody.ErrUnreadable):
		return &Problem{http.StatusConflict, err.Error() + "; tidegate keys show tells how it stands, and tidegate verify what does not open"}
	case errors.Is(err, custody.ErrSupplied):
		return &Problem{http.StatusConflict, err.Error() + ": make the next one with tidegate keys rotate --to FILE, which says what to do with it"}
	case errors.Is(err, molt.ErrClosed), errors.Is(err, molt.ErrBroken):
		return &Problem{http.StatusServiceUnavailable, "the store takes nothing more; the daemon is stopping"}
	}
	return &Problem{http.StatusInternalServerError, "it did not work; the daemon's log has the reason"}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// stream writes JSON lines for as long as the other end reads them.
type stream struct {
	enc   *json.Encoder
	flush func() error
}

func newStream(w http.ResponseWriter) *stream {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // it ends with the reader or the record, not by the clock
	w.Header().Set("Content-Type", "application/x-ndjson")
	return &stream{enc: json.NewEncoder(w), flush: rc.Flush}
}

func (s *stream) line(v any) error {
	if err := s.enc.Encode(v); err != nil {
		return err
	}
	return s.flush()
}

// Line is one line of a stream: exactly one field is set.
type Line struct {
	File     *audit.File       `json:"file,omitempty"`
	Row      *audit.Row        `json:"row,omitempty"`
	Progress *audit.Report     `json:"progress,omitempty"`
	Rotation *custody.Rotation `json:"rotation,omitempty"`
	Report   *audit.Report     `json:"report,omitempty"`
	Asked    *notary.Asked     `json:"asked,omitempty"`
	Erasing  *custody.Erasing  `json:"erasing,omitempty"`

	Redecision *audit.Redecision `json:"redecision,omitempty"`
	Replayed   *audit.Replayed   `json:"replayed,omitempty"`

	Error string `json:"error,omitempty"`
	Done  bool   `json:"done,omitempty"` // the last line: nothing is missing
}

// end closes a stream: a reader that does not see Done knows that it was cut.
func (s *stream) end(err error) error {
	if err != nil {
		_ = s.line(Line{Error: problemOf(err).Why})
		return nil // the status is long written
	}
	return s.line(Line{Done: true})
}

// Status says who answers.
type Status struct {
	Daemon bool   `json:"daemon"`
	PID    int    `json:"pid"`
	Clinic string `json:"clinic,omitempty"`
	Zone   string `json:"zone"`
	Actor  string `json:"actor"` // who you are to it
	NoActs string `json:"no_acts,omitempty"`
}

func (p *Operator) status(w http.ResponseWriter, r *http.Request) error {
	rules := p.o.Rules()
	zone := "UTC"
	if rules.Zone != nil {
		zone = rules.Zone.String()
	}
	return writeJSON(w, Status{
		Daemon: p.o.Daemon, PID: os.Getpid(), Clinic: rules.Clinic, Zone: zone, Actor: string(actor(r.Context())), NoActs: p.o.NoActs,
	})
}
