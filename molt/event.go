package molt

// Hash is a SHA-256 digest.
type Hash [32]byte

// Event is one entry of a journal as a store holds it. The store gives Seq and
// Hash at commit; the rest is the writer's.
type Event struct {
	Seq  uint64 // 1 for the first event of a journal, then +1 each
	At   Time   // when it happened; never less than the event before it
	Kind string // what happened; the body's shape follows from it
	Key  KeyID  // the data key that sealed Body; "" when Body is not sealed
	Body []byte // opaque; nil once shed
	Sum  Hash   // SHA-256 of Body; survives shedding, so the chain still verifies
	Hash Hash   // the chain: see molt/seal.Link
}

// Snapshot is a folded state as of its Seq. It is written with the batch that
// made the state, so that loading costs the same for a long journal.
type Snapshot struct {
	Seq  uint64
	Hash Hash // the chain's value at Seq, from which later events verify
	Key  KeyID
	Body []byte
}

// Head is where a journal stands. The zero Head is an empty journal.
type Head struct {
	Seq   uint64
	At    Time
	Hash  Hash
	Epoch uint64
}

// WrappedKey is a data key as the store holds it: encrypted under the tenant
// key, useless alone.
type WrappedKey struct {
	ID           KeyID
	Conversation ConversationID
	Period       string // the month it serves, "2026-11"
	Wrapped      []byte
}

// Mark is a global fact with a name: a provider id that was seen, a short code
// that is taken, a watermark. A batch puts or drops it whatever journal it
// touches.
type Mark struct {
	ID    MarkID
	Value []byte
	Drop  bool // remove it instead; dropping what is absent is no fault
	Torn  bool // as read: it is there, and its value is not what was written, so that it has none
}

// Item is durable work that is due. It waits in its lane until a worker claims
// it, and leaves by Done or Cancel of some batch.
type Item struct {
	ID           ItemID
	Conversation ConversationID
	Lane         Lane
	Due          Time
	Epoch        uint64 // the conversation's epoch when it was put
	Key          KeyID
	Body         []byte // opaque
	Order        uint64 // given by the store: rising with each Put
	Torn         bool   // as read: it is there, and is not what was written, so that it has no body, and no id where that cannot be read
}

// Lease is the right to act on one item until it ends. A store never grants two
// at a time for one item, nor one for an item behind another in its lane.
type Lease struct {
	Item  ItemID
	Token uint64 // fences: a later lease of the same item has a larger token
	Until Time
}

// Leased is an item in a worker's hands.
type Leased struct {
	Item
	Lease Lease
}
