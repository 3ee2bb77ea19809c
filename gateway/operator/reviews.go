package operator

import (
	"net/http"

	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Reviews is what of the agent's waits for a person, soonest to end first.
type Reviews struct {
	Now     molt.Time        `json:"now"`
	Reviews []turn.ReviewRow `json:"drafts"`
}

func (p *Operator) reviews(w http.ResponseWriter, r *http.Request) error {
	rows, err := p.work.Reviews(r.Context())
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []turn.ReviewRow{}
	}
	return writeJSON(w, Reviews{Now: molt.TimeOf(p.o.Now()), Reviews: rows})
}

// Review is one of it with its words.
type Review struct {
	Now          molt.Time           `json:"now"`
	Conversation molt.ConversationID `json:"conversation"`
	casework.Waiting
}

// showReview records the look and takes the words in the same step.
func (p *Operator) showReview(w http.ResponseWriter, r *http.Request) error {
	c, err := p.work.Review(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	out, found := Review{Now: molt.TimeOf(p.o.Now())}, false
	out.Conversation, err = p.work.Look(r.Context(), actor(r.Context()), c.Conversation, "draft", func(s *turn.State, recall func(turn.Ref) molt.Words) bool {
		for _, waits := range casework.WaitingOf(s, p.o.Rules(), recall) {
			if waits.Number == c.Review {
				out.Waiting, found = waits, true
			}
		}
		return found
	})
	if err == nil && !found {
		err = casework.ErrNoReview
	}
	if err != nil {
		return err
	}
	return writeJSON(w, out)
}

func (p *Operator) actOnReview(w http.ResponseWriter, r *http.Request) error {
	a, err := p.readAct(r)
	if err != nil {
		return err
	}
	if !a.Verb.OfReview() {
		return problem(http.StatusBadRequest, "what waits is released, edited or dropped")
	}
	c, err := p.work.Review(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	return p.carryOut(w, r, c.Conversation, turn.Acted{Verb: a.Verb, Review: c.Review, ReviewCode: c.Code, Words: a.Words, ID: "cli:" + a.Nonce})
}
