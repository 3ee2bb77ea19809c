package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

func checkCmd(e env) *cobra.Command {
	var path string
	var schema, example, asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, and say what it means",
		Long: `Loads the configuration and builds everything the daemon would, without opening
the data folder or a port. Faults are printed all at once, each with its line.
Without faults it says how long a patient waits at worst until a nurse is asked,
when nobody is on call, and what each fixed text costs in SMS segments.

--example prints a commented file to begin with; --schema prints the JSON Schema
of the file, for your editor.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case schema:
				b, err := config.Schema()
				if err != nil {
					return err
				}
				_, err = e.stdout.Write(b)
				return err
			case example:
				_, err := e.stdout.Write(config.Example())
				return err
			}
			return check(path, asJSON, e)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "tidegate.yaml", "the configuration file")
	c.Flags().BoolVar(&example, "example", false, "print a commented file to begin with and end")
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file and end")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// checked is what check found.
type checked struct {
	OK       bool         `json:"ok"`
	Faults   []faultRow   `json:"faults,omitempty"`
	Clinic   string       `json:"clinic,omitempty"`
	Zone     string       `json:"zone,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Channels []channelRow `json:"channels,omitempty"`
	Staff    int          `json:"staff,omitempty"`
	Worst    []worstRow   `json:"worst,omitempty"` // until the last person has been asked
	Holes    []holeRow    `json:"holes,omitempty"` // nobody on call, in the coming week
	Texts    []textRow    `json:"texts,omitempty"`
	Agent    *agentRow    `json:"agent,omitempty"`
	Warnings []faultRow   `json:"warnings,omitempty"` // of the same form as faults; they do not make it fail
	zone     *time.Location
}

