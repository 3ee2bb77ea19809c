package turn

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/escalation/storytest"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// TestStories tells the files of testdata: commands, a line of dashes, what
// they do.
func TestStories(t *testing.T) {
	storytest.Tell(t, func(t *testing.T) func(string) string {
		return (&story{world: newWorld(t)}).run
	})
}

// story is a world that commands drive. <token> in a line stands for the
// silence token, which is spelled in one place only.
type story struct {
	*world
	line string
	ids  int
}

// run does one line. "+5s" in front moves the clock; "both" joins the commands
// between ";;" into one step; "alone" commits without a decision.
func (s *story) run(line string) string {
	s.line = line
	line = strings.ReplaceAll(line, "<token>", policy.Token)
	verb, rest, _ := strings.Cut(line, " ")
	switch {
	case strings.HasPrefix(verb, "+"):
		d, err := time.ParseDuration(verb[1:])
		s.must(err)
		s.now = s.now.Add(d)
		if rest == "" {
			return ""
		}
		return s.run(rest)
	case verb == "both":
		var facts []fact
		for part := range strings.SplitSeq(rest, ";;") {
			more, said := s.facts(strings.TrimSpace(part))
			if said != "" {
				s.t.Fatalf("%q: %s", s.line, said)
			}
			facts = append(facts, more...)
		}
		return s.render(s.step(facts...))
	case verb == "alone":
		facts, _ := s.facts(rest)
		s.commitAll(facts)
		return ""
	case verb == "succeed":
		return s.render(s.succeed(nil, escalation.Severity(rest)))
	}
	facts, said := s.facts(line)
	if facts == nil {
		return said
	}
	return said + s.render(s.step(facts...))
}

// words splits a command: quoted pieces stay whole, key=value pairs come apart.
func (s *story) words(line string) (plain []string, quoted []string, arg map[string]string) {
	arg = map[string]string{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			s.must(err)
			v, err := strconv.Unquote(q)
			s.must(err)
			quoted = append(quoted, v)
			line = line[len(q):]
			continue
		}
		w, rest, _ := strings.Cut(line, " ")
		if k, v, ok := strings.Cut(w, "="); ok {
			arg[k] = v
		} else {
			plain = append(plain, w)
		}
		line = rest
	}
	return plain, quoted, arg
}

// facts turns a command into what happened. No facts and some text: it only
// looked or changed the rules.
func (s *story) facts(line string) ([]fact, string) {
	plain, quoted, arg := s.words(line)
	verb, plain := plain[0], plain[1:]
	switch verb {
	case "clock":
		at, err := time.ParseInLocation("2006-01-02T15:04:05", plain[0], s.rules.Zone)
		s.must(err)
		s.now = molt.TimeOf(at)
		return nil, ""
	case "rules":
		s.changeRules(arg)
		return nil, ""
	case "began":
		return s.began(arg), ""
	case "patient":
		return s.inbound(quoted, arg), ""
	case "ask":
		s.asked = s.ask()
		return nil, ""
	case "request":
		return nil, s.request()
	case "read_along": // the worker asks a model; "opined" says what it thinks
		s.reading = s.readAlong()
		return nil, s.opinionRequest()
	case "opined":
		return s.opined(plain, arg), ""
	case "make":
		return s.make()
	case "called":
		c := s.s.Calling
		return []fact{{KindCalled, &Called{Tool: c.Tool, Key: c.Key, Slot: c.Slot, State: plain[0], Why: arg["why"]}}}, ""
	case "agent":
		return s.agent(plain, quoted, arg), ""
	case "attempt", "sent", "failed", "checked", "status":
		return s.sending(verb, plain, arg)
	case "fetch":
		return s.fetch(plain[0], plain[1], arg)
	case "timer":
		return s.timer(plain[0])
	case "nurse":
		return s.nurse(plain, quoted, arg), ""
	case "listed":
		at, err := time.ParseInLocation("15:04", plain[2], s.rules.Zone)
		s.must(err)
		day := s.now.Std().In(s.rules.Zone)
		due := time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), 0, 0, s.rules.Zone)
		return []fact{{KindListed, &Listed{Case: molt.CaseID(plain[0]), Severity: escalation.Severity(plain[1]), Code: arg["code"], At: molt.TimeOf(due)}}}, ""
	case "lead":
		l := &Lead{}
		if n, err := strconv.Atoi(arg["waiting"]); err == nil {
			l.Waiting = n
		}
		if len(plain) > 0 {
			l = &Lead{Conversation: "c_2", Case: "c_2#1", Code: plain[0], Severity: escalation.Severity(plain[1]), Claimant: molt.PersonID(arg["by"]), Crowd: arg["crowd"] != "", Waiting: l.Waiting}
		}
		return []fact{{KindLead, l}}, ""
	case "notice":
		return []fact{{KindNotice, &Notice{What: plain[0], Words: molt.Words(quoted[0])}}}, ""
	case "read":
		return []fact{{KindRead, &Read{Actor: molt.PersonID(plain[0]), What: "handoff"}}}, ""
	}
	s.t.Fatalf("%q: no such command", s.line)
	return nil, ""
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%q: %v", s.line, err)
	}
}

