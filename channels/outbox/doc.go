// Package outbox is the way out: one attempt at a time through a channel's
// adapter, within the sender's budget, and the decision what follows from what
// became of it.
//
// It owns the retry schedule (Next, pure), the sender's budget (Meter, pure, and
// Budget, which waits) and the guard around an adapter (Outbox). It must never
// store, never retry by itself and never decide whether a text may leave: its
// caller commits the attempt before it calls Send, and commits what Next plans
// before it acts on it.
//
// The states of a text, as Next moves it:
//
//	            ┌──────────────── retry ◄──────────────────────────────┐
//	            ▼                                                      │
//	due ──► attempted ──► sent (a receipt; statuses follow)            │
//	            │                                                      │
//	            ├── rate, transient ── later, with jitter ─────────────┤
//	            ├── unreachable ────── once more, minutes later ───────┤
//	            │                                                      │
//	            ├── unknown ──► check ──► check ──► found: sent        │
//	            │               (lists lag, hence two)                 │
//	            │                        └── not found:                │
//	            │                              safety, page: once more ┘ (looked for again; then give_up)
//	            │                              nurse, agent: give_up, staff decide
//	            │
//	            └── filtered, opted_out, recipient, too_long, configuration, window,
//	                rejected, too often, too old ──► give_up: another route or a person
//
// A give_up is not silence: its Reason says what the caller owes the patient or
// the nurse instead.
package outbox
