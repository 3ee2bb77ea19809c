package policy

import (
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
)

// TestTwoKeys: a text leaves by itself where the patient's words and the persona's
// scope both bear what it says it is about, and nothing else is asked for.
func TestTwoKeys(t *testing.T) {
	whole := Scope{Intents: model.Intents(), Collect: []string{model.FactName, model.FactReason}}
	hours := Scope{Intents: []string{model.IntentHours}}
	for _, c := range []struct {
		text, intent, open string
		scope              Scope
		want               bool
	}{
		{"what are your hours?", model.IntentHours, "", whole, true},
		{"what are your hours?", model.IntentHours, "", hours, true},
		{"Hasta que hora abren?", model.IntentHours, "", whole, true},
		{"what are your hours?", model.IntentHours, "", Scope{}, false},
		{"what are your hours?", model.IntentPlace, "", whole, false},
		{"I'm a new patient, are you open today?", model.IntentHours, "", whole, true},
		{"I'm a new patient, are you open today?", model.IntentHours, "", hours, false},
		{"are you open, and can I book an appointment?", model.IntentHours, "", whole, false},
		{"are you open? I need a refill", model.IntentHours, "", whole, false},
		{"estan abiertos? necesito mi receta", model.IntentHours, "", whole, false},
		{"are you open to give me my lab results", model.IntentHours, "", whole, false},

		{"Ana Lopez", model.IntentIntake, model.FactName, whole, true},
		{"my knee has hurt for two weeks", model.IntentIntake, model.FactReason, whole, true},
		{"tengo dolor de rodilla", model.IntentIntake, model.FactReason, whole, true},
		{"Ana Lopez", model.IntentIntake, "", whole, false},
		{"Ana Lopez", model.IntentIntake, model.FactInsurance, whole, false},
		{"Ana Lopez", model.IntentIntake, model.FactName, hours, false},
		{"Ana Lopez", model.IntentHours, model.FactName, whole, false},
		{"that is right", model.IntentIntake, model.QuestionConfirm, whole, true},

		{"can you refill my meds", model.IntentIntake, model.FactReason, whole, false},
		{"Could you send it to my pharmacy", model.IntentIntake, model.FactName, whole, false},
		{"refill please", model.IntentIntake, model.FactReason, whole, false},
		{"i need my pills", model.IntentIntake, model.FactReason, whole, false},
		{"how much does it cost", model.IntentIntake, model.FactReason, whole, false},
		{"puede resurtir mi receta", model.IntentIntake, model.FactReason, whole, false},
		{"\u00bfme pueden llamar", model.IntentIntake, model.FactReason, whole, false},
		{"quiero mis resultados", model.IntentIntake, model.FactReason, whole, false},
		{"refill for my physical", model.IntentIntake, model.FactReason, whole, false},
		{"anything", model.IntentOther, "", whole, false},
		{"anything", "", "", whole, false},
	} {
		if got := c.scope.Bears(c.text, c.intent, c.open); got != c.want {
			t.Errorf("%q as %q, open %q, scope %v: got %v", c.text, c.intent, c.open, c.scope.Intents, got)
		}
	}
}