func (s *story) number(v string) int {
	n, err := strconv.Atoi(v)
	s.must(err)
	return n
}

func (s *story) changeRules(arg map[string]string) {
	for k, v := range arg {
		switch k {
		case "agent":
			s.rules.Agent = v == "on"
		case "console":
			s.rules.Console = v
		case "pause": // of all, of a channel, or of none
			s.rules.Paused = Pause{}
			if v == "all" {
				s.rules.Paused.All = true
			} else if v != "none" {
				s.rules.Paused.Channels = []string{v}
			}
		case "autonomy":
			s.rules.Autonomy = Autonomy(v)
		case "approve":
			s.rules.Approve = strings.Split(v, ",")
		case "unapproved":
			s.rules.Unapproved = v
		case "intents":
			s.rules.Intents = strings.Split(v, ",")
		case "disclose":
			s.rules.Disclose = v == "on"
		case "opinions": // of a conversation and of the clinic, in a day
			s.rules.Opinions = Opinions{s.number(v), 2 * s.number(v)}
		case "asks":
			s.rules.AsksPerHour = s.number(v)
		case "senders":
			s.rules.Senders = map[string][]molt.Address{"main": {clinicNumber}}
			if v == "none" {
				s.rules.Senders = map[string][]molt.Address{}
			}
		case "oncall":
			s.rules.Plan.Steps, s.rules.Plan.AllHands = nil, nil
			if v == "nobody" {
				s.rules.Plan.People = map[molt.PersonID]escalation.Person{}
			}
		case "phi":
			for id, p := range s.rules.Plan.People {
				for i := range p.Routes {
					p.Routes[i].PHI = v == "on"
				}
				s.rules.Plan.People[id] = p
			}
		default:
			s.t.Fatalf("%q: no rule %q", s.line, k)
		}
	}
}

func (s *story) began(arg map[string]string) []fact {
	b := Began{Channel: "main", Account: clinicNumber, Peer: patientNumber}
	if a := arg["account"]; a != "" {
		b.Account = molt.Address(a)
	}
	b.Live = arg["live"] != ""
	if p := arg["stream"]; p != "" {
		b.Person = molt.PersonID(p)
		b.Peer = s.rules.Plan.People[b.Person].Routes[0].Address
	}
	if arg["after"] != "" {
		b.After, b.Generation = molt.ConversationID(arg["after"]), 1
	}
	return []fact{{KindBegan, &b}}
}

