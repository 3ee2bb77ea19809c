package policy

import (
	"strings"
	"unicode"
)

// Language guesses whether a text is English or Spanish from the little words
// that only one of them has. It returns "" when it cannot tell, and then the
// conversation keeps the language it had.
func Language(text string) string {
	if strings.ContainsAny(text, "¿¡ñÑ") {
		return "es"
	}
	en, es := 0, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(FoldAccents(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '\''
	}) {
		switch w {
		case "the", "is", "my", "i", "i'm", "im", "you", "what", "when", "and", "have", "can", "need", "want", "with",
			"for", "to", "of", "it", "hurts", "cant", "can't", "please", "hi", "hello", "thanks", "chest", "pain",
			"are", "do", "not", "in", "appointment", "help":
			en++
		case "el", "la", "los", "las", "mi", "me", "que", "es", "de", "en", "y", "con", "para", "por", "una", "un",
			"hola", "gracias", "quiero", "necesito", "tengo", "duele", "cita", "puedo", "esta", "estoy", "si", "pecho",
			"dolor", "ayuda", "buenos", "buenas", "dias", "tardes", "se", "su", "soy", "favor", "cuando", "como", "muy":
			es++
		}
	}
	switch {
	case es > en:
		return "es"
	case en > es:
		return "en"
	}
	return ""
}
