// Package escalation decides who is asked, when, and what happens if nobody
// answers. It owns the case: its states, its deadlines, who holds it, and whom
// to page on which route.
//
// It is pure. Next takes a case, the plan of the moment, one event and the time
// of the step, and returns the case as it stands then and the actions that
// follow. It never reads a clock, rolls dice, waits, writes or sends; whoever
// calls it commits the case and the actions together and acts afterwards. It
// never sees a patient's words and never writes any: texts, codes and handoffs
// are the caller's.
//
// # The states
//
//	            open ── S4, and S3 that just came or came at night ──► listed
//	             │                                                      │
//	             │ S1, S2: who is on call now on step 1                 │ S3: the opening, or half an hour
//	             ▼                                                      ▼ unacked in hours
//	┌──────► notified(k) ◄──────────────────────────────────────────────┘
//	│        │   │  deadline → k+1; empty or dead step → k+1 at once
//	│        │   └─ the last round of the chain ──► exhausted   never silent: S1, S2 all hands in a beat
//	│        │                                         │        without limit; S3 the next opening
//	│        ▼ take                                    │
//	├──── claimed ◄──────────── take ──────────────────┘ (and from listed)
//	│        │    no contact in time, pass, transfer that reaches nobody → up and round again
//	│        ▼ contact
//	├───── active      idle → paged again, twice → up and round again; transfer → claimed
//	│        │
//	│        ▼ resolve
//	└───── resolved    red flag, wish for a person → open again; the nurse's own text → active;
//	         │         a picture, a silence, a fault → a case of its own
//	         ▼ cool-down over
//	       closed      danger here asks for a new case
//
// A case that nobody holds and that is S4 or outside hours goes back to listed
// where the drawing says notified.
//
// # What holds in every state
//
//   - One timer stands, at Case.Due, until the case is closed.
//   - An S1 or S2 that nobody holds asks somebody at every tick, as long as there
//     is anybody who can be reached; if there is nobody the admin hears it and
//     the patient is promised nothing.
//   - A case beside another of the same anonymous source asks one turn of people
//     a period, an S1 in the time of a step, an S2 every ten minutes: who has the
//     other, each step in order, all hands, and round again. It stays notified,
//     and rings as any does once the other is over, once it is worse than that,
//     or when nobody can be asked.
//   - Severity is one-way. Only a named human lowers it, by lowering or by
//     calling the case a false alarm.
//   - Only the claimant ends a case.
//   - The claim is a compare-and-set. Of two takes one wins, whatever versions
//     they carry. A take with an old version is good while nobody has the case,
//     unless it may be a copy of one the same person used up: a nurse whose
//     code is old because the chain went on is still a nurse who answered.
//     Resolving compares the version exactly.
//   - The chain is frozen into the case by the names of its steps. Who is on call
//     on a step, and on which routes, is looked up in the plan when a page is
//     made. Of each person only the last page is kept.
//   - Each asking of a person starts on the route after the one tried last, so
//     that whoever sleeps through a text is called next time.
package escalation
