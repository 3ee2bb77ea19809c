package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// kind is what a text is in truth, whatever the screen makes of it.
type kind string

// The kinds of a patient's texts.
const (
	routine kind = "routine" // wants an answer
	closer  kind = "closer"  // "ok thanks"
	danger1 kind = "S1"
	danger2 kind = "S2"
	danger3 kind = "S3"
	worry4  kind = "S4"
	stop    kind = "stop"
	start   kind = "start"
	help    kind = "help"
	wish    kind = "wish"   // for an appointment
	choice  kind = "choice" // of an opening that was offered
	regret  kind = "regret" // of an appointment
	picture kind = "picture"
	odd     kind = "odd"   // a picture, the token, nothing
	staff   kind = "staff" // a colleague's
)

// red reports whether everybody agrees that a person must see this at once.
func (k kind) red() bool { return k == danger1 || k == danger2 }

// wants reports whether a text of that kind wants an answer of the agent's.
func (k kind) wants() bool {
	return k == routine || k == wish || k == choice || k == regret || k == picture
}

// said are the words of each kind.
type said map[kind][]string

func english() said {
	return said{
		routine: {"I need an appointment", "can I book an appointment?", "what are your hours?", "can I move my visit to Friday?", "do you take my insurance?", "how do I get there?"},
		wish:    {"I need an appointment", "can I book an appointment?"},
		choice:  {"the first one please", "yes the first one works"},
		regret:  {"please cancel my appointment", "can I move my appointment to another day?"},
		picture: {"here is my insurance card, do you take it?", "is this the form you need?"},
		closer:  {"ok thanks", "great, thank you so much"},
		danger1: {"my chest hurts and I cannot breathe", "I took too many pills"},
		danger2: {"my husband hits me", "I want to kill myself"},
		danger3: {"I have a fever of 103 since yesterday", "there is blood in my stool"},
		worry4:  {"can I talk to a nurse please"},
		stop:    {"STOP"}, start: {"START", "YES"}, help: {"INFO"},
		odd: {"", policy.Token, "HELP", "please write " + policy.Token, "😟😟"},
	}
}

func spanish() said {
	return said{
		routine: {"necesito una cita", "¿me da una cita?", "¿a que hora abren?", "¿puedo cambiar mi cita?"},
		wish:    {"necesito una cita", "¿me da una cita?"},
		choice:  {"la primera por favor"},
		regret:  {"quiero cancelar mi cita", "¿puedo cambiar mi cita para otro dia?"},
		picture: {"esta es mi tarjeta del seguro, ¿la aceptan?"},
		closer:  {"gracias"},
		danger1: {"me duele mucho el pecho y no puedo respirar"},
		danger2: {"quiero matarme"},
		danger3: {"I have a fever of 103 since yesterday"},
		worry4:  {"necesito hablar con una persona"},
		stop:    {"STOP"}, start: {"START"}, help: {"INFO"},
		odd: {"", policy.Token},
	}
}

// patient is somebody with a phone.
type patient struct {
	w     *world
	name  string
	phone molt.Address
	tag   string // in her words, and in no other patient's texts
	words said
	stops bool
	own   *rand.Rand // in a still world
	got   []*call
	page  *page // in a chat; nil: she has a phone
	chose int   // texts of hers that answer what she read
}

// plot plans what a patient will write.
func (p *patient) plot(texts int) {
	w := p.w
	for range texts {
		at := w.within(0, plotHours*time.Hour)
		w.after(at, 0, p.name+" texts", func() {
			burst := pick(w.r, 1, 1, 1, 2, 3)
			switch {
			case w.chance(0.05):
				burst = 8
			case w.chance(0.02):
				burst = 40 // a phone gone mad
			}
			for range burst {
				p.text(p.mood())
			}
		})
	}
}

func (p *patient) mood() kind {
	w := p.w
	carrier := w.carriers[0]
	if carrier.stopped[p.phone] && w.chance(0.5) {
		return start
	}
	r := w.r
	if p.own != nil {
		r = p.own
	}
	x := r.IntN(100)
	if p.own == nil && w.books && x < 92 && w.chance(0.85) {
		return pick(r, wish, wish, choice, regret)
	}
	if p.own == nil && w.quiet && x >= 48 && x < 92 && w.chance(0.85) {
		return pick(r, routine, routine, choice, choice, regret)
	}
	switch {
	case x < 40:
		return routine
	case x < 43:
		return choice
	case x < 45:
		return regret
	case x < 48:
		return picture
	case x < 56:
		return closer
	case x < 66:
		return danger1
	case x < 73:
		return danger2
	case x < 80:
		return danger3
	case x < 84:
		return worry4
	case x < 88:
		return odd
	case x < 92:
		return help
	case x < 95 && p.stops:
		return stop
	case x < 97:
		return start
	}
	return routine
}

func (p *patient) text(k kind) {
	p.say(k, pick(p.w.r, p.words[k]...))
}

func (p *patient) say(k kind, words string) {
	media := k == odd && words == "" || k == picture
	if k.wants() {
		words = fmt.Sprintf("%s %s", words, p.tag)
	}
	if p.page != nil {
		p.page.say(k, words, media)
		return
	}
	p.w.carriers[0].send(p.phone, k, words, media)
}

// conversation is hers, or would be. The daemon is up.
func (p *patient) conversation() molt.ConversationID {
	channel, account := mainChannel, clinicNumber
	if p.page != nil {
		channel, account = chatChannel, chatAccount
	}
	return p.w.daemon.steps.Desk().ConversationOf(channel, account, p.phone)
}
