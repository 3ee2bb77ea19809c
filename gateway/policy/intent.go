package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// The words by which a patient's text is read without a model.
var (
	hoursWords       = regexp.MustCompile(`\b(?:hours?|open|opens|closed?|closes|closing time|horarios?|abren?|abiert[oa]s?|cierran?|hasta que hora|a que hora)\b`)
	placeWords       = regexp.MustCompile(`\b(?:address|where are you|where is the clinic|located|location|directions?|parking|phone number|direccion|donde (?:estan|queda|esta)|ubicacion|estacionamiento|numero de telefono)\b`)
	appointmentWords = regexp.MustCompile(`\b(?:appointments?|appt|book(?:ing)?|re-?schedule|schedule|openings?|slots?|available|availability|option \d|opcion \d|citas?|turnos?|agendar|reservar|disponible|disponibilidad)\b|^\s*\d\s*$`)
	intakeWords      = regexp.MustCompile(`\b(?:new patient|register|check-?up|physical|insurance|my name is|date of birth|born on|paciente nuev[oa]|registrarme|chequeo|seguro medico|me llamo|mi nombre es|fecha de nacimiento|naci)\b`)
)

// Intents lists what a patient's text is about as far as plain words tell, in the
// order of model.Intents. None: no rule reads it.
func Intents(text string) (found []string) {
	plain := strings.ToLower(FoldAccents(text))
	for i, words := range []*regexp.Regexp{intakeWords, hoursWords, placeWords, appointmentWords} {
		if words.MatchString(plain) {
			found = append(found, model.Intents()[i])
		}
	}
	return found
}

// Bears reports whether a patient's text, as plain words tell, is of that intent
// and asks for nothing else. What answers the open question needs no word of its
// own, but may ask nothing.
func Bears(text, intent string, question bool) bool {
	found := Intents(text)
	if len(found) == 0 {
		return intent == model.IntentIntake && question && !strings.ContainsAny(text, "?\u00bf")
	}
	return slices.Contains(found, intent) && !slices.ContainsFunc(found, func(f string) bool {
		return f != intent && f != model.IntentIntake
	})
}
