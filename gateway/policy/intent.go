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

// Words by which a text asks for what no persona answers about, and the forms in
// which people ask for something at all.
var (
	otherWords = regexp.MustCompile(`\b(?:refill(?:s|ed)?|renew(?:al)?|rx|prescri\w*|meds?|medicines?|medications?|pills?|tablets?|dos(?:e|es|age)|pharmac\w*|` +
		`(?:test|lab|blood) ?results?|results|labs?|referral|records|bill(?:s|ed|ing)?|charge[sd]?|invoice|payment|copay|cost|price|refund|` +
		`receta|resurtir|surtir|medicinas?|medicamentos?|pastillas?|dosis|farmacia|resultados?|laboratorio|referencia|expediente|factura|cobro|cobraron|cuanto cuesta)\b`)
	askForms = regexp.MustCompile(`[?\x{bf}]|^\W*(?:what|when|where|who|why|how|which|que|cuando|donde|quien|por que|como|cual)\b|` +
		`\b(?:can|could|will|would|may|might|should|do|does|did|is|are|am|have|has) (?:you|u|i|we|it|they|he|she|my|the|there|some\w+|any\w+)\b|` +
		`\b(?:please|pls|plz|por favor)\b|\b(?:i|we) (?:need|want|wanna|would like|d like)\b|\bi'?d like\b|\b(?:call|text|send|give|tell|help) me\b|\b(?:talk|speak) (?:to|with)\b|` +
		`\b(?:puede[ns]?|podria[ns]?|puedo|podemos|necesito|necesitamos|quiero|quisiera|ocupo|llame(?:n)?me|hablar con|ayud(?:a|en)me)\b`)
)

// Scope is what a persona may answer about, and which facts it collects.
type Scope struct{ Intents, Collect []string }

// Bears reports whether two keys turn: the patient's text is, as plain words tell, of
// that intent and asks for nothing else; and all that it is about lies in the scope.
// What answers the open question needs no word of its own, but it answers one that the
// persona asks, and asks for nothing.
func (s Scope) Bears(text, intent, open string) bool {
	if !slices.Contains(s.Intents, intent) {
		return false
	}
	plain, found := strings.ToLower(FoldAccents(text)), Intents(text)
	switch {
	case otherWords.MatchString(plain):
		return false
	case len(found) == 0:
		asked := open == model.QuestionConfirm || slices.Contains(s.Collect, open)
		return intent == model.IntentIntake && asked && !askForms.MatchString(plain)
	}
	return slices.Contains(found, intent) && !slices.ContainsFunc(found, func(f string) bool {
		return f != intent && (f != model.IntentIntake || !slices.Contains(s.Intents, f))
	})
}
