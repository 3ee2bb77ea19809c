package screen

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// What is sure holds whatever the classifier says, and all where it has no opinion.
func TestDoubtHasBounds(t *testing.T) {
	s := mustNew(t)
	for name, c := range map[string]struct {
		weights *classifier
		counts  trust // what does, and what is trusted more
	}{
		"none":                     {&classifier{}, trustHint},
		"no opinion":               {doubting(doubtLimits()[trustHint]), trustHint},
		"all is held for harmless": {doubting(-100), trustSure},
	} {
		other := &Screen{d: s.d, c: c.weights, version: s.version}
		for _, e := range sparse(golden(t)) {
			j, text := judgment{d: s.d}, s.d.parseOne(e.text, s.d.newSpeller())
			j.read(text, s.d.rules, kindPatient)
			got := other.Judge(e.text, nil, 0, "").Rules
			for _, f := range j.found {
				dated := f.dated && f.trust > trustNever && c.counts == trustSure
				if f.trust <= c.counts && !dated && !slices.Contains(got, f.rule.id) {
					t.Errorf("%s: got rules %v, want %s among them: %q", name, got, f.rule.id, e.text)
				}
			}
		}
	}
}

// escalates wants of a screen how each text escalates.
func escalates(t *testing.T, s *Screen, by string, texts map[string]string) {
	t.Helper()
	for text, want := range texts {
		if v := s.Judge(text, nil, 0, ""); v.Severity.Escalate() != want {
			t.Errorf("%s: got %s %v %v, want %s: %q", by, v.Severity, v.Rules, v.Notes, want, text)
		}
	}
}

// allNow wants of a screen that each text escalates now.
func allNow(t *testing.T, s *Screen, by string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		escalates(t, s, by, map[string]string{text: "now"})
	}
}

// doubting is a classifier that says one thing of every match.
func doubting(score float64) *classifier {
	return &classifier{danger: dull(score), borne: dull(0), doubtful: doubtLimits()}
}

// TestSure: the classifier has no say in numbers, in what can wait for the same day, in
// what is narrow and plain, and in a clinic's own phrases, however long the message.
func TestSure(t *testing.T) {
	s, err := mustNew(t).Extend(Extension{Phrases: []Phrase{{"the purple tray is empty", "diabetic", S2}, {"no purple sticks", "diabetic", S2}}})
	if err != nil {
		t.Fatal(err)
	}
	deaf := &Screen{d: s.d, c: doubting(-100), version: s.version}
	for text, want := range map[string]string{
		"a 5 week old with 101 temp":                    "infant.temp",
		"azucar en 38":                                  "diabetic.low",
		"i am done with life":                           "selfharm.for-sure",
		"the purple tray is empty":                      "clinic.1",
		"it burns when i pee and i have a fever of 102": "sepsis.fever-long",
	} {
		long := "hi it is maria from the downtown office about my appointment on friday at 3 with dr lee, " + text + ", and please refill my metformin at the same pharmacy as always, thank you all so much"
		if v := s.Judge(long, nil, 0, ""); !slices.Contains(v.Rules, want) {
			t.Errorf("got %v, want %s even by the weights: %q", v.Rules, want, long)
		}
		if v := deaf.Judge(long, nil, 0, ""); !slices.Contains(v.Rules, want) {
			t.Errorf("got %v, want %s: %q", v.Rules, want, long)
		}
	}
	dated := "as a baby no purple sticks, please refill my metformin at the same pharmacy as always"
	if v := deaf.Judge(dated, nil, 0, ""); !slices.Contains(v.Rules, "clinic.2") {
		t.Errorf("got %v, want clinic.2 beside a date too: %q", v.Rules, dated)
	}
	long := "hi it is maria from the downtown office about my appointment on friday at 3 with dr lee and he used his epipen and thank you all"
	if v := deaf.Judge(long, nil, 0, ""); v.Severity.Escalate() == "now" {
		t.Errorf("got %v, want what is not sure doubted", v.Rules)
	}
}