type faultRow struct {
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
	Field string `json:"field,omitempty"`
	Rule  string `json:"rule"`
	Got   string `json:"got,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

type channelRow struct {
	ID      string `json:"id"`
	Numbers int    `json:"numbers"`
}

type worstRow struct {
	Severity escalation.Severity `json:"severity"`
	Seconds  int64               `json:"seconds"`
	Nobody   bool                `json:"nobody,omitempty"` // there is nobody to ask at all
}

type holeRow struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type textRow struct {
	Lang     string `json:"lang"`
	Name     string `json:"name"`
	Segments int    `json:"segments"`
	Encoding string `json:"encoding"`
}

type agentRow struct {
	Enabled     bool `json:"enabled"`
	ReplyChars  int  `json:"reply_chars"`
	AsksPeer    int  `json:"asks_per_peer_hour"`
	AsksAll     int  `json:"asks_per_hour"`
	AsksAtOnce  int  `json:"asks_at_once"`
	WatchdogSec int  `json:"watchdog_seconds"`

	Models []config.Model `json:"models"` // that are asked, in order

	// Opinions is how often in a day a model reads along; nil: none does.
	Opinions *opinionRow `json:"opinions,omitempty"`
}

type opinionRow struct {
	Conversation int `json:"conversation"`
	All          int `json:"all"`
}

// String says it in a line.
func (o *opinionRow) String() string {
	if o == nil {
		return "no model, where people have the conversation"
	}
	return fmt.Sprintf("a model on a server, where people have the conversation: %d times a day in one, %d in all; patients' words go there", o.Conversation, o.All)
}

func check(path string, asJSON bool, e env) error {
	c, err := checkFile(path, e)
	if asJSON {
		if err := printJSON(e.stdout, c, true); err != nil {
			return err
		}
	} else if err == nil {
		return c.print(e.stdout)
	}
	if err != nil {
		return &exitError{exitConfig, err}
	}
	return nil
}

func checkFile(path string, e env) (*checked, error) {
	c := &checked{}
	cfg, err := loadConfig(path, &e)
	if err != nil {
		c.faults(err)
		return c, err
	}
	p, err := build(cfg, e)
	if err != nil {
		c.faults(err)
		return c, err
	}
	c.judge(cfg, p)
	return c, nil
}

// judge takes in what there is to say of a configuration without faults.
func (c *checked) judge(cfg *config.Config, p *parts) {
	c.OK, c.Clinic, c.Zone, c.Digest, c.Staff = true, cfg.Clinic.Name, p.rules.Zone.String(), p.rules.Digest, len(cfg.Staff)
	c.zone = p.rules.Zone
	for _, id := range slices.Sorted(maps.Keys(p.adapters)) {
		c.Channels = append(c.Channels, channelRow{id, len(p.adapters[id].Accounts())})
	}
	c.warn(cfg.Warnings()...)
	c.plan(cfg, p.rules.Plan, molt.TimeOf(time.Now().Truncate(15*time.Minute)))
	c.texts(cfg, p.rules.Languages, p.rules.Texts)
	c.Agent = &agentRow{
		Enabled: p.rules.Agent, ReplyChars: p.rules.Gate.MaxChars, AsksPeer: cfg.Limits.AsksPerPeerHour,
		AsksAll: cfg.Limits.AsksPerHour, AsksAtOnce: cfg.Limits.AsksAtOnce, WatchdogSec: int(p.rules.Watchdog.Seconds()),
		Models: p.chain,
	}
	if o := p.rules.Opinions; o.Sought() {
		c.Agent.Opinions = &opinionRow{o.PerConversation, o.PerClinic}
	}
	if !p.rules.Agent {
		c.warn(cfg.Fault("agent.enabled", "the agent is paused", "false", "people answer every text"))
	}
}

func (c *checked) warn(faults ...config.Fault) {
	for _, f := range faults {
		c.Warnings = append(c.Warnings, faultRow(f))
	}
}

func (c *checked) faults(err error) {
	var faults config.Faults
	if !errors.As(err, &faults) {
		c.Faults = append(c.Faults, faultRow{Rule: err.Error()})
		return
	}
	for _, f := range faults {
		c.Faults = append(c.Faults, faultRow(f))
	}
}

// plan says how long until people are asked, and when nobody is on call.
func (c *checked) plan(cfg *config.Config, plan escalation.Plan, now molt.Time) {
	for _, sev := range []escalation.Severity{escalation.S1, escalation.S2, escalation.S3, escalation.S4} {
		d, ok := plan.WorstCase(sev)
		c.Worst = append(c.Worst, worstRow{Severity: sev, Seconds: int64(d.Seconds()), Nobody: !ok})
	}
	for _, h := range plan.Holes(now) {
		from, to := h.From.Std().In(c.zone), h.To.Std().In(c.zone)
		c.Holes = append(c.Holes, holeRow{from, to})
		c.warn(cfg.Fault("escalation.steps", "nobody is on call from "+from.Format("Mon 15:04")+" to "+to.Format("Mon 15:04"), "", "all hands are called then"))
	}
}

// texts counts what each fixed text takes as it would leave.
func (c *checked) texts(cfg *config.Config, langs []string, texts policy.Texts) {
	for _, lang := range langs {
		for _, name := range policy.TextNames() {
			n, encoding := segment.Count(segment.Fold(texts.Say(lang, name, "Mon 10:30 AM")))
			c.Texts = append(c.Texts, textRow{lang, name, n, encoding})
			switch {
			case encoding != segment.GSM7:
				c.warn(cfg.Fault("texts."+lang+"."+name, "takes "+counted(n, "segment"), "", "a letter in it is outside GSM-7, so that a segment holds 70 characters"))
			case n > 1:
				c.warn(cfg.Fault("texts."+lang+"."+name, "takes "+counted(n, "segment"), "", "a shorter one costs less and arrives whole"))
			}
		}
	}
}

func modelNames(list []config.Model) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = string(m)
	}
	return out
}

// counted writes 1 number, 2 numbers.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (c *checked) print(w io.Writer) error {
	rows := [][]string{
		{"Clinic", c.Clinic + ", " + c.Zone},
		{"Rules", c.Digest},
		{"Staff", fmt.Sprint(c.Staff)},
	}
	for _, ch := range c.Channels {
		rows = append(rows, []string{"Channel " + ch.ID, counted(ch.Numbers, "number")})
	}
	for _, wo := range c.Worst {
		say := "at worst " + brief(time.Duration(wo.Seconds)*time.Second) + " until the last person has been asked"
		switch {
		case wo.Nobody:
			say = "there is nobody to ask"
		case wo.Seconds == 0:
			say = "everybody is asked at once"
		}
		rows = append(rows, []string{string(wo.Severity), say})
	}
	if a := c.Agent; a != nil {
		rows = append(rows,
			[]string{"Agent", fmt.Sprintf("replies up to %d characters; a text unanswered for %s goes to a person", a.ReplyChars, brief(time.Duration(a.WatchdogSec)*time.Second))},
			[]string{"Models", strings.Join(modelNames(a.Models), ", ")},
			[]string{"Reads along", a.Opinions.String()},
			[]string{"Limits", fmt.Sprintf("%d asks an hour for a patient, %d for all, %d at once", a.AsksPeer, a.AsksAll, a.AsksAtOnce)})
	}
	one := 0
	for _, t := range c.Texts {
		if t.Segments == 1 && t.Encoding == segment.GSM7 {
			one++
		}
	}
	rows = append(rows, []string{"Texts", fmt.Sprintf("%d, of which %d fit one GSM-7 segment", len(c.Texts), one)})
	if err := table(w, rows); err != nil {
		return err
	}
	for _, warning := range c.Warnings {
		if err := printText(w, "warning: %s\n", config.Fault(warning).Error()); err != nil {
			return err
		}
	}
	return printText(w, "ok\n")
}
