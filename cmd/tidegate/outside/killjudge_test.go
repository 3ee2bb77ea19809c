package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// judged is what the judges counted.
type judged struct {
	inbound, listedOnly, copies int
	routine, safety, staff      int
	flags, called, chats        int
}

func (j judged) String() string {
	return fmt.Sprintf(`in:  %d texts, of which %d had no webhook answered and were fetched from the list; %d answered more than once
out: %d routine texts, %d safety texts, %d to staff
0 lost, 0 answered before they were kept, 0 routine texts twice, %d red flags and 0 unpaged, 0 spoken over, 0 told of a restart
%d safety texts were cut off twice on their way, and a nurse was told to call
%d chats, each with a red flag: 0 texts lost or shown twice, 0 unpaged, 0 without the safety text
`, j.inbound, j.listedOnly, j.copies, j.routine, j.safety, j.staff, j.flags, j.called, j.chats)
}

// exported is what the judge reads of a conversation as the program writes it
// out.
type exported struct {
	Conversation string `json:"conversation"`
	Inbound      []struct {
		ProviderID string `json:"provider_id"`
		At         int64  `json:"at"` // when it was taken in, in milliseconds
		Ended      struct {
			How string `json:"how"`
		} `json:"ended"`
	} `json:"inbound"`
	Outbound []struct {
		Item   string `json:"item"`
		State  string `json:"state"`
		Class  string `json:"class"`
		Person string `json:"person"`
	} `json:"outbound"`
	Fault json.RawMessage `json:"fault"`
}

// export asks the running daemon for all it has.
func (w *world) export(ctx context.Context) ([]exported, error) {
	cmd := exec.CommandContext(ctx, w.bin, "conversations", "export", "--all", "--json", "--config", w.path("tidegate.yaml"))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("export: %w", err)
	}
	var all []exported
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var x exported
		if err := d.Decode(&x); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		all = append(all, x)
	}
	return all, nil
}

// judge waits for calm and says what is wrong.
func (k *killer) judge() []error {
	k.t.Helper()
	// What no webhook brought is fetched at a start, once lists show it.
	k.people.lull(k.ctx, lagTime+time.Second)
	k.kill()
	k.start()
	ctx, cancel := context.WithTimeout(k.ctx, calmTime)
	defer cancel()
	k.people.visitorsDone(ctx)
	var open []error
	for again := true; again; {
		k.idle(ctx)
		if open = k.unended(); len(open) == 0 {
			break
		}
		k.people.lull(ctx, 2*time.Second)
		again = ctx.Err() == nil
	}
	k.idle(ctx)
	j := newJudge(k.ledger(), k.people)
	k.people.mu.Lock()
	defer k.people.mu.Unlock()
	faults := slices.Concat(open, j.judge())
	k.sum.sums.add(j.judged)
	return faults
}

func (j *judged) add(o judged) {
	j.inbound, j.listedOnly, j.copies = j.inbound+o.inbound, j.listedOnly+o.listedOnly, j.copies+o.copies
	j.routine, j.safety, j.staff = j.routine+o.routine, j.safety+o.safety, j.staff+o.staff
	j.flags, j.called, j.chats = j.flags+o.flags, j.called+o.called, j.chats+o.chats
}

// unended lists the texts that the export does not show with a reply, an owner
// or a reason, and the routine texts of ours whose fate is still open.
func (k *killer) unended() (open []error) {
	k.t.Helper()
	// The last look has time of its own, or a loss would be told as a look cut short.
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	all, err := k.export(ctx)
	if err != nil {
		return []error{err}
	}
	how, kept := map[string]string{}, map[string]int64{}
	for _, x := range all {
		if len(x.Fault) > 0 {
			open = append(open, fmt.Errorf("conversation %s does not verify: %s", x.Conversation, x.Fault))
		}
		for _, in := range x.Inbound {
			if how[in.ProviderID] != "" {
				open = append(open, fmt.Errorf("%s was decided twice", in.ProviderID))
			}
			how[in.ProviderID], kept[in.ProviderID] = in.Ended.How, in.At
			if in.Ended.How == "" {
				open = append(open, fmt.Errorf("left hanging: a text of %s", x.Conversation))
			}
		}
		for _, out := range x.Outbound {
			if (out.State == "due" || out.State == "attempted") && out.Person == "" {
				open = append(open, fmt.Errorf("a text of class %s still has to leave: %s", out.Class, out.Item))
			}
		}
	}
	for _, e := range k.ledger() {
		if e.Kind == twiliofake.KindWebhook && e.HTTPStatus/100 == 2 && kept[e.SID] > e.At.UnixMilli() {
			open = append(open, fmt.Errorf("answered before it was kept: %s from %s at %s, kept %d ms later", e.SID, e.From, e.At.Format(time.TimeOnly), kept[e.SID]-e.At.UnixMilli()))
		}
		if e.Kind != twiliofake.KindInbound {
			continue
		}
		switch got := how[e.SID]; got {
		case "reply", "owner", "reason":
		case "":
			open = append(open, fmt.Errorf("lost: %s from %s, %q", e.SID, e.From, e.Body))
		default:
			open = append(open, fmt.Errorf("left hanging (%s): %s from %s, %q", got, e.SID, e.From, e.Body))
		}
	}
	return open
}

