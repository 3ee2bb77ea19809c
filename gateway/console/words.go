package console

import (
	"html/template"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/reload"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// funcs are what the pages say things with.
func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"clock":      c.clock,
		"now":        func() string { return strconv.FormatInt(int64(molt.TimeOf(c.o.Now())), 10) },
		"iso":        func(t molt.Time) string { return t.Std().Format(time.RFC3339) },
		"ago":        func(t molt.Time) string { return wait(molt.TimeOf(c.o.Now()).Sub(t)) },
		"inWords":    inWords,
		"severity":   severityWords,
		"state":      stateWords,
		"name":       c.o.Casework.Name,
		"may":        func(s access.Session, right string) bool { return s.Role.May(access.Right(right)) },
		"plain":      oneLine,
		"signedIn":   func(s access.Session) bool { return s.ID != "" },
		"raises":     raises,
		"faultWords": faultWords,
		"via":        viaWords,
		"ownerText":  ownerText,
	}
}

// clock writes a moment as people here read it, with the day where it is not today.
func (c *Console) clock(t molt.Time) string {
	if t == 0 {
		return ""
	}
	local, now := t.Std().In(c.zone()), c.o.Now().In(c.zone())
	if local.YearDay() == now.YearDay() && local.Year() == now.Year() {
		return local.Format("15:04")
	}
	return local.Format("Mon 2 Jan 15:04")
}

// wait writes how long somebody waits; the page counts on from there.
func wait(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Hour:
		return time.Unix(0, 0).UTC().Add(d).Format("4:05")
	case d < 24*time.Hour:
		return time.Unix(0, 0).UTC().Add(d).Format("15:04:05")
	}
	return "over a day"
}

func severityWords(s escalation.Severity) string {
	switch s {
	case escalation.S1:
		return "emergency"
	case escalation.S2:
		return "within the hour"
	case escalation.S3:
		return "same day"
	}
	return "routine"
}

// stateWords says how a case stands, for who has not read the manual.
func stateWords(row turn.WorkRow, holder string) string {
	switch row.State {
	case escalation.StateClaimed:
		return "taken by " + holder + ", patient not reached yet"
	case escalation.StateActive:
		return holder + " is with the patient"
	case escalation.StateResolved:
		return "resolved"
	case escalation.StateClosed:
		return "closed"
	case escalation.StateExhausted:
		return "nobody has it: everybody was paged"
	case escalation.StateListed:
		if row.Crowd != "" {
			return "nobody has it: it waits to be taken behind " + row.Crowd
		}
		return "on the work list"
	case escalation.StateNotified:
		return "nobody has it: paging"
	}
	return "nobody has it"
}

// raises lists the severities above one.
func raises(s escalation.Severity) (above []escalation.Severity) {
	for _, o := range []escalation.Severity{escalation.S1, escalation.S2, escalation.S3} {
		if o.Rank() < s.Rank() {
			above = append(above, o)
		}
	}
	return above
}

func ownerText(o escalation.Owner) string {
	switch o {
	case escalation.OwnerHuman:
		return "people answer; the agent is silent"
	case escalation.OwnerHold:
		return "nobody answers yet; the agent is silent"
	}
	return "the agent answers"
}

// viaWords says how a configuration came in force.
func viaWords(via string) string {
	switch via {
	case reload.ViaConsole:
		return "in the console"
	case reload.ViaFile:
		return "in the file"
	}
	return "at the daemon's start"
}
