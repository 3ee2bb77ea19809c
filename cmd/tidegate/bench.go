package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// benchPlan says what the benchmark does.
type benchPlan struct {
	dir           string
	rate          int // texts a second
	seconds       int
	messages      int // of the second part
	conversations int // to which the store grows
	json          bool
}

func benchCmd(e env) *cobra.Command {
	p := &benchPlan{}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the gateway on this machine, against its own disk",
		Long: `Runs the daemon with a stand-in carrier in a folder of its own under --dir, which
is removed afterwards, and measures four things over real HTTP, with signed
webhooks and every commit synced:

  1. from a webhook to its 2xx, at a fixed rate: a conversation a text, then 64
     conversations that get them all. The agent answers meanwhile. A late answer
     counts from when its text was due, not from when there was room to send it.
  2. texts a second from the webhook to the reply at the carrier, by the scripted
     agent without debounce.
  3. the same again once the store holds --conversations, each with its texts and
     replies, and how long the daemon then needs from its start to its open doors.
  4. in a folder of its own, from a webhook to its 2xx at a quarter of the rate,
     and the same while one number floods the clinic.

The first two are put beside what the same disk does with bare commits of the same
size in the same run. Gateway, carrier and patients share this process and its
cores. 100,000 conversations take minutes and some gigabytes.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.rate < 1 || p.seconds < 1 || p.messages < 1 || p.conversations < 1 {
				return usage("bench: --rate, --seconds, --messages and --conversations are at least 1")
			}
			b, err := bench(c.Context(), p, e)
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if p.json {
				return printJSON(e.stdout, b, true)
			}
			return b.print(e.stdout)
		},
	}
	f := c.Flags()
	f.StringVar(&p.dir, "dir", ".", "on whose disk to measure")
	f.IntVar(&p.rate, "rate", 200, "texts a second of the first part")
	f.IntVar(&p.seconds, "seconds", 10, "how long each rate of the first part is kept")
	f.IntVar(&p.messages, "messages", 2000, "texts of the second part")
	f.IntVar(&p.conversations, "conversations", 10000, "to how many the store grows for the third part")
	f.BoolVar(&p.json, "json", false, "write JSON")
	return c
}

// spread is a distribution of times, in milliseconds.
type spread struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func spreadOf(took []time.Duration) spread {
	slices.Sort(took)
	if len(took) == 0 {
		return spread{}
	}
	at := func(share float64) float64 {
		return float64(took[min(len(took)-1, int(share*float64(len(took))))].Microseconds()) / 1000
	}
	return spread{Count: len(took), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, max %.1f ms (%d)", s.P50, s.P99, s.Max, s.Count)
}

// benched is the whole result.
type benched struct {
	Rate  int    `json:"rate"`
	Fresh spread `json:"fresh"` // webhook to 2xx, a conversation a text
	Hot   spread `json:"hot"`   // 64 conversations
	Bare  spread `json:"bare"`  // one synced commit at the same rate

	Texts    int     `json:"texts"`
	Commits  float64 `json:"commits_per_text"`   // the carrier's reports apart
	Reports  float64 `json:"reports_per_text"`   // each of them a commit too
	Bytes    int     `json:"bytes_per_commit"`   // of events and snapshot
	Ceiling  float64 `json:"ceiling_per_second"` // bare commits of that size from many callers
	Share    float64 `json:"share_of_ceiling"`   // commits a second over Ceiling
	CommitsS float64 `json:"commits_per_second"` // of the second part, reports included

	Small   burst   `json:"small"` // the second part
	Grown   burst   `json:"grown"` // the same in a store that grew
	Restart float64 `json:"restart_ms"`

	Others  int    `json:"others_rate"`
	Calm    spread `json:"calm"`    // webhook to 2xx of the others
	Flooded spread `json:"flooded"` // the same beside one number that floods
	Flood   int    `json:"flood_texts_per_second"`

	Refused int `json:"refused,omitempty"`    // webhooks that got no 2xx
	Missing int `json:"unanswered,omitempty"` // texts without a reply in time
}

// burst is texts sent as fast as they are taken, each to its reply.
type burst struct {
	Conversations int     `json:"conversations"` // before it
	PerS          float64 `json:"texts_per_second"`
	CPU           float64 `json:"cpu_ms_per_text"` // of this process: gateway, carrier and patients
}

func (b burst) String() string {
	return fmt.Sprintf("%.0f texts/s, %.1f ms of a core a text", b.PerS, b.CPU)
}

func (b *benched) print(w io.Writer) error {
	rows := [][]string{
		{"webhook to 2xx", fmt.Sprintf("%d/s, new conversations", b.Rate), b.Fresh.String(), ratio(b.Fresh, b.Bare)},
		{"", fmt.Sprintf("%d/s, 64 conversations", b.Rate), b.Hot.String(), ratio(b.Hot, b.Bare)},
		{"", fmt.Sprintf("%d/s, a bare synced commit", b.Rate), b.Bare.String(), "1"},
		{
			"end to end", fmt.Sprintf("%d texts", b.Texts),
			fmt.Sprintf("%.0f texts/s; %.1f commits a text and %.1f for the carrier's reports", b.Small.PerS, b.Commits, b.Reports),
			fmt.Sprintf("%.0f %% of the ceiling", 100*b.Share),
		},
		{
			"", fmt.Sprintf("bare commits of %d bytes", b.Bytes),
			fmt.Sprintf("%.0f commits/s from %d callers; end to end made %.0f/s", b.Ceiling, ceilingCallers, b.CommitsS), "100 %",
		},
		{"growth", fmt.Sprintf("%d conversations", b.Small.Conversations), b.Small.String(), "1"},
		{
			"", fmt.Sprintf("%d conversations", b.Grown.Conversations), b.Grown.String(),
			fmt.Sprintf("× %.1f time a text, × %.1f of a core", b.Small.PerS/b.Grown.PerS, b.Grown.CPU/b.Small.CPU),
		},
		{"restart", "with all of them", fmt.Sprintf("%.0f ms from start to open doors", b.Restart), ""},
		{"flood", fmt.Sprintf("others at %d/s, alone", b.Others), b.Calm.String(), "1"},
		{"", fmt.Sprintf("beside one number's %d/s", b.Flood), b.Flooded.String(), ratio(b.Flooded, b.Calm)},
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if b.Refused+b.Missing > 0 {
		return printText(w, "%d webhooks got no 2xx, %d texts no reply in time\n", b.Refused, b.Missing)
	}
	return nil
}

func ratio(s, to spread) string {
	if to.P50 == 0 || to.P99 == 0 {
		return ""
	}
	return fmt.Sprintf("× %.1f at p50, × %.1f at p99", s.P50/to.P50, s.P99/to.P99)
}

// bench runs all parts, the flood in a folder of its own: it leaves conversations
// unlike the others.
func bench(ctx context.Context, p *benchPlan, e env) (*benched, error) {
	dir, err := os.MkdirTemp(p.dir, "tidegate-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &benched{Rate: p.rate, Texts: p.messages, Others: max(1, p.rate/4)}
	house := filepath.Join(dir, "steady")
	err = inBenchHouse(ctx, house, e, func(h *benchHouse) error { return h.measure(ctx, p, e, b) })
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(e.stderr, "starting again…")
	err = inBenchHouse(ctx, house, e, func(h *benchHouse) error {
		b.Restart = float64(h.opened.Microseconds()) / 1000
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = inBenchHouse(ctx, filepath.Join(dir, "flood"), e, func(h *benchHouse) error { return h.floods(ctx, p, e, b) })
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(e.stderr, "counting commits, then the disk's ceiling…")
	size, err := count(ctx, house, b)
	if err != nil {
		return nil, err
	}
	return b, ceiling(ctx, dir, p, size, b)
}

// inBenchHouse opens a house in a folder, does what is to be done, and closes it.
func inBenchHouse(ctx context.Context, dir string, e env, do func(*benchHouse) error) error {
	h, err := openBenchHouse(ctx, dir, e)
	if err != nil {
		return err
	}
	return errors.Join(do(h), h.close())
}
