// Package audit is the read side of the record: it verifies journals, decides
// recorded decisions once more, and writes a conversation out so that a person
// or a program can judge it.
//
//	molt.Store ──► walk: chain, digests, seals ──► fold ──► Verify: is it whole?
//	                                                 ├────► Replay: would it decide the same?
//	                                                 └────► Export: what happened, how each text ended
//
// It starts every time from event 1 and believes nothing that is derived: the
// snapshot is compared with the fold of the events, never used in its place.
//
// It must never write. Its faults name conversation, event and cause, and hold
// nobody's words or number. Whether a person may read is decided, and recorded,
// by who asks it.
package audit
