package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/agent/persona"
	"github.com/tidegate/tidegate/gateway/policy"
)

// secrets resolves references as the daemon does.
func (e env) secrets(reference string) (string, error) {
	secret, err := config.ParseSecret(reference)
	if err != nil {
		return "", err
	}
	return secret.Resolve(e.getenv, os.ReadFile)
}

// loadConfig reads the file and holds it against every part it configures, so
// that all faults come out in one run. The secrets it refers to are looked at
// too where an environment is given: who only reads the record may lack them.
func loadConfig(path string, with *env) (*config.Config, error) {
	cfg, err := config.Load(path, configOptions(with))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{exitConfig, fmt.Errorf("there is no %s; begin one with: tidegate check --example > tidegate.yaml (or name yours with -c FILE)", path)}
	case err != nil:
		return nil, &exitError{exitConfig, err}
	}
	return cfg, nil
}

// configOptions are what the parts know and the file must follow.
func configOptions(with *env) config.Options {
	var languages []config.Language
	for _, l := range policy.TextLanguages() {
		languages = append(languages, config.Language(l))
	}
	return config.Options{
		TextKeys:  policy.TextNames(),
		Languages: languages,
		Providers: []string{builtIn},
		Personas:  []string{persona.BuiltIn},
		Adapters: map[string]func(config.Channel) []config.Fault{
			typeTwilio: func(c config.Channel) []config.Fault { return checkTwilio(c, with) }, typeWebchat: checkWebchat,
		},
		Parts: func(c *config.Config, whole func(...string) bool) []config.Fault { return partFaults(c, whole, with) },
	}
}

// checkTwilio is all that can be told of a section, and of its secrets where
// they are to be looked at.
func checkTwilio(c config.Channel, with *env) []config.Fault {
	var s twilio.Section
	if faults := c.Decode(&s); len(faults) > 0 {
		return faults
	}
	faults := s.Check()
	if with != nil {
		_, missing := s.Options(string(c.ID), "", with.secrets)
		faults = append(faults, missing...)
	}
	return placed(c, faults)
}

// placed gives the faults of a channel their lines.
func placed(c config.Channel, faults channels.Faults) []config.Fault {
	var out []config.Fault
	for _, f := range faults {
		out = append(out, c.Fault(f.Field, f.Rule, f.Got, f.Hint))
	}
	return out
}

// partFaults is what the parts say of a file, each at the line that says it.
func partFaults(c *config.Config, whole func(...string) bool, with *env) []config.Fault {
	out := append(routeFaults(c), lineFaults(c)...)
	if whole("screen") {
		out = append(out, screenFaults(c)...)
	}
	if whole("clinic", "staff", "escalation") {
		out = append(out, planFaults(c)...)
	}
	if whole("clinic", "texts") {
		out = append(out, textFaults(c)...)
	}
	if whole("clinic", "console", "agent") {
		out = append(out, replyFaults(c)...)
	}
	if whole("calendar", "clinic") {
		out = append(out, calendarFaults(c, with)...)
	}
	if whole("agent") {
		out = append(append(out, agentFaults(c)...), modelFaults(c, with)...)
	}
	if with != nil && whole("telemetry") {
		out = append(out, telemetryFaults(c, *with)...)
	}
	if with != nil && whole("listen") {
		out = append(out, tlsFaults(c)...)
	}
	if with != nil && !c.Keys.Tenant.IsZero() && whole("keys") {
		if _, err := c.Keys.Tenant.Resolve(with.getenv, os.ReadFile); err != nil {
			out = append(out, c.Fault("keys.tenant", "must lead to a secret that can be read", err.Error(), "without the key nothing can be sealed or read"))
		}
	}
	return out
}

