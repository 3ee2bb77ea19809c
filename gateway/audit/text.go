package audit

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Text writes the file as people read it, times in a zone. Words stand on one
// line each, whatever is in them, so that no text can pass for another line.
func (f File) Text(zone *time.Location) string {
	t := &texter{zone: zone}
	t.head(f)
	t.line("\nHow each text ended")
	for _, in := range f.Inbound {
		t.inbound(in)
	}
	t.line("\nWhat left")
	for _, o := range f.Outbound {
		t.outbound(o)
	}
	t.line("\nJournal")
	for _, e := range f.Journal {
		t.line("  %5d  %s  %-9s %s", e.Seq, t.at(e.At), e.Kind, summary(e))
	}
	if f.Fault != nil {
		t.line("\nIt does not verify: %s", f.Fault.Error())
	}
	return t.b.String()
}

type texter struct {
	b    strings.Builder
	zone *time.Location
}

func (t *texter) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

func (t *texter) at(m molt.Time) string { return m.Std().In(t.zone).Format("2006-01-02 15:04:05 MST") }

func (t *texter) head(f File) {
	t.line("Conversation %s", f.Conversation)
	b := f.Began
	who := "patient " + b.Peer.Reveal()
	if b.Person != "" {
		who = "staff " + string(b.Person) + " " + b.Peer.Reveal()
	}
	t.line("  channel %s, our number %s, %s", b.Channel, b.Account.Reveal(), who)
	if b.After != "" {
		t.line("  follows %s, whose journal could not be gone on with", b.After)
	}
	if f.Followed != "" {
		t.line("  is followed by %s", f.Followed)
	}
	owner := string(f.Owner)
	if f.Stopped {
		owner += ", opted out"
	}
	t.line("  owner %s", owner)
	if c := f.Case; c != nil {
		t.line("  case %s %s: %s %s, %s %s", c.ID, f.Code, c.Severity, cmp.Or(c.Category, string(c.Kind)), c.State, c.Claimant)
	}
}

func (t *texter) inbound(in Inbound) {
	found := strings.TrimSpace(in.Severity + " " + in.Category)
	t.line("  %5d  %s  %s  [%s, screen: %s]", in.Seq, t.at(cmp.Or(in.Sent, in.At)), said(in.Words, in.Media), in.ProviderID, found)
	for _, a := range in.Files {
		t.line("         file %d: %s", a.Index, a)
	}
	t.line("         %s", in.Ended)
}

// String says in a line what became of a file.
func (a Attached) String() string {
	if a.Hash == "" {
		return fmt.Sprintf("not had: %s (%d tries)", a.Why, a.Tries)
	}
	return fmt.Sprintf("%s, %s, %d bytes", a.Hash, a.Type, a.Bytes)
}

// String says in a line how a text ended.
func (e Ending) String() string {
	why := strings.TrimSpace(string(e.Reason) + " " + e.Detail)
	switch e.How {
	case HowReply:
		return fmt.Sprintf("reply (%s): %s", fateOf(e.State, e.Status), why)
	case HowOwner:
		return strings.TrimRight(fmt.Sprintf("%s, case %s: %s %s", e.Owner, e.Case, why, e.Holder), " ")
	case HowReason:
		return "no reply: " + strings.TrimSpace(why+" "+string(e.Carried))
	case HowWaiting:
		return "waits: " + why
	}
	return "undecided"
}

func fateOf(s turn.SendState, at channels.Status) string {
	if at != "" {
		return string(s) + ", " + string(at)
	}
	return string(s)
}

func (t *texter) outbound(o Outbound) {
	what := o.From + " to the patient"
	if o.Person != "" {
		what = "to " + string(o.Person) + ", " + o.What
	}
	t.line("  %5d  %s  %s (%s)  %s", o.Seq, t.at(o.At), what, fateOf(o.State, o.Status), said(o.Words, 0))
}

// said quotes words on one line.
func said(w molt.Words, media int) string {
	s := `"` + OneLine(w.Reveal()) + `"`
	if media > 0 {
		s += fmt.Sprintf(" [%d attached]", media)
	}
	return s
}

// OneLine puts words on one line: what would break or forge one becomes a
// visible stroke.
func OneLine(s string) string {
	return strings.NewReplacer("\r\n", " / ", "\n", " / ", "\r", " / ", "\v", " / ", "\f", " / ", "\u0085", " / ", "\u2028", " / ", "\u2029", " / ").Replace(s)
}

