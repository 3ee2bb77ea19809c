package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Patient is all that the record holds of one patient.
type Patient struct {
	Conversations []File `json:"conversations"`
	Access        []Look `json:"access"`
}

// Look is one person's look at a record, or act on it.
type Look struct {
	At           molt.Time           `json:"at"`
	Time         string              `json:"time"` // At, for people
	Actor        molt.PersonID       `json:"actor"`
	Surface      string              `json:"surface"` // console, cli, sms
	What         string              `json:"what"`
	Conversation molt.ConversationID `json:"conversation"`
	Seq          uint64              `json:"seq"`
}

// Related lists the conversations of one patient: the one with that id, those at
// the number that match knows (nil: none is looked for), those in which a chat gave
// that number to call back, and of each those that it follows or that follow it. One
// that does not read is known by how it began, and by the mark of who follows it.
func (a *Auditor) Related(ctx context.Context, id molt.ConversationID, match func(molt.Address) bool) ([]molt.ConversationID, error) {
	var all []molt.ConversationID
	after, err := a.successors(ctx)
	if err != nil {
		return nil, err
	}
	chosen := map[molt.ConversationID]bool{}
	err = a.each(ctx, func(h molt.ConversationHead) error {
		all = append(all, h.ID)
		s, err := a.state(ctx, h.ID)
		var f *Fault
		if errors.As(err, &f) {
			s, err = a.began(ctx, h.ID)
		}
		if err != nil {
			return err
		}
		if s.Began.After != "" {
			after[h.ID] = s.Began.After
		}
		if h.ID == id || match != nil && !s.Stream() && (match(s.Began.Peer) || s.CallBack != "" && match(s.CallBack)) {
			chosen[h.ID] = true
		}
		return nil
	})
	for more := true; more && err == nil; { // until nothing new follows
		more = false
		for next, before := range after {
			if before != "" && chosen[next] != chosen[before] {
				chosen[next], chosen[before], more = true, true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(id molt.ConversationID) bool { return !chosen[id] }), err
}

// successors tells by their marks which conversation each successor follows.
func (a *Auditor) successors(ctx context.Context) (map[molt.ConversationID]molt.ConversationID, error) {
	after := map[molt.ConversationID]molt.ConversationID{}
	err := a.scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: turn.MarkSuccessor}, func(p molt.Page) {
		for _, m := range p.Marks {
			if m.Torn {
				continue
			}
			after[molt.ConversationID(m.Value)] = molt.ConversationID(strings.TrimPrefix(string(m.ID), turn.MarkSuccessor))
		}
	})
	return after, err
}

// began is what a journal that does not read to its end still tells of how it began:
// nothing, where its first event does not read either.
func (a *Auditor) began(ctx context.Context, id molt.ConversationID) (s turn.State, err error) {
	ring := a.ring.Now() // before the keys are read
	keys, err := a.store.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return s, onlyFaults(err)
	}
	first, err := a.store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: id, Limit: 1})
	if err != nil || len(first.Events) == 0 {
		return s, onlyFaults(err)
	}
	j := &journal{id: id}
	if j.box, err = seal.NewBox(ring, id, keys.Keys, nil); err != nil {
		return s, nil
	}
	if e, err := j.read(first.Events[0]); err == nil && !e.gone {
		s.Fold(e.Event)
	}
	return s, nil
}

// onlyFaults is nil for what is damaged: it tells nothing more.
func onlyFaults(err error) error {
	if errors.Is(err, molt.ErrCorrupt) {
		return nil
	}
	return err
}

// Accesses are the looks at a conversation and the acts on it, of all that were
// written out with it.
func (f File) Accesses() (out []Look) {
	for _, e := range f.Journal {
		l := Look{At: e.At, Time: e.Time, Conversation: f.Conversation, Seq: e.Seq}
		switch e.Kind {
		case turn.KindRead:
			var b turn.Read
			if e.Body == nil || json.Unmarshal(e.Body, &b) != nil {
				continue
			}
			l.Actor, l.Surface, l.What = b.Actor, surfaceOf(b.Actor, ""), "looked: "+b.What
		case turn.KindActed:
			var b turn.Acted
			if e.Body == nil || json.Unmarshal(e.Body, &b) != nil {
				continue
			}
			l.Actor, l.Surface, l.What = b.Actor, surfaceOf(b.Actor, b.Via), "acted: "+string(b.Verb)
		case turn.KindHold:
			var b turn.Hold
			if e.Body == nil || json.Unmarshal(e.Body, &b) != nil {
				continue
			}
			l.Actor, l.Surface, l.What = b.Actor, surfaceOf(b.Actor, ""), "lifted a legal hold"
			if b.Held {
				l.What = "laid a legal hold"
			}
		default:
			continue
		}
		out = append(out, l)
	}
	for _, o := range f.Outbound {
		if o.Person != "" && o.Attempts > 0 { // what a page showed was read, or may have been
			out = append(out, Look{At: o.At, Time: o.At.String(), Actor: o.Person, Surface: "text", What: "was sent: " + o.What, Conversation: f.Conversation, Seq: o.Seq})
		}
	}
	return out
}

func surfaceOf(actor molt.PersonID, via string) string {
	if via == "" && strings.HasPrefix(string(actor), "os:") {
		return "cli"
	}
	return cmp.Or(via, "console")
}

// Of puts files of one patient together.
func Of(files []File) Patient {
	p := Patient{Conversations: files, Access: []Look{}}
	for _, f := range files {
		p.Access = append(p.Access, f.Accesses()...)
	}
	slices.SortStableFunc(p.Access, func(a, b Look) int { return cmp.Compare(a.At, b.At) })
	return p
}

// AccessText is who looked at the record and acted on it, as people read it.
func (p Patient) AccessText(zone *time.Location) string {
	t := &texter{zone: zone}
	t.line("Who looked at this record or acted on it")
	for _, l := range p.Access {
		t.line("  %s  %-12s %-8s %s  (%s, event %d)", t.at(l.At), l.Actor, l.Surface, OneLine(l.What), l.Conversation, l.Seq)
	}
	if len(p.Access) == 0 {
		t.line("  nobody")
	}
	return t.b.String()
}

// Text is the whole, as people read it.
func (p Patient) Text(zone *time.Location) string {
	var b strings.Builder
	for _, f := range p.Conversations {
		fmt.Fprintf(&b, "%s\n", f.Text(zone))
	}
	return b.String() + p.AccessText(zone)
}
