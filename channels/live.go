package channels

import (
	"context"
	"net/http"

	"github.com/tidegate/tidegate/molt"
)

// Live is an adapter whose peers hold a connection to us. No carrier stands
// between: a text is published once its attempt is committed, and delivered when
// the peer says that it was shown. What was missed is read from the journal.
type Live interface {
	Adapter
	// Path is where on the public listener its doors are, as in "/chat/web/".
	Path() string
	// Open gives it the house and returns its doors. It is called once.
	Open(h House) http.Handler
	// Changed says that there is something new in a peer's conversation. It never
	// blocks.
	Changed(peer molt.Address)
	// Run serves what stays open until ctx ends, and returns when all has ended.
	Run(ctx context.Context) error
}

// Typist is a live channel that can show a peer that a person is writing to them.
type Typist interface {
	// Typing shows it, to whoever looks now. It never blocks.
	Typing(peer molt.Address)
}

// House is what a live channel may ask of the gateway.
type House interface {
	// Take takes a text in. It is committed when Take returns without an error,
	// at the position returned; 0: it was known before, or is not shown yet.
	Take(ctx context.Context, in Inbound) (Position, error)
	// TakeFile takes in a file, of at most MaxFileBytes, as an inbound of its own. It
	// lies sealed beside the database, and the inbound that names it is committed,
	// when TakeFile returns without an error. Called again it keeps nothing twice.
	TakeFile(ctx context.Context, in Inbound, body []byte) (Position, error)
	// Look reads what the peer may see after a position, oldest first, looking at
	// no more than a bounded part of the record; More asks to go on from Next.
	Look(ctx context.Context, account, peer molt.Address, after Position) (View, error)
	// Types says that the peer is writing. It is shown to who looks, and kept nowhere.
	Types(ctx context.Context, account, peer molt.Address)
	// Seen records that the peer was shown everything up to a position.
	Seen(ctx context.Context, account, peer molt.Address, upto Position) error
	// Hidden hears why visitors cannot be told apart by where they come from, as often
	// as one begins: it bounds what is said of it.
	Hidden(reason string)
	// Busy reports whether new peers are to be turned away for now, since there is
	// hardly room for those who are here.
	Busy() bool
	// Key is a secret of that channel and use, the same after each start.
	Key(use string) []byte
}

// Position orders what a peer may see: its own texts as they were committed and
// ours as they were published. It rises, and stays below 2^53, so that it is a
// whole number in a browser too.
type Position uint64

// View is a part of a conversation as its peer may see it.
type View struct {
	Shown []Shown
	Next  Position // looked through up to here
	More  bool
	Talk  Talk
}

// Shown is one message.
type Shown struct {
	At         Position
	Time       molt.Time
	Kind       ShownKind
	ProviderID string // of an own text
	Words      molt.Words
	Files      []string // of an own text: what its files are
}

// ShownKind says who speaks.
type ShownKind string

// The kinds.
const (
	ShownOwn    ShownKind = "own"
	ShownAgent  ShownKind = "agent"
	ShownPerson ShownKind = "nurse"  // a person's words
	ShownFixed  ShownKind = "fixed"  // the clinic's own fixed text
	ShownSafety ShownKind = "safety" // the same, about danger
)

// Talk is how a conversation stands, for its peer.
type Talk struct {
	Who      Speaker
	Typing   bool // an answer is being written
	CallBack bool // a number to call is known
}

// Speaker is who answers.
type Speaker string

// The speakers.
const (
	SpeakerAgent   Speaker = "agent"
	SpeakerWaiting Speaker = "waiting" // nobody yet: people were asked
	SpeakerPerson  Speaker = "nurse"
)
