package turn

import (
	"maps"
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Apply folds one event into a copy of the state. It is total: an event of an
// unknown kind, or one that refers to what is not there, moves Seq and At and
// changes nothing else.
func Apply(s State, e Event) State {
	c := s.clone()
	c.Fold(e)
	return c
}

// Fold is Apply in place, for who has the only copy of a state and reads a whole
// journal into it.
func (s *State) Fold(e Event) {
	s.Seq, s.At = e.Seq, max(s.At, e.At)
	if s.Owner == "" {
		s.Owner = escalation.OwnerAgent
	}
	switch b := e.Body.(type) {
	case *Began:
		if s.Began.Channel == "" { // a text committed alone says again whose journal it is
			s.Began, s.Lang = *b, b.Lang
		}
	case *channels.Inbound:
		s.foldInbound(e, b)
	case *screen.Verdict:
		if h := s.lastHeard(); h != nil && h.Verdict == nil {
			h.Verdict = b
		}
	case *Code:
		if h := s.lastHeard(); h != nil && h.Code == nil {
			h.Code = b
		}
	case *Hers:
		if h := s.lastHeard(); h != nil && h.Hers == nil {
			h.Hers = b
		}
	case *Attempted:
		s.foldAttempted(e, b)
	case *Sent:
		s.foldSent(b.Item, b.Receipt)
	case *Failed:
		s.foldFailed(b)
	case *Checked:
		s.foldChecked(b)
	case *channels.StatusReport:
		s.foldStatus(b)
	case *Timed:
		s.dropTimer(b.Name, b.Item)
	case *Listed:
		s.foldListed(b)
	case *Fetched:
		s.foldFetched(b)
	case *FetchFailed:
		s.foldFetchFailed(b)
	case *Hold, *Anchor:
		s.foldCustody(e)
	case *Decided:
		s.foldDecided(e, b)
	}
}

func (s *State) foldInbound(e Event, b *channels.Inbound) {
	at := e.At
	if b.At > 0 && b.At < at {
		at = b.At // fragments join by the provider's time, in whatever order they come
	}
	s.addTurn(Ref{Seq: e.Seq, From: model.FromPatient, At: at, Media: len(b.Media)})
	kept := s.foldKept(e.Seq, b.Media)
	if len(s.Undecided) < MaxUndecided {
		s.Undecided = append(s.Undecided, Heard{Seq: e.Seq, Provider: b.ProviderID, Media: len(b.Media), Kept: kept, At: b.At, Lang: b.Lang})
	}
	if b.CallBack != "" {
		s.CallBack = b.CallBack
	}
	if b.Source != "" {
		s.Source = b.Source
	}
	if s.Stream() || s.Owner != escalation.OwnerAgent {
		return // it waits for a person, not for the agent
	}
	if len(s.Pending) == 0 {
		s.Waiting = e.At
	}
	s.Pending = append(s.Pending, e.Seq)
	if len(s.Pending) > MaxPending {
		s.Pending = s.Pending[1:]
	}
}

func (s *State) lastHeard() *Heard {
	if len(s.Undecided) == 0 {
		return nil
	}
	return &s.Undecided[len(s.Undecided)-1]
}

func (s *State) foldAttempted(e Event, b *Attempted) {
	d := s.send(b.Item)
	if d == nil && b.Class == "" {
		return
	}
	if d == nil { // followed from here on, so that a busy carrier does not end it
		s.Sends = append(s.Sends, Send{Item: b.Item, Class: b.Class, Person: b.Person, Put: e.At})
		d = &s.Sends[len(s.Sends)-1]
	}
	d.State, d.Attempt, d.LastAt, d.Checks = SendAttempted, b.Attempt, e.At, 0
	if s.Began.Live && d.Published == 0 {
		d.Published = e.Seq
	}
	d.Status, d.Code = "", 0
	if d.FirstAt == 0 {
		d.FirstAt = e.At
	}
	if d.Class == channels.ClassAgent {
		s.Spoken = true
	}
}

func (s *State) foldSent(item molt.ItemID, r channels.Receipt) {
	d := s.send(item)
	if d == nil {
		return
	}
	if !d.Finished() {
		d.State = SendSent
	}
	d.rank(r.Status, r.Code)
}

func (s *State) foldFailed(b *Failed) {
	if d := s.send(b.Item); d != nil {
		d.Code = b.Code
		d.fault(b.Fault)
		if b.Fault != channels.FaultUnknown && d.State == SendAttempted {
			d.State = SendDue // whether it is tried again, the decision says
		}
	}
	if b.Fault == channels.FaultOptedOut {
		if d := s.send(b.Item); d != nil && d.Person == "" {
			s.Stopped = true
		}
	}
}

func (s *State) foldChecked(b *Checked) {
	d := s.send(b.Item)
	if d == nil {
		return
	}
	if b.Found {
		s.foldSent(b.Item, b.Receipt)
		return
	}
	d.Checks++
}

func (s *State) foldStatus(b *channels.StatusReport) {
	d := s.send(b.Item)
	if d == nil || d.foreign(b) || d.overtakes(b) {
		return
	}
	// A report is the carrier's word that it took the text: it repairs an
	// answer that was lost on its way to us. When the text is to be attempted
	// again, only a word that it arrived stops that.
	if d.State == SendAttempted || d.State == SendDue && d.Attempt > 0 && arrived(b.Status) {
		d.State = SendSent
	}
	if news := b.Status.Rank() > d.Status.Rank(); news && b.Fault != "" {
		d.fault(b.Fault)
		s.Stopped = s.Stopped || b.Fault == channels.FaultOptedOut && d.Person == ""
	}
	d.rank(b.Status, b.Code)
}

// fault counts an attempt that ended so.
func (d *Send) fault(k channels.FaultKind) {
	faults := make(map[channels.FaultKind]int, len(d.Faults)+1) // copies of the state share the old one
	maps.Copy(faults, d.Faults)
	faults[k]++
	d.Faults = faults
}

// rank takes over a status unless a later or equal one is known.
func (d *Send) rank(st channels.Status, code int) {
	if st.Rank() <= d.Status.Rank() {
		return
	}
	d.Status, d.Code = st, code
}

func (s *State) addAct(id string) {
	s.Acts = append(s.Acts, id)
	if len(s.Acts) > MaxActs {
		s.Acts = s.Acts[1:]
	}
}

func (s *State) addDeed(d Deed) {
	s.Deeds = append(s.Deeds, d)
	if len(s.Deeds) > MaxDeeds {
		s.Deeds = s.Deeds[1:]
	}
}

// foldListed keeps a case for the digest, each once.
func (s *State) foldListed(b *Listed) {
	s.Digest = slices.DeleteFunc(s.Digest, func(l Listed) bool { return l.Case == b.Case })
	if len(s.Digest) < MaxDigest {
		s.Digest = append(s.Digest, *b)
	}
}

func (s *State) foldDecided(e Event, d *Decided) {
	s.foldChanges(e, d)
	s.settle()
}

// foldChanges folds what a decision says.
func (s *State) foldChanges(e Event, d *Decided) {
	if d.Case != nil {
		if s.Case == nil || s.Case.ID != d.Case.ID {
			s.Cases++
		}
		c := *d.Case
		s.Case = &c
	}
	for _, f := range d.Facts {
		s.addFact(f)
	}
	for _, id := range d.Acts {
		s.addAct(id)
	}
	for _, done := range d.Deeds {
		s.addDeed(done)
	}
	if d.Owner != "" {
		s.own(d.Owner, d.Epoch, e.At)
	}
	s.foldSet(e.At, d.Set)
	for _, f := range d.Files {
		s.foldFiles(f)
	}
	for i, x := range d.Effects {
		s.foldEffect(e, i, x)
	}
}

// own changes who may speak. Nothing waits for the agent any more, but the texts
// of this very step, when they come to it.
func (s *State) own(o escalation.Owner, epoch uint64, at molt.Time) {
	s.Owner, s.Epoch = o, max(s.Epoch, epoch)
	s.Pending, s.Waiting = nil, 0
	if o != escalation.OwnerAgent || s.Stream() {
		return
	}
	for _, h := range s.Undecided[max(0, len(s.Undecided)-MaxPending):] {
		s.Pending, s.Waiting = append(s.Pending, h.Seq), at
	}
}

// settle ends a decision: its texts are decided, and while somebody else speaks
// nothing waits for the agent.
func (s *State) settle() {
	s.Undecided = nil
	if s.Owner != escalation.OwnerAgent {
		s.Pending, s.Waiting = nil, 0
	}
	s.trim()
}

// foldSet may see one Set again with more in it, while it is being made.
func (s *State) foldSet(at molt.Time, set *Set) {
	if set == nil {
		return
	}
	put(&s.Lang, set.Lang)
	put(&s.Question, set.Question)
	put(&s.Done, set.Done)
	put(&s.HandBack, set.HandBack)
	put(&s.Stopped, set.Stopped)
	put(&s.Unlisted, set.Unlisted)
	put(&s.Silences, set.Silences)
	put(&s.HelpAt, set.HelpAt)
	put(&s.HoldTextAt, set.HoldTextAt)
	put(&s.SetupAt, set.SetupAt)
	put(&s.Digest, set.Digest)
	put(&s.Ask, set.Ask)
	put(&s.Calling, set.Calling)
	put(&s.Lapsed, set.Lapsed)
	put(&s.Gave, set.Gave)
	put(&s.Untold, set.Untold)
	put(&s.Offered, set.Offered)
	put(&s.Booked, set.Booked)
	put(&s.Spent, set.Spent)
	put(&s.Reviews, set.Reviews)
	put(&s.Clarified, set.Clarified)
	put(&s.Summary, set.Summary)
	put(&s.Opinion, set.Opinion)
	put(&s.Unanswered, set.Unanswered)
	s.wait(at, set.Waits)
	s.answer(at, set.Answered)
}

// wait puts texts to those that wait for the agent, each once.
func (s *State) wait(at molt.Time, seqs []uint64) {
	if len(seqs) == 0 {
		return
	}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Pending, seqs))))
	s.Pending, s.Waiting = all[max(0, len(all)-MaxPending):], at
}