// summary is one event in a few words.
func summary(e Entry) string {
	if e.Gone {
		return "(its body is gone)"
	}
	ev, err := turn.Decode(e.Seq, e.At, e.Kind, e.Body)
	if err != nil || ev.Body == nil {
		return "(unknown to this build)"
	}
	return bodyLine(ev.Body)
}

// bodyLine is the body of an event in a few words.
func bodyLine(body any) string {
	switch b := body.(type) {
	case *channels.Inbound:
		return said(b.Words, len(b.Media)) + " " + b.ProviderID + " by " + b.Via
	case *screen.Verdict:
		return verdictLine(b)
	case *turn.Began:
		return b.Channel
	case *turn.Code:
		return fmt.Sprintf("%s %s", b.Code, b.Case)
	case *turn.Hers:
		return fmt.Sprintf("%d cases", len(b.Cases)+b.More)
	case *turn.Replied:
		return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", b.Answer.Model, b.Answer.Kind, b.Answer.Reason, b.Why))
	case *turn.Decided:
		return decidedLine(b)
	}
	return actLine(body)
}

func verdictLine(v *screen.Verdict) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", v.Severity, v.Category, strings.Join(v.Rules, " ")))
}

func opinedLine(o *turn.Opined) string {
	says := cmp.Or(string(o.Level), "none")
	switch {
	case o.Budget != "":
		says = "nobody was asked: the budget of the " + o.Budget + " is used up"
	case o.Failed:
		says = o.Why
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s of what stood before %d, in %d ms, %d tokens", o.Model, says, o.Saw+1, o.TookMS, o.Tokens))
}

func actLine(body any) string {
	switch b := body.(type) {
	case *turn.Opined:
		return opinedLine(b)
	case *turn.Calling:
		return b.Tool + " " + b.Key
	case *turn.Called:
		return strings.TrimSpace(b.Tool + " " + b.Key + " " + b.State + " " + b.Why)
	case *turn.Attempted:
		return fmt.Sprintf("%s attempt %d", b.Item, b.Attempt)
	case *turn.Sent:
		return fmt.Sprintf("%s %s %s", b.Item, b.Receipt.ProviderID, b.Receipt.Status)
	case *turn.Failed:
		return fmt.Sprintf("%s %s code %d", b.Item, b.Fault, b.Code)
	case *turn.Checked:
		return fmt.Sprintf("%s found %v", b.Item, b.Found)
	case *channels.StatusReport:
		return fmt.Sprintf("%s %s code %d", b.Item, b.Status, b.Code)
	case *turn.Looked:
		return fmt.Sprintf("%s not sent: %s", b.Item, b.Reason)
	case *turn.Timed:
		return b.Name
	case *turn.Listed:
		return fmt.Sprintf("%s %s", b.Severity, b.Case)
	case *turn.Fetched:
		return fmt.Sprintf("file %d.%d %s %s %d bytes", b.Seq, b.Index, b.Hash, b.Type, b.Bytes)
	case *turn.FetchFailed:
		return fmt.Sprintf("file %d.%d not had: %s", b.Seq, b.Index, b.Why)
	case *turn.Read:
		return fmt.Sprintf("%s read %s", b.Actor, b.What)
	case *turn.Acted:
		line := fmt.Sprintf("%s by %s: %s", b.Actor, b.Via, b.Verb)
		if b.Words != "" {
			line += " " + said(b.Words, 0)
		}
		return line
	}
	return ""
}

func decidedLine(d *turn.Decided) string {
	parts := []string{strings.TrimSpace(string(d.Reason) + " " + d.Detail)}
	if d.Owner != "" {
		parts = append(parts, fmt.Sprintf("owner %s, epoch %d", d.Owner, d.Epoch))
	}
	if d.Case != nil {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("case %s %s %s %s", d.Case.ID, d.Case.Severity, d.Case.State, d.Case.Claimant)))
	}
	for _, f := range d.Effects {
		if f.Out != nil {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Kind, f.Out.What, f.Out.Person)))
			continue
		}
		parts = append(parts, strings.TrimSpace(string(f.Kind)+" "+f.Name))
	}
	return strings.Join(parts, "; ")
}
