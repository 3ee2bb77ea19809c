package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const (
	scrubPause = time.Second      // between two conversations: reading is nobody's hurry
	scrubRound = 10 * time.Minute // the least from one look through the record to the next
)

// scrub reads all journals from their first event, slowly, again and again: what a
// load does not read would else be found damaged by the one who needs it.
func (g *Gateway) scrub(ctx context.Context) error {
	pause := time.NewTicker(scrubPause)
	defer pause.Stop()
	for {
		begun := g.o.Now()
		if err := g.scrubOnce(ctx, func() bool {
			select {
			case <-pause.C:
				return true
			case <-ctx.Done():
				return false
			}
		}); err != nil && ctx.Err() == nil {
			g.metrics.faults.WithLabelValues("scrub").Inc()
			g.o.Log.Error().Err(err).Msg("scrub")
		}
		rest := time.NewTimer(max(scrubRound-g.o.Now().Sub(begun), scrubPause))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return nil
		}
	}
}

// scrubOnce frees the codes that have rested, and looks through the record once, though
// the first needs room on the disk that is not there. wait says when to go on, and
// whether.
func (g *Gateway) scrubOnce(ctx context.Context, wait func() bool) error {
	_, err := g.desk.FreeCodes(ctx)
	auditor := audit.New(g.o.Store, g.o.Ring)
	// What is torn is told before the round, which takes hours of a large record.
	return errors.Join(err, g.tellTorn(ctx, auditor), g.lookThrough(ctx, auditor, wait))
}

func (g *Gateway) lookThrough(ctx context.Context, auditor *audit.Auditor, wait func() bool) error {
	var news []audit.Fault
	damaged, told := 0, false
	q := molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage}
	for {
		p, err := g.o.Store.Scan(ctx, q)
		if err != nil {
			return err
		}
		for _, h := range p.Conversations {
			if !wait() {
				return nil
			}
			f, err := auditor.Sound(ctx, h.ID)
			if err != nil {
				return err
			}
			g.metrics.scrubbed.Inc()
			if f != nil {
				damaged++
			}
			fresh, err := g.scrubbed(ctx, h.ID, f)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			if news = append(news, *f); !told { // the first at once: a round of a large record takes hours
				if err := g.tellDamage(ctx, news); err != nil {
					return err
				}
				told, news = true, nil
			}
		}
		if q.After = p.Next; q.After == "" {
			g.metrics.damaged.Set(float64(damaged))
			return g.tellDamage(ctx, news)
		}
	}
}

// tellTorn tells the admins of marks and items that are not what was written: once each
// while the daemon runs.
func (g *Gateway) tellTorn(ctx context.Context, auditor *audit.Auditor) error {
	var news []string
	err := auditor.Torn(ctx, func(f audit.Fault) {
		what := string(f.Conversation) + " " + f.Cause
		if g.torn[what] {
			return
		}
		news = append(news, what)
		g.metrics.faults.WithLabelValues("damage").Inc()
		g.o.Log.Error().Str("conversation", string(f.Conversation)).Str("cause", f.Cause).Msg("a mark or an item is damaged")
	})
	if err != nil || len(news) == 0 {
		return err
	}
	words := fmt.Sprintf("%s: %d marks or items of the record are damaged: what is known by them of texts, codes or case lists, or was to be done, is lost. Run: tidegate verify", g.rules().Clinic, len(news))
	if err := g.tellAdmins(ctx, turn.Notice{What: "damage", Words: molt.Words(words)}, ""); err != nil && !unusable(err) {
		return err // the next round tells them
	}
	for _, what := range news {
		g.torn[what] = true
	}
	return nil
}

// tellTornItem tells the admins of work that cannot be read, before it ends as that.
func (g *Gateway) tellTornItem(ctx context.Context, it molt.Leased) {
	words := fmt.Sprintf("%s: an item of the record, for the lane %s, was damaged and is not done as it was written. Look at conversation %s, and run: tidegate verify", g.rules().Clinic, it.Lane.Class(), it.Conversation)
	if err := g.tellAdmins(ctx, turn.Notice{What: "damage", Words: molt.Words(words)}, ""); err != nil {
		g.stepError(it, "tell of damage", err)
	}
}

// found is what the mark of a frozen journal says.
type found struct {
	audit.Fault
	Told bool `json:"told,omitempty"` // the admins were: until then the damage is news
}

func (f found) mark() (molt.Mark, error) {
	value, err := json.Marshal(f)
	return molt.Mark{ID: molt.MarkID(intake.MarkFrozen + string(f.Conversation)), Value: value}, err
}

// scrubbed freezes a journal that was found damaged, and thaws one that was and
// reads again: the disk gave other bytes. It says whether the damage is news.
func (g *Gateway) scrubbed(ctx context.Context, id molt.ConversationID, f *audit.Fault) (bool, error) {
	mark := molt.MarkID(intake.MarkFrozen + string(id))
	value, frozen, err := g.desk.Mark(ctx, mark)
	switch {
	case err != nil, !frozen && f == nil:
		return false, err
	case frozen && f != nil:
		var was found
		return json.Unmarshal(value, &was) != nil || !was.Told, nil
	}
	b := molt.Batch{Marks: []molt.Mark{{ID: mark, Drop: true}}}
	if f != nil {
		if b.Marks[0], err = (found{Fault: *f}).mark(); err != nil {
			return false, err
		}
		g.metrics.faults.WithLabelValues("damage").Inc()
		g.o.Log.Error().Str("conversation", string(id)).Uint64("seq", f.Seq).Str("cause", f.Cause).Msg("a journal is damaged, and frozen")
	} else {
		g.o.Log.Warn().Str("conversation", string(id)).Msg("a journal that was damaged reads again, and goes on")
	}
	t, err := g.desk.Alone(ctx, id, func(ctx context.Context) error {
		_, err := g.o.Store.Commit(ctx, b)
		return err
	})
	if err != nil {
		return false, err
	}
	_, err = t.Wait(ctx)
	return f != nil, err
}

// tellDamage texts the admins what was found, and then notes that they were: after a
// kill in between they are texted again rather than never. An admin whose own
// journal is frozen is not waited for.
func (g *Gateway) tellDamage(ctx context.Context, faults []audit.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	f := faults[0]
	words := fmt.Sprintf("%s: conversation %s does not verify, event %d: %s. It is frozen; its patient is taken on by people in a new one. Run: tidegate verify", g.rules().Clinic, f.Conversation, f.Seq, f.Cause)
	if len(faults) > 1 {
		words = fmt.Sprintf("%s: %d conversations do not verify, the first %s. They are frozen. Run: tidegate verify", g.rules().Clinic, len(faults), f.Conversation)
	}
	if err := g.tellAdmins(ctx, turn.Notice{What: "damage", Words: molt.Words(words)}, ""); err != nil && !unusable(err) {
		return err
	}
	for part := range slices.Chunk(faults, molt.MaxBatchMarks) {
		var b molt.Batch
		for _, f := range part {
			m, err := found{Fault: f, Told: true}.mark()
			if err != nil {
				return err
			}
			b.Marks = append(b.Marks, m)
		}
		if _, err := g.o.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
