package twilio

import (
	"fmt"

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
	BaseURL          string   `json:"base_url,omitempty"          yaml:"base_url,omitempty"`
}

// Options turns the section into options; secret resolves a reference.
func (s Section) Options(id, publicURL string, secret func(reference string) (string, error)) (Options, error) {
	o := Options{
		ID: id, PublicURL: publicURL, AccountSID: s.AccountSID,
		MessagingServiceSID: s.MessagingService, BaseURL: s.BaseURL,
	}
	for _, n := range s.Numbers {
		o.Numbers = append(o.Numbers, molt.Address(n))
	}
	var err error
	if o.AuthToken, err = secret(s.AuthToken); err != nil {
		return Options{}, fmt.Errorf("auth_token: %w", err)
	}
	if s.SecondaryToken == "" {
		return o, nil
	}
	if o.SecondaryToken, err = secret(s.SecondaryToken); err != nil {
		return Options{}, fmt.Errorf("secondary_token: %w", err)
	}
	return o, nil
}
