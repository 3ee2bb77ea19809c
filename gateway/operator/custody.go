package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// outlives is a context for work that goes on when its request ends, though not
// longer than whoever answers.
func (p *Operator) outlives(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(p.o.End, cancel)
	return ctx, func() { stop(); cancel() }
}

// rotate changes the tenant key. Once begun it goes on though nobody listens.
func (p *Operator) rotate(w http.ResponseWriter, r *http.Request) error {
	if p.o.Custody == nil {
		return problem(http.StatusConflict, "keys cannot be changed here")
	}
	ctx, done := p.outlives(r)
	defer done()
	p.o.Log.Warn().Str("actor", string(actor(ctx))).Msg("a change of the tenant key is asked for")
	s := newStream(w)
	return s.end(p.o.Custody.Rotate(ctx, func(rot custody.Rotation) { _ = s.line(Line{Rotation: &rot}) }))
}

// Erase is a wish that a conversation be erased.
type Erase struct {
	Conversation string `json:"conversation"` // or the number of its patient
	Now          bool   `json:"now,omitempty"`
}

// erase puts a conversation, with those that follow it and that it follows, among
// those that the next run erases. With Now the run begins at once, and its progress
// is told.
func (p *Operator) erase(w http.ResponseWriter, r *http.Request) error {
	if p.o.Custody == nil {
		return problem(http.StatusConflict, "nothing can be erased here")
	}
	var ask Erase
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		return problem(http.StatusBadRequest, "the request does not read")
	}
	ctx, done := p.outlives(r)
	defer done()
	id, err := p.conversationOf(ctx, ask.Conversation)
	if err != nil {
		return err
	}
	ids, err := p.o.Audit.Related(ctx, id, nil)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return problem(http.StatusNotFound, "there is no such conversation")
	}
	for _, id := range ids {
		if err := p.erasable(ctx, id); err != nil {
			return err
		}
	}
	if err := p.o.Custody.Ask(ctx, ids, actor(ctx)); err != nil {
		return err
	}
	p.o.Log.Warn().Str("actor", string(actor(ctx))).Str("conversation", string(id)).Msg("an erasure is asked for")
	s := newStream(w)
	for _, id := range ids {
		_ = s.line(Line{Asked: &notary.Asked{Conversation: id, At: molt.TimeOf(p.o.Now()), By: actor(ctx)}})
	}
	if !ask.Now {
		return s.end(nil)
	}
	return s.end(p.o.Custody.Run(ctx,
		func(e custody.Erasing) { _ = s.line(Line{Erasing: &e}) }, func(rot custody.Rotation) { _ = s.line(Line{Rotation: &rot}) }))
}

// erasable refuses a staff member's own journal: it is about many patients.
func (p *Operator) erasable(ctx context.Context, id molt.ConversationID) error {
	s, err := p.o.Audit.State(ctx, id)
	if err == nil && s.Stream() || strings.HasPrefix(string(id), "s_") { // though it does not read
		return problem(http.StatusConflict, "it is the journal of a member of staff, which is about many patients: erase theirs")
	}
	return nil
}

// Erasures are those that were asked for, and those that were carried out.
type Erasures struct {
	Asked      []notary.Asked `json:"asked"`
	Tombstones []Buried       `json:"tombstones"`
}

// Buried is a tombstone with how many items of its are still to be deleted elsewhere.
type Buried struct {
	notary.Tombstone
	Pending int `json:"pending,omitempty"`
}

func (p *Operator) erasures(w http.ResponseWriter, r *http.Request) error {
	if p.o.Custody == nil {
		return problem(http.StatusConflict, "nothing can be erased here")
	}
	asked, tombs, pending, err := p.o.Custody.List(r.Context())
	if err != nil {
		return err
	}
	out := Erasures{Asked: append([]notary.Asked{}, asked...), Tombstones: []Buried{}}
	for _, t := range tombs {
		out.Tombstones = append(out.Tombstones, Buried{t, pending[t.Conversation]})
	}
	return writeJSON(w, out)
}

// Hold lays a legal hold on a conversation, or lifts it.
type Hold struct {
	Held bool       `json:"held"`
	Why  molt.Words `json:"why,omitempty"`
}

// maxWhy is the most that a reason for a hold may have.
const maxWhy = 1000

func (p *Operator) hold(w http.ResponseWriter, r *http.Request) error {
	if p.o.Custody == nil {
		return problem(http.StatusConflict, "no hold can be laid here")
	}
	var h Hold
	if err := json.NewDecoder(r.Body).Decode(&h); err != nil {
		return problem(http.StatusBadRequest, "the request does not read")
	}
	if h.Held && strings.TrimSpace(h.Why.Reveal()) == "" || len(h.Why) > maxWhy {
		return problem(http.StatusBadRequest, "write why, in at most 1000 characters: --reason WORDS")
	}
	id, err := p.conversationOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ids, err := p.o.Audit.Related(r.Context(), id, nil)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return problem(http.StatusNotFound, "there is no such conversation")
	}
	err = p.o.Custody.Hold(r.Context(), ids, turn.Hold{Actor: actor(r.Context()), Held: h.Held, Why: h.Why, At: molt.TimeOf(p.o.Now())})
	if err != nil {
		return err
	}
	return writeJSON(w, ids)
}

// patient writes out all that the record holds of one patient: recorded reads.
func (p *Operator) patient(w http.ResponseWriter, r *http.Request) error {
	if err := p.roomFor("export"); err != nil {
		return err
	}
	ctx := r.Context()
	match, byNumber := byNumber(r.PathValue("ref"))
	id := molt.ConversationID("")
	if !byNumber {
		id = molt.ConversationID(r.PathValue("ref"))
		s, err := p.o.Audit.State(ctx, id)
		if err != nil && !errors.Is(err, molt.ErrCorrupt) {
			return err
		}
		peer := cmp.Or(s.CallBack, s.Began.Peer)
		if err == nil && peer != "" && !s.Stream() {
			match = func(a molt.Address) bool { return a == peer }
		}
	}
	ids, err := p.o.Audit.Related(ctx, id, match)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return problem(http.StatusNotFound, "the record holds no such patient; tidegate conversations lists what it holds")
	}
	if who, err := p.oneNumber(ctx, ids); err != nil || who > 1 {
		return cmp.Or(err, problem(http.StatusConflict, "more than one patient has a number that ends so: write it whole, as in +15550100199"))
	}
	s := newStream(w)
	for _, id := range ids {
		if err := p.recordLook(ctx, id, "export"); err != nil {
			return s.end(err)
		}
		f, err := p.o.Audit.Export(ctx, id)
		if err == nil {
			err = s.line(Line{File: &f})
		}
		if err != nil {
			return s.end(err)
		}
	}
	return s.end(nil)
}

// oneNumber counts the numbers at the other ends of conversations.
func (p *Operator) oneNumber(ctx context.Context, ids []molt.ConversationID) (int, error) {
	seen := map[molt.Address]bool{}
	for _, id := range ids {
		s, err := p.o.Audit.State(ctx, id)
		if err != nil && !errors.Is(err, molt.ErrCorrupt) {
			return 0, err
		}
		if peer := cmp.Or(s.CallBack, s.Began.Peer); peer != "" {
			seen[peer] = true
		}
	}
	return len(seen), nil
}
