package prompt

import (
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// opening is what the gateway itself puts in front of a reply that has to
// disclose that a machine answers: no model is trusted with it. The first reply
// also tells the hours and the emergency number.
func opening(r model.Request, lang string) string {
	if !r.Disclose {
		return ""
	}
	disclosure := r.Persona.Disclosure[lang]
	if disclosure == "" && len(r.Persona.Languages) > 0 {
		disclosure = r.Persona.Disclosure[r.Persona.Languages[0]]
	}
	parts := []string{strings.ReplaceAll(disclosure, "{clinic}", name(r.Clinic))}
	if r.First {
		hours, emergency := "Hours: ", "In an emergency call "
		if lang == "es" {
			hours, emergency = "Horario: ", "En una emergencia llame al "
		}
		if r.Clinic.Hours != "" {
			parts = append(parts, hours+r.Clinic.Hours+".")
		}
		if r.Clinic.Emergency != "" {
			parts = append(parts, emergency+r.Clinic.Emergency+".")
		}
	}
	return strings.Join(parts, " ") + " "
}
