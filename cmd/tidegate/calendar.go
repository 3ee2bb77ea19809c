package main

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/agent/persona"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
)

// calendarOf opens the calendar of a configuration; nil when there is none.
func calendarOf(cfg *config.Config, e env) (schedule.Calendar, error) {
	switch c := cfg.Calendar; {
	case c.File != "":
		return schedule.OpenFile(cfg.Path(c.File), cfg.Clinic.Timezone.Location())
	case c.BaseURL != "":
		key, err := optional(c.Key, e)
		if err != nil {
			return nil, err
		}
		return schedule.NewRemote(c.BaseURL, key, nil)
	}
	return nil, nil //nolint:nilnil // none is configured
}

// buildSkills makes the tools of the persona.
func (p *parts) buildSkills(who persona.Persona, e env) error {
	calendar, err := calendarOf(p.cfg, e)
	if err != nil {
		return config.Faults{p.cfg.Fault("calendar", "must be a calendar that can be read", err.Error(), "")}
	}
	p.calendar = calendar
	p.skills = skill.New(skill.Options{Calendar: calendar, Hours: planOf(p.cfg).Hours, Zone: p.cfg.Clinic.Timezone.Location(), Only: who.Tools, Collect: who.Collect})
	return nil
}

// calendarFaults is what the calendar says of itself, where it can be looked at.
func calendarFaults(c *config.Config, with *env) []config.Fault {
	if with == nil {
		return nil
	}
	_, err := calendarOf(c, *with)
	if err == nil || errors.Is(err, config.ErrNoSecret) {
		return nil
	}
	return []config.Fault{c.Fault("calendar", "must be a calendar that can be read", err.Error(), "the agent books nothing without it")}
}

// calendar asks for one opening of the coming days, which changes nothing.
func (x *examination) calendar(ctx context.Context, p *parts) {
	if p.calendar == nil {
		return
	}
	wait, cancel := context.WithTimeout(ctx, modelWait)
	defer cancel()
	now := time.Now()
	free, err := p.calendar.Free(wait, now, now.AddDate(0, 0, calendarDays), maxListed)
	switch {
	case err != nil:
		x.fail("calendar", "the agent hands every wish for an appointment to staff until it answers", "%v", err)
	case len(free) == 0:
		x.warn("calendar", "enter openings, or the agent has none to offer", "it has no opening in the next %d days", calendarDays)
	default:
		x.ok("calendar", "it has openings in the next %d days", calendarDays)
	}
}

// What the doctor looks at.
const (
	calendarDays = 14
	maxListed    = 1
)
