package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// measure runs the first three parts.
func (h *benchHouse) measure(ctx context.Context, p *benchPlan, e env, b *benched) error {
	total := p.rate * p.seconds
	fmt.Fprintf(e.stderr, "%d texts at %d/s, a conversation each…\n", total, p.rate)
	took, refused := h.atRate(ctx, p.rate, total, func(int) molt.Address { return h.stranger() })
	b.Fresh, b.Refused = spreadOf(took), refused
	fmt.Fprintf(e.stderr, "%d texts at %d/s, 64 conversations…\n", total, p.rate)
	hot := make([]molt.Address, 64)
	for i := range hot {
		hot[i] = h.stranger()
	}
	took, refused = h.atRate(ctx, p.rate, total, func(i int) molt.Address { return hot[i%len(hot)] })
	b.Hot = spreadOf(took)
	b.Refused += refused
	fmt.Fprintf(e.stderr, "%d texts as fast as they are taken, to the reply at the carrier…\n", p.messages)
	var err error
	if b.Small, err = h.burst(ctx, p.messages, b); err != nil {
		return err
	}
	for more := p.conversations - int(h.callers.Load()); more > 0; more -= benchGrowth {
		fmt.Fprintf(e.stderr, "growing, %d conversations to go…\n", more)
		if _, err := h.burst(ctx, min(more, benchGrowth), b); err != nil {
			return err
		}
	}
	fmt.Fprintf(e.stderr, "%d texts again…\n", p.messages)
	b.Grown, err = h.burst(ctx, p.messages, b)
	return err
}

// burst sends texts of strangers as fast as they are taken and waits for the replies.
func (h *benchHouse) burst(ctx context.Context, texts int, b *benched) (burst, error) {
	if err := h.settle(ctx); err != nil {
		return burst{}, err
	}
	before, err := h.replies(ctx)
	if err != nil {
		return burst{}, err
	}
	out := burst{Conversations: int(h.callers.Load())}
	began, cpu := time.Now(), cpuTime()
	refused := h.strangers(ctx, texts)
	missing, err := h.await(ctx, before+texts-refused)
	if err != nil {
		return burst{}, err
	}
	b.Refused += refused
	b.Missing += missing
	out.PerS = float64(texts-refused-missing) / time.Since(began).Seconds()
	if err := h.settle(ctx); err != nil { // the carrier's reports cost too
		return burst{}, err
	}
	out.CPU = float64((cpuTime() - cpu).Microseconds()) / 1000 / float64(texts)
	return out, nil
}

// floods measures the others alone, and beside one number that floods.
func (h *benchHouse) floods(ctx context.Context, p *benchPlan, e env, b *benched) error {
	fmt.Fprintf(e.stderr, "%d/s from others, alone and beside one number that floods…\n", b.Others)
	total := b.Others * p.seconds
	took, refused := h.atRate(ctx, b.Others, total, func(int) molt.Address { return h.stranger() })
	b.Calm = spreadOf(took)
	b.Refused += refused
	if err := h.settle(ctx); err != nil {
		return err
	}
	flooding, end := context.WithCancel(ctx)
	sent := make(chan int, 1)
	began := time.Now()
	go func() { sent <- h.oneNumber(flooding) }() // ends with flooding
	took, refused = h.atRate(ctx, b.Others, total, func(int) molt.Address { return h.stranger() })
	end()
	b.Flood = int(float64(<-sent) / time.Since(began).Seconds())
	b.Flooded = spreadOf(took)
	b.Refused += refused
	return h.settle(ctx)
}
