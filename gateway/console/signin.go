package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

type signIn struct {
	Asked   bool
	Link    string // the token of a link that is about to be used
	Person  access.Person
	Refused string
	To      string // where to go after signing in
}

// goal reads where somebody wanted to go who has to sign in first: a case by its
// code, or the list. Nothing else is followed.
func goal(to string) string {
	if code, rest, ok := turn.ReadCode(strings.TrimPrefix(to, "/c/")); ok && rest == "" && strings.HasPrefix(to, "/c/") {
		return "/c/" + code
	}
	return "/cases"
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, "signin", signIn{To: goal(r.URL.Query().Get("to"))})
}

// askLink sends a link to the contact that the configuration has of a person.
// What is answered is the same whoever was named, so that nobody learns who
// works here.
func (c *Console) askLink(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	// Only those who work here are counted, each for herself: nobody's asking
	// keeps anybody else out, and there is nothing to guess.
	id := molt.PersonID(r.PostFormValue("id"))
	if _, works := c.o.Rules().Plan.People[id]; works && c.asks.allow(string(id), asksPerPerson) {
		if err := c.sendLink(r, id); err != nil && !errors.Is(err, access.ErrPerson) {
			return err
		}
	}
	return c.show(w, r, "signin", signIn{Asked: true})
}

func (c *Console) sendLink(r *http.Request, id molt.PersonID) error {
	p, ok := c.o.Rules().Plan.People[id]
	if !ok || len(p.Routes) == 0 {
		return access.ErrPerson
	}
	token, err := c.o.Access.Mint(r.Context(), id)
	if err != nil {
		return err
	}
	link := c.Link(token)
	if to := goal(r.PostFormValue("to")); to != "/cases" {
		link += "&to=" + to
	}
	words := fmt.Sprintf("Sign in to %s: %s Good once, for 10 minutes. If you did not ask for it, tell your admin.", c.o.Rules().Clinic, link)
	return c.tell(r, id, p.Routes[0].Channel, p.Routes[0].Address, turn.Notice{What: turn.NoticeSignIn, Words: molt.Words(words)})
}

// tell puts a text of the gateway's own into a staff member's stream.
func (c *Console) tell(r *http.Request, id molt.PersonID, channel string, address molt.Address, n turn.Notice) error {
	stream, began := c.o.Intake.StreamOf(id, channel, address)
	_, err := c.o.Intake.Step(r.Context(), stream, &began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindNotice, Body: &n}}}
	})
	c.o.Kick(molt.LanePage)
	return err
}

// Link is the address that a one-time token is opened at.
func (c *Console) Link(token string) string { return c.home.String() + "/in?t=" + token }

// linkPage shows whom a link signs in. It acts on nothing: what fetches links
// ahead of people must not use them up.
func (c *Console) linkPage(w http.ResponseWriter, r *http.Request) error {
	t := r.URL.Query().Get("t")
	p, err := c.o.Access.Holder(t)
	if err != nil {
		w.WriteHeader(http.StatusGone)
		return c.show(w, r, "signin", signIn{Refused: "This link is used up or too old. Ask for a new one."})
	}
	return c.show(w, r, "signin", signIn{Link: t, Person: p, To: goal(r.URL.Query().Get("to"))})
}

func (c *Console) useLink(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	token, s, err := c.o.Access.SignIn(r.Context(), r.PostFormValue("t"), c.token(r))
	if errors.Is(err, access.ErrLink) {
		w.WriteHeader(http.StatusGone)
		return c.show(w, r, "signin", signIn{Refused: "This link is used up or too old. Ask for a new one."})
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, c.cookie(token, int(s.Until.Sub(s.Began).Seconds())))
	c.o.Log.Info().Str("person", string(s.ID)).Str("role", string(s.Role)).Msg("signed in")
	http.Redirect(w, r, goal(r.PostFormValue("to")), http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, s access.Session) error {
	if err := c.o.Access.SignOut(r.Context(), c.token(r)); err != nil {
		return err
	}
	http.SetCookie(w, c.cookie("", -1))
	c.o.Log.Info().Str("person", string(s.ID)).Msg("signed out")
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
