package molt

import "context"

// Store keeps journals, items and marks. It is the only durable thing in the
// house. Every implementation passes molt/storetest.
//
// All methods may be called from many goroutines. Times come from the caller.
type Store interface {
	// Claim leases due items to a worker: of each lane only the head, earliest
	// due first within a class, classes in the order asked.
	Claim(ctx context.Context, c Claim) (Claimed, error)

	// Load returns what is needed to go on with a journal. An unknown
	// conversation is an empty Loaded, not an error.
	Load(ctx context.Context, id ConversationID, recent int) (Loaded, error)

	// Commit takes the batch whole, durably, or refuses it whole.
	// A *Refused error means nothing was written. ErrUnknown means the caller
	// stopped waiting and cannot know. Any other error means the store is
	// broken and takes nothing more.
	Commit(ctx context.Context, b Batch) (Committed, error)

	// Scan reads in pages, each a consistent copy. It holds nothing open
	// between calls.
	Scan(ctx context.Context, q Query) (Page, error)

	// Close ends the store after the commits under way. It may be called twice.
	Close() error
}

// Claim asks for work.
type Claim struct {
	Classes []Lane // lane classes, most urgent first
	Now     Time
	Until   Time // when the leases end
	Limit   int  // at most this many; at least 1
}

// Claimed is the answer to Claim.
type Claimed struct {
	Items []Leased
	// Next is the earliest due time among the asked classes' unleased lane
	// heads that were not handed out, or the end of the earliest lease if that
	// is sooner; 0 when there is none. A worker sleeps until then or a kick.
	Next Time
}

// Loaded is a journal as Load returns it.
type Loaded struct {
	Head     Head
	Snapshot Snapshot // zero when there is none
	Tail     []Event  // the events after the snapshot, all of them
	Recent   []Event  // the last `recent` events up to the snapshot's Seq, oldest first
	Keys     []WrappedKey
}

// Table says what a Query reads.
type Table string

// The tables.
const (
	TableConversations Table = "conversations"
	TableEvents        Table = "events"
	TableItems         Table = "items"
	TableMarks         Table = "marks"
	TableKeys          Table = "keys"
)

// MaxPage is the most records one Scan returns.
const MaxPage = 1000

// Query asks for one page in ascending order of its table's key.
type Query struct {
	Table        Table
	Conversation ConversationID // events, keys: required; items: optional filter; else ignored
	Prefix       string         // marks: ids starting so
	After        string         // the cursor of the page before; "" starts
	Limit        int            // 1..MaxPage
}

// Page is one answer to Scan. Only the field of the asked table is filled.
type Page struct {
	Conversations []ConversationHead
	Events        []Event
	Items         []Item
	Marks         []Mark
	Keys          []WrappedKey
	Next          string // the cursor to go on with; "" at the end
}

// ConversationHead is a row of TableConversations.
type ConversationHead struct {
	ID   ConversationID
	Head Head
}
