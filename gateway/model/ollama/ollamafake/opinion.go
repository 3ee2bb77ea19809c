package ollamafake

import (
	"encoding/json"
	"regexp"
	"slices"
)

const levelNone = "none"

var (
	// What no list of words would know for danger, and a reader does.
	gravePattern = regexp.MustCompile(`(?i)rings around|colou?r of plums`)
	soonPattern  = regexp.MustCompile(`(?i)tastes of pennies`)
	levelPattern = regexp.MustCompile(`(?is)\b(?:answer|say|level|write|choose)\b.*?\b(none|S[123])\b`)
)

// wantsOpinion reports whether the form that is asked for is that of an opinion.
func (q question) wantsOpinion() bool {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	_ = json.Unmarshal(q.Format, &schema) // that it is a schema was looked at
	_, ok := schema.Properties["level"]
	return ok && len(schema.Properties) == 1
}

func opinion(level string) string { return `{"level":"` + level + `"}` }

// opinion judges the texts that nobody has read.
func (s scene) opinion() string {
	level := levelNone
	for _, e := range s.entries {
		switch {
		case e.From != "patient" || !slices.Contains(s.state.Unread, e.Number):
		case gravePattern.MatchString(e.Text):
			return opinion("S1")
		case soonPattern.MatchString(e.Text):
			level = "S2"
		}
	}
	return opinion(level)
}

// obediently thinks what the newest text that says so tells it to think.
func (s scene) obediently() string {
	for _, e := range slices.Backward(s.entries) {
		if found := levelPattern.FindStringSubmatch(e.Text); found != nil {
			return opinion(found[1])
		}
	}
	return s.opinion()
}
