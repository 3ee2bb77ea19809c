package console

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Gateway is the daemon as the admin's pages show and change it.
type Gateway interface {
	// Channels are those in force with what passed through them since a moment.
	Channels() (list []Channel, since molt.Time)
	// Paused is how the pause switch stands and who turned it, newest first.
	Paused() (turn.Pause, []PauseTurn)
	// Pause turns it for a channel, "" for all. When it returns, every decision
	// from then on follows it.
	Pause(ctx context.Context, by molt.PersonID, channel string, silent bool) error
}

// PauseTurn is one turn of the pause switch.
type PauseTurn struct {
	At      molt.Time     `json:"at"`
	By      molt.PersonID `json:"by"`
	Channel string        `json:"channel,omitempty"` // "": all
	Silent  bool          `json:"silent"`
}

// Channel is one channel and its health by traffic.
type Channel struct {
	ID       string
	Live     bool // its patients hold a connection to us: no carrier stands between
	Accounts []molt.Address
	Traffic
}

// Traffic is what passed through a channel since the daemon started.
type Traffic struct {
	In, Receipt, Out molt.Time // the last of each; 0: none yet
	Faults           []FaultCount
	Look             molt.Time // when the carrier's list was looked through
	LookFailed       bool
	LookNew          int // texts that only the list brought
}

// FaultCount is how often something went wrong in the last hour.
type FaultCount struct {
	Kind string
	N    int
}

// adminRoutes are the admin's pages and what each needs.
func (c *Console) adminRoutes() map[string]route {
	if c.o.Gateway == nil {
		return nil
	}
	routes := c.configRoutes()
	maps.Copy(routes, map[string]route{
		"GET /admin":            {access.Configure, c.overview},
		"GET /admin/oncall":     {access.Configure, c.onCall},
		"GET /admin/texts":      {access.Configure, c.texts},
		"POST /admin/test/page": {access.Configure, c.testPage},
		"POST /admin/test/text": {access.Configure, c.testText},
		"GET /admin/pause":      {access.Pause, c.pausePage},
		"POST /admin/pause":     {access.Pause, c.pause},
	})
	return routes
}

type overviewPage struct {
	Since    molt.Time
	Channels []Channel
	Watch    watchPage
	Routes   []escalation.Route // of who looks, for a test page
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request, s access.Session) error {
	p := overviewPage{Watch: c.watchNow(), Routes: c.o.Rules().Plan.People[s.ID].Routes}
	p.Channels, p.Since = c.o.Gateway.Channels()
	return c.show(w, r, "admin", p)
}

// watchPage is who is on call, and when nobody will be.
type watchPage struct {
	Now      molt.Time
	Teams    []escalation.Team
	Holes    []escalation.Hole
	AllHands []molt.PersonID
	Admins   []molt.PersonID
	People   []personRow
}

type personRow struct {
	escalation.Person
	Steps []string // on call now
}

func (c *Console) watchNow() watchPage {
	now, plan := molt.TimeOf(c.o.Now()), c.o.Rules().Plan
	p := watchPage{Now: now, Teams: plan.OnCall(now), AllHands: plan.AllHands, Admins: plan.Admins}
	p.Holes = plan.Holes(molt.TimeOf(c.o.Now().Truncate(quarter)))
	for _, id := range slices.Sorted(maps.Keys(plan.People)) {
		row := personRow{Person: plan.People[id]}
		for _, t := range p.Teams {
			if slices.Contains(t.People, id) {
				row.Steps = append(row.Steps, t.Step)
			}
		}
		p.People = append(p.People, row)
	}
	return p
}

// quarter is the step in which holes are counted.
const quarter = 15 * time.Minute

func (c *Console) onCall(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	return c.show(w, r, "admin_oncall", c.watchNow())
}

type pausePage struct {
	All      bool
	Off      bool // by the configuration: no switch here lets it speak
	Channels []pauseRow
	Turns    []PauseTurn
}

type pauseRow struct {
	ID     string
	Silent bool
}

func (c *Console) pausePage(w http.ResponseWriter, r *http.Request, _ access.Session) error {
	pause, turns := c.o.Gateway.Paused()
	p := pausePage{All: pause.All, Off: !c.o.Rules().Agent, Turns: turns}
	channels, _ := c.o.Gateway.Channels()
	for _, ch := range channels {
		p.Channels = append(p.Channels, pauseRow{ch.ID, slices.Contains(pause.Channels, ch.ID)})
	}
	return c.show(w, r, "admin_pause", p)
}

// pause turns the switch as the form says, and not the other way about: two who
// press at once want the same.
func (c *Console) pause(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := parse(r); err != nil {
		return err
	}
	channel, want := r.PostFormValue("channel"), r.PostFormValue("agent")
	channels, _ := c.o.Gateway.Channels()
	known := channel == "" || slices.ContainsFunc(channels, func(ch Channel) bool { return ch.ID == channel })
	if !known || want != "silent" && want != "speaks" {
		return problem(http.StatusBadRequest, "There is no such switch; nothing was done. Load the page again.")
	}
	if err := c.o.Gateway.Pause(r.Context(), s.ID, channel, want == "silent"); err != nil {
		return err
	}
	where := "on " + cmp.Or(channel, "all channels")
	if want == "silent" {
		c.said.put(s, "The agent is paused "+where+". People answer from now on.")
	} else {
		c.said.put(s, "The pause "+where+" is over.")
	}
	c.hub.changed("", true)
	http.Redirect(w, r, "/admin/pause", http.StatusSeeOther)
	return nil
}
