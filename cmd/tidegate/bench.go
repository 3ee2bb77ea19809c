package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/molt"
)

// benchPlan says what the benchmark does.
type benchPlan struct {
	dir      string
	rate     int // texts a second
	seconds  int
	messages int // of the second part
	json     bool
}

func benchCmd(e env) *cobra.Command {
	p := &benchPlan{}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure the gateway on this machine, against its own disk",
		Long: `Runs the daemon with a stand-in carrier in a folder of its own under --dir, which
is removed afterwards, and measures two things over real HTTP, with signed
webhooks and every commit synced:

  1. from a webhook to its 2xx, at a fixed rate: a conversation a text, then 64
     conversations that get them all. The agent answers meanwhile. A late answer
     counts from when its text was due, not from when there was room to send it.
  2. texts a second from the webhook to the reply at the carrier, by the scripted
     agent without debounce.

Both are put beside what the same disk does with bare commits of the same size
in the same run. Gateway, carrier and patients share this process and its cores.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.rate < 1 || p.seconds < 1 || p.messages < 1 {
				return usage("bench: --rate, --seconds and --messages are at least 1")
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
	PerS     float64 `json:"texts_per_second"`
	Commits  float64 `json:"commits_per_text"`     // the carrier's reports apart
	Reports  float64 `json:"reports_per_text"`     // each of them a commit too
	Bytes    int     `json:"bytes_per_commit"`     // of events and snapshot
	Ceiling  float64 `json:"ceiling_per_second"`   // bare commits of that size from many callers
	Share    float64 `json:"share_of_ceiling"`     // commits a second over Ceiling
	CommitsS float64 `json:"commits_per_second"`   // of the second part, reports included
	Refused  int     `json:"refused,omitempty"`    // webhooks that got no 2xx
	Missing  int     `json:"unanswered,omitempty"` // texts without a reply in time
}

func (b *benched) print(w io.Writer) error {
	rows := [][]string{
		{"webhook to 2xx", fmt.Sprintf("%d/s, new conversations", b.Rate), b.Fresh.String(), ratio(b.Fresh, b.Bare)},
		{"", fmt.Sprintf("%d/s, 64 conversations", b.Rate), b.Hot.String(), ratio(b.Hot, b.Bare)},
		{"", fmt.Sprintf("%d/s, a bare synced commit", b.Rate), b.Bare.String(), "1"},
		{
			"end to end", fmt.Sprintf("%d texts", b.Texts),
			fmt.Sprintf("%.0f texts/s; %.1f commits a text and %.1f for the carrier's reports", b.PerS, b.Commits, b.Reports),
			fmt.Sprintf("%.0f %% of the ceiling", 100*b.Share),
		},
		{
			"", fmt.Sprintf("bare commits of %d bytes", b.Bytes),
			fmt.Sprintf("%.0f commits/s from %d callers; end to end made %.0f/s", b.Ceiling, ceilingCallers, b.CommitsS), "100 %",
		},
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

func bench(ctx context.Context, p *benchPlan, e env) (*benched, error) {
	dir, err := os.MkdirTemp(p.dir, "tidegate-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	h, err := openBenchHouse(ctx, dir, e)
	if err != nil {
		return nil, err
	}
	b, err := h.measure(ctx, p, e)
	if stop := h.close(); err == nil {
		err = stop
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(e.stderr, "counting commits, then the disk's ceiling…")
	size, err := h.count(ctx, b)
	if err != nil {
		return nil, err
	}
	return b, ceiling(ctx, dir, p, size, b)
}

// measure runs both parts against the running house.
func (h *benchHouse) measure(ctx context.Context, p *benchPlan, e env) (*benched, error) {
	b := &benched{Rate: p.rate, Texts: p.messages}
	total := p.rate * p.seconds
	fmt.Fprintf(e.stderr, "%d texts at %d/s, a conversation each…\n", total, p.rate)
	took, refused := h.atRate(ctx, p.rate, total, func(i int) molt.Address { return h.stranger() })
	b.Fresh, b.Refused = spreadOf(took), refused
	fmt.Fprintf(e.stderr, "%d texts at %d/s, 64 conversations…\n", total, p.rate)
	hot := make([]molt.Address, 64)
	for i := range hot {
		hot[i] = h.stranger()
	}
	took, refused = h.atRate(ctx, p.rate, total, func(i int) molt.Address { return hot[i%len(hot)] })
	b.Hot = spreadOf(took)
	b.Refused += refused
	if err := h.settle(ctx); err != nil {
		return nil, err
	}
	before, err := h.replies(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(e.stderr, "%d texts as fast as they are taken, to the reply at the carrier…\n", p.messages)
	began := time.Now()
	refused = h.flood(ctx, p.messages)
	b.Refused += refused
	missing, err := h.await(ctx, before+p.messages-refused)
	if err != nil {
		return nil, err
	}
	h.took, b.Missing = time.Since(began), missing
	b.PerS = float64(p.messages-refused-missing) / h.took.Seconds()
	return b, h.settle(ctx)
}
