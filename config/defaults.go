package config

import (
	"strings"
	"time"
)

// Default is the configuration of an empty file: every value that holds when
// nothing is said. It lacks what only a clinic can know, and so is not valid
// by itself.
func Default() *Config {
	return &Config{
		Clinic: Clinic{Emergency: "911", Crisis: "988", Country: "US"},
		Listen: Listen{Public: "127.0.0.1:8080", Private: "127.0.0.1:8081"},
		Data:   "./tidegate-data",
		Escalation: Escalation{
			Severities:    defaultSeverities(),
			CoolDown:      span(2 * time.Hour),
			HoldTextEvery: span(3 * time.Minute),
		},
		Console: Console{Idle: span(30 * time.Minute), Session: span(12 * time.Hour)},
		Agent: Agent{
			Enabled:     true,
			Persona:     "builtin:intake",
			Models:      []Model{"scripted/intake"},
			Debounce:    span(3 * time.Second),
			DebounceMax: span(10 * time.Second),
			Watchdog:    span(2 * time.Minute),
			AskTimeout:  span(30 * time.Second),
			Opinion:     Opinion{Conversation: 40, Asks: 1000},
			Budget:      Budget{ConversationTokens: 300_000, Tokens: 20_000_000},
		},
		Screen:   Screen{Enabled: true},
		Backfill: Backfill{Enabled: true, Every: span(5 * time.Minute), Overlap: span(time.Hour)},
		Limits:   Limits{ChatsRinging: 10, AsksPerPeerHour: 30, AsksPerHour: 1000, AsksAtOnce: 4, DiskReserveMiB: 64, Connections: 5000, PerPeer: 200},
		Sender:   Sender{SegmentsPerSecond: 1},
		Log:      Log{Level: LevelInfo},
	}
}

// defaultSeverities is the clinic's promise to a patient in numbers. A routine
// case has a day, is never paged again and never calls all hands.
func defaultSeverities() map[Severity]Pace {
	return map[Severity]Pace{
		S1: {Ack: span(2 * time.Minute), Contact: span(3 * time.Minute), Repage: span(5 * time.Minute), AllHandsEvery: span(2 * time.Minute), Rounds: 0},
		S2: {Ack: span(5 * time.Minute), Contact: span(10 * time.Minute), Repage: span(15 * time.Minute), AllHandsEvery: span(5 * time.Minute), Rounds: 5},
		S3: {Ack: span(30 * time.Minute), Contact: span(2 * time.Hour), Repage: span(time.Hour), AllHandsEvery: 0, Rounds: 1},
		S4: {Ack: Day, Contact: Day, Repage: 0, AllHandsEvery: 0, Rounds: 1},
	}
}

func span(d time.Duration) Duration { return Duration(d) }

// setDefaults puts a person on call always: said too little, the gateway pages
// too much.
func (o *OnCall) setDefaults() { o.Hours = Hours{Always: true} }

// setDefaults gives a provider what a small server takes.
func (p *Provider) setDefaults() {
	p.Context, p.AnswerTokens, p.KeepAlive, p.AtOnce = 8192, 512, span(30*time.Minute), 1
}

// complete fills in what follows from other fields, and takes the slash off the
// addresses, since paths are put behind it.
func (c *Config) complete() {
	c.Listen.PublicURL = strings.TrimRight(c.Listen.PublicURL, "/")
	c.Console.URL = strings.TrimRight(c.Console.URL, "/")
}
