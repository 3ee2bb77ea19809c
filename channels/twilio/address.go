package twilio

import (
	"regexp"
	"strings"
)

// whatsapp marks a WhatsApp address; the number after it is E.164.
const whatsapp = "whatsapp:"

var addressForm = regexp.MustCompile(`^(\+[1-9][0-9]{1,14}|[1-9][0-9]{2,7}|whatsapp:\+[1-9][0-9]{1,14})$`)

// IsAddress reports whether s has the form of an end of this channel: E.164
// (ITU-T E.164, at most 15 digits), a short code of 3 to 8 digits, or
// whatsapp: and E.164. It says nothing about whether anyone is there.
func IsAddress(s string) bool { return addressForm.MatchString(s) }

func isWhatsApp(s string) bool { return strings.HasPrefix(s, whatsapp) }
