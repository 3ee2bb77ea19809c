package boltstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// typical is what a message of a patient makes: three events of 300 bytes, an
// item, two marks and a snapshot of 2 KB.
func typical(c molt.ConversationID, seq uint64, n int64) molt.Batch {
	b := molt.Batch{
		Conversation: c, Expect: molt.Expect{Seq: seq}, Snapshot: make([]byte, 2048), SnapshotKey: "k_abcdefghijklmnop",
		Put: []molt.Item{{ID: molt.ItemID(fmt.Sprintf("i_%026d", n)), Conversation: c, Lane: "agent", Due: molt.Time(n), Body: make([]byte, 300)}},
	}
	for i := range 3 {
		b.Events = append(b.Events, molt.Event{At: molt.Time(n), Kind: "inbound", Key: "k_abcdefghijklmnop", Body: make([]byte, 300)})
		if i < 2 {
			id := molt.MarkID(fmt.Sprintf("seen:%032d", n*2+int64(i)))
			b.Marks = append(b.Marks, molt.Mark{ID: id})
			b.Expect.Unseen = append(b.Expect.Unseen, id)
		}
	}
	return b
}

// BenchmarkCommit reports commits a second, their times, and the ratio to the
// ceiling: how many commits one pair of fdatasync carries, measured on a bare
// file in the same run.
func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, Options{})
			var n atomic.Int64
			times := make([][]time.Duration, callers)
			var wg sync.WaitGroup
			before := transactions(b, s)
			b.ResetTimer()
			for i := range callers {
				wg.Go(func() {
					c := molt.ConversationID(fmt.Sprintf("c_%020d", i))
					for seq := uint64(0); ; seq += 3 {
						k := n.Add(1)
						if k > int64(b.N) {
							return
						}
						begun := time.Now()
						if _, err := s.Commit(context.Background(), typical(c, seq, k)); err != nil {
							b.Error(err)
							return
						}
						times[i] = append(times[i], time.Since(begun))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			perSecond := float64(b.N) / b.Elapsed().Seconds()
			all := slices.Concat(times...)
			slices.Sort(all)
			b.ReportMetric(perSecond, "commits/s")
			b.ReportMetric(float64(b.N)/float64(transactions(b, s)-before), "commits/group")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(perSecond*syncPair(b).Seconds(), "commits/syncpair")
		})
	}
}

// syncPair is the median time of two writes with a sync after each, which is
// the least that one bbolt transaction can take.
func syncPair(b *testing.B) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var times []time.Duration
	for i := range 100 {
		begun := time.Now()
		for range 2 {
			if _, err := f.WriteAt(make([]byte, 4096), int64(i%8)*4096); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// filled is a store with many items, one in ten thousand of them due by time 0,
// in lanes of ten.
func filled(b *testing.B, items int) *Store {
	b.Helper()
	s := open(b, Options{})
	for i := 0; i < items; i += molt.MaxBatchItems {
		var batch molt.Batch
		for j := i; j < min(i+molt.MaxBatchItems, items); j++ {
			due := molt.Time(1 + j)
			if j%10_000 == 0 {
				due = 0
			}
			batch.Put = append(batch.Put, molt.Item{ID: molt.ItemID(fmt.Sprintf("i_%026d", j)), Conversation: molt.ConversationID(fmt.Sprintf("c_%020d", j/10)), Lane: "agent", Due: due, Body: make([]byte, 300)})
		}
		commit(b, s, batch)
	}
	return s
}

func BenchmarkClaim(b *testing.B) {
	s := filled(b, 200_000)
	now := molt.Time(0)
	for b.Loop() {
		now += 10 // the leases of before end, the same items are due again
		if c, err := s.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{"safety", "agent"}, Now: now, Until: now + 10, Limit: 8}); err != nil || len(c.Items) == 0 {
			b.Fatal(len(c.Items), err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := filled(b, 500_000)
	path := s.db.Path()
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		s = open(b, Options{Path: path})
	}
	if info, err := os.Stat(path); err == nil {
		b.ReportMetric(float64(info.Size())/(1<<20), "MB")
	}
}

func BenchmarkLoad(b *testing.B) {
	s := open(b, Options{})
	for i := range uint64(50) {
		commit(b, s, typical("c", i*3, int64(i)))
	}
	for b.Loop() {
		if _, err := s.Load(context.Background(), "c", 20); err != nil {
			b.Fatal(err)
		}
	}
}
