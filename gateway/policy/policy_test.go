package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidegate/tidegate/channels/segment"
)

func TestReadToken(t *testing.T) {
	for answer, want := range map[string]TokenUse{
		Token:                              TokenWhole,
		" \n\t" + Token + "\r\n":           TokenWhole,
		strings.ToLower(Token):             TokenWhole,
		"No_Reply":                         TokenWhole,
		"**" + Token + "**":                TokenWhole,
		"`" + Token + "`":                  TokenWhole,
		"```\n" + Token + "\n```":          TokenWhole,
		"> _" + Token + "_":                TokenWhole,
		"\"" + Token + "\".":               TokenWhole,
		"\u201c" + Token + "\u201d":        TokenWhole,
		"[" + Token + "]":                  TokenWhole,
		"<" + Token + "/>":                 TokenWhole,
		"NO\\_REPLY":                       TokenWhole,
		"N\u200bO_\u2060REP\u00adLY\ufeff": TokenWhole,
		"ＮＯ＿ＲＥＰＬＹ":                         TokenWhole,
		"𝐍𝐎_𝐑𝐄𝐏𝐋𝐘":                         TokenWhole,
		"N\u0301O_REPLY":                   TokenWhole,
		"NO__REPLY":                        TokenWhole,
		"NO REPLY":                         TokenWhole,
		"no-reply":                         TokenWhole,
		"No reply.":                        TokenWhole,
		"noreply":                          TokenWhole,

		Token + " " + Token:                  TokenAmong,
		"OK " + Token:                        TokenAmong,
		Token + ": the patient said thanks":  TokenAmong,
		"I answer " + strings.ToLower(Token): TokenAmong,
		"{\"kind\":\"" + Token + "\"}":       TokenAmong,
		"x" + Token + "x":                    TokenAmong,
		"See you! no\u200b_reply":            TokenAmong,
		"NO _ REPLY, all is said":            TokenAmong,
		"NO REPLY needed":                    TokenAmong,
		"Thanks. NO-REPLY":                   TokenAmong,
		"**NO**_**REPLY** then":              TokenAmong,

		"":                                 TokenAbsent,
		"No":                               TokenAbsent,
		"No.":                              TokenAbsent,
		"no":                               TokenAbsent,
		"NO":                               TokenAbsent,
		"Reply":                            TokenAbsent,
		"No, reply 1 or 2.":                TokenAbsent,
		"No reply is needed.":              TokenAbsent,
		"If you get no reply, call us.":    TokenAbsent,
		"There was no reply from the lab.": TokenAbsent,
		"Reply YES or NO":                  TokenAbsent,
		"No: replying takes a day.":        TokenAbsent,
		"Techno replying":                  TokenAbsent,
	} {
		if got := ReadToken(answer); got != want {
			t.Errorf("ReadToken(%q) = %s, want %s", answer, got, want)
		}
	}
}

// TestTokenIsSpelledOnce: no other file of the program or its data spells it.
func TestTokenIsSpelledOnce(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	read := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if name == "gateway/policy" || name != "." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".txt", ".txtar", ".yaml", ".yml", ".json", ".csv", ".html", ".js", ".tmpl"}, filepath.Ext(name)) {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		if strings.Contains(strings.ToLower(string(body)), strings.ToLower(Token)) {
			t.Errorf("%s spells the silence token; only gateway/policy may", name)
		}
		return nil
	})
	if err != nil || read < 50 {
		t.Fatalf("read %d files: %v", read, err)
	}
}

