package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

type house struct {
	t      *testing.T
	now    time.Time
	store  molt.Store
	people map[molt.PersonID]access.Person
	a      *access.Access
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, now: time.UnixMilli(1_000_000), store: memstore.New(), people: map[molt.PersonID]access.Person{
		"alice": {ID: "alice", Name: "Alice", Role: access.RoleNurse},
		"bob":   {ID: "bob", Name: "Bob", Role: access.RoleAdmin},
	}}
	h.reopen()
	return h
}

func (h *house) reopen() {
	h.t.Helper()
	var err error
	h.a, err = access.Open(h.t.Context(), access.Options{
		Store: h.store, Now: func() time.Time { return h.now }, People: func() map[molt.PersonID]access.Person { return h.people },
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) mint(id molt.PersonID) string {
	h.t.Helper()
	l, err := h.a.Mint(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

func (h *house) signIn(id molt.PersonID) string {
	h.t.Helper()
	token, s, err := h.a.SignIn(h.t.Context(), h.mint(id), "")
	if err != nil || s.ID != id {
		h.t.Fatalf("sign in: %v, %v", s, err)
	}
	return token
}

func (h *house) in(token string, doing bool) bool {
	h.t.Helper()
	_, ok, err := h.a.Who(h.t.Context(), token, doing)
	if err != nil {
		h.t.Fatal(err)
	}
	return ok
}

func TestALinkIsGoodOnce(t *testing.T) {
	h := open(t)
	l := h.mint("alice")
	for range 3 { // looking at it, as a link pre-fetcher does, uses nothing up
		if p, err := h.a.Holder(l); err != nil || p.ID != "alice" {
			t.Fatalf("holder: %v, %v", p, err)
		}
	}
	token, _, err := h.a.SignIn(t.Context(), l, "")
	if err != nil || !h.in(token, true) {
		t.Fatalf("sign in: %v", err)
	}
	if _, _, err := h.a.SignIn(t.Context(), l, ""); !errors.Is(err, access.ErrLink) {
		t.Errorf("the second use of a link: %v", err)
	}
	h.reopen()
	if _, _, err := h.a.SignIn(t.Context(), l, ""); !errors.Is(err, access.ErrLink) {
		t.Errorf("the second use of a link after a restart: %v", err)
	}
}

func TestALinkGrowsOld(t *testing.T) {
	h := open(t)
	l := h.mint("alice")
	h.now = h.now.Add(access.DefaultLink)
	if _, _, err := h.a.SignIn(t.Context(), l, ""); !errors.Is(err, access.ErrLink) {
		t.Errorf("an old link: %v", err)
	}
	if _, err := h.a.Mint(t.Context(), "mallory"); !errors.Is(err, access.ErrPerson) {
		t.Errorf("a link for nobody: %v", err)
	}
	first := h.mint("alice")
	for range access.MaxLinks {
		h.mint("alice")
	}
	if _, err := h.a.Holder(first); !errors.Is(err, access.ErrLink) {
		t.Errorf("the oldest of too many links: %v", err)
	}
}

func TestASessionEnds(t *testing.T) {
	for name, end := range map[string]func(h *house, token string){
		"idle": func(h *house, _ string) { h.now = h.now.Add(access.DefaultIdle) },
		"watching is not doing": func(h *house, token string) {
			for range 6 {
				h.now = h.now.Add(access.DefaultIdle / 6)
				h.in(token, false)
			}
		},
		"absolute": func(h *house, token string) {
			for range int(access.DefaultLife / (10 * time.Minute)) {
				h.now = h.now.Add(10 * time.Minute)
				h.in(token, true)
			}
		},
		"signed out":              func(h *house, token string) { _ = h.a.SignOut(h.t.Context(), token) },
		"no longer of the staff":  func(h *house, _ string) { delete(h.people, "alice") },
		"the next one in its way": func(h *house, token string) { _, _, _ = h.a.SignIn(h.t.Context(), h.mint("bob"), token) },
		"too many": func(h *house, _ string) {
			for range access.MaxSessions {
				h.signIn("alice")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			token := h.signIn("alice")
			if !h.in(token, true) {
				t.Fatal("not in after signing in")
			}
			end(h, token)
			if h.in(token, true) {
				t.Error("still in")
			}
			h.reopen()
			if h.in(token, true) {
				t.Error("in again after a restart")
			}
		})
	}
}

func TestASessionOutlivesARestart(t *testing.T) {
	h := open(t)
	token := h.signIn("alice")
	for range 10 { // used every so often, it stays
		h.now = h.now.Add(access.DefaultIdle - time.Minute)
		if !h.in(token, true) {
			t.Fatal("out although used in time")
		}
	}
	h.reopen()
	if !h.in(token, true) {
		t.Error("out after a restart")
	}
	h.people["alice"] = access.Person{ID: "alice", Role: access.RoleAuditor}
	if s, _, _ := h.a.Who(t.Context(), token, true); s.Role != access.RoleAuditor {
		t.Errorf("the role is %q: it must be the one in force", s.Role)
	}
}

// TestTheStoreHoldsNoToken: who copies the database signs in nowhere.
func TestTheStoreHoldsNoToken(t *testing.T) {
	h := open(t)
	link, token := h.mint("alice"), h.signIn("alice")
	p, err := h.store.Scan(t.Context(), molt.Query{Table: molt.TableMarks, Limit: molt.MaxPage})
	if err != nil || len(p.Marks) == 0 {
		t.Fatalf("marks: %v, %v", p.Marks, err)
	}
	for _, m := range p.Marks {
		for _, secret := range []string{link, token} {
			if strings.Contains(string(m.Value), secret) {
				t.Errorf("mark %s holds a token", m.ID)
			}
		}
	}
}

func TestRights(t *testing.T) {
	all := []access.Right{access.Read, access.Work, access.Pause, access.Configure}
	for role, want := range map[access.Role][]bool{
		access.RoleAuditor: {true, false, false, false},
		access.RoleNurse:   {true, true, false, false},
		access.RoleLead:    {true, true, true, false},
		access.RoleAdmin:   {true, true, true, true},
		"":                 {false, false, false, false},
		"root":             {false, false, false, false},
	} {
		for i, right := range all {
			if role.May(right) != want[i] {
				t.Errorf("%q may %s: got %v, want %v", role, right, role.May(right), want[i])
			}
		}
	}
}

// TestATornRecordSignsOut: a record that does not read keeps no daemon from
// starting, and nobody else out.
func TestATornRecordSignsOut(t *testing.T) {
	h := open(t)
	bob, alice := h.signIn("bob"), h.signIn("alice")
	if _, err := h.store.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{{ID: "access:alice", Value: []byte("torn")}}}); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if h.in(alice, true) || !h.in(bob, true) {
		t.Error("the torn record's person is to be out, and nobody else")
	}
	h.signIn("alice")
}

// cutOff commits, and has nobody to tell when who asked has gone.
type cutOff struct{ molt.Store }

func (c cutOff) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	done, err := c.Store.Commit(context.WithoutCancel(ctx), b)
	if err == nil && ctx.Err() != nil {
		return molt.Committed{}, ctx.Err()
	}
	return done, err
}

// TestSignOutAndAClosedTab: what is over on disk is over in the daemon, whoever
// stopped waiting for it.
func TestSignOutAndAClosedTab(t *testing.T) {
	h := open(t)
	h.store = cutOff{h.store}
	h.reopen()
	token := h.signIn("alice")
	ctx, gone := context.WithCancel(t.Context())
	gone()
	_ = h.a.SignOut(ctx, token)
	if h.in(token, true) {
		t.Error("the session is over on disk and goes on in the daemon")
	}
}
