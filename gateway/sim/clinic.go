package sim

import (
	"maps"
	"math/rand/v2"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	clinicNumber = molt.Address("+15550100100")
	otherNumber  = molt.Address("+15550100101") // of the second carrier
	mainChannel  = "main"
	otherChannel = "other"
)

// weather is how hard a world is.
type weather struct {
	carrier  float64 // 1: a carrier on a bad day
	model    float64
	crash    float64 // chance of a crash after a step
	lose     float64 // share of webhooks that never come
	double   float64
	stall    float64 // share of a worker's steps that come late
	calendar float64
	media    float64
}

// readAlong is in every how-manieth world a model reads along.
const readAlong = 8

// born makes a world of a seed.
func born(o Options, seed uint64) (*world, error) {
	w := &world{o: o, seed: seed, r: rand.New(rand.NewPCG(seed, 0x7469646567617465)), texts: map[string]*text{}, rules: map[string]*turn.Rules{}}
	var key [32]byte
	for i := range key {
		key[i] = byte(w.r.Uint32())
	}
	w.random = rand.NewChaCha8(key)
	var err error
	if w.keys, err = seal.Draw(w.random); err != nil {
		return nil, err
	}
	if w.place, err = o.Place(); err != nil {
		return nil, err
	}
	w.disk = &disk{w: w, frozen: map[molt.ConversationID]bool{}}
	monday := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	w.now = molt.TimeOf(monday.Add(w.within(0, 7*24*time.Hour)))
	w.ends = w.now.Add(plotHours * time.Hour)
	w.weather = weather{
		carrier: pick(w.r, 0, 0.3, 1, 1, 2), model: pick(w.r, 0, 0.5, 1, 1.5), crash: pick(w.r, 0, 0.001, 0.004),
		lose: pick(w.r, 0, 0.05, 0.2), double: pick(w.r, 0, 0.1, 0.3), stall: pick(w.r, 0, 0.01, 0.05),
		calendar: pick(w.r, 0, 0.5, 1, 2), media: pick(w.r, 0, 0.5, 1, 1.5),
	}
	w.born, w.thoughts = w.now, map[string]molt.Time{}
	w.level, w.approves, w.quiet, w.chats = pick(w.r, levels()...), w.chance(0.3), w.chance(0.4), w.chance(0.5)
	if w.quiet { // the agent gets far
		w.weather.model = min(w.weather.model, 0.5)
	}
	if w.books = w.chance(0.25); w.books { // and here it acts
		w.level, w.quiet, w.weather.model = turn.AutonomyExtended, true, min(w.weather.model, 0.2)
	}
	w.hasty, w.desk = w.chance(0.4), pick(w.r, 0.1, 0.2, 0.5)
	w.unapproved = pick(w.r, turn.UnapprovedRefuse, turn.UnapprovedRefuse, turn.UnapprovedMake)
	w.reviewWithin = pick(w.r, 3*time.Minute, 15*time.Minute)
	w.calendar = &calendar{w: w, stands: map[string]booking{}, asked: map[string]molt.Time{}, gone: map[string]bool{}, adrift: map[string]bool{}}
	w.attic = &shelf{w: w, files: map[string][]byte{}}
	w.people()
	return w, nil
}

func (w *world) people() {
	for _, c := range []struct {
		id      string
		account molt.Address
	}{{mainChannel, clinicNumber}, {otherChannel, otherNumber}} {
		w.carriers = append(w.carriers, &carrier{w: w, id: c.id, account: c.account, stopped: map[molt.Address]bool{}})
	}
	w.patients = []*patient{
		{w: w, name: "ana", phone: "+15550100151", tag: "tag-heron", words: english()},
		{w: w, name: "luis", phone: "+15550100152", tag: "tag-otter", words: spanish()},
		{w: w, name: "mia", phone: "+15550100153", tag: "tag-finch", words: english(), stops: true},
	}
	c := &carrier{w: w, id: chatChannel, account: chatAccount, stopped: map[molt.Address]bool{}}
	w.carriers = append(w.carriers, c)
	w.chat = &chat{ledger: &ledger{c}, pages: map[molt.Address]*page{}}
	deaf := pick(w.r, 0, 0, 0.1, 0.1, 0.4, 0.4, 0.4, 1)
	for _, n := range []*nurse{{id: "alice", phone: "+15550100111"}, {id: "bob", phone: "+15550100112"}, {id: "carmen", phone: "+15550100113"}} {
		n.w, n.deaf = w, deaf
		w.nurses = append(w.nurses, n)
	}
	if !w.chats {
		return
	}
	noa := &patient{w: w, name: "noa", phone: "visitor-noa", tag: "tag-egret", words: english()}
	noa.page = &page{chat: w.chat, p: noa}
	w.chat.pages[noa.phone] = noa.page
	w.patients = append(w.patients, noa)
}

func (w *world) name(a molt.Address) string {
	for _, p := range w.patients {
		if p.phone == a {
			return p.name
		}
	}
	for _, n := range w.nurses {
		if n.phone == a {
			return string(n.id)
		}
	}
	return "a stranger"
}

