package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A checker holds the decoded configuration against the rules that no single
// field can break: what is valid by its form and would still let a patient go
// unheard.
type checker struct {
	*decoder
	cfg  *Config
	opts Options
}

func (c *checker) all() {
	c.clinic()
	c.listen()
	c.channels()
	c.staff()
	c.steps()
	c.people("escalation.all_hands", c.cfg.Escalation.AllHands)
	c.people("escalation.admins", c.cfg.Escalation.Admins)
	c.severities()
	c.agent()
	c.texts()
	c.rest()
	c.parts()
}

// parts adds what the parts say, where nothing is wrong yet.
func (c *checker) parts() {
	if c.opts.Parts == nil {
		return
	}
	for _, f := range c.opts.Parts(c.cfg, c.sound) {
		if f.File != c.file || c.sound(f.Field) {
			c.faults = append(c.faults, f)
		}
	}
}

// report adds a fault, unless the field is already known to be broken: what
// follows from another fault only hides it.
func (c *checker) report(path, rule, got, hint string) {
	if c.sound(path) {
		c.fault(&node{line: c.lines.line(path)}, path, rule, got, hint)
	}
}

// sound reports whether fields can be compared: none of them has a fault, nor
// anything they lie in or hold.
func (c *checker) sound(paths ...string) bool {
	for known := range c.broken {
		for _, path := range paths {
			if known == path || within(known, path) || within(path, known) {
				return false
			}
		}
	}
	return true
}

// within reports whether the field at path lies in the section at outer.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && outer != "" && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// written reports whether the file itself says the field.
func (c *checker) written(path string) bool {
	_, ok := c.lines[path]
	return ok
}

// mistaken is the hint for a name that nothing bears.
func mistaken[T ~string](name T, known []T) string {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	slices.Sort(words)
	return suggest(string(name), slices.Compact(words))
}

func (c *checker) clinic() {
	cl := c.cfg.Clinic
	if cl.Hours.IsZero() {
		c.report("clinic.hours", "must open at least once a week", "no hours", `write when people work, as in mon-fri: "08:00-17:00"; routine cases wait for these hours`)
	}
	if cl.Country != "US" {
		for _, name := range []string{"emergency", "crisis"} {
			if !c.written("clinic." + name) {
				c.report("clinic."+name, "must be written out outside the United States", "", "write the number of "+string(cl.Country)+"; the default is for the United States only")
			}
		}
	}
	for i, l := range cl.Languages {
		if !c.broken["clinic.languages"] && slices.Index(cl.Languages, l) < i {
			c.report(index("clinic.languages", i), "must not be said twice", string(l), "take it out")
		}
		c.language(index("clinic.languages", i), l)
	}
	for i, day := range cl.Closed {
		if !c.broken["clinic.closed"] && slices.Index(cl.Closed, day) < i {
			c.report(index("clinic.closed", i), "must not be said twice", string(day), "take it out, or correct the year")
		}
	}
}

// language refuses a language in which a red flag would go unheard. What is
// missing cannot be written here: the rules of the screen are part of a build.
func (c *checker) language(path string, l Language) {
	known := c.opts.Languages
	if known == nil || slices.Contains(known, l) {
		return
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	c.report(path, "must be "+quoteList(words), string(l), fmt.Sprintf("take it out; %s lacks rules of the screen, which only a build can bring, and its own wording of %s", l, strings.Join(c.opts.TextKeys, ", ")))
}

func (c *checker) channels() {
	if c.broken["channels"] {
		return
	}
	for _, id := range c.channelIDs() {
		ch := c.cfg.Channels[id]
		if c.opts.Adapters == nil || ch.Type == "" {
			continue
		}
		check, ok := c.opts.Adapters[ch.Type]
		if !ok {
			var types []string
			for t := range c.opts.Adapters {
				types = append(types, t)
			}
			slices.Sort(types)
			c.report("channels."+string(id)+".type", "must be a type of channel there is", shown(ch.Type), suggest(ch.Type, types))
			continue
		}
		if check != nil {
			for _, f := range check(ch) {
				c.broken[f.Field] = true
				c.faults = append(c.faults, f)
			}
		}
	}
}

func (c *checker) channelIDs() []ChannelID {
	var ids []ChannelID
	for id := range c.cfg.Channels {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *checker) texts() {
	for lang, texts := range c.cfg.Texts {
		at := "texts." + string(lang)
		if !slices.Contains(c.cfg.Clinic.Languages, lang) {
			c.report(at, "must be one of the clinic's languages", string(lang), mistaken(lang, c.cfg.Clinic.Languages))
		}
		if c.opts.TextKeys == nil {
			continue
		}
		for key := range texts {
			if !slices.Contains(c.opts.TextKeys, key) {
				c.report(join(at, key), "must be the name of a built-in text", "", unknownText(key, c.opts.TextKeys))
			}
		}
	}
}

// unknownText names all there are: nobody can guess them.
func unknownText(name string, known []string) string {
	hint := "there are " + strings.Join(known, ", ")
	if one, ok := meant(name, known); ok {
		hint = one + " " + hint
	}
	return hint
}

func (c *checker) rest() {
	c.custody()
	if !c.cfg.Screen.Enabled {
		c.report("screen.enabled", "must be true", "false", "the screen is what finds emergencies; to pause the agent write agent: {enabled: false}")
	}
	if b := c.cfg.Backfill; b.Overlap < b.Every && c.sound("backfill.every") {
		c.report("backfill.overlap", "must not be shorter than backfill.every", b.Overlap.String(), "write at least "+b.Every.String()+", or texts between two looks are missed")
	}
	if l := c.cfg.Limits; l.AsksPerPeerHour > l.AsksPerHour && c.sound("limits.asks_per_hour") {
		c.report("limits.asks_per_peer_hour", "must not be more than limits.asks_per_hour", "", "one patient cannot have more than all together")
	}
}

// custody refuses what would leave copies worth nothing, or everything.
func (c *checker) custody() {
	if k := c.cfg.Keys; !k.Previous.IsZero() && k.Tenant.IsZero() {
		c.report("keys.previous", "needs keys.tenant", "", "a key in the data folder is changed with tidegate keys rotate, which keeps the earlier one beside it as long as it is needed")
	}
	if e := c.cfg.Erase; e.Backup != "" && filepath.Clean(c.cfg.Path(e.Backup)) == filepath.Clean(c.cfg.Path(e.Escrow)) {
		c.report("erase.escrow", "must not be the folder of erase.backup", "", "whoever has a backup and the key beside it can read everything: keep them apart")
	}
	if every := c.cfg.Erase.Every; every > 0 && every < span(time.Hour) {
		c.report("erase.every", "must be an hour or more", every.String(), "each run wraps the whole record anew; to erase at once there is tidegate erase --now")
	}
	if b := c.cfg.Retention.Bodies; b > 0 && b < 30*Day {
		c.report("retention.bodies", "must be 30d or more", b.String(), "a conversation under way needs what was said in it")
	}
}
