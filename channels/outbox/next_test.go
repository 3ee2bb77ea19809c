package outbox_test

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/molt"
)

const start = molt.Time(1_800_000_000_000)

func TestNext(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name     string
		o        outbox.Outcome
		do       outbox.Do
		from, to time.Duration // Due lies here, after Now
		reason   outbox.Reason
	}{
		{"a page unknown is checked", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 4 * s, 4 * s, outbox.ReasonCheck},
		{"and checked again, since lists lag", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Checks: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 4 * s, 4 * s, outbox.ReasonCheck},
		{"and sent once more", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Checks: 2, Kind: channels.FaultUnknown}, outbox.DoRetry, 2 * s, 2 * s, outbox.ReasonResend},
		{"its second attempt unknown is checked as well", outbox.Outcome{Class: channels.ClassPage, Attempt: 2, Kind: channels.FaultUnknown}, outbox.DoCheck, 4 * s, 4 * s, outbox.ReasonCheck},
		{"twice", outbox.Outcome{Class: channels.ClassPage, Attempt: 2, Checks: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 4 * s, 4 * s, outbox.ReasonCheck},
		{"and then takes the next route", outbox.Outcome{Class: channels.ClassPage, Attempt: 2, Checks: 2, Kind: channels.FaultUnknown}, outbox.DoGiveUp, 0, 0, outbox.ReasonUnknownTwice},
		{"a safety text likewise", outbox.Outcome{Class: channels.ClassSafety, Attempt: 1, Checks: 2, Kind: channels.FaultUnknown}, outbox.DoRetry, 2 * s, 2 * s, outbox.ReasonResend},
		{"unknown after another fault is the first unknown", outbox.Outcome{Class: channels.ClassSafety, Attempt: 2, Times: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 4 * s, 4 * s, outbox.ReasonCheck},
		{"an answer unknown is checked", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 10 * s, 10 * s, outbox.ReasonCheck},
		{"and checked again", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Checks: 1, Kind: channels.FaultUnknown}, outbox.DoCheck, 60 * s, 60 * s, outbox.ReasonCheck},
		{"and never sent again", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Checks: 2, Kind: channels.FaultUnknown}, outbox.DoGiveUp, 0, 0, outbox.ReasonUnknownStaff},
		{"nor is a nurse's text", outbox.Outcome{Class: channels.ClassNurse, Attempt: 1, Checks: 2, Kind: channels.FaultUnknown}, outbox.DoGiveUp, 0, 0, outbox.ReasonUnknownStaff},

		{"rate waits as asked and a little more", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultRate, RetryAfter: 40 * s}, outbox.DoRetry, 40 * s, 50 * s, outbox.ReasonRate},
		{"rate waits without being asked", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultRate}, outbox.DoRetry, 2 * s, 2500 * time.Millisecond, outbox.ReasonRate},
		{"longer each time", outbox.Outcome{Class: channels.ClassAgent, Attempt: 4, Kind: channels.FaultRate}, outbox.DoRetry, 16 * s, 20 * s, outbox.ReasonRate},
		{"up to a minute", outbox.Outcome{Class: channels.ClassAgent, Attempt: 7, Kind: channels.FaultRate}, outbox.DoRetry, 60 * s, 75 * s, outbox.ReasonRate},
		{"not for ever", outbox.Outcome{Class: channels.ClassAgent, Attempt: outbox.MaxAttempts, Kind: channels.FaultRate}, outbox.DoGiveUp, 0, 0, outbox.ReasonTooOften},
		{"a safety text waits a little", outbox.Outcome{Class: channels.ClassSafety, Attempt: 1, Kind: channels.FaultRate, RetryAfter: 20 * s}, outbox.DoRetry, 20 * s, 25 * s, outbox.ReasonRate},
		{"but not long", outbox.Outcome{Class: channels.ClassSafety, Attempt: 1, Kind: channels.FaultRate, RetryAfter: 31 * s}, outbox.DoGiveUp, 0, 0, outbox.ReasonSooner},
		{"nor often", outbox.Outcome{Class: channels.ClassSafety, Attempt: outbox.MaxUrgentAttempts, Kind: channels.FaultTransient}, outbox.DoGiveUp, 0, 0, outbox.ReasonTooOften},
		{"an answer that waited too long is stale", outbox.Outcome{Class: channels.ClassAgent, Attempt: 2, Kind: channels.FaultRate, RetryAfter: time.Hour}, outbox.DoGiveUp, 0, 0, outbox.ReasonTooOld},

		{"transient, urgent", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Kind: channels.FaultTransient}, outbox.DoRetry, s, 1250 * time.Millisecond, outbox.ReasonTransient},
		{"transient, routine", outbox.Outcome{Class: channels.ClassNurse, Attempt: 2, Kind: channels.FaultTransient}, outbox.DoRetry, 10 * s, 12500 * time.Millisecond, outbox.ReasonTransient},

		{"unreachable, once more", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultUnreachable}, outbox.DoRetry, 120 * s, 150 * s, outbox.ReasonUnreachable},
		{"unreachable, urgent", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Kind: channels.FaultUnreachable}, outbox.DoRetry, 60 * s, 75 * s, outbox.ReasonUnreachable},
		{"unreachable twice", outbox.Outcome{Class: channels.ClassAgent, Attempt: 2, Kind: channels.FaultUnreachable}, outbox.DoGiveUp, 0, 0, outbox.ReasonStillAway},

		{"filtered words never leave again", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultFiltered}, outbox.DoGiveUp, 0, 0, outbox.ReasonFiltered},
		{"not even a page", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Kind: channels.FaultFiltered}, outbox.DoGiveUp, 0, 0, outbox.ReasonFiltered},

		{"opted out", outbox.Outcome{Class: channels.ClassSafety, Attempt: 1, Kind: channels.FaultOptedOut}, outbox.DoGiveUp, 0, 0, outbox.ReasonOptedOut},
		{"recipient", outbox.Outcome{Class: channels.ClassSafety, Attempt: 1, Kind: channels.FaultRecipient}, outbox.DoGiveUp, 0, 0, outbox.ReasonRecipient},
		{"too long", outbox.Outcome{Class: channels.ClassNurse, Attempt: 1, Kind: channels.FaultTooLong}, outbox.DoGiveUp, 0, 0, outbox.ReasonTooLong},
		{"configuration", outbox.Outcome{Class: channels.ClassPage, Attempt: 1, Kind: channels.FaultConfiguration}, outbox.DoGiveUp, 0, 0, outbox.ReasonConfiguration},
		{"window", outbox.Outcome{Class: channels.ClassNurse, Attempt: 1, Kind: channels.FaultWindow}, outbox.DoGiveUp, 0, 0, outbox.ReasonWindow},
		{"rejected", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: channels.FaultRejected}, outbox.DoGiveUp, 0, 0, outbox.ReasonRejected},
		{"a kind of a later version", outbox.Outcome{Class: channels.ClassAgent, Attempt: 1, Kind: "moonphase"}, outbox.DoGiveUp, 0, 0, outbox.ReasonRejected},
	} {
		c.o.Item, c.o.First, c.o.Now = "item", start, start
		p := outbox.Next(c.o)
		after := p.Due.Sub(start)
		if p.Do != c.do || p.Reason != c.reason || after < c.from || after > c.to {
			t.Errorf("%s: Next(%+v) = %s after %s (%s); want %s after %s to %s (%s)", c.name, c.o, p.Do, after, p.Reason, c.do, c.from, c.to, c.reason)
		}
	}
}

