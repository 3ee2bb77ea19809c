package operator

import (
	"errors"
	"net/http"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/molt"
)

// StaffLink is a one-time link with which somebody signs in to the console.
type StaffLink struct {
	Person molt.PersonID `json:"person"`
	Link   string        `json:"link"`
}

// staffLink makes a link for a member of staff. Who made it is in the log: the
// link itself is in nothing but the answer.
func (p *Operator) staffLink(w http.ResponseWriter, r *http.Request) error {
	if p.o.Link == nil {
		return problem(http.StatusConflict, "no daemon runs here, so there is no console to sign in to; start it with tidegate serve")
	}
	id := molt.PersonID(r.PathValue("id"))
	link, err := p.o.Link(r.Context(), id)
	if errors.Is(err, access.ErrPerson) {
		return problem(http.StatusNotFound, "no member of staff has that id; the ids are under staff: in the configuration")
	}
	if err != nil {
		return err
	}
	p.o.Log.Info().Str("person", string(id)).Str("actor", string(actor(r.Context()))).Msg("link made")
	return writeJSON(w, StaffLink{Person: id, Link: link})
}
