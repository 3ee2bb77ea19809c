package molt

// Limits of one batch. A store refuses more as RefusedSize.
const (
	MaxBatchEvents = 512
	MaxBatchItems  = 256
	MaxBatchMarks  = 1024
	MaxBodyBytes   = 1 << 20 // one event's, item's, snapshot's or mark's body
	MaxIDBytes     = 256
)

// Batch is everything one step changes, as a value: it can be logged, hashed,
// fuzzed, dropped or doubled. It touches ONE journal (or none), and any global
// marks and items. A store takes all of it or nothing.
//
// Within a batch the order is: every expectation is checked against the store
// as it stood before; then events, snapshot, keys and shedding; then Done and
// Cancel; then Retry; then Put; then marks.
type Batch struct {
	Conversation ConversationID // "" when the batch touches no journal
	Expect       Expect
	Events       []Event // Kind, At, Key, Body are read; Seq, Sum and Hash are given by the store
	Epoch        uint64  // the journal's epoch from now on; 0 leaves it, a smaller one is refused
	Snapshot     []byte  // folded state after the last event; nil leaves the old one
	SnapshotKey  KeyID
	Keys         []WrappedKey
	Marks        []Mark
	Shed         []uint64 // sequence numbers whose bodies go
	Put          []Item   // an id that is already there is left as it was: doing twice is one doing
	Done         []ItemID
	Retry        []Retry
	Cancel       []ItemID // like Done for what never happened; absent ids are no fault
}

// Expect is what must hold for a batch to be taken.
type Expect struct {
	// Seq is the journal's last sequence number, 0 for an empty journal.
	// With AnySeq it is not looked at, and the batch may hold no snapshot.
	Seq    uint64
	AnySeq bool
	// Epoch, when not nil, is the journal's epoch.
	Epoch *uint64
	// Unseen marks must be absent.
	Unseen []MarkID
	// Leases must be held: granted, not ended at Now, item neither done nor cancelled.
	Leases []Lease
	// Now is the step's time, against which leases are judged.
	Now Time
}

// Retry puts an item back: the lease ends, the item is due again.
type Retry struct {
	Item ItemID
	Due  Time
}

// Committed is what a store answers to a batch it took.
type Committed struct {
	Head Head // of the batch's journal; zero when it touched none
}