// TestPapersSilenceNothing: what anybody tells of pages though a paper, a sign or a
// quotation stands beside it.
func TestPapersSilenceNothing(t *testing.T) {
	allNow(t, mustNew(t), "beside a paper",
		"my water broke, the book says to call",
		"question about water broke 20 minutes ago",
		"pregunta sobre ataque de asma, el inhalador vacio",
		"el cuestionario pregunta si me quiero matar, casi diario",
		`i wrote "asthma attack" in my log this am`,
		"the form asks about chest pain and i have chest pain",
		"the leaflet says to call you, chest pain since this morning",
		"your website says call, i have chest pain",
		"my bill is wrong and i have chest pain",
		`my son wrote "call 911" and then he stopped answering me`,
		"el folleto dice que llame, no despierta mi papa",
		"the class was fine but my husband is not breathing",
		"the sign says closed, call 911 my dad collapsed",
		"the leaflet they gave says slurred speech, and my dad has slurred speech",
		"the leaflet they gave says slurred speech, yes that is what he has",
		`"slurred speech" says my wife in her text and she stopped answering the phone`,
	)
}

// TestLongAgo: what a date of long ago stands beside, or has gone on for years, is doubted
// however plain it is; but not where its clause says that it is of now, or any other that
// it is worse, where an "and", a "but" or somebody else parts it from the date, where the
// date belongs to what stands before it, where it stands in another clause or too far off,
// where the message has few words, or where a number is told.
func TestLongAgo(t *testing.T) {
	s := mustNew(t)
	escalates(t, &Screen{d: s.d, c: doubting(-100), version: s.version}, "by any weights", map[string]string{
		"At 17 i overdosed and spent a night there, the insurance form wants it listed":               "no",
		"A los 19 tuve una sobredosis y pase tres noches alli, el seguro pide que lo anote":           "no",
		"severe chest pain for ten years with clean tests each time and no cause that anyone knew":    "no",
		"he overdosed as a baby, the insurance form wants it listed":                                  "no",  // ten words
		"he overdosed as a baby, insurance wants it listed":                                           "now", // fewer
		"he overdosed on the back porch there as a baby, the insurance form wants it listed":          "no",  // five words off
		"he overdosed on the little back porch there as a baby, the insurance form wants it listed":   "now", // six
		"at 17 years up there on that porch i overdosed, the insurance form wants it listed":          "no",  // five before it
		"at 17 years up there on that old porch i overdosed, the insurance form wants it listed":      "now", // six
		"i got hit by a car at the motel 1965":                                                        "now", // no year
		"at 17 i overdosed and now i overdosed again, the insurance form wants all of it":             "now",
		"he overdosed and is on the floor as a baby would be, the insurance form wants it listed":     "now",
		"At 17 i overdosed again like all the others, the insurance form wants all of it":             "now",
		"at 17 years and i overdosed, the insurance form wants all of it listed with the dates":       "now",
		"as a baby but i overdosed, the insurance form wants all of it listed with the dates":         "now",
		"i overdosed here, as a baby he was fine, the insurance form wants all of that listed":        "now",
		"smoker for thirty years overdosed at my sisters place, the insurance form wants all of it":   "now",
		"overdosed here my son was fine as a baby, the insurance form wants all of that listed":       "now",
		"no despierta i have had high blood pressure for ten years and take lisinopril every morning": "now",
		"he was hit by a car at 2010 elm street and the driver drove off, we live there":              "now",
		"sugar 38 as a baby they said, the insurance form wants it listed":                            "now",
		"severe chest pain for ten years with clean tests, today my arm went numb as well":            "now",
		"severe chest pain for ten years with clean tests, much worse since we came home from it":     "now",
		"i was raped for ten years by him and his, the court form wants all of it listed":             "now",
	})
	allNow(t, s, "as it is",
		"i had a stent in 2015 and crushing chest pain since this morning, can i still come in at 3",
		"had a heart attack in '98, crushing chest pain, what are your hours",
		"chest pain for ten years on and off but i cannot breathe",
		"overdosed in 2009, overdosed an hour ago, same pills",
		"chronic copd patient turning blue gasping at the front desk of the office on main street",
		"copd for 12 years on oxygen at home he passed out the tank man is late",
		"been your patient for years my son was hit by a car which office do i go to",
		"he choked on a grape when he was watching cartoons, what do we do",
	)
}