// routeFaults refuses a route on which no page could arrive.
func routeFaults(c *config.Config) []config.Fault {
	var out []config.Fault
	own := ownNumbers(c)
	for i, person := range c.Staff {
		for j, r := range person.Routes {
			if c.Channels[r.Channel].Type == typeWebchat {
				out = append(out, c.Fault(fmt.Sprintf("staff[%d].routes[%d].channel", i, j), "must be a channel that reaches staff", string(r.Channel), "patients write over a web chat; name a channel that texts"))
				continue
			}
			numbers, ok := own[r.Channel]
			if !ok || r.Address == "" {
				continue // the configuration's own check says so
			}
			var rule string
			switch {
			case !twilio.IsAddress(string(r.Address)), strings.HasPrefix(string(r.Address), "+1") && len(r.Address) != len("+15550100101"):
				rule = "must be a number that texts can reach"
			case slices.Contains(numbers, string(r.Address)):
				rule = "must not be the clinic's own number"
			default:
				continue
			}
			out = append(out, c.Fault(fmt.Sprintf("staff[%d].routes[%d].address", i, j), rule, r.Address.String(), "write the person's own number with a plus and the country code, as in +15550100111"))
		}
	}
	return out
}

// lineFaults refuses a clinic's line that is another channel's number: two that
// ring one another would do so without end.
func lineFaults(c *config.Config) []config.Fault {
	var out []config.Fault
	own := ownNumbers(c)
	for id, ch := range c.Channels {
		var s twilio.Section
		if ch.Type != typeTwilio || len(ch.Decode(&s)) > 0 || s.CallTo == "" {
			continue
		}
		for other, numbers := range own {
			if other != id && slices.Contains(numbers, s.CallTo) {
				out = append(out, ch.Fault("call_to", "must not be a number of channel "+string(other), "", "calls would turn in a circle; write the line that people pick up"))
			}
		}
	}
	return out
}

// ownNumbers are the clinic's, of the channels that go by numbers.
func ownNumbers(c *config.Config) map[config.ChannelID][]string {
	out := map[config.ChannelID][]string{}
	for id, ch := range c.Channels {
		var s twilio.Section
		if len(ch.Decode(&s)) == 0 {
			out[id] = s.Numbers
		}
	}
	return out
}

// planFaults is what would leave a patient with nobody.
func planFaults(c *config.Config) []config.Fault {
	var out []config.Fault
	for _, f := range planOf(c).Validate() {
		out = append(out, c.Fault(planField(c, f), f.Says, "", "nobody may be left without a person who can be paged in time"))
	}
	return out
}

// planField names in the file what a plan calls otherwise.
func planField(c *config.Config, f escalation.Fault) string {
	first, rest, _ := strings.Cut(f.Field, ".")
	switch first {
	case "terms":
		return "escalation.severities." + rest
	case "hours":
		return "clinic.hours"
	case "people":
		i := slices.IndexFunc(c.Staff, func(p config.Person) bool { return string(p.ID) == rest })
		if i < 0 {
			return "staff"
		}
		return fmt.Sprintf("staff[%d]", i)
	}
	return "escalation." + f.Field
}

func textFaults(c *config.Config) []config.Fault {
	_, err := textsOf(c)
	var wrong policy.TextFaults
	if !errors.As(err, &wrong) {
		return nil
	}
	var out []config.Fault
	for _, f := range wrong {
		field := "texts." + f.Lang
		if f.Name != "" {
			field += "." + f.Name
		}
		out = append(out, c.Fault(field, f.Rule, "", f.Hint))
	}
	return out
}

// replyFaults is what is wrong with the replies that nurses are offered.
func replyFaults(c *config.Config) []config.Fault {
	texts, err := textsOf(c)
	if err != nil {
		return nil // they are told where they stand
	}
	_, err = repliesOf(c, texts)
	var wrong policy.ReplyFaults
	if !errors.As(err, &wrong) {
		return nil
	}
	var out []config.Fault
	for _, f := range wrong {
		out = append(out, c.Fault(fmt.Sprintf("console.replies.%s[%d]", f.Lang, f.Index), f.Rule, "", f.Hint))
	}
	return out
}

// agentFaults is what the persona's file says.
func agentFaults(c *config.Config) []config.Fault {
	var out []config.Fault
	who, err := loadPersona(c)
	var wrong persona.Faults
	switch {
	case errors.As(err, &wrong):
		for _, f := range wrong {
			out = append(out, config.Fault(f))
		}
	case err != nil:
		out = append(out, c.Fault("agent.persona", "must be a file that can be read", err.Error(), "write builtin:intake, or the path of a Markdown file"))
	default:
		out = append(append(out, chainFaults(c, who)...), opinionFaults(c, who)...)
	}
	return out
}