// inbound is one text for each quoted piece, all with the same verdict; "-" in
// front of a piece keeps it from the verdict.
func (s *story) inbound(quoted []string, arg map[string]string) (out []fact) {
	for _, q := range quoted {
		s.ids++
		v := screen.Verdict{Severity: screen.None, Version: "test", Unreadable: arg["unreadable"] != ""}
		text, bare := strings.CutPrefix(q, "-")
		if found := arg["verdict"]; found != "" && !bare {
			sev, category, _ := strings.Cut(found, "/")
			v.Severity, v.Category = screen.Severity(sev), category
		}
		in := channels.Inbound{
			Channel: "main", Account: clinicNumber, Peer: patientNumber, ProviderID: fmt.Sprintf("SM%d", s.ids), At: s.now,
			Words: molt.Words(text), Via: "webhook", CallBack: molt.Address(arg["call_back"]), Lang: arg["lang"], Source: arg["source"],
		}
		for _, kind := range arg["media"] {
			m := channels.Media{URL: "https://media.example/1", Type: "image/jpeg"}
			if kind == 'k' { // it came with the text
				m = channels.Media{Type: "image/jpeg", Kept: &channels.Kept{Hash: "f_hash", Key: "k_key", Bytes: 7}}
			}
			in.Media = append(in.Media, m)
		}
		if at := arg["ago"]; at != "" {
			d, err := time.ParseDuration(at)
			s.must(err)
			in.At, in.Via = s.now.Add(-d), "backfill"
		}
		out = append(out, fact{KindInbound, &in}, fact{KindScreened, &v})
		if c := arg["code"]; c != "" {
			code := Code{Code: c}
			if of := arg["of"]; of != "" {
				code.Known, code.Conversation, code.Case = true, molt.ConversationID(of), molt.CaseID(of+"#1")
				if n := arg["review"]; n != "" {
					code.Case, code.Review = "", uint64(s.number(n))
				}
			}
			out = append(out, fact{KindCode, &code})
		}
		if c := arg["hers"]; c != "" {
			out = append(out, fact{KindHers, s.hers(c)})
		}
	}
	return out
}

// agent is what came of asking; without an "ask" before it, of asking now.
func (s *story) agent(plain, quoted []string, arg map[string]string) []fact {
	r := s.asked
	if r == nil {
		r = s.ask()
	}
	s.asked = nil
	a := model.Answer{Question: arg["q"], Lang: arg["lang"], Model: cmp.Or(arg["model"], "scripted/test"), Intent: arg["intent"]}
	text := strings.Join(quoted, "")
	switch plain[0] {
	case "reply":
		a.Kind, a.Text = model.KindReply, molt.Words(text)
	case "clarify":
		a.Kind, a.Text = model.KindClarify, molt.Words(text)
	case "proposes":
		r.Proposed = &Calling{Tool: plain[1], Key: "tg1", Slot: model.Slot{ID: "a1", Start: s.now.Add(48 * time.Hour), Minutes: 20}}
	case "silent":
		a.Kind, a.Silence = model.KindSilent, model.SilenceNothingAsked
	case "escalate":
		a.Kind, a.Severity, a.Reason, a.Text = model.KindEscalate, plain[1], arg["reason"], molt.Words(text)
	case "failed":
		r.Failed, r.Why = true, "timeout"
	default:
		s.t.Fatalf("%q: no such answer", s.line)
	}
	if arg["summary"] != "" { // the last quoted piece is one
		a.Text, a.Summary = molt.Words(strings.Join(quoted[:len(quoted)-1], "")), molt.Words(quoted[len(quoted)-1])
	}
	if f := arg["fact"]; f != "" {
		name, value, _ := strings.Cut(f, ":")
		for _, ref := range s.s.Turns {
			if ref.From == model.FromPatient {
				a.Facts = []model.Fact{{Name: name, Value: value, Source: ref.Seq, At: ref.At}}
			}
		}
	}
	a.Done = arg["done"] != ""
	r.Answer = a
	return []fact{{KindReplied, r}}
}

// sending drives a text by what it is and to whom: "sent page alice".
func (s *story) sending(verb string, plain []string, arg map[string]string) ([]fact, string) {
	what, person := "", molt.PersonID("")
	if len(plain) > 0 {
		what = plain[0]
	}
	if len(plain) > 1 && verb != "status" && verb != "checked" {
		person = molt.PersonID(plain[1])
	}
	if p := arg["to"]; p != "" {
		person = molt.PersonID(p)
	}
	d := s.find(what, person)
	if d == nil {
		return nil, "  no such text\n"
	}
	switch verb {
	case "attempt":
		l, facts := s.look(d)
		if l.Do != LookSend {
			return facts, fmt.Sprintf("  look: %s %s\n", l.Do, l.Reason)
		}
		return facts, ""
	case "sent":
		return []fact{{KindSent, &Sent{Item: d.Item, Attempt: d.Attempt, Receipt: channels.Receipt{ProviderID: "SM9", Status: channels.StatusQueued}}}}, ""
	case "failed":
		return []fact{{KindFailed, &Failed{Item: d.Item, Attempt: d.Attempt, Fault: channels.FaultKind(arg["kind"]), Certain: arg["kind"] != "unknown"}}}, ""
	case "checked":
		c := Checked{Item: d.Item, Attempt: d.Attempt, Found: plain[1] == "found"}
		if c.Found {
			c.Receipt = channels.Receipt{ProviderID: "SM9", Status: channels.StatusSent}
		}
		return []fact{{KindChecked, &c}}, ""
	}
	report := channels.StatusReport{Channel: "main", Conversation: conversation, Item: d.Item, ProviderID: "SM9", Status: channels.Status(plain[1])}
	if k := arg["kind"]; k != "" {
		report.Fault, report.Hint = channels.FaultKind(k), "See the carrier's console."
	}
	if n := arg["code"]; n != "" {
		report.Code = s.number(n)
	}
	if n := arg["attempt"]; n != "" {
		report.Attempt = s.number(n)
	}
	switch arg["put"] {
	case "then":
		report.Put = d.Put
	case "before": // of a text with the same name, in a record that a restore took away
		report.Put = d.Put.Add(-time.Minute)
	}
	return []fact{{KindStatus, &report}}, ""
}