// TestAnswered: who answers his own question for information tells of it, in English and in
// Spanish, however short the answer is, and whatever a classifier knows of it; who does
// not, asks.
func TestAnswered(t *testing.T) {
	s := mustNew(t)
	texts := map[string]string{
		"what does it mean when you cough up blood? been doing it since morning":  "now",
		"what causes coughing up blood, it happened twice today":                  "now",
		"what happens if you swallow bleach, she did":                             "now",
		"is it true chest pain means heart attack? mine began at noon":            "now",
		"how can you tell if your water broke? mine just gushed":                  "now",
		"what is a heart attack like? i have one i think":                         "now",
		"side effects of overdose? asking because i did":                          "now",
		"que pasa si alguien toma cloro? mi hijo lo hizo":                         "now",
		"questionnaire had a question on hurting yourself and i said yes":         "now",
		"on the form i ticked yes for wanting to die":                             "now",
		"form asked if anyone hits me, he does":                                   "now",
		"survey says do you feel safe at home, no i dont he hits me":              "now",
		"do people die of 40 tylenol? yes i took them":                            "now",
		"what are the signs of a stroke? yes tuesday works":                       "no",
		"what causes coughing up blood? it happened years ago to my uncle":        "no",
		"what causes coughing up blood? it is for a class":                        "no",
		"what happens if you swallow bleach? we have it in the shop":              "no",
		"que pasa si alguien toma cloro? es para la tarea de mi hija":             "no",
		"what are the signs of a stroke? yes i have an appointment tuesday":       "no",
		"cuales son los sintomas de un infarto, quiero saber si lo cubre":         "no",
		"is the flu shot safe with 10 tylenol? yes i am coming friday":            "no",
		"does your form ask if someone hits me? yes it does":                      "no",
		"what are the signs of a stroke, the leaflet was blank. mine has no page": "no",
	}
	escalates(t, s, "as it is", texts)
	escalates(t, &Screen{d: s.d, c: &classifier{}, version: s.version}, "by the rules alone", texts)
	allNow(t, &Screen{d: s.d, c: doubting(-3.4), version: s.version}, "which an answer bears out",
		"what is a heart attack like? i have one i think",
		"what does it mean when you cough up blood? been doing it since morning",
		"side effects of overdose for somebody of my age and weight? asking because i did",
		"what causes coughing up blood? "+strings.Repeat("please ", 38)+"it happened today",
	)
	loud := *s.c
	loud.threshold = math.Inf(-1)
	asked := "what are the signs that words the rules know nothing of are meant"
	escalates(t, &Screen{d: s.d, c: &loud, version: s.version}, "by a classifier that hears all it is asked", map[string]string{asked: "no", asked + "? it happened": "now"})
	late := "what causes coughing up blood? " + strings.Repeat("please ", 40) + "it happened today"
	escalates(t, &Screen{d: s.d, c: &classifier{}, version: s.version}, "so far off", map[string]string{late: "no"})
}

// wary is a screen that doubts hints, and nothing else.
func wary(s *Screen) *Screen {
	c := doubting(-100)
	c.doubtful[trustTold] = math.Inf(-1)
	return &Screen{d: s.d, c: c, version: s.version}
}

