package twilio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
)

// fits adds a fault where a rule does not hold.
func fits(faults *channels.Faults, ok bool, field, rule, got, hint string) {
	if !ok {
		*faults = append(*faults, channels.Fault{Field: field, Rule: rule, Got: got, Hint: hint})
	}
}

// Check holds the section against what the carrier takes, but for the secrets
// it refers to, which only the options hold.
func (s Section) Check() channels.Faults {
	var faults channels.Faults
	fits(&faults, accountForm.MatchString(s.AccountSID), "account_sid", "must be AC and 32 hexadecimal digits", form(s.AccountSID), sidHint(s.AccountSID, "copy the Account SID from the carrier's console"))
	fits(&faults, s.MessagingService == "" || serviceForm.MatchString(s.MessagingService), "messaging_service", "must be MG and 32 hexadecimal digits", form(s.MessagingService), sidHint(s.MessagingService, "copy the service's SID from the carrier's console, or take the line out"))
	fits(&faults, len(s.Numbers) > 0, "numbers", "must name at least one number of yours", "none", "write them as in [\"+15550100101\"]")
	for i, n := range s.Numbers {
		field := fmt.Sprintf("numbers[%d]", i)
		fits(&faults, IsAddress(n), field, "must be a number as the carrier writes it", form(n), "write it as in +15550100101, a short code of 3 to 8 digits, or whatsapp: and the number")
		fits(&faults, !slices.Contains(s.Numbers[:i], n), field, "must not be said twice", "", "take it out")
	}
	fits(&faults, s.CallTo == "" || lineForm.MatchString(s.CallTo), "call_to", "must be a number that can be called", form(s.CallTo), "write the clinic's line with a plus and the country code, as in +15550100100, or take the line out")
	fits(&faults, s.CallTo == "" || !slices.Contains(s.Numbers, s.CallTo), "call_to", "must not be a number of this channel", form(s.CallTo), "a call to it would be sent back to itself without end; write the line that people pick up")
	if _, f := parseBaseURL(s.BaseURL); f != nil {
		faults = append(faults, *f)
	}
	return faults
}

// form says what a value looks like and repeats none of it: a token pasted into
// the wrong line must not be shown.
func form(s string) string {
	switch {
	case s == "":
		return "nothing"
	case len(s) >= 2 && (s[:2] == "AC" || s[:2] == "MG" || s[:2] == "SK" || s[:2] == "PN" || s[:2] == "SM"):
		return fmt.Sprintf("%s and %d more characters", s[:2], len(s)-2)
	case strings.HasPrefix(s, "+"):
		return fmt.Sprintf("+ and %d more characters", len(s)-1)
	}
	return fmt.Sprintf("%d characters", len(s))
}

// sidHint tells an id of another kind from a slip.
func sidHint(s, hint string) string {
	switch {
	case strings.HasPrefix(s, "SK"):
		return "that is the SID of an API key; " + hint
	case strings.HasPrefix(s, "PN"):
		return "that is the SID of a number; " + hint
	}
	return hint
}

// What a token has to look like once its reference was followed.
const (
	tokenRule = "must be letters and digits"
	tokenHint = "the secret it refers to has to be the token alone, as the carrier's console shows it"
)

// check holds the options against the same rules, and the secrets against
// theirs.
func (o Options) check() channels.Faults {
	s := Section{AccountSID: o.AccountSID, MessagingService: o.MessagingServiceSID, BaseURL: o.BaseURL, CallTo: o.CallTo.Reveal()}
	for _, n := range o.Numbers {
		s.Numbers = append(s.Numbers, n.Reveal())
	}
	faults := s.Check()
	fits(&faults, idForm.MatchString(o.ID), "id", "must be 1 to 64 letters, digits, - and _, starting with a letter or digit", "", "")
	fits(&faults, tokenForm.MatchString(o.AuthToken), "auth_token", tokenRule, "", tokenHint)
	fits(&faults, o.SecondaryToken == "" || tokenForm.MatchString(o.SecondaryToken), "secondary_token", tokenRule, "", tokenHint)
	if _, f := parsePublicURL(o.PublicURL); f != nil {
		faults = append(faults, *f)
	}
	return faults
}
