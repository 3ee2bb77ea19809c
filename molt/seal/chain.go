package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

// Sum is the digest of a body as the journal keeps it after the body is gone.
func Sum(body []byte) molt.Hash { return sha256.Sum256(body) }

// Link is the chain's value after event e of a conversation, given its value
// before: SHA-256(prev ‖ header ‖ e.Sum). It reads Seq, At, Kind, Key and Sum
// of e; not the body, which Sum stands for. A journal starts from the zero Hash.
func Link(prev molt.Hash, conversation molt.ConversationID, e molt.Event) molt.Hash {
	buf := make([]byte, 0, 256)
	buf = append(buf, prev[:]...)
	buf = appendHeader(buf, conversation, e)
	buf = append(buf, e.Sum[:]...)
	return sha256.Sum256(buf)
}

// appendHeader writes what the chain binds beside the body: every text with its
// length before it and every number in eight bytes, so that no two headers are
// written alike.
func appendHeader(buf []byte, conversation molt.ConversationID, e molt.Event) []byte {
	buf = appendText(buf, string(conversation))
	buf = binary.BigEndian.AppendUint64(buf, e.Seq)
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.At))
	buf = appendText(buf, e.Kind)
	return appendText(buf, string(e.Key))
}

func appendText(buf []byte, s string) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
	return append(buf, s...)
}

// ChainError says where a journal does not verify. It wraps molt.ErrCorrupt.
type ChainError struct {
	Conversation molt.ConversationID
	Seq          uint64 // the first event that does not verify
	Cause        string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("conversation %s, event %d: %s", e.Conversation, e.Seq, e.Cause)
}

// Unwrap makes errors.Is(err, molt.ErrCorrupt) hold.
func (e *ChainError) Unwrap() error { return molt.ErrCorrupt }

// VerifyChain checks that events follow each other from sequence number `from`
// without a gap, that each body that is still there has the digest recorded for
// it, and that the chain runs from prev through all of them. It returns nil or
// a *ChainError for the first fault.
func VerifyChain(prev molt.Hash, from uint64, conversation molt.ConversationID, events []molt.Event) error {
	var before molt.Time
	for i, e := range events {
		want := from + uint64(i)
		fault := func(cause string) error {
			return &ChainError{Conversation: conversation, Seq: want, Cause: cause}
		}
		switch {
		case e.Seq != want:
			return fault(fmt.Sprintf("sequence number %d stands in its place", e.Seq))
		case i > 0 && e.At < before:
			return fault("it is earlier than the event before it")
		case e.Body != nil && Sum(e.Body) != e.Sum:
			return fault("the body does not have the digest recorded for it")
		case Link(prev, conversation, e) != e.Hash:
			return fault("the hash does not follow from the event before it")
		}
		prev, before = e.Hash, e.At
	}
	return nil
}
