package outside

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// The kinds of patients.
const (
	intakeKind = "intake" // goes through the intake to its end
	redKind    = "red"    // writes a red flag in the middle of it
	stopKind   = "stop"   // opts out in the middle of it, and in again
)

// patient is a handset with a story to live.
type patient struct {
	number string
	kind   string
	flag   string          // the words of the red flag, which nobody else writes
	chatty bool            // with a word before it
	said   map[string]bool // what was answered already
}

// people are the handsets of a world: patients who answer what they are asked,
// nurses who answer pages by their codes. They see what their phones show.
type people struct {
	w      *world
	mu     sync.Mutex
	chance *rand.Rand
	byNum  map[string]*patient
	order  []*patient
	held   map[string]string // patients' numbers → code of the case
	did    map[string]bool   // what nurses did already
	faults []error

	visitors []*visitor
	chats    sync.WaitGroup // their connections
}

func newPeople(w *world, seed uint64) *people {
	return &people{
		w: w, chance: rand.New(rand.NewPCG(seed, 2)), byNum: map[string]*patient{}, held: map[string]string{}, did: map[string]bool{},
	}
}

// follow lets the people live until ctx ends.
func (p *people) follow(ctx context.Context) {
	_, err := p.w.carrier.Await(ctx, 0, func(e twiliofake.Entry) bool {
		if e.Kind == twiliofake.KindHandset {
			p.reads(ctx, e)
		}
		return false
	})
	if ctx.Err() == nil {
		p.fault(err)
	}
}

func (p *people) fault(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.faults = append(p.faults, err)
	}
}

// admit adds a patient, who says hello.
func (p *people) admit(ctx context.Context, kind string) {
	p.mu.Lock()
	n := len(p.order)
	one := &patient{
		number: fmt.Sprintf("+1%d55501%02d", 200+n/100, n%100), kind: kind, said: map[string]bool{}, chatty: n%2 == 0,
		flag: fmt.Sprintf("my chest hurts, I am at %d Oak Street", 1000+n),
	}
	p.byNum[one.number] = one
	p.order = append(p.order, one)
	p.mu.Unlock()
	p.say(ctx, one.number, "hi, I need an appointment for a yearly check-up")
}

// say texts the clinic, sometimes as the world's carriers do: with copies, or
// without a webhook at all.
func (p *people) say(ctx context.Context, from, words string) {
	t := twiliofake.Text{From: from, To: clinic, Body: words}
	p.mu.Lock()
	switch n := p.chance.IntN(100); {
	case n < 6:
		t.Lost = true
	case n < 16:
		t.Copies, t.Together = 2+p.chance.IntN(2), n%2 == 0
	}
	p.mu.Unlock()
	if _, err := p.w.carrier.Text(ctx, t); err != nil && ctx.Err() == nil {
		p.fault(err)
	}
}

// reads answers a text as who got it would.
func (p *people) reads(ctx context.Context, e twiliofake.Entry) {
	if e.To == alice || e.To == carmen {
		p.nurseReads(ctx, e)
		return
	}
	p.mu.Lock()
	one := p.byNum[e.To]
	p.mu.Unlock()
	if one == nil {
		return
	}
	if words := one.answers(e.Body, e.Origin); words != "" {
		if words == one.flag && one.chatty { // with a word before it, so that the agent is asked as well
			p.say(ctx, one.number, "wait a moment")
		}
		p.say(ctx, one.number, words)
	}
	if code := p.codeOf(one.number); code != "" && strings.Contains(e.Body, "relay-"+code) {
		p.once(ctx, e.To, "done "+code, code+" D seen to")
	}
}

func (p *people) codeOf(number string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	code, _, _ := strings.Cut(p.held[number], " ")
	return code
}

// answers is what a patient answers, to each question once.
func (one *patient) answers(body string, origin twiliofake.Origin) string {
	for _, q := range []struct{ part, key, words string }{
		{"your first and last name", "name", "Ana Ruiz"},
		{"This is the automated assistant again", "again", "3/4/1980"},
		{"date of birth? ", "dob", "3/4/1980"},
		{"Health insurance", "insurance", "Blue Cross"},
		{"What time is best", "time", "Tuesday morning"},
		{"Please check: ", "check", "1"},
		{"The staff will read this", "closing", "ok thanks"},
		{"unsubscribed", "stopped", "START"},
	} {
		if !strings.Contains(body, q.part) {
			continue
		}
		if one.said[q.key] {
			return ""
		}
		one.said[q.key] = true
		switch {
		case q.key == "dob" && one.kind == redKind:
			return one.flag
		case q.key == "insurance" && one.kind == stopKind:
			return "STOP"
		case q.key == "stopped" && origin != twiliofake.OriginCarrier:
			return ""
		}
		return q.words
	}
	return ""
}

var (
	pagePattern    = regexp.MustCompile(`case ([A-Z2-9]{4})\b.* Reply [A-Z2-9]{4} A to take`)
	handoffPattern = regexp.MustCompile(`(?s)^Case ([A-Z2-9]{4}) is yours\..*Phone: (\+\d+)`)
	chatPattern    = regexp.MustCompile(`(?s)^Case ([A-Z2-9]{4}) is yours\..*Web chat`)
	unreachPattern = regexp.MustCompile(`^Case ([A-Z2-9]{4}): .*(did not|do not) reach`)
)

// nurseReads takes what she is paged for, writes to the patient, and gives the
// conversation back once the patient has her words.
func (p *people) nurseReads(ctx context.Context, e twiliofake.Entry) {
	switch {
	case pagePattern.MatchString(e.Body):
		code := pagePattern.FindStringSubmatch(e.Body)[1]
		p.once(ctx, e.To, "take "+code, code+" A")
	case handoffPattern.MatchString(e.Body):
		m := handoffPattern.FindStringSubmatch(e.Body)
		p.takes(ctx, m[2], m[1], e.To)
	case chatPattern.MatchString(e.Body):
		code := chatPattern.FindStringSubmatch(e.Body)[1]
		p.takes(ctx, chatOf(code), code, e.To)
	case unreachPattern.MatchString(e.Body):
		code := unreachPattern.FindStringSubmatch(e.Body)[1]
		p.once(ctx, e.To, "called "+code, code+" C")
		p.once(ctx, e.To, "done "+code, code+" D called instead")
	}
}

// takes is a nurse who has a patient's case: she writes to him.
func (p *people) takes(ctx context.Context, patient, code, nurse string) {
	p.mu.Lock()
	p.held[patient] = code + " " + nurse
	p.mu.Unlock()
	p.once(ctx, nurse, "relay "+code, fmt.Sprintf("%[1]s R Help is on its way. relay-%[1]s", code))
}

// once does an act about a case once. Who holds the case does it.
func (p *people) once(ctx context.Context, by, act, words string) {
	p.mu.Lock()
	known := p.did[act]
	p.did[act] = true
	if by != alice && by != carmen {
		_, by, _ = strings.Cut(p.held[by], " ")
	}
	p.mu.Unlock()
	if !known && by != "" {
		p.say(ctx, by, words)
	}
}

// lull lets the people live for a while.
func (p *people) lull(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, _ = p.w.carrier.Await(ctx, int64(1)<<40, func(twiliofake.Entry) bool { return true })
}