// fetch is what came of fetching a file, named by its message and number:
// "fetch 2.0 kept bytes=100", "fetch 2.0 not_found".
func (s *story) fetch(name, what string, arg map[string]string) ([]fact, string) {
	at, ok := FileOf(molt.LaneMedia + molt.Lane(":"+name))
	f := s.s.File(at)
	if !ok || f == nil {
		return nil, "  no such file\n"
	}
	if what == "kept" {
		n := int64(s.number(cmp.Or(arg["bytes"], "1000")))
		return []fact{{KindFetched, &Fetched{Item: f.Item, Seq: at.Seq, Index: at.Index, Hash: "f_x", Key: "k_x", Type: "image/jpeg", Bytes: n}}}, ""
	}
	failed := FetchFailed{Item: f.Item, Seq: at.Seq, Index: at.Index, Why: channels.FetchFault(what)}
	if d := arg["after"]; d != "" {
		wait, err := time.ParseDuration(d)
		s.must(err)
		failed.RetryAfterMS = wait.Milliseconds()
	}
	return []fact{{KindFetchFailed, &failed}}, ""
}

// timer moves the clock to the timer of that name and fires it.
func (s *story) timer(name string) ([]fact, string) {
	if name == "undecided" {
		return []fact{{KindTimed, &Timed{Name: name, Item: "bare/undecided"}}}, ""
	}
	t := s.s.timer(name)
	if t == nil {
		return nil, "  no such timer\n"
	}
	s.now = max(s.now, t.Due)
	return []fact{{KindTimed, &Timed{Name: name, Item: t.Item}}}, ""
}

// make is what the worker of the question under way finds to make.
func (s *story) make() ([]fact, string) {
	act, how := s.s.Making(s.s.Ask.Item)
	switch how {
	case MakeNothing:
		return nil, "  nothing to make\n"
	case MakeBegin:
		return []fact{{KindCalling, &act}}, "  makes " + act.Tool + "\n"
	}
	return nil, fmt.Sprintf("  %s: %s\n", how, act.Tool)
}

func (s *story) request() string {
	q := s.s.Request(&s.rules, model.Persona{}, model.Clinic{}, s.recall, s.now)
	var b strings.Builder
	fmt.Fprintf(&b, "  new %d, first %v, question %q, hand-back %q, reask %q\n", q.New, q.First, q.Question, q.HandBack, q.Reask)
	for _, m := range q.Window {
		fmt.Fprintf(&b, "  %s: %s\n", m.From, m.Words.Reveal())
	}
	if q.Summary != "" {
		fmt.Fprintf(&b, "  earlier: %s\n", q.Summary)
	}
	for _, f := range q.Ledger {
		fmt.Fprintf(&b, "  knows %s: %s\n", f.Name, f.Value)
	}
	return strings.ReplaceAll(b.String(), policy.Token, "<token>")
}