// answer takes texts from those that wait. The next one's time runs from now.
func (s *State) answer(at molt.Time, seqs []uint64) {
	if len(s.Pending) == 0 || len(seqs) == 0 {
		return
	}
	oldest := s.Pending[0]
	s.Pending = slices.DeleteFunc(s.Pending, func(seq uint64) bool { return slices.Contains(seqs, seq) })
	switch {
	case len(s.Pending) == 0:
		s.Waiting = 0
	case s.Pending[0] != oldest:
		s.Waiting = at
	}
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *State) foldEffect(e Event, i int, x Effect) {
	switch x.Kind {
	case EffectSay, EffectPage:
		s.foldOut(e, i, x)
	case EffectAsk:
		s.foldAsk(e, x)
	case EffectFetch:
		s.foldFetch(x)
	case EffectTimer:
		s.dropTimer(x.Name, "")
		s.Timers = append(s.Timers, Timer{Name: x.Name, Item: x.Item, Due: x.Due})
	case EffectCancel:
		s.finish(x.Item, SendCancelled)
		s.dropTimer("", x.Item)
	case EffectDone:
		switch Reason(x.Name) {
		case ReasonFenced:
			s.finish(x.Item, SendFenced)
		case ReasonAnswered:
			s.finish(x.Item, SendCancelled)
		}
		s.finish(x.Item, SendFailed)
		s.loseFile(x.Item)
	case EffectRetry:
		// Not found by any check: the attempt counts as not made. A check to
		// come leaves it as it is.
		if d := s.send(x.Item); d != nil && d.State == SendAttempted && x.Name != string(outbox.DoCheck) {
			d.State = SendDue
		}
	case EffectEarly:
		if d := s.send(x.Item); d != nil {
			d.Early = true
		}
	case EffectLost, EffectUnseen:
		if d := s.send(x.Item); d != nil {
			d.Reported = true
		}
	case EffectCode:
		if x.Code != nil && x.Code.Review == 0 {
			s.Code, s.Told = x.Code.Code, nil
		}
	case EffectTold:
		s.tell(molt.PersonID(x.Name), x.Version)
	case EffectUncode:
		if s.Code == x.Name {
			s.Code, s.Told = "", nil
		}
	}
}

