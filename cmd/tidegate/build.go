package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/agent/persona"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/prompt"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// parts are a configuration turned into what the gateway is made of. Building
// them opens no store and no socket, so that `check` builds what `serve` runs.
type parts struct {
	cfg      *config.Config
	screen   *screen.Screen
	rules    *turn.Rules
	adapters map[string]channels.Adapter
	session  *agent.Session
	models   []languageModel // of the chain, those on a server
	skills   *skill.Box
	calendar schedule.Calendar // nil: none
	persona  model.Persona
	autonomy persona.Persona // as it was read: how far it goes alone
	chain    []config.Model  // that are asked, in order
	clinic   model.Clinic
	record   []byte // all that decisions depend on, but secrets
	build    string // which program this is
	// options are what each adapter was made from, and before the parts that were
	// in force when these were built: what would be made alike is taken over, and
	// with it the connections that it holds.
	options map[string]any
	before  *parts
}

// build makes all parts, or says what is wrong with the first that cannot be made.
func build(cfg *config.Config, e env) (*parts, error) { return rebuild(cfg, e, nil) }

// rebuild makes all parts beside those in force.
func rebuild(cfg *config.Config, e env, before *parts) (*parts, error) {
	p := &parts{cfg: cfg, adapters: map[string]channels.Adapter{}, options: map[string]any{}, before: before}
	defer func() { p.before = nil }()
	var err error
	if before != nil {
		p.build = before.build
	} else if p.build, err = program(); err != nil {
		return nil, err
	}
	if before != nil && reflect.DeepEqual(cfg.Screen, before.cfg.Screen) {
		p.screen = before.screen
	} else if p.screen, err = extendedScreen(cfg); err != nil {
		return nil, err
	}
	if err := p.buildChannels(e); err != nil {
		return nil, err
	}
	if err := p.buildAgent(e); err != nil {
		return nil, err
	}
	return p, p.buildRules()
}

// gateway is what a reload can swap of a configuration.
func (p *parts) gateway() gateway.Parts {
	cfg := p.cfg
	return gateway.Parts{
		Rules: p.rules, Record: p.record, Adapters: p.adapters, Session: p.session, Skills: p.skills, Persona: p.persona, Clinic: p.clinic,
		Staff: staffOf(cfg), Idle: cfg.Console.Idle.Std(), Life: cfg.Console.Session.Std(),
		SegmentsPerSecond: cfg.Sender.SegmentsPerSecond, AsksPerHour: cfg.Limits.AsksPerHour,
		Backfill: gateway.Backfill{
			Enabled: cfg.Backfill.Enabled, Every: cfg.Backfill.Every.Std(), Overlap: cfg.Backfill.Overlap.Std(), Since: cfg.Backfill.Since,
		},
	}
}