// judge is the ledger as the judge reads it.
type judge struct {
	judged
	entries []twiliofake.Entry
	people  *people
	flagged map[string]*flagged         // by the patient's number
	arrived map[string]int              // texts by phone and body
	begun   map[string]twiliofake.Entry // held requests by phone and body
	ended   map[string]int              // webhooks answered 2xx, by the text
	heard   map[string]bool             // phones that got something
	faults  []error
}

// flagged is the course of a red flag.
type flagged struct {
	words         string
	at            int64 // the entry of the text
	answered      time.Time
	toldAt        time.Time
	told, back    int64 // the safety text's request; the hand-back's text
	paged, toldOf bool
	call          bool // a nurse was told that texts do not reach the patient
}

func newJudge(entries []twiliofake.Entry, p *people) *judge {
	return &judge{
		entries: entries, people: p, flagged: map[string]*flagged{}, arrived: map[string]int{}, begun: map[string]twiliofake.Entry{},
		ended: map[string]int{}, heard: map[string]bool{},
	}
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Errorf(format, args...))
}

func (j *judge) judge() []error {
	for _, e := range j.entries {
		switch e.Kind {
		case twiliofake.KindInbound:
			j.cameIn(e)
		case twiliofake.KindWebhook:
			j.posted(e)
		case twiliofake.KindHeld:
			j.begun[e.To+e.Body] = e
		case twiliofake.KindCreate:
			j.created(e)
		case twiliofake.KindHandset:
			j.reached(e)
		}
	}
	for _, e := range j.entries {
		if e.Kind == twiliofake.KindInbound && j.ended[e.SID] == 0 {
			j.listedOnly++
		}
	}
	for number, f := range j.flagged {
		if !f.paged {
			j.fault("unpaged: %s wrote %q", number, f.words)
		}
		switch {
		case f.toldOf:
		case f.call:
			// Both its attempts were cut off on their way: by design there is
			// no third, and a nurse reads that she has to call.
			j.called++
		default:
			j.fault("no safety text reached %s after %q, and no nurse was told to call", number, f.words)
		}
	}
	j.chatsFlagged()
	for number := range j.people.byNum {
		if !j.heard[number] {
			j.fault("left hanging: nothing ever reached %s", number)
		}
	}
	return j.faults
}

func (j *judge) cameIn(e twiliofake.Entry) {
	j.inbound++
	if one := j.people.byNum[e.From]; one != nil && e.Body == one.flag {
		j.flags++
		j.flagged[e.From] = &flagged{words: e.Body, at: e.Seq}
	}
	if code, verb, ok := strings.Cut(e.Body, " "); ok && strings.HasPrefix(verb, "D ") {
		for number, held := range j.people.held {
			if f := j.flagged[number]; f != nil && strings.HasPrefix(held, code+" ") {
				f.back = e.Seq
			}
		}
	}
}

func (j *judge) posted(e twiliofake.Entry) {
	if e.Phase != twiliofake.PhaseEnded || e.HTTPStatus/100 != 2 {
		return
	}
	if j.ended[e.SID]++; j.ended[e.SID] == 2 {
		j.copies++
	}
	if f := j.flagged[e.From]; f != nil && f.answered.IsZero() && e.Seq > f.at {
		f.answered = e.At
	}
}

// isRoutine tells what the agent says from fixed texts and from a nurse's words.
func isRoutine(e twiliofake.Entry) bool {
	return e.Origin == twiliofake.OriginAPI && !strings.HasPrefix(e.Body, "Harbor: ") && !strings.Contains(e.Body, "relay-")
}

// inFlight is how long a request that left before a red flag was committed may
// take to be in the ledger after it.
const inFlight = 500 * time.Millisecond