// TestBriefMessages: in a message of few words a hint is doubted as late as what is told,
// and never where its sentence or its clause says next to nothing else.
func TestBriefMessages(t *testing.T) {
	s := mustNew(t)
	escalates(t, wary(s), "between a hint and what is told", map[string]string{
		"the new cook passed out by the copier":                                             "now",
		"the new cook passed out by the copier again during our long rehearsal this friday": "no",
	})
	escalates(t, &Screen{d: s.d, c: doubting(-100), version: s.version}, "by any weights", map[string]string{
		"he collapsed again today":                        "now", // a sentence of four words
		"he collapsed again today, do you take my card":   "no",
		"my card is new, he collapsed, do you take aetna": "now", // a clause that says nothing else
	})
	allNow(t, s, "as it is", "the cook got shot by the billboard", "una señora en el banco se golpeo la cabeza")
}

// TestOneStandsForAll: where one match stands, so do those that would be doubted by themselves.
func TestOneStandsForAll(t *testing.T) {
	s := wary(mustNew(t))
	text := "the new cook passed out by the copier again during our long rehearsal this friday"
	if v := s.Judge(text, nil, 0, ""); len(v.Rules) > 0 {
		t.Fatalf("got %v, want it doubted: %q", v.Rules, text)
	}
	text += " and he used his epipen after it"
	if v := s.Judge(text, nil, 0, ""); !slices.Contains(v.Rules, "head.pass-wide") || !slices.Contains(v.Rules, "anaphylaxis.epi-used") || len(v.Notes) > 0 {
		t.Errorf("got %v %v, want all to stand: %q", v.Rules, v.Notes, text)
	}
}

// TestLongSentences: the longer the sentence of a match, the further from danger it must be
// to be doubted, for its company takes from its score.
func TestLongSentences(t *testing.T) {
	s := mustNew(t)
	of := func(words int) string { return strings.Repeat("please ", words-4) + "the cook passed out" }
	for words, want := range map[int]string{15: "no", 16: "now", 40: "now"} {
		score := doubtLimits()[trustHint] - 4*weighSentence // what sixteen words make up for
		if v := (&Screen{d: s.d, c: doubting(score), version: s.version}).Judge(of(words), nil, 0, ""); v.Severity.Escalate() != want {
			t.Errorf("%d words: got %s %v, want %s", words, v.Severity, v.Notes, want)
		}
	}
}

// TestDoubtEndsWithTheSentence: another sentence makes nobody doubt what one of them
// says, however harmless it is.
func TestDoubtEndsWithTheSentence(t *testing.T) {
	s := mustNew(t)
	calm := doubting(2)
	calm.danger.scale, calm.borne.scale = 1, 1
	errand := hashOf('w').word("walgreens").feature()
	calm.danger.w[errand], calm.borne.w[errand] = -127, -127
	calmed := &Screen{d: s.d, c: calm, version: s.version}
	n := 0
	for _, e := range sparse(golden(t)) {
		if e.level != "now" || strings.ContainsAny(e.text, ".!?;:") || calmed.Judge(e.text, nil, 0, "").Severity.Escalate() != "now" {
			continue
		}
		for _, text := range []string{"Can you send my refill to walgreens. " + e.text, e.text + ". Can you send my refill to walgreens"} {
			if v := calmed.Judge(text, nil, 0, ""); slices.ContainsFunc(v.Notes, func(n string) bool { return strings.HasPrefix(n, "doubted") }) {
				t.Errorf("got %s %v, want nothing doubted for another sentence: %q", v.Severity, v.Notes, text)
			}
			n++
		}
	}
	if n < 1000 {
		t.Errorf("got %d texts, want 1000", n)
	}
}

// TestManyMatches: what is found more often than is looked at is not doubted.
func TestManyMatches(t *testing.T) {
	s := mustNew(t)
	deaf := &Screen{d: s.d, c: doubting(-100), version: s.version}
	once := "our mascot collapsed again during rehearsal on friday afternoon"
	if v := deaf.Judge(once, nil, 0, ""); v.Severity.Escalate() == "now" {
		t.Fatalf("got %v, want it doubted: %q", v.Rules, once)
	}
	if v := deaf.Judge(strings.Repeat(once+" ", 9), nil, 0, ""); v.Severity.Escalate() != "now" {
		t.Errorf("got %s %v, want now", v.Severity, v.Notes)
	}
}