func (p *parts) buildChannels(e env) error {
	var faults config.Faults
	for id, c := range p.cfg.Channels {
		var a channels.Adapter
		var wrong []config.Fault
		switch c.Type {
		case typeWebchat:
			a, wrong = p.webchat(c)
		default:
			a, wrong = p.twilio(c, e)
		}
		if len(wrong) > 0 {
			faults = append(faults, wrong...)
			continue
		}
		p.adapters[string(id)] = a
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// made is the adapter in force that was made from the same options, or a new one.
func (p *parts) made(id config.ChannelID, options any, create func() (channels.Adapter, error)) (channels.Adapter, error) {
	p.options[string(id)] = options
	if b := p.before; b != nil && reflect.DeepEqual(b.options[string(id)], options) {
		return b.adapters[string(id)], nil
	}
	return create()
}

func (p *parts) twilio(c config.Channel, e env) (channels.Adapter, []config.Fault) {
	var s twilio.Section
	if faults := c.Decode(&s); len(faults) > 0 {
		return nil, faults
	}
	o, wrong := s.Options(string(c.ID), p.cfg.Listen.PublicURL, e.secrets)
	if len(wrong) > 0 {
		return nil, placed(c, wrong)
	}
	a, err := p.made(c.ID, o, func() (channels.Adapter, error) { return twilio.New(o) })
	if errors.As(err, &wrong) {
		return nil, placed(c, wrong)
	}
	return a, nil
}

func (p *parts) buildAgent(e env) error {
	pers, err := loadPersona(p.cfg)
	if err != nil {
		return err
	}
	p.persona, p.autonomy = pers.Model(), pers
	hours := pers.Hours
	if hours == "" {
		hours = hoursInWords(p.cfg.Clinic.Hours)
	}
	c := p.cfg.Clinic
	p.clinic = model.Clinic{Name: c.Name, Hours: hours, Phone: spoken(string(c.Phone)), Emergency: string(c.Emergency), Zone: c.Timezone.Location().String()}
	p.chain = chainOf(p.cfg, pers)
	models, remote, err := chain(p.cfg, p.chain, e)
	if err != nil {
		return err
	}
	p.models = remote
	if err := p.buildSkills(pers, e); err != nil {
		return err
	}
	p.session, err = agent.New(agent.Options{Providers: models, Timeout: p.cfg.Agent.AskTimeout.Std(), Prices: pricesOf(p.cfg, p.chain)})
	return err
}

func loadPersona(cfg *config.Config) (persona.Persona, error) {
	if strings.HasPrefix(cfg.Agent.Persona, "builtin:") {
		return persona.Intake()
	}
	path := cfg.Path(cfg.Agent.Persona)
	data, err := os.ReadFile(path)
	if err != nil {
		return persona.Persona{}, err
	}
	return persona.Parse(path, data)
}

// buildRules turns the configuration into what decisions follow.
func (p *parts) buildRules() error {
	cfg := p.cfg
	plan := planOf(cfg)
	texts, err := textsOf(cfg)
	if err != nil {
		return err
	}
	if texts, err = repliesOf(cfg, texts); err != nil {
		return err
	}
	r := &turn.Rules{
		Clinic: cfg.Clinic.Name, Phone: molt.Address(cfg.Clinic.Phone), Console: cfg.Console.URL, Zone: cfg.Clinic.Timezone.Location(), Plan: plan, Accounts: map[string]molt.Address{}, Senders: map[string][]molt.Address{}, Texts: texts,
		Gate: policy.Gate{
			MaxChars: p.persona.ReplyLimit(), Numbers: []string{string(cfg.Clinic.Phone), string(cfg.Clinic.Emergency), string(cfg.Clinic.Crisis)},
			Private: staffNumbers(cfg), Links: hostsOf(cfg.Agent.Links), Hidden: policy.LettersOf(prompt.Scaffold()), Task: policy.LettersOf(p.persona.Text),
		},
		Disclose: true,
		Agent:    cfg.Agent.Enabled && len(p.chain) > 0, Debounce: cfg.Agent.Debounce.Std(), DebounceMax: cfg.Agent.DebounceMax.Std(),
		Watchdog: cfg.Agent.Watchdog.Std(), HoldTextEvery: cfg.Escalation.HoldTextEvery.Std(), ChatsRinging: cfg.Limits.ChatsRinging, AsksPerHour: cfg.Limits.AsksPerPeerHour,
		PerConversation: turn.Budget{Tokens: cfg.Agent.Budget.ConversationTokens, Micros: micros(cfg.Agent.Budget.ConversationMoney)},
		PerClinic:       turn.Budget{Tokens: cfg.Agent.Budget.Tokens, Micros: micros(cfg.Agent.Budget.Money)},
		Screen:          p.screen,
		Autonomy:        turn.Autonomy(p.autonomy.Autonomy), Intents: p.autonomy.Intents, Collect: p.persona.Collect, Approve: p.autonomy.Approve, Unapproved: p.autonomy.Unapproved,
		ReviewWithin: time.Duration(p.autonomy.Limits.ReviewMinutes) * time.Minute,
	}
	if o := cfg.Agent.Opinion; o.Enabled {
		r.Opinions = turn.Opinions{PerConversation: o.Conversation, PerClinic: o.Asks}
	}
	for _, l := range cfg.Clinic.Languages {
		r.Languages = append(r.Languages, string(l))
	}
	for id, a := range p.adapters {
		if accounts := a.Accounts(); len(accounts) > 0 {
			r.Accounts[id] = accounts[0]
			r.Senders[id] = accounts
		}
	}
	p.record = p.recordOf()
	r.Digest = digest(p.record)
	p.rules = r
	return nil
}

// staffNumbers are the addresses of staff that are numbers.
func staffNumbers(cfg *config.Config) (out []string) {
	for _, p := range cfg.Staff {
		for _, r := range p.Routes {
			if strings.HasPrefix(string(r.Address), "+") {
				out = append(out, string(r.Address))
			}
		}
	}
	return out
}

// hostsOf are the hosts that the agent may link to.
func hostsOf(list []config.Host) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = string(h)
	}
	return out
}

// repliesOf adds the replies that nurses are offered, held to what may stand ready
// for everybody.
func repliesOf(cfg *config.Config, texts policy.Texts) (policy.Texts, error) {
	own := map[string][]string{}
	for lang, replies := range cfg.Console.Replies {
		for _, words := range replies {
			own[string(lang)] = append(own[string(lang)], string(words))
		}
	}
	return texts.WithReplies(own, policy.Gate{
		Numbers: []string{string(cfg.Clinic.Phone), string(cfg.Clinic.Emergency), string(cfg.Clinic.Crisis)},
		Private: staffNumbers(cfg), Links: hostsOf(cfg.Agent.Links),
	})
}

// textsOf lays the clinic's own wording over the built-in one.
func textsOf(cfg *config.Config) (policy.Texts, error) {
	own := map[string]map[string]string{}
	for lang, named := range cfg.Texts {
		own[string(lang)] = map[string]string{}
		for name, words := range named {
			own[string(lang)][name] = string(words)
		}
	}
	c, first := cfg.Clinic, "en"
	if len(c.Languages) > 0 {
		first = string(c.Languages[0])
	}
	return policy.NewTexts(first, map[string]string{
		"clinic": c.Name, "emergency": string(c.Emergency), "crisis": string(c.Crisis), "phone": spoken(string(c.Phone)),
	}, own)
}