func TestJitterDiffersByItemOnly(t *testing.T) {
	dues := map[molt.Time]bool{}
	for _, item := range []molt.ItemID{"a", "b", "c", "d", "e", "f"} {
		o := outbox.Outcome{Class: channels.ClassAgent, Item: item, Attempt: 1, Kind: channels.FaultRate, RetryAfter: 40 * time.Second, First: start, Now: start}
		first, again := outbox.Next(o), outbox.Next(o)
		if first != again {
			t.Errorf("Next(%+v) = %+v, then %+v", o, first, again)
		}
		dues[first.Due] = true
	}
	if len(dues) < 4 {
		t.Errorf("six items are due at %d moments, want them spread", len(dues))
	}
}

// A text ends, whatever happens to it, and a routine one is never attempted
// again after an unknown outcome.
func FuzzNext(f *testing.F) {
	kinds := []channels.FaultKind{
		channels.FaultUnknown, channels.FaultRate, channels.FaultTransient, channels.FaultUnreachable, channels.FaultFiltered,
		channels.FaultOptedOut, channels.FaultRecipient, channels.FaultTooLong, channels.FaultConfiguration, channels.FaultWindow, channels.FaultRejected,
	}
	classes := []channels.Class{channels.ClassSafety, channels.ClassPage, channels.ClassNurse, channels.ClassAgent}
	f.Add(uint8(0), []byte{0, 0, 0, 1, 2, 3}, int64(40))
	f.Add(uint8(3), []byte{1, 1, 1, 1, 1, 1, 1, 1, 1}, int64(-9))
	f.Fuzz(func(t *testing.T, class uint8, faults []byte, after int64) {
		o := outbox.Outcome{Class: classes[int(class)%len(classes)], Item: "i", First: start, Now: start, RetryAfter: time.Duration(after) * time.Millisecond}
		times := map[channels.FaultKind]int{}
		steps := 0
		for _, b := range append(faults, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) {
			o.Kind = kinds[int(b)%len(kinds)]
			o.Attempt++
			times[o.Kind]++
			o.Times, o.Checks = times[o.Kind], 0
			p := outbox.Next(o)
			for p.Do == outbox.DoCheck {
				o.Now, o.Checks = p.Due, o.Checks+1
				if p = outbox.Next(o); o.Checks > outbox.MaxChecks {
					t.Fatalf("%d checks of one attempt: %+v", o.Checks, o)
				}
			}
			if p.Due < o.Now || p.Reason == "" {
				t.Fatalf("Next(%+v) = %+v, due before now or without a reason", o, p)
			}
			if p.Do == outbox.DoGiveUp {
				return
			}
			if o.Kind == channels.FaultUnknown && o.Class != channels.ClassSafety && o.Class != channels.ClassPage {
				t.Fatalf("Next(%+v) = %+v: a routine text of unknown outcome leaves again", o, p)
			}
			o.Now = p.Due
			if steps++; steps > outbox.MaxAttempts {
				t.Fatalf("attempted %d times", steps)
			}
		}
		t.Fatalf("never given up after %d faults", len(faults)+10)
	})
}