func TestNothingAsked(t *testing.T) {
	for _, text := range []string{
		"ok", "OK!", "Ok thanks", "okkk thankssss", "k", "Thank you so much!!", "thx", "ty", "sure", "Sure thing", "noted",
		"Noted, thanks.", "got it", "I got it, thank you", "will do", "I will", "I will do that", "see you", "See you tomorrow!",
		"see ya then", "god bless", "God bless you all", "nothing else", "Nothing else, thank you", "nothing more",
		"i will wait", "I'll wait", "ok ill wait", "I’ll wait here", "that's all", "Thats all for now", "no thanks", "No, thank you",
		"no problem", "perfect", "sounds good", "great, thank you for your help", "have a good day", "Have a blessed evening!",
		"you too", "bye", "Thanks again for everything", "I appreciate it", "understood", "okay good night", "You're welcome",
		"thank you doctor", "all good", "I'm good thanks", "works for me", "I'll be there", "🙏", "👍", "👍🏽", "thanks 👍🏿🙏", "❤️",
		"thank you 😊", "", " ", "Thank you for getting back to me",

		"gracias", "¡Muchas gracias!", "claro", "Claro que sí, gracias", "bendiciones", "Muchas bendiciones", "eso es todo",
		"Eso es todo, gracias", "nada más", "nada mas por ahora", "espero", "Aquí espero", "voy a esperar", "vale", "de acuerdo",
		"está bien", "perfecto, muchas gracias", "hasta mañana", "Hasta luego", "que tenga buen día", "Que tenga una buena noche",
		"Dios la bendiga", "que Dios lo bendiga", "igualmente", "muy amable", "no gracias", "entendido", "gracias por su ayuda",
		"nos vemos", "adiós", "Gracias, buenas noches", "ok gracias", "listo",
	} {
		if !NothingAsked(text) {
			t.Errorf("NothingAsked(%q) = false, want a closing", text)
		}
	}
	for _, text := range []string{
		"no thanks it still hurts", "thanks but my arm is numb", "ok what time", "ok can you call me", "ok?", "thanks?", "ok 2", "2",
		"yes", "no", "yes thanks", "help", "help me", "please", "ok please", "ok please call", "I am not ok", "not good", "not fine",
		"I'm not good", "nothing helps", "nothing works", "nothing", "I will wait in the ER", "I'll wait for the ambulance",
		"thank you for nothing I am dying", "I took all my pills goodbye", "goodbye forever", "tell my kids goodbye", "bye world",
		"will you have it", "do you have a good one", "good morning", "hello", "hi", "so much", "so much pain", "a lot", "and then",
		"all right arm is numb", "right side hurts", "fine but dizzy", "great pain", "have a fever", "I have a rash", "see you at the er",
		"I see blood", "I see spots", "i will fall", "I'm ill", "ill", "good until it bled", "thanks, when?", "ok so when", "for now",
		"🆘", "😭", "thanks 😭", "🩸", "🤮", "💊", "ok 🚑", "…", "...", "?", "thanks 911", "call me", "ok but", "never mind",
		"it's fine I just can't breathe", "nice to breathe again", "no", "cancel", "STOP", "you have my number",
		"k1", "<3 <3", "thanks;drop", "thank you my baby is well but hot", "super sick", "cool skin", "definitely worse",

		"gracias pero sigue el dolor", "no gracias me duele", "si", "si gracias", "ayuda", "hola", "buenos días", "buenas tardes",
		"espero que no sea grave", "espero a mi hijo", "claro que no", "nada", "nada mejora", "no puedo mas", "mas", "todo mal",
		"bien mal", "listo para morir", "adios mundo", "eso es todo lo que tome", "que tenga", "esta bien hinchado", "por favor",
	} {
		if NothingAsked(text) {
			t.Errorf("NothingAsked(%q) = true, want something asked", text)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		text    string
		stopped bool
		want    Keyword
	}{
		{"STOP", false, KeywordStop},
		{" stop.", false, KeywordStop},
		{"Stop!", true, KeywordStop},
		{"StopAll", false, KeywordStop},
		{"UNSUBSCRIBE", false, KeywordStop},
		{"cancel", false, KeywordStop},
		{"End", false, KeywordStop},
		{"QUIT", false, KeywordStop},
		{"revoke", false, KeywordStop},
		{"opt-out", false, KeywordStop},
		{"OptOut", false, KeywordStop},
		{"START", false, KeywordStart},
		{"unstop", true, KeywordStart},
		{"YES", true, KeywordStart},
		{"yes", false, KeywordNone},
		{"HELP", false, KeywordHelp},
		{"info", false, KeywordHelp},
		{"help!", false, KeywordHelp},
		{"please stop", false, KeywordNone},
		{"STOP texting me", false, KeywordNone},
		{"cancel my visit", false, KeywordNone},
		{"help me", false, KeywordNone},
		{"", false, KeywordNone},
	} {
		if got, f := Words(c.text, c.stopped); got != c.want || (got != KeywordNone) != (f.Outcome == Act) {
			t.Errorf("Words(%q, %v) = %q %+v, want %q", c.text, c.stopped, got, f, c.want)
		}
	}
	for _, c := range []struct {
		stop, question string
		want           bool
	}{
		{"cancel", "preferred_time", true},
		{"end", "confirm", true},
		{"cancel", "appointment_slot", true},
		{"stop", "preferred_time", false},
		{"cancel", "name", false},
		{"cancel", "", false},
		{"quit", "appointment", false},
	} {
		if got := AboutAppointment(c.stop, c.question); got != c.want {
			t.Errorf("AboutAppointment(%q, %q) = %v, want %v", c.stop, c.question, got, c.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"My chest hurts":                       "en",
		"I can't breathe":                      "en",
		"what are your hours?":                 "en",
		"My name is Maria Peña":                "en",
		"help me please":                       "en",
		"I need the clinic on La Brea":         "en",
		"me duele el pecho":                    "es",
		"No puedo respirar":                    "es",
		"¿Están abiertos?":                     "es",
		"ESTOY SANGRANDO MUCHO":                "es",
		"Hola, necesito una cita para mi hijo": "es",
		"mi bebé tiene fiebre":                 "es",
		"mañana":                               "es",
		"ok":                                   "",
		"no":                                   "",
		"":                                     "",
		"12/05/1980":                           "",
		"👍":                                    "",
		"Maria Lopez":                          "",
		"me":                                   "",
	} {
		if got := Language(text); got != want {
			t.Errorf("Language(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestGate(t *testing.T) {
	g := Gate{Links: []string{"harbor.example"}, Numbers: []string{"+15550100100", "911", "988", "(555) 010-0177"}}
	for text, want := range map[string]string{
		"We open at 8. Reply 1 or 2.":                      "gate",
		"Call us at 555-010-0100, or 911 in an emergency.": "gate",
		"Call 911 now. Text 988.":                          "gate",
		"Is 555 010 0177 right?":                           "gate",
		"Our local number is 010-0100.":                    "gate",
		"See https://harbor.example.":                      "gate",
		"See https://harbor.example/visit?x=1":             "gate",
		"Your visit is 03/02/2026 at 10:30 AM.":            "gate",
		"Born 1980-05-12, is that right?":                  "gate",
		"You have an appointment on Monday.":               "gate",
		"Is it an emergency? Then call 911.":               "gate",
		"Your member number is 123 456 78?":                "gate",
		"¿Está bien el lunes 3 a las 10?":                  "gate",
		"No.":                                              "gate",
		"":                                                 "gate_empty",
		" \n\u200b ":                                       "gate_empty",
		Token:                                              "gate_token",
		"Fine. " + Token:                                   "gate_token",
		"a\xffb":                                           "gate_form",
		"a\x00b":                                           "gate_form",
		"broken \ufffd text":                               "gate_form",
		strings.Repeat("a", DefaultMaxChars+1):             "gate_length",
		strings.Repeat("a", longestWord+1):                 "gate_form",
		strings.Repeat("a ", DefaultMaxChars/2):            "gate",
		"See http://evil.com":                              "gate_link",
		"See HTTPS://EVIL.COM/x":                           "gate_link",
		"See www.evil.zone":                                "gate_link",
		"See evil.com":                                     "gate_link",
		"See harbor.example.evil.com":                      "gate_link",
		"See https://harbor.example@evil.com":              "gate_link",
		"See bit.ly/x":                                     "gate_link",
		"See e\u200bvil.c\u200bom":                         "gate_link",
		"See ｅｖｉｌ．ｃｏｍ":                                     "gate_link",
		"See http://10.0.0.1/":                             "gate_link",
		"Write to me@evil.com":                             "gate_link",
		"Call 900-555-0000":                                "gate_number",
		"Call +1 (900) 555 0000 today":                     "gate_number",
		"Call 900.555.0000":                                "gate_number",
		"Call 9\u200b005550000":                            "gate_number",
		"Call ９００ ５５５ ００００":                                "gate_number",
		"Call ٩٠٠ ٥٥٥ ٠٠٠٠":                                "gate_number",
		"Call 555-0199":                                    "gate_number",
		"Text 55555 for help":                              "gate_number",
		"Llame al 912 ahora":                               "gate_number",
		"Take 200 mg now":                                  "gate_dose",
		"Take two pills":                                   "gate_dose",
		"Tome 2 pastillas":                                 "gate_dose",
		"Double your dose tonight":                         "gate_dose",
		"You probably have the flu":                        "gate_diagnosis",
		"It's nothing to worry about":                      "gate_diagnosis",
		"This is not serious.":                             "gate_diagnosis",
		"That sounds like an infection":                    "gate_diagnosis",
		"You don't need a doctor":                          "gate_diagnosis",
		"No es grave":                                      "gate_diagnosis",
		"Probablemente tiene gripe":                        "gate_diagnosis",
	} {
		if got := g.Check(text); got.Rule != want || (want == "gate") != (got.Outcome == Pass) {
			t.Errorf("Check(%q) = %+v, want %s", text, got, want)
		}
	}
	own := Gate{Quotes: []string{"my 20mg lisinopril ran out"}}
	if got := own.Check("Reason: my 20mg lisinopril ran out. Right?"); got.Outcome != Pass {
		t.Errorf("the patient's own words are not read back: %+v", got)
	}
	if got := own.Check("my 20mg lisinopril ran out: take 40 mg"); got.Rule != "gate_dose" {
		t.Errorf("a dose beside the patient's own words: %+v", got)
	}
	wide := Gate{MaxChars: 1600}
	if got := wide.Check(strings.Repeat("é😀 ", 300)); got.Rule != "gate_length" {
		t.Errorf("a text of more segments than a door takes: %+v", got)
	}
}

func texts(t testing.TB) Texts {
	t.Helper()
	x, err := NewTexts("en", map[string]string{
		"clinic": "Harbor Clinic", "emergency": "911", "crisis": "988", "phone": "555-010-0100",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTexts(t *testing.T) {
	x := texts(t)
	if got := TextLanguages(); !slices.Equal(got, []string{"en", "es"}) {
		t.Fatalf("languages %v", got)
	}
	for _, lang := range TextLanguages() {
		if got := len(x.words[lang]); got != len(TextNames()) {
			t.Errorf("%s has %d texts, want %d", lang, got, len(TextNames()))
		}
		for _, name := range TextNames() {
			checkText(t, x, lang, name)
		}
	}
}

func checkText(t *testing.T, x Texts, lang, name string) {
	t.Helper()
	key := lang + "." + name
	raw, said := x.words[lang][name], x.Say(lang, name, "lun 10:30 AM")
	if raw == "" {
		t.Errorf("%s is missing", key)
		return
	}
	if n, encoding := segment.Count(said); n != 1 || encoding != segment.GSM7 {
		t.Errorf("%s takes %d segments of %s, want one of GSM-7: %q", key, n, encoding, said)
	}
	if strings.ContainsAny(said, "{}") || !utf8.ValidString(said) {
		t.Errorf("%s leaves a placeholder: %q", key, said)
	}
	if bad := placeholder(raw); bad != "" {
		t.Errorf("%s holds %s, which nobody fills", key, bad)
	}
	if strings.Contains(raw, "{by}") != strings.HasSuffix(name, "_by") {
		t.Errorf("%s and {by} do not go together: %q", key, raw)
	}
	if ReadToken(said) != TokenAbsent {
		t.Errorf("%s holds the token", key)
	}
	lower := strings.ToLower(said)
	if strings.HasSuffix(name, "_alone") {
		for _, promise := range []string{"alert", "nurse", "will read", "notified", "on the way", "avisamos", "enfermera", "va a leer", "lo lee"} {
			if strings.Contains(lower, promise) {
				t.Errorf("%s promises %q and nobody is paged: %q", key, promise, said)
			}
		}
	}
	if strings.HasPrefix(name, "violence") {
		// Whoever reads the phone may be the one she fears.
		for _, harm := range []string{"violen", "abus", "police", "policia", "husband", "partner", "pareja", "esposo", "hit", "hurt", "danger", "peligro", "shelter", "report", "nurse", "enfermera"} {
			if strings.Contains(lower, harm) {
				t.Errorf("%s says %q where the phone may be read: %q", key, harm, said)
			}
		}
	}
	if (strings.HasPrefix(name, "emergency") || strings.HasPrefix(name, "urgent") || name == "exhausted" || name == "hold") && !strings.Contains(said, "911") {
		t.Errorf("%s does not say the emergency number: %q", key, said)
	}
	if strings.HasPrefix(name, "crisis") && !strings.Contains(said, "988") {
		t.Errorf("%s does not say the crisis line: %q", key, said)
	}
}

func TestTextsOfAClinic(t *testing.T) {
	vars := map[string]string{"clinic": "{phone} & {by}", "emergency": "911", "crisis": "988", "phone": "555"}
	x, err := NewTexts("es", vars, map[string]map[string]string{"en": {"hold": "{clinic}: wait for {by}"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := x.Say("en", "hold", "noon"), "{phone} & {by}: wait for noon"; got != want {
		t.Errorf("a value was read again: %q, want %q", got, want)
	}
	if got := x.Say("fr", "nurse", ""); !strings.Contains(got, "Gracias") {
		t.Errorf("an unknown language is not answered in the clinic's first: %q", got)
	}
	for what, own := range map[string]map[string]map[string]string{
		"language":    {"fr": {"hold": "x"}},
		"name":        {"en": {"holdd": "x"}},
		"placeholder": {"en": {"hold": "{nurse}"}},
		"brace":       {"en": {"hold": "{clinic"}},
		"token":       {"en": {"hold": "x " + Token}},
		"silence":     {"en": {"hold": "no-reply"}},
	} {
		if _, err := NewTexts("en", vars, own); err == nil {
			t.Errorf("a wrong %s is taken", what)
		}
	}
	_, err = NewTexts("en", vars, map[string]map[string]string{"es": {"hold": "{nurse}", "urgent": "wait", "help": "{" + strings.Repeat("x", 30) + "}"}, "fr": {"hold": "x"}})
	want := `texts.es.help: must hold placeholders that somebody fills, not {xxxxxxxxxxxxxxxxxxxx…}; there are {clinic} {emergency} {crisis} {phone} {by}
texts.es.hold: must hold placeholders that somebody fills, not {nurse}; there are {clinic} {emergency} {crisis} {phone} {by}
texts.es.urgent: must say the emergency number; write {emergency} where the number belongs
texts.fr.: must be a language that has texts; there are en, es`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want all faults at once:\n%s", err, want)
	}
}

func FuzzReadToken(f *testing.F) {
	for _, s := range []string{Token, "No", "NO\\_REPLY", "ＮＯ＿ＲＥＰＬＹ", "no reply is needed", "\xff\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		use := ReadToken(s)
		if strings.Contains(strings.ToLower(s), strings.ToLower(Token)) && use == TokenAbsent {
			t.Errorf("ReadToken(%q) does not see it", s)
		}
		if got := ReadToken("\u200b **" + s + "**\n"); use == TokenWhole && got != TokenWhole {
			t.Errorf("ReadToken(%q wrapped) = %s, bare %s", s, got, use)
		}
		if use != TokenAbsent && (Gate{MaxChars: 1 << 20}).Check(s).Outcome == Pass {
			t.Errorf("the gate passes %q", s)
		}
	})
}

func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"My chest hurts", "me duele", "¿ñ?", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if l := Language(s); l != "" && l != "en" && l != "es" {
			t.Errorf("Language(%q) = %q", s, l)
		}
		if NothingAsked(s) && strings.ContainsAny(s, "?¿0123456789") {
			t.Errorf("NothingAsked(%q)", s)
		}
	})
}

func FuzzGate(f *testing.F) {
	for _, s := range []string{"Call 911", "evil.com", "+1 900 555 0000", "٩٠٠", "\xff\x00", "See https://a@b.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := (Gate{}).Check(s); got.Outcome == Pass && (strings.TrimSpace(s) == "" || !utf8.ValidString(s) || strings.Contains(s, "https://a")) {
			t.Errorf("Check(%q) = %+v", s, got)
		}
	})
}