// recordOf is all that decisions depend on, as the store keeps it under its
// digest: the configuration without secrets, the screen's rules and checklists, the persona,
// the models and the build.
func (p *parts) recordOf() []byte {
	b, err := json.Marshal(map[string]any{
		"build": p.build, "screen": p.screen.Version(), "checklists": p.screen.ChecklistVersion(), "persona": p.persona, "autonomy": p.autonomy, "models": p.chain,
		"config": json.RawMessage(p.cfg.Canonical()),
	})
	if err != nil {
		return []byte(version()) // plain values always marshal
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// planOf is who is paged, as the configuration says it.
func planOf(cfg *config.Config) escalation.Plan {
	zone := cfg.Clinic.Timezone.Location()
	plan := escalation.Plan{
		Terms: escalation.DefaultTerms(), People: map[molt.PersonID]escalation.Person{},
		Hours: *hoursOf(cfg.Clinic.Hours, zone), CoolDown: cfg.Escalation.CoolDown.Std(),
	}
	for _, day := range cfg.Clinic.Closed {
		plan.Hours.Closed = append(plan.Hours.Closed, string(day))
	}
	for sev, pace := range cfg.Escalation.Severities {
		t := plan.Terms[escalation.Severity(sev)]
		t.Ack, t.Contact, t.Repage = pace.Ack.Std(), pace.Contact.Std(), pace.Repage.Std()
		t.AllHandsEvery = pace.AllHandsEvery.Std()
		if pace.Rounds > 0 {
			t.Rounds = pace.Rounds
		}
		plan.Terms[escalation.Severity(sev)] = t
	}
	for _, s := range cfg.Staff {
		person := escalation.Person{ID: molt.PersonID(s.ID), Name: s.Name, Role: escalation.Role(s.Role)}
		for _, r := range s.Routes {
			person.Routes = append(person.Routes, escalation.Route{Name: r.Name, Channel: string(r.Channel), Address: molt.Address(r.Address), PHI: r.PHI})
		}
		plan.People[person.ID] = person
	}
	for _, s := range cfg.Escalation.Steps {
		step := escalation.Step{Name: s.Name, Ack: s.Ack.Std()}
		for _, on := range s.OnCall {
			step.OnCall = append(step.OnCall, escalation.Shift{Person: molt.PersonID(on.Person), Hours: hoursOf(on.Hours, zone)})
		}
		plan.Steps = append(plan.Steps, step)
	}
	for _, id := range cfg.Escalation.AllHands {
		plan.AllHands = append(plan.AllHands, molt.PersonID(id))
	}
	for _, id := range cfg.Escalation.Admins {
		plan.Admins = append(plan.Admins, molt.PersonID(id))
	}
	return plan
}

// hoursOf turns configured hours into spans of the week.
func hoursOf(h config.Hours, zone *time.Location) *escalation.Hours {
	out := &escalation.Hours{Zone: zone}
	for day := range h.Week {
		if h.Always {
			out.Spans = append(out.Spans, escalation.Span{Day: time.Weekday(day), From: 0, To: 24 * 60})
			continue
		}
		for _, s := range h.Week[day] {
			out.Spans = append(out.Spans, escalation.Span{Day: time.Weekday(day), From: s.From, To: s.To})
		}
	}
	return out
}

// hoursInWords writes opening hours as a patient reads them: "Mon-Thu
// 8am-12pm, 1pm-5pm; Fri 8am-12pm".
func hoursInWords(h config.Hours) string {
	if h.Always {
		return "24 hours"
	}
	names := [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	var parts []string
	for i := 0; i < 7; {
		day := (i + 1) % 7 // a week begins on Monday
		words := spansInWords(h.Week[day])
		last := i
		for last+1 < 7 && spansInWords(h.Week[(last+2)%7]) == words {
			last++
		}
		if words != "" {
			label := names[day]
			if last > i {
				label += "-" + names[(last+1)%7]
			}
			parts = append(parts, label+" "+words)
		}
		i = last + 1
	}
	return strings.Join(parts, "; ")
}

func spansInWords(spans []config.Span) string {
	var out []string
	for _, s := range spans {
		out = append(out, clock(s.From)+"-"+clock(s.To))
	}
	return strings.Join(out, ", ")
}

func clock(minute int) string {
	h, m := minute/60%24, minute%60
	half := "am"
	if h >= 12 {
		half = "pm"
	}
	if h %= 12; h == 0 {
		h = 12
	}
	if m == 0 {
		return strconv.Itoa(h) + half
	}
	return fmt.Sprintf("%d:%02d%s", h, m, half)
}

// spoken writes a North American number as people do; others as they are.
func spoken(e164 string) string {
	if len(e164) == 12 && strings.HasPrefix(e164, "+1") {
		return e164[2:5] + "-" + e164[5:8] + "-" + e164[8:]
	}
	return e164
}