// What doubt may cost, of the dangers nobody has learned from, and what it must save, of
// the routine lines that would page somebody if all matches were believed.
const (
	mostDoubted = 0.001
	leastSpared = 0.3
)

// TestDoubt: that a match is doubted where all around it is harmless loses next to
// nothing and spares nurses many pages. No emergency of the golden set is doubted.
func TestDoubt(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	for _, e := range sparse(golden(t)) {
		if with, without := s.Judge(e.text, nil, 0, ""), sure.Judge(e.text, nil, 0, ""); e.level == "now" && with.Severity.Rank() < without.Severity.Rank() {
			t.Errorf("got %s, want %s, which the rules say: %q", with.Severity, without.Severity, e.text)
		}
	}
	var dangers, doubted, alarms, spared float64
	for _, e := range unseen(t) {
		with, without := s.Judge(e.Text, nil, 0, "").Severity.Escalate(), sure.Judge(e.Text, nil, 0, "").Severity.Escalate()
		switch want := e.Escalate[0]; {
		case want == "now":
			dangers++
			if without == "now" && with != "now" {
				doubted++
			}
		case want == "no" && without != "no":
			alarms++
			if with == "no" {
				spared++
			}
		}
	}
	t.Logf("of %.0f dangers %.0f are lost by doubt; of %.0f false alarms %.0f are spared", dangers, doubted, alarms, spared)
	if doubted > mostDoubted*dangers || spared < leastSpared*alarms {
		t.Error("doubt costs too much, or saves too little")
	}
}

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
		c.doubtful[how] = math.Inf(-1)
	}
	return &Screen{d: s.d, c: &c, version: s.version}
}

// mostLost bounds what company takes back of the golden emergencies: each time the
// weights are learned anew another line or two fall below the threshold.
const mostLost = 0.0005