// created looks for the agent talking over a red flag. What it had begun to
// say before may be taken later: nobody can call that back.
func (j *judge) created(e twiliofake.Entry) {
	f := j.flagged[e.To]
	switch {
	case f == nil:
	case strings.Contains(e.Body, "Call 911 now") && f.told == 0:
		f.told, f.toldAt = e.Seq, e.At
	case isRoutine(e) && f.told > 0 && f.back == 0 && !f.mayFollow(e, j.begun[e.To+e.Body]):
		j.fault("spoken over: after the safety text and before a hand-back %s was sent %q (entry %d)", e.To, e.Body, e.Seq)
	}
}

// mayFollow reports whether a routine text may have left before the red flag was
// committed. The carrier holds a request where it was told to, and takes it later; of a
// red flag the ledger says that it was committed when its webhook was answered, or else
// when the safety text left.
func (f *flagged) mayFollow(e, held twiliofake.Entry) bool {
	left, committed := e.At, f.toldAt
	if held.Seq > 0 {
		left = held.At
	}
	if !f.answered.IsZero() && f.answered.Before(committed) {
		committed = f.answered
	}
	return held.Seq > 0 && held.Seq < f.at || left.Sub(committed) <= inFlight
}

var restartPattern = regexp.MustCompile(`(?i)restart|reboot|crash|technical|outage|sorry for the delay|no_?reply`)

func (j *judge) reached(e twiliofake.Entry) {
	j.heard[e.To] = true
	if restartPattern.MatchString(e.Body) {
		j.fault("told of a restart: %s got %q", e.To, e.Body)
	}
	if j.people.byNum[e.To] == nil {
		j.staff++
		for number, f := range j.flagged {
			f.call = f.call || strings.Contains(e.Body, "do not reach this patient") && strings.Contains(e.Body, number)
			if strings.Contains(e.Body, f.words) {
				f.paged = true
				f.call = f.call || strings.Contains(e.Body, "annot be texted")
			}
		}
		return
	}
	if f := j.flagged[e.To]; f != nil && strings.Contains(e.Body, "Call 911 now") {
		f.toldOf = true
	}
	if !isRoutine(e) {
		j.safety++
		return
	}
	j.routine++
	// No patient gives two causes for one text: each answers a question once.
	key := e.To + "\x00" + e.Body
	if j.arrived[key]++; j.arrived[key] == 2 {
		j.fault("twice: %s got %q again (entry %d)", e.To, e.Body, e.Seq)
	}
}

// The judge of kills tells what the carrier held from what was said over a red flag.
func TestTheKillJudgeBites(t *testing.T) {
	const ana, flag, routine = "+12005550148", "my chest hurts", "What is your date of birth?"
	begin := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	at := func(seq int64, kind twiliofake.Kind, body string) twiliofake.Entry {
		e := twiliofake.Entry{Seq: seq, At: begin.Add(time.Duration(seq) * time.Second), Kind: kind, Body: body, To: ana, Origin: twiliofake.OriginAPI}
		if kind == twiliofake.KindInbound || kind == twiliofake.KindWebhook {
			e.From, e.To = ana, ""
		}
		if kind == twiliofake.KindWebhook {
			e.Phase, e.HTTPStatus, e.SID = twiliofake.PhaseEnded, 204, "SM1"
		}
		return e
	}
	in, answered := at(2, twiliofake.KindInbound, flag), at(4, twiliofake.KindWebhook, "")
	safety, taken := at(6, twiliofake.KindCreate, "Harbor: Call 911 now"), at(8, twiliofake.KindCreate, routine)
	for name, c := range map[string]struct {
		entries []twiliofake.Entry
		over    bool
	}{
		"said after it":                       {[]twiliofake.Entry{in, answered, safety, taken}, true},
		"said after it, which was listed":     {[]twiliofake.Entry{in, safety, taken}, true},
		"held before it came":                 {[]twiliofake.Entry{at(1, twiliofake.KindHeld, routine), in, answered, safety, taken}, false},
		"held before it was answered":         {[]twiliofake.Entry{in, at(3, twiliofake.KindHeld, routine), answered, safety, taken}, false},
		"held after it was answered":          {[]twiliofake.Entry{in, answered, at(5, twiliofake.KindHeld, routine), safety, taken}, true},
		"held before it was fetched":          {[]twiliofake.Entry{in, at(3, twiliofake.KindHeld, routine), safety, taken}, false},
		"held after the safety text, as well": {[]twiliofake.Entry{in, safety, at(7, twiliofake.KindHeld, routine), taken}, true},
	} {
		p := newPeople(nil, 1)
		p.byNum[ana] = &patient{flag: flag}
		over := false
		for _, err := range newJudge(c.entries, p).judge() {
			over = over || strings.HasPrefix(err.Error(), "spoken over")
		}
		if over != c.over {
			t.Errorf("%s: spoken over %t, want %t", name, over, c.over)
		}
	}
}