// foldAsk counts an ask. One that was still to come is replaced by this one: a
// patient who writes five short texts is one ask, not five.
func (s *State) foldAsk(e Event, x Effect) {
	s.AskedAt = slices.DeleteFunc(s.AskedAt, func(t int64) bool { return t > int64(e.At) })
	s.AskedAt = append(s.AskedAt, int64(x.Due))
	if len(s.AskedAt) > MaxAsked {
		s.AskedAt = s.AskedAt[1:]
	}
}

func (s *State) foldOut(e Event, i int, x Effect) {
	if x.Out == nil {
		return
	}
	o := x.Out
	d := Send{
		Item: x.Item, Lane: x.Lane, What: o.What, Class: o.Class, Put: e.At,
		State: SendDue, Person: o.Person, Page: o.Page,
	}
	if o.Class == channels.ClassAgent {
		d.Epoch = s.Epoch
	}
	s.Sends = append(s.Sends, d)
	if o.Person != "" && o.Version > 0 {
		s.tell(o.Person, o.Version)
	}
	if x.Kind == EffectSay {
		s.addTurn(Ref{Seq: e.Seq, Index: i, From: fromOf(o.Class), At: e.At, What: o.What, Item: x.Item, By: o.By, Reviewed: reviewer(*o)})
	}
}

func (s *State) tell(p molt.PersonID, version int) {
	s.Told = slices.DeleteFunc(s.Told, func(t Told) bool { return t.Person == p })
	s.Told = append(s.Told, Told{Person: p, Version: version})
	if len(s.Told) > MaxTold {
		s.Told = s.Told[1:]
	}
}

// fromOf says who speaks in a text of that class, as the agent's window tells it.
func fromOf(c channels.Class) string {
	switch c {
	case channels.ClassAgent:
		return model.FromAgent
	case channels.ClassNurse:
		return model.FromNurse
	}
	return model.FromNote
}

// finish moves a send that is not finished yet.
func (s *State) finish(id molt.ItemID, to SendState) {
	if d := s.send(id); d != nil && !d.Finished() {
		d.State = to
	}
}

func (s *State) dropTimer(name string, item molt.ItemID) {
	s.Timers = slices.DeleteFunc(s.Timers, func(t Timer) bool {
		return (item == "" || t.Item == item) && (name == "" || t.Name == name) && (name != "" || item != "")
	})
}
