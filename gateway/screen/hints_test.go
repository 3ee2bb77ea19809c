package screen

import (
	"math"
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

// believing is the screen for which every hint counts.
func believing(s *Screen) *Screen {
	c := *s.c
	c.harmless = math.Inf(-1)
	return &Screen{d: s.d, c: &c, version: s.version}
}

// TestHintsInCompany: routine words beside an emergency of the golden set make nobody
// doubt it.
func TestHintsInCompany(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	for _, e := range golden(t) {
		for _, c := range company[e.lang] {
			text := c[0] + e.text + c[1]
			if with, without := s.Judge(text, nil, 0, ""), sure.Judge(text, nil, 0, ""); e.level == "now" && with.Severity.Escalate() != "now" && without.Severity.Escalate() == "now" {
				t.Errorf("got %s, want %s, which its hints say: %v: %q", with.Severity, without.Severity, without.Rules, text)
			}
		}
	}
}

// TestHintsInFragments: nor do they where the emergency is sent in two messages, of
// which the first is routine for most of its length.
func TestHintsInFragments(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	before := map[string]string{
		"en": "hi it is maria garcia again about my appointment on tuesday with dr lee at the downtown office, ",
		"es": "hola soy maria garcia otra vez por mi cita del martes con la doctora en la oficina del centro, ",
	}
	for _, e := range golden(t) {
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
			if with, without := s.Judge(rest, recent, 1_005_000, ""), sure.Judge(rest, recent, 1_005_000, ""); with.Severity.Escalate() != "now" && without.Severity.Escalate() == "now" {
				t.Errorf("got %s, want %s, which its hints say: %v: %q | %q", with.Severity, without.Severity, without.Rules, first, rest)
			}
		}
	}
}
