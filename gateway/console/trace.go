package console

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// maxTraced is how many decisions one page shows; a link leads to earlier ones.
const maxTraced = 100

type tracePage struct {
	Ref     string
	Who     string
	Trace   audit.Trace
	Earlier uint64 // the event before which the next page ends; 0: there is none
}

// trace shows why a conversation went as it did, the newest decision first. It is
// read from the journal itself, and each look at it is on record.
func (c *Console) trace(w http.ResponseWriter, r *http.Request, s access.Session) error {
	id, _, err := c.o.Casework.Find(r.Context(), r.PathValue("ref"))
	if err != nil {
		return err
	}
	p := tracePage{Ref: r.PathValue("ref")}
	before, err := strconv.ParseUint(r.URL.Query().Get("before"), 10, 64)
	if err != nil {
		before = 0 // from the newest
	}
	now, err := c.o.Casework.Look(r.Context(), s.ID, id, "trace", func(st *turn.State, _ func(turn.Ref) molt.Words) bool {
		p.Who = whoIs(st)
		return true
	})
	if err != nil {
		return err
	}
	if p.Trace, err = c.o.Audit.Trace(r.Context(), now, before, maxTraced); err != nil {
		return err
	}
	if d := p.Trace.Decisions; p.Trace.Earlier > 0 {
		p.Earlier = d[0].Seq
	}
	slices.Reverse(p.Trace.Decisions)
	return c.show(w, r, "trace", p)
}