// TestDoubtInCompany: routine words beside an emergency of the golden set make next to
// nobody doubt it.
func TestDoubtInCompany(t *testing.T) {
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
const mostLostUnseen = 0.025

// TestDoubtInUnseenCompany: the same of emergencies that the classifier does not know,
// in short company that it knows well.
func TestDoubtInUnseenCompany(t *testing.T) {
	s := mustNew(t)
	around := map[string][][2]string{
		"en": {{"", ", do you take blue cross"}, {"", ". is that normal"}, {"i called earlier about my bill, ", ""}, {"lol anyway how are you. ", ""}, {"", " and i need my work note signed"}, {"hi i am writing to book a physical for next week maybe tuesday or wednesday after 3 because i work mornings at the store and my insurance is blue cross also ", ""}},
		"es": {{"", ", aceptan mi seguro"}, {"hola buenas tardes, ", ""}, {"", ". tambien quiero una cita"}},
	}
	sure := believing(s)
	n, doubted, lost := 0.0, 0.0, []string{}
	for _, e := range unseen(t) {
		if e.Escalate[0] != "now" || s.Judge(e.Text, nil, 0, "").Severity.Escalate() != "now" {
			continue
		}
		for _, c := range around[e.Lang] {
			text := c[0] + e.Text + c[1]
			if n++; s.Judge(text, nil, 0, "").Severity.Escalate() == "now" {
				continue
			}
			lost = append(lost, text)
			if sure.Judge(text, nil, 0, "").Severity.Escalate() == "now" {
				doubted++
			}
		}
	}
	t.Logf("of %.0f emergencies in company %d are lost, %.0f of them by doubt: %q", n, len(lost), doubted, lost)
	if float64(len(lost)) > mostLostUnseen*n || doubted > mostDoubted*n {
		t.Error("company costs too much")
	}
}

// TestClassics: the plainest words of an emergency page beside any errand, with nothing
// that parts them, however long it is.
func TestClassics(t *testing.T) {
	s := mustNew(t)
	errands := []string{
		"can you please fax my immunization records to the school before friday they keep asking for the form and i already signed the release last week at the front desk",
		"i need to move my appointment to next thursday and can you send my refill to the walgreens on main street",
		"is the flu shot free this year and can my kids get it at the same visit",
		"i have had high blood pressure for ten years and take lisinopril every morning",
		"how do i pay the bill on the app i forgot my password and the pharmacy says the prescription is not ready",
		"my class is on monday and i work at the school so i can only come home after the gym on friday",
		"como pago la cuenta en la app se me olvido la contrasena y la farmacia dice que la receta no esta lista",
		"me pueden mandar por fax los papeles de las vacunas de mi hijo a la escuela antes del viernes ya firme la autorizacion la semana pasada en la recepcion",
		"necesito cambiar mi cita para el otro jueves en la tarde y me pueden mandar la receta a la farmacia de siempre",
	}
	for _, classic := range []string{
		"chest pain", "i have chest pain", "i cant breathe", "he is not breathing", "my face is drooping", "he is having a seizure", "she overdosed", "i took a whole bottle of tylenol",
		"vomiting blood", "bleeding wont stop", "my water broke at 28 weeks", "he wont wake up", "call 911", "i want to die", "i want to kill myself", "i feel suicidal", "my husband hit me last night",
		"i was raped", "having a miscarriage", "gunshot wound", "my blood sugar is 35", "i am choking", "i cant see out of one eye",
		"me quiero morir", "me quiero matar", "no puedo respirar", "tengo dolor de pecho", "no respira", "tuvo una sobredosis", "me violaron", "mi esposo me pega", "esta convulsionando", "vomito sangre", "no para de sangrar", "llamen al 911", "no despierta",
	} {
		for _, errand := range errands {
			for _, text := range []string{errand + " " + classic, classic + " " + errand, errand + " " + classic + " " + errand} {
				if v := s.Judge(text, nil, 0, ""); v.Severity.Escalate() != "now" {
					t.Errorf("got %s %v, want now: %q", v.Severity.Escalate(), v.Notes, text)
				}
			}
		}
	}
}

// TestDoubtReadsClosely: a message that is harmless as a whole does not make a match
// doubted by itself. With new weights one of these may be lost.
func TestDoubtReadsClosely(t *testing.T) {
	s := mustNew(t)
	en := " also which is better for reflux omeprazole or famotidine i have taken both for years and my last endoscopy in 2019 was normal"
	es := " tambien que es mejor para el reflujo omeprazol o famotidina los he tomado por años y mi endoscopia del 2019 salio normal"
	for kind, texts := range map[string][]string{
		"hints": {
			"grinder threw metal into my eye" + en,
			"she is unconscious" + en,
			"the babysitter has been hurting my son" + en,
			"my waters have gone and i am 29 weeks" + en,
			"grandpas helper hits him when he spills" + en,
			"de pronto dejo de ver del ojo derecho" + es,
			"el inhalador ya no le hace y esta morado" + es,
			"balearon a mi hermano afuera" + es,
		},
		"other rules": {
			"my teacher is having a stroke at school" + en,
			"please help im dying" + en,
			"me esta dando un imfarto" + es,
			"llevo diez años de paciente con ustedes y todos mis estudios salieron normales el año pasado, creo que es un infarto",
			"hola necesito cambiar mi cita del martes porque trabajo en la tienda y tambien resurtir la losartan y me estoy muriendo",
		},
	} {
		var lost []string
		for _, text := range texts {
			if s.Judge(text, nil, 0, "").Severity.Escalate() != "now" {
				lost = append(lost, text)
			}
		}
		if len(lost) > 1 {
			t.Errorf("%s: of %d emergencies %d are lost in messages that are harmless as a whole: %q", kind, len(texts), len(lost), lost)
		}
	}
}

// TestDoubtInFragments: nor do they where the emergency is sent in two messages, of
// which the first is routine for most of its length.
func TestDoubtInFragments(t *testing.T) {
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
