package twilio

import (
	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Section is the channel's part of the configuration file. Tokens are
// references such as env:NAME or file:/path, never the secrets themselves.
type Section struct {
	AccountSID       string   `json:"account_sid"                 yaml:"account_sid" need:"write the account's SID, AC and 32 hexadecimal digits, from the carrier's console"`
	AuthToken        string   `json:"auth_token"                  yaml:"auth_token" need:"write env:NAME or file:/path, where the account's auth token is"`
	SecondaryToken   string   `json:"secondary_token,omitempty"   yaml:"secondary_token,omitempty"`
	Numbers          []string `json:"numbers"                     yaml:"numbers" need:"write your numbers, as in [\"+15550100101\"]" range:"1..100"`
	MessagingService string   `json:"messaging_service,omitempty" yaml:"messaging_service,omitempty"`
	CallTo           string   `json:"call_to,omitempty"           yaml:"call_to,omitempty"`
	BaseURL          string   `json:"base_url,omitempty"          yaml:"base_url,omitempty"`
}

// Options turns the section into options; secret resolves a reference. The
// faults are of the secrets alone: [New] finds the others.
func (s Section) Options(id, publicURL string, secret func(reference string) (string, error)) (Options, channels.Faults) {
	o := Options{
		ID: id, PublicURL: publicURL, AccountSID: s.AccountSID,
		MessagingServiceSID: s.MessagingService, BaseURL: s.BaseURL, CallTo: molt.Address(s.CallTo),
	}
	for _, n := range s.Numbers {
		o.Numbers = append(o.Numbers, molt.Address(n))
	}
	var faults channels.Faults
	resolve := func(field, reference string) string {
		token, err := secret(reference)
		if err != nil {
			faults = append(faults, channels.Fault{Field: field, Rule: "must lead to a secret that can be read", Got: err.Error(), Hint: "set the variable for this process, or write the token alone into the file"})
			return ""
		}
		fits(&faults, tokenForm.MatchString(token), field, tokenRule, "", tokenHint)
		return token
	}
	o.AuthToken = resolve("auth_token", s.AuthToken)
	if s.SecondaryToken != "" {
		o.SecondaryToken = resolve("secondary_token", s.SecondaryToken)
	}
	return o, faults
}
