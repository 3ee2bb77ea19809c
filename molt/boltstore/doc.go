// Package boltstore keeps journals, items and marks in one bbolt file. It owns
// that file, the lock on it, and the leases, which live in memory.
//
// It must never answer a commit before its bytes are on the disk, never let a
// refused batch leave a trace, and never try again after a write that did not
// succeed.
//
// One goroutine, the committer, owns all writing and all leases. Callers hand
// it requests through a bounded channel and wait:
//
//	callers ──► queue ──► committer: take every request that waits
//	                         │
//	                         ├─ begin one transaction
//	                         ├─ each batch: check it against the transaction as it stands;
//	                         │    refused ─► its answer is the refusal, nothing of it written
//	                         │    taken   ─► write it
//	                         │    faulted ─► roll back, begin again without it
//	                         ├─ commit: write, fdatasync, write meta page, fdatasync
//	                         ├─ claims: on the state just committed
//	                         └─ answer all
//
// While one group is being synced the next one gathers in the queue, so groups
// grow with the load and a lone caller waits for nobody: there is no timer.
// Answers, refusals among them, are given after the sync, since a refusal may
// rest on a batch of the same group.
//
// The states of a store:
//
//	        Open                        a write or fsync did not succeed
//	(file) ──────► open ───────────────────────────────────────────► broken
//	                │ Close: no new requests; what waits is served      │ Close
//	                ▼                                                   ▼
//	              closed ◄──────────────────────────────────────────────┘
//
// In broken every call answers molt.ErrBroken, reads as well, since the memory
// map may show what the disk does not have. The process reopens the file.
//
// # Layout
//
// Every key and value is written by codec.go. The buckets are
//
//	meta    schema, opens          the version of this layout; how often the file was opened
//	heads   conversation           seq, at, hash, epoch
//	events  conversation 0 seq     the event without its Seq
//	snaps   conversation           the snapshot
//	keys    conversation 0 key id  period, wrapped key
//	items   conversation 0 lane 0 order   a digest of both, and the item: a lane's items lie together in order
//	ids     item id                its key in items
//	due     class 0 due order      the key in items of a lane's head, and of no other item
//	marks   mark id                a digest of both, and the value
//
// Layout 2 has the buckets of 1. It says that journals may hold anchors, and that
// wrapped keys may be empty, which a build of 1 does not know: it would fold such a
// journal to another state, so it refuses the file. A file of 1 becomes one of 2
// when it is opened.
//
// Layout 3 has digests in the values of marks. Those that a build of 2 wrote have none
// and are read as they are; a build of 2 would read digests as values, so it refuses
// the file. A file of 2 becomes one of 3 when it is opened, and nothing is rewritten.
//
// Layout 4 has digests in the values of items, in the same way.
//
// Only lane heads are in due, so that a claim costs what it hands out and not
// what waits; when a head goes, its follower enters.
package boltstore
