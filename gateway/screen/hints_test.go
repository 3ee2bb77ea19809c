package screen

import (
	"strings"
	"testing"
)

// company is what people write around an emergency: greetings, thanks, another matter.
var company = map[string][][2]string{
	"en": {
		{"", ", thank you so much"},
		{"", " thanks"},
		{"I was going to ask about my bill but ", ""},
		{"", " sorry for the long text, hope you have a great weekend"},
		{"hi this is maria from the downtown office I have an appointment on friday at 3pm and ", ". Also can I get a refill of my prescription?"},
		{"hi ", " my date of birth is 04/12/1980 and my pharmacy is the one on main street"},
	},
	"es": {
		{"", ", muchas gracias"},
		{"", " gracias"},
		{"Hola, ", " y tambien necesito cambiar mi cita de la otra semana"},
		{"hola soy maria garcia tengo cita el viernes a las 3 y ", ". Tambien necesito mi receta."},
		{"", " perdon por el mensaje tan largo, que tenga buen fin de semana"},
	},
}

// believing is the screen for which every match counts.
func believing(s *Screen) *Screen {
	c := *s.c
	for how := range c.doubtful {
		c.doubtful[how] = doubtful[trustSure]
	}
	return &Screen{d: s.d, c: &c, version: s.version}
}

// mostLost bounds what company takes back of the golden emergencies: each time the
// weights are learned anew another line or two fall below the threshold.
const mostLost = 0.0005

// TestHintsInCompany: routine words beside an emergency of the golden set make next to
// nobody doubt it.
func TestHintsInCompany(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	n, lost := 0, []string{}
	for _, e := range sparse(golden(t)) {
		for _, c := range company[e.lang] {
			text := c[0] + e.text + c[1]
			if e.level != "now" || sure.Judge(text, nil, 0, "").Severity.Escalate() != "now" {
				continue
			}
			if n++; s.Judge(text, nil, 0, "").Severity.Escalate() != "now" {
				lost = append(lost, text)
			}
		}
	}
	if t.Logf("of %d emergencies in company %d are lost: %q", n, len(lost), lost); float64(len(lost)) > mostLost*float64(n) {
		t.Error("company costs too much")
	}
}

// mostLostUnseen bounds it where nothing was learned from the emergency.
const mostLostUnseen = 0.03

// TestUnseenHintsInCompany: the same of emergencies that the classifier does not know,
// in short company that it knows well.
func TestUnseenHintsInCompany(t *testing.T) {
	s := mustNew(t)
	around := map[string][][2]string{
		"en": {{"", ", do you take blue cross"}, {"", ". is that normal"}, {"i called earlier about my bill, ", ""}, {"lol anyway how are you. ", ""}, {"", " and i need my work note signed"}, {"hi i am writing to book a physical for next week maybe tuesday or wednesday after 3 because i work mornings at the store and my insurance is blue cross also ", ""}},
		"es": {{"", ", aceptan mi seguro"}, {"hola buenas tardes, ", ""}, {"", ". tambien quiero una cita"}},
	}
	n, lost := 0, []string{}
	for _, e := range unseen(t) {
		if e.Escalate[0] != "now" || s.Judge(e.Text, nil, 0, "").Severity.Escalate() != "now" {
			continue
		}
		for _, c := range around[e.Lang] {
			text := c[0] + e.Text + c[1]
			if n++; s.Judge(text, nil, 0, "").Severity.Escalate() != "now" {
				lost = append(lost, text)
			}
		}
	}
	if t.Logf("of %d emergencies in company %d are lost: %q", n, len(lost), lost); float64(len(lost)) > mostLostUnseen*float64(n) {
		t.Error("company costs too much")
	}
}

// TestHintsAreReadClosely: a message that is harmless as a whole does not make a hint
// doubted by itself. With new weights one of these may be lost.
func TestHintsAreReadClosely(t *testing.T) {
	s := mustNew(t)
	texts := []string{
		"my wife is 34 weeks and bleeding at the gym today. love the new office",
		"my grandma lost feeling in both legs in class today and need a refill of metformin",
		"ok y se me durmio media cara en el examen ahorita. jaja",
		"my ex touched him down there at home still. love the new office",
		"nurse said ok but a man choked her on the couch tonight. love the new office",
		"my wife cut off her finger at the store and my insurance wont pay",
		"necesito resurtir la losartan y me apunto con una pistola en la sala de espera",
		"my roommate tried to hang herself on the bus all day. the dog is ok",
	}
	var lost []string
	for _, text := range texts {
		if s.Judge(text, nil, 0, "").Severity.Escalate() != "now" {
			lost = append(lost, text)
		}
	}
	if len(lost) > 1 {
		t.Errorf("of %d emergencies %d are lost in messages that are harmless as a whole: %q", len(texts), len(lost), lost)
	}
}

// TestHintsInFragments: nor do they where the emergency is sent in two messages, of
// which the first is routine for most of its length.
func TestHintsInFragments(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	n, lost := 0, []string{}
	before := map[string]string{
		"en": "hi it is maria garcia again about my appointment on tuesday with dr lee at the downtown office, ",
		"es": "hola soy maria garcia otra vez por mi cita del martes con la doctora en la oficina del centro, ",
	}
	for _, e := range sparse(golden(t)) {
		words := strings.Fields(e.text)
		if e.level != "now" || len(words) < 2 {
			continue
		}
		for _, b := range []string{"", before[e.lang]} {
			first, rest := b+strings.Join(words[:len(words)/2], " "), strings.Join(words[len(words)/2:], " ")
			if s.Judge(first, nil, 0, "").Severity.Escalate() == "now" {
				continue // and so somebody was told
			}
			recent := []Message{{From: "patient", Text: first, At: 1_000_000}}
			if sure.Judge(rest, recent, 1_005_000, "").Severity.Escalate() != "now" {
				continue
			}
			if n++; s.Judge(rest, recent, 1_005_000, "").Severity.Escalate() != "now" {
				lost = append(lost, first+" | "+rest)
			}
		}
	}
	if t.Logf("of %d emergencies in two messages %d are lost: %q", n, len(lost), lost); float64(len(lost)) > mostLost*float64(n) {
		t.Error("a text in two messages costs too much")
	}
}