// render writes why, where the conversation stands, and what follows.
func (s *story) render(d Decided) string {
	var b strings.Builder
	reason := string(d.Reason)
	if d.Detail != "" {
		reason += "(" + d.Detail + ")"
	}
	fmt.Fprintf(&b, "%s %s | %s/%d%s\n", s.clock(), reason, s.s.Owner, s.s.Epoch, s.caseLine())
	if d.Unsummed != "" {
		fmt.Fprintf(&b, "  summary refused: %s\n", d.Unsummed)
	}
	if d.Unopined != "" {
		fmt.Fprintf(&b, "  no opinion is asked for: %s\n", d.Unopined)
	}
	for _, e := range d.Effects {
		if text := s.effect(e); text != "" {
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	return strings.ReplaceAll(b.String(), policy.Token, "<token>")
}

func (s *story) caseLine() string {
	c := s.s.Case
	if c == nil {
		return ""
	}
	state := string(c.State)
	if c.State == escalation.StateNotified {
		state = fmt.Sprintf("notified(%d)", c.Step)
	}
	if c.Claimant != "" {
		state += " by " + string(c.Claimant)
	}
	if c.CannotText {
		state += " cannot text"
	}
	return fmt.Sprintf(" | case %d %s %s %s v%d", c.Number, c.Severity, c.Kind, state, c.Version)
}

func (s *story) effect(e Effect) string {
	switch e.Kind {
	case EffectSay:
		mark := ""
		if e.Out.Disclosure {
			mark += " disclosing"
		}
		if e.Out.ReviewedBy != "" {
			mark += " by " + string(e.Out.ReviewedBy)
		}
		if e.Out.Account != s.s.Began.Account {
			mark += " from " + e.Out.Account.Reveal()
		}
		return fmt.Sprintf("say %s (%s%s): %q", e.Out.What, e.Out.Class, mark, e.Out.Words.Reveal())
	case EffectPage:
		_, route, _ := strings.Cut(string(e.Lane), ":")
		return fmt.Sprintf("tell %s %s: %q", route, e.Out.What, e.Out.Words.Reveal())
	case EffectAsk:
		return "ask " + s.when(e.Due)
	case EffectOpinion:
		return "opinion " + s.when(e.Due)
	case EffectFetch:
		return fmt.Sprintf("fetch %d.%d", e.File.Seq, e.File.Index)
	case EffectTimer:
		return fmt.Sprintf("timer %s %s", e.Name, s.when(e.Due))
	case EffectRetry:
		return fmt.Sprintf("retry %s %s %s", s.named(e.Item), e.Name, s.when(e.Due))
	case EffectCancel, EffectDone, EffectEarly, EffectLost, EffectUnseen:
		if name := s.named(e.Item); name != "" {
			return fmt.Sprintf("%s %s", e.Kind, name)
		}
	case EffectAct:
		if e.Act.Listed != nil {
			return fmt.Sprintf("carry to %s: %s %s for %s", e.Act.Person, e.Act.Listed.Severity, e.Act.Listed.Code, s.when(e.Act.Listed.At))
		}
		return fmt.Sprintf("carry to %s: %s by %s of %s", e.Act.Conversation, e.Act.Acted.Verb, e.Act.Acted.Actor, e.Act.Acted.Case)
	case EffectReview:
		switch {
		case e.Review.Gone:
			return fmt.Sprintf("review %s over", e.Review.Code)
		case e.Out == nil:
			return fmt.Sprintf("review %s of %s until %s", e.Review.Code, e.Review.Tool, s.when(e.Review.Due))
		}
		return fmt.Sprintf("review %s until %s: %q", e.Review.Code, s.when(e.Review.Due), e.Out.Words.Reveal())
	case EffectCode:
		return "code " + e.Code.Code
	case EffectLead:
		return "leads " + e.Name
	case EffectUncode:
		return "free code " + e.Name
	}
	return ""
}

// named is a text's kind and reader; "" for timers, whose ends follow from the rest.
func (s *story) named(item molt.ItemID) string {
	if d := s.s.send(item); d != nil {
		return strings.TrimSpace(d.What + " " + string(d.Person))
	}
	for _, f := range s.s.Files {
		if f.Item == item {
			return fmt.Sprintf("file %d.%d (%s)", f.Seq, f.Index, f.State)
		}
	}
	for _, e := range s.journal {
		if d, ok := e.Body.(*Decided); ok {
			for _, f := range d.Effects {
				if f.Item == item && (f.Kind == EffectAsk || f.Kind == EffectOpinion) {
					return string(f.Kind)
				}
			}
		}
	}
	return ""
}
