package config

import (
	"regexp"
	"strings"
	"unicode"
)

// Phone is a telephone number in E.164 form (ITU-T E.164): a plus, the country
// code and the number, 7 to 15 digits in all. It masks itself when printed;
// string(p) is the number.
type Phone string

// Address is where a route ends: a telephone number in E.164 form, or the id a
// channel uses for a person. What looks like a telephone number has to be one.
// It masks itself when printed; string(a) is the address.
type Address string

// Dial is a number people dial as it stands: 911, 988, 112, or a whole
// telephone number.
type Dial string

var (
	e164Pattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	dialPattern = regexp.MustCompile(`^([0-9]{3,8}|\+[1-9][0-9]{6,14})$`)
)

// String shows the shape of the number and its last two digits.
func (p Phone) String() string { return maskDigits(string(p)) }

// String shows the shape of the address and its last two characters.
func (a Address) String() string { return maskDigits(string(a)) }

// UnmarshalText takes a number in E.164 form.
func (p *Phone) UnmarshalText(b []byte) error {
	*p = Phone(b)
	return checkPhone(string(b))
}

// UnmarshalText takes a number in E.164 form or an id of at most 128 visible
// characters that cannot be mistaken for a number.
func (a *Address) UnmarshalText(b []byte) error {
	s := string(b)
	*a = Address(s)
	if looksLikePhone(s) {
		return checkPhone(s)
	}
	if s == "" || len(s) > 128 || strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) >= 0 {
		return &ruleError{rule: "must be a telephone number or an id without spaces", got: shown(maskDigits(s)), hint: "write a number as in \"+15550100123\", or the id the channel uses"}
	}
	return nil
}

// UnmarshalText takes a short number or one in E.164 form.
func (d *Dial) UnmarshalText(b []byte) error {
	*d = Dial(b)
	if dialPattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be a number people can dial", hint: "write digits only, as in \"911\""}
}

func (*Phone) dialed()   {}
func (*Address) dialed() {}
func (*Dial) dialed()    {}

func looksLikePhone(s string) bool {
	bare := strings.TrimLeft(s, "+( ")
	if bare == "" || bare[0] < '0' || bare[0] > '9' {
		return false
	}
	return strings.Trim(bare, "0123456789 ()-./") == ""
}

func checkPhone(s string) error {
	if e164Pattern.MatchString(s) {
		return nil
	}
	digits := digitsOf(s)
	hint := "write a plus, the country code and the number without spaces, as in \"+15550100123\""
	switch {
	case strings.HasPrefix(s, "+") && e164Pattern.MatchString("+"+digits):
		hint = "leave out spaces, dashes and brackets"
	case len(digits) == 10 && strings.Trim(s, "0123456789 ()-.") == "":
		hint = "put +1 in front of a number of the United States, and leave out spaces and dashes"
	}
	return &ruleError{rule: "must be a telephone number in E.164 form", got: shown(maskDigits(s)), hint: hint}
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// maskDigits keeps the shape of an address and hides what it is: all letters
// and digits but the last two characters become dots.
func maskDigits(s string) string {
	r := []rune(s)
	for i := range r {
		if i < len(r)-2 && (unicode.IsDigit(r[i]) || unicode.IsLetter(r[i])) {
			r[i] = '•'
		}
	}
	return string(r)
}
