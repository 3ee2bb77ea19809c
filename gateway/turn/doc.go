// Package turn is the pure core: the only place that answers "what now?".
//
// A conversation is a State folded from its journal. What happens arrives as
// facts; Apply folds a fact into the state, Decide answers facts with one
// decision, and the decision is folded like any other event:
//
//	facts ──► Apply ──► State ──► Decide ──► Decided{Reason, Effects} ──► Apply ──► State
//	                                              │
//	                                              └── effects become items, in the same commit
//
// A decision carries all it changes, so that folding an old journal never asks
// today's rules anything. Whether today's rules would decide the same is what
// replay compares.
//
// Who may speak:
//
//	          red flag, wish for a person, fault, watchdog
//	agent ─────────────────────────────────────────────────► hold
//	  ▲                                                        │ claim
//	  │ resolved, next owner agent                             ▼
//	  └───────────────────────────────────────────────────── human
//
// Every change of owner moves the epoch, cancels what the agent had not begun
// to send, and fences what it still says about the time before.
//
// The package reads no clock, draws no random bytes, opens nothing and logs
// nothing: time, entropy, rules and the words of earlier events are handed in.
package turn
