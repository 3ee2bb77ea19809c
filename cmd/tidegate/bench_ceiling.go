package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
)

// The ceiling's shape.
const (
	ceilingCallers = 256
	ceilingSeconds = 3
	sampled        = 200 // conversations whose snapshots are weighed
)

// commitSize is the gateway's usual commit.
type commitSize struct{ events, body, snapshot int }

// count reads from the store what the gateway committed. Every decision is one
// commit; a carrier's report is a commit of its own.
func count(ctx context.Context, dir string, b *benched) (commitSize, error) {
	store, err := boltstore.Open(boltstore.Options{Path: filepath.Join(dir, "data", storeFile)})
	if err != nil {
		return commitSize{}, err
	}
	defer store.Close()
	t := &tallied{store: store}
	if err := t.all(ctx); err != nil {
		return commitSize{}, err
	}
	if t.inbound == 0 || t.decided == 0 {
		return commitSize{}, errors.New("nothing was committed")
	}
	b.Commits, b.Reports = float64(t.decided-t.reports)/float64(t.inbound), float64(t.reports)/float64(t.inbound)
	size := commitSize{events: max(1, t.events/t.decided), body: t.bytes / t.events, snapshot: t.snapshots / max(1, t.weighed)}
	b.Bytes = size.events*size.body + size.snapshot
	b.CommitsS = b.Small.PerS * (b.Commits + b.Reports)
	return size, nil
}

// tallied counts what a store holds.
type tallied struct {
	store                                                        molt.Store
	events, bytes, decided, reports, inbound, weighed, snapshots int
}

func (t *tallied) all(ctx context.Context) error {
	q := molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage}
	for {
		p, err := t.store.Scan(ctx, q)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		for _, c := range p.Conversations {
			if err := t.journal(ctx, c.ID); err != nil {
				return err
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

func (t *tallied) journal(ctx context.Context, id molt.ConversationID) error {
	if t.weighed < sampled {
		l, err := t.store.Load(ctx, id, 0)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		t.weighed++
		t.snapshots += len(l.Snapshot.Body)
	}
	q := molt.Query{Table: molt.TableEvents, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := t.store.Scan(ctx, q)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		for _, e := range p.Events {
			t.events++
			t.bytes += len(e.Body)
			switch e.Kind {
			case turn.KindDecided:
				t.decided++
			case turn.KindStatus:
				t.reports++
			case turn.KindInbound:
				t.inbound++
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

// ceiling measures what the same disk does with bare commits of that size: one
// at a time at the rate of the first part, then from many callers.
func ceiling(ctx context.Context, dir string, p *benchPlan, size commitSize, b *benched) error {
	store, err := boltstore.Open(boltstore.Options{Path: filepath.Join(dir, "ceiling.db")})
	if err != nil {
		return err
	}
	defer store.Close()
	if b.Bare, err = bareAtRate(ctx, store, p, size); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var commits atomic.Int64
	errs := make([]error, ceilingCallers)
	timed, cancel := context.WithTimeout(ctx, ceilingSeconds*time.Second)
	defer cancel()
	began := time.Now()
	for i := range ceilingCallers {
		wg.Go(func() { // ends with timed
			for n := 0; timed.Err() == nil && errs[i] == nil; n++ {
				_, errs[i] = store.Commit(ctx, bareBatch(fmt.Sprintf("c_many%d_%d", i, n/8), uint64(n%8), size))
				commits.Add(1)
			}
		})
	}
	wg.Wait()
	b.Ceiling = float64(commits.Load()) / time.Since(began).Seconds()
	b.Share = b.CommitsS / b.Ceiling
	return errors.Join(errs...)
}

// bareBatch is a commit of the gateway's size: the n-th of a conversation.
func bareBatch(id string, n uint64, size commitSize) molt.Batch {
	b := molt.Batch{
		Conversation: molt.ConversationID(id), Expect: molt.Expect{Seq: n * uint64(size.events)}, Snapshot: make([]byte, size.snapshot),
		Put: []molt.Item{{ID: molt.ItemID(fmt.Sprintf("%s/%d", id, n)), Conversation: molt.ConversationID(id), Lane: molt.LaneAgent, Body: make([]byte, size.body)}},
	}
	if n > 0 {
		b.Cancel = []molt.ItemID{molt.ItemID(fmt.Sprintf("%s/%d", id, n-1))}
	}
	for range size.events {
		b.Events = append(b.Events, molt.Event{At: molt.Time(n + 1), Kind: "bench", Body: make([]byte, size.body)})
	}
	return b
}

func bareAtRate(ctx context.Context, store molt.Store, p *benchPlan, size commitSize) (spread, error) {
	var took []time.Duration
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	tick := time.NewTimer(0)
	defer tick.Stop()
	began, every := time.Now(), time.Second/time.Duration(p.rate)
	for i := range p.rate * min(p.seconds, ceilingSeconds) {
		due := began.Add(time.Duration(i) * every)
		tick.Reset(time.Until(due))
		select {
		case <-tick.C:
		case <-ctx.Done():
			wg.Wait()
			return spread{}, ctx.Err()
		}
		wg.Go(func() { // ends with its commit
			_, err := store.Commit(ctx, bareBatch(fmt.Sprintf("c_bare%d", i), 0, size))
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			took = append(took, time.Since(due))
		})
	}
	wg.Wait()
	return spreadOf(took), failed
}
