package agent

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
)

// Note keeps a fact that a model calls the note tool with: one that the persona
// collects, from a message of the patient's that bears it out. The rest of this
// question knows it, and it goes into the ledger with what the question comes to,
// also where that is no answer. A later fact of its name takes its place.
func (u *Run) Note(c model.Call) model.Outcome {
	var f model.Fact
	var args struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Source uint64 `json:"source"`
	}
	if json.Unmarshal(c.Arguments, &args) != nil {
		return model.Outcome{State: model.CallRefused, Why: "arguments"}
	}
	f.Name, f.Value, f.Source = args.Name, strings.Join(strings.Fields(args.Value), " "), args.Source
	from := source(u.r, f.Source)
	why := ""
	switch {
	case !slices.Contains(u.r.Persona.Collect, f.Name):
		why = "not_collected"
	case from == nil:
		why = "no_message_of_the_patient"
	case u.s.limits.fact(u.r, f) != nil:
		why = "no_value"
	case !policy.BornOut(f.Value, from.Words.Reveal()):
		why = "not_in_that_message"
	}
	if why != "" {
		return model.Outcome{State: model.CallRefused, Why: why}
	}
	f.At = from.At
	u.facts = append(u.facts, f)
	u.r.Ledger = append(slices.DeleteFunc(slices.Clone(u.r.Ledger), func(k model.Fact) bool { return k.Name == f.Name }), f)
	return model.Outcome{State: model.CallDone}
}
