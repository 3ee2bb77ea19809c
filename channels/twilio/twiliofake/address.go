package twiliofake

import (
	"regexp"
	"strings"
)

const whatsAppPrefix = "whatsapp:"

var (
	e164Pattern = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
	hostPattern = regexp.MustCompile(`^[0-9A-Za-z.:-]+$`)
)

// validAddress reports whether a number is strict E.164, with the WhatsApp prefix or without. Twilio mends sloppy numbers; this carrier does not.
// A number of the North American plan has exactly ten digits after its 1.
func validAddress(address string) bool {
	number := strings.TrimPrefix(address, whatsAppPrefix)
	if !e164Pattern.MatchString(number) {
		return false
	}
	return !strings.HasPrefix(number, "+1") || len(number) == len("+15551234567")
}

func isWhatsApp(address string) bool { return strings.HasPrefix(address, whatsAppPrefix) }

// magicRecipient returns the error that Twilio's test numbers stand for, or 0.
func magicRecipient(to string) int {
	switch to {
	case "+15005550001":
		return codeInvalidTo
	case "+15005550002":
		return codeCannotRoute
	case "+15005550003":
		return codeRegionOff
	case "+15005550004":
		return codeOptedOut
	case "+15005550009":
		return codeNotMobile
	default:
		return 0
	}
}
