package screen

import "testing"

// What is known of a patient makes the same words graver.
func TestLedgerGivesContext(t *testing.T) {
	s := mustNew(t)
	const minute = 60_000
	for _, c := range []struct{ ledger, text, want string }{
		{"condition: 32 weeks pregnant", "theres some blood", "now"},
		{"", "theres some blood", "no"},
		{"pregnant: no", "theres some blood", "no"},
		{"reason: refill\nembarazada: 30 semanas", "veo lucecitas y me duele la cabeza", "now"},
		{"treatment: chemo", "i have 100.9 and chills", "now"},
		{"medications: eliquis, metoprolol", "nosebleed since breakfast", "now"},
		{"patient: baby, 5 weeks old", "he has a fever", "now"},
		{"chemo: finished in 2015", "i have a little fever", "no"},
		{"reason: chest pain", "can i come at 3 instead", "no"},
		{"history: diabetic", "thanks, see you then", "no"},
		{"condition: 32 weeks pregnant", "what time is my appointment", "no"},
	} {
		recent := []Message{{From: FromLedger, Text: c.ledger}, {"agent", "How can we help?", minute}}
		v := s.Judge(c.text, recent, 2*minute, "")
		if got := v.Severity.Escalate(); got != c.want {
			t.Errorf("got %s %v, want %s: %q with %q", got, v.Rules, c.want, c.text, c.ledger)
		}
	}
}

// The ledger is no question: yes to nothing is no answer.
func TestLedgerIsNoQuestion(t *testing.T) {
	recent := []Message{{From: FromLedger, Text: "Any chest pain? yes"}}
	if v := mustNew(t).Judge("yes", recent, 60_000, ""); v.Severity != None {
		t.Errorf("got %s %v, want none", v.Severity, v.Rules)
	}
}
