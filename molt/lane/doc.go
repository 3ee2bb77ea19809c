// Package lane hands due items to workers. It owns the claiming, the waiting and
// the bound on how much runs at once; it knows no domain: what an item means,
// and whether it succeeded, is between Do and the store.
//
// It must never claim more than there are free workers, never poll, and never
// end an item: that is a commit's, under the item's lease.
//
// The states of an item, as the lane sees them:
//
//	           due, head of its lane,            Do returns; its commit
//	           a worker is free                  said Done or Retry
//	waiting ─────────────────────────► leased ──────────────────────────► gone, or waiting
//	   ▲                                  │
//	   └──────────────────────────────────┘
//	        the lease runs out: Do panicked, hung, or committed nothing
//
// The states of the loop in Run:
//
//	            claimed up to all free workers
//	claiming ──────────────────────────────────► all busy ─── a worker ends ──► claiming
//	   │  ▲
//	   │  └── kick, a worker ends, or the timer for the next due moment
//	   ▼
//	sleeping ─── the context ends ──► waiting for what was started ──► ended
//
// A kick is a note that something was committed; one that comes while the loop
// is busy is kept, so none is lost. Without a kick the loop sleeps until the
// moment the store named: the next due head or the end of the earliest lease.
package lane