// ring brings a text to a phone.
func (w *world) ring(k *call) {
	for _, p := range w.patients {
		if p.phone == k.o.Peer {
			p.got = append(p.got, k)
			p.chooses(k)
		}
	}
	for _, n := range w.nurses {
		if n.phone == k.o.Peer {
			n.read(k)
		}
	}
}

// plot plans what happens from outside.
func (w *world) plot() {
	if w.still {
		w.plotStill()
		return
	}
	for _, p := range w.patients {
		texts := 1 + w.r.IntN(3)
		if w.quiet {
			texts++
		}
		p.plot(texts)
	}
	for _, n := range w.nurses {
		for range w.r.IntN(4) {
			w.after(w.within(0, plotHours*time.Hour), 0, string(n.id)+" reads drafts", n.readsDrafts)
		}
		for range w.r.IntN(1 + int(12*w.desk)) {
			w.after(w.within(0, plotHours*time.Hour), 0, string(n.id)+" reads the list", n.readsList)
		}
	}
	for range w.r.IntN(4) {
		w.after(w.within(0, plotHours*time.Hour), 0, "a walk-in", w.calendar.walkIn)
	}
	w.disturb()
	w.after(plotHours*time.Hour, 0, "calm", w.clear)
}

// parts is the configuration in force.
func (w *world) parts() gateway.Parts {
	rules := w.usualRules()
	if !w.still {
		w.govern(rules, w.level)
	}
	session, err := agent.New(agent.Options{
		Providers: []model.Provider{&thinker{w, "sim/one"}, &thinker{w, "sim/two"}}, Timeout: time.Hour, Now: w.clock,
	})
	if err != nil {
		panic(err)
	}
	adapters := map[string]channels.Adapter{}
	for _, c := range w.carriers {
		adapters[c.id] = c
	}
	adapters[chatChannel] = w.chat
	p := gateway.Parts{
		Rules: rules, Adapters: adapters, Session: session,
		Persona: model.Persona{Name: "Tide", Languages: []string{"en", "es"}, Intents: rules.Intents, Collect: rules.Collect}, Clinic: model.Clinic{Name: "Harbor", Hours: "Mon-Fri 8-17", Emergency: "911"},
		Skills: w.skills(), SegmentsPerSecond: 1e9,
		Backfill: gateway.Backfill{Enabled: true, Every: 10 * time.Minute, Overlap: 30 * time.Minute},
	}
	w.vary(&p, w.variant)
	w.know(rules)
	return p
}

// skills are the agent's tools. In a still world it has none: who books first would
// show in what another reads.
func (w *world) skills() *skill.Box {
	if w.still {
		return nil
	}
	return skill.New(skill.Options{Calendar: w.calendar, Hours: w.hours(), Zone: w.zone(), Now: w.clock})
}

func (w *world) zone() *time.Location { return time.FixedZone("clinic", -5*60*60) }

func (w *world) hours() escalation.Hours {
	hours := escalation.Hours{Zone: w.zone()}
	for d := time.Monday; d <= time.Friday; d++ {
		hours.Spans = append(hours.Spans, escalation.Span{Day: d, From: 8 * 60, To: 17 * 60})
	}
	return hours
}

// know keeps rules for the replay of what was decided by them.
func (w *world) know(r *turn.Rules) { w.rules[r.Digest] = r }

// usualRules is a clinic with alice on the first step, bob on the second, carmen
// as lead and admin.
func (w *world) usualRules() *turn.Rules {
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		panic(err)
	}
	people, all := w.staff()
	opinions := turn.Opinions{}
	if w.seed%readAlong == readAlong/2 {
		opinions = turn.Opinions{PerConversation: 12, PerClinic: 20}
	}
	terms := maps.Clone(escalation.DefaultTerms())
	if w.hasty {
		terms[escalation.S3] = escalation.Terms{Ack: 2 * time.Minute, Contact: 5 * time.Minute, Repage: 2 * time.Minute, Idle: 5 * time.Minute, Rounds: 1, Retell: time.Hour}
	}
	return &turn.Rules{
		Opinions: opinions,
		Clinic:   "Harbor", Languages: []string{"en", "es"}, Zone: w.zone(), Texts: texts, Agent: true,
		Accounts: map[string]molt.Address{mainChannel: clinicNumber, otherChannel: otherNumber},
		Debounce: 3 * time.Second, DebounceMax: 10 * time.Second, Watchdog: 2 * time.Minute, HoldTextEvery: 3 * time.Minute, AsksPerHour: 30,
		Gate: policy.Gate{Numbers: []string{"5550100100", "911", "988"}}, Screen: w.o.Screen,
		Plan: escalation.Plan{
			Terms: terms, Hours: w.hours(), People: people,
			Steps: []escalation.Step{
				{Name: "nurses", OnCall: []escalation.Shift{{Person: "alice"}}},
				{Name: "leads", OnCall: []escalation.Shift{{Person: "bob"}}},
			},
			AllHands: all, Admins: []molt.PersonID{"carmen"}, CoolDown: 30 * time.Minute,
		},
	}
}
