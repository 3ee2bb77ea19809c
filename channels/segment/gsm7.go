package segment

import "strings"

// basic is the default alphabet of 3GPP TS 23.038, 6.2.1, one septet each. á, í,
// ó, ú and ç are not in it; é, ñ, ü, ¿, ¡ are.
const basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// extended is the extension table, 6.2.1.1: an escape and the character, two
// septets that one segment holds together.
const extended = "\f^{}\\[~]|€"

// septets is a rune's cost in GSM-7, 0 when it has none.
func septets(r rune) int {
	switch {
	case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == ' ':
		return 1
	case strings.ContainsRune(basic, r):
		return 1
	case strings.ContainsRune(extended, r):
		return 2
	}
	return 0
}

// units is a rune's cost in UCS-2: a surrogate pair beyond the first plane.
func units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}
