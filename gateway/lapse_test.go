package gateway

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// diary is a calendar that counts what it is asked.
type diary struct {
	mu              sync.Mutex
	reserved, found int
}

func (d *diary) Free(context.Context, time.Time, time.Time, int) ([]model.Slot, error) {
	return nil, nil
}

func (d *diary) Reserve(context.Context, schedule.Booking) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reserved++
	return nil
}

func (d *diary) Find(context.Context, string) (model.Slot, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found++
	return model.Slot{}, schedule.ErrNone
}

func (d *diary) Release(context.Context, string) error { return nil }

// TestAnApprovalDoesNotOutliveAnEmergency: the daemon dies between a nurse's yes and
// the making, before or after that was put on record; a red flag comes, a nurse takes
// the case and gives it back. Nothing is booked then: what may have been made is looked
// up, and the patient reads that it was not.
func TestAnApprovalDoesNotOutliveAnEmergency(t *testing.T) {
	for name, begun := range map[string]bool{"not begun": false, "begun": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.gateway.rules().Approve = []string{model.ToolBook}
			r.text(patient, "what openings are there")
			r.leaves()
			r.stop() // from here on no worker does anything
			id := r.gateway.desk.ConversationOf("main", clinic, patient)
			do := func(plan func(*turn.State) []intake.Fact) {
				t.Helper()
				_, err := r.gateway.desk.Step(t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
					return intake.Plan{Facts: plan(s)}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			says := func(id, words string) {
				t.Helper()
				ticket, err := r.gateway.desk.Accept(t.Context(), channels.Inbound{Channel: "main", Account: clinic, Peer: patient, ProviderID: id, Words: molt.Words(words), Via: "webhook"})
				if err == nil {
					_, err = ticket.Wait(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			acts := func(a turn.Acted) {
				t.Helper()
				do(func(s *turn.State) []intake.Fact {
					a.Actor, a.ID = "alice", string(a.Verb)
					if p := s.Proposed(); p != nil {
						a.Review = p.Number
					} else {
						a.Case = s.Case.ID
					}
					return []intake.Fact{{Kind: turn.KindActed, Body: &a}}
				})
			}
			says("A1", "option 1 please")
			slot := model.Slot{ID: "a1", Start: molt.TimeOf(time.Now().Add(48 * time.Hour)), Minutes: 20}
			do(func(s *turn.State) []intake.Fact {
				return []intake.Fact{{Kind: turn.KindReplied, Body: &turn.Replied{
					Item: s.Ask.Item, Epoch: s.Epoch, Saw: s.Seq, Proposed: &turn.Calling{Item: s.Ask.Item, Tool: model.ToolBook, Key: "tg1", Slot: slot, Epoch: s.Epoch},
				}}}
			})
			acts(turn.Acted{Verb: turn.VerbRelease})
			if begun {
				do(func(s *turn.State) []intake.Fact {
					act, how := s.Making(s.Ask.Item)
					if how != turn.MakeBegin {
						t.Fatalf("to be made %q", how)
					}
					return []intake.Fact{{Kind: turn.KindCalling, Body: &act}}
				})
			}
			says("A2", "my chest hurts")
			acts(turn.Acted{Verb: turn.VerbTake})
			acts(turn.Acted{Verb: turn.VerbCalled, Reached: true})
			acts(turn.Acted{Verb: turn.VerbResolve, NextOwner: escalation.OwnerAgent})

			book := &diary{}
			next := newRigWith(t, r.store, r.ring, skill.New(skill.Options{Calendar: book, Zone: time.UTC}))
			for told := false; !told; {
				o := next.leaves()
				told = o.Peer == patient && strings.Contains(o.Words.Reveal(), "not carried out")
			}
			next.stop()
			if book.reserved != 0 || begun != (book.found > 0) {
				t.Errorf("reserved %d times, looked up %d times", book.reserved, book.found)
			}
		})
	}
}
