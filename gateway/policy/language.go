package policy

import (
	"strings"
	"unicode"
)

// Language guesses whether a text is English or Spanish from the little words
// that only one of them has. It returns "" when it cannot tell, and then the
// conversation keeps the language it had.
func Language(text string) string {
	en, es, _ := count(text)
	if strings.ContainsAny(text, "¿¡") {
		es += 2
	}
	if strings.ContainsAny(text, "ñÑ") {
		es++ // a name may have one
	}
	switch {
	case es > en:
		return "es"
	case en > es:
		return "en"
	}
	return ""
}

// count counts the words of a text that only one of the languages has, and all.
func count(text string) (en, es, all int) {
	for _, w := range strings.FieldsFunc(strings.ToLower(FoldAccents(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '\''
	}) {
		all++
		switch {
		case english(w):
			en++
		case spanish(w):
			es++
		}
	}
	return en, es, all
}

// The little words, and the big ones of a clinic. What both languages have
// ("me", "no", "a", "doctor") tells nothing.

func english(w string) bool {
	switch w {
	case "the", "is", "my", "i", "i'm", "im", "you", "your", "what", "when", "where", "why", "how", "and", "have", "has",
		"had", "can", "need", "want", "with", "for", "to", "of", "it", "it's", "this", "that", "was", "be", "am", "we",
		"they", "will", "would", "at", "on", "an", "or", "but", "if", "hurts", "hurt", "cant", "can't", "don't", "dont",
		"please", "hi", "hello", "hey", "thanks", "thank", "yes", "chest", "pain", "are", "do", "not", "in",
		"appointment", "help", "today", "tomorrow", "call", "blood", "breathe", "sick", "feel", "open", "visit", "name",
		"doing", "bleeding", "head", "kid", "baby", "okay", "see":
		return true
	}
	return false
}

func spanish(w string) bool {
	switch w {
	case "el", "la", "los", "las", "mi", "que", "es", "de", "en", "y", "con", "para", "por", "una", "un", "del", "al",
		"lo", "le", "te", "nos", "sin", "mas", "ya", "pero", "tambien", "porque", "donde", "hola", "gracias", "quiero",
		"necesito", "necesita", "tengo", "tiene", "duele", "duelen", "cita", "puedo", "puede", "esta", "estoy", "si",
		"pecho", "dolor", "ayuda", "ayudeme", "buenos", "buenas", "dias", "tardes", "noches", "se", "su", "soy",
		"favor", "cuando", "como", "muy", "muchas", "mucho", "mucha", "respirar", "siento", "sangre", "cabeza", "bebe",
		"hijo", "hija", "hoy", "manana", "ahora", "fiebre", "llamo", "llama", "bien", "hay", "fue", "emergencia",
		"enfermera", "medico", "mareado", "mareada", "nada", "eso", "todo":
		return true
	}
	return false
}
