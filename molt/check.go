package molt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Check says whether the batch is well formed by itself: within the limits and
// not at odds with itself. It returns nil or a *Refused of kind RefusedSize or
// RefusedForm. Every store refuses what Check refuses, before it looks at
// anything it holds, so that all stores refuse alike.
func (b *Batch) Check() error {
	c := &checker{}
	c.counts(b)
	c.journal(b)
	c.work(b)
	c.marks(b)
	if c.refused == nil {
		return nil
	}
	return c.refused
}

// Check says whether a store can answer the claim: a limit of at least 1 and
// leases that end after Now.
func (c Claim) Check() error {
	switch {
	case c.Limit < 1:
		return &Refused{Kind: RefusedForm, Why: fmt.Sprintf("claim: limit %d; at least 1", c.Limit)}
	case c.Until <= c.Now:
		return &Refused{Kind: RefusedForm, Why: "claim: the leases would end before they begin"}
	}
	return nil
}

// Check says whether a store can answer the query.
func (q Query) Check() error {
	form := func(format string, args ...any) error {
		return &Refused{Kind: RefusedForm, Why: "scan: " + fmt.Sprintf(format, args...)}
	}
	if q.Limit < 1 || q.Limit > MaxPage {
		return form("limit %d; 1 to MaxPage (%d)", q.Limit, MaxPage)
	}
	switch q.Table {
	case TableConversations, TableItems, TableMarks:
		return nil
	case TableEvents, TableKeys:
		if q.Conversation == "" {
			return form("table %s needs a conversation", q.Table)
		}
		return nil
	}
	return form("no table %q", q.Table)
}

// checker keeps the first fault it meets; later checks then do nothing.
type checker struct{ refused *Refused }

func (c *checker) refuse(kind RefusedKind, format string, args ...any) {
	if c.refused == nil {
		c.refused = &Refused{Kind: kind, Why: fmt.Sprintf(format, args...)}
	}
}

func (c *checker) form(ok bool, format string, args ...any) {
	if !ok {
		c.refuse(RefusedForm, format, args...)
	}
}

func (c *checker) atMost(what string, got, limit int, name string) {
	if got > limit {
		c.refuse(RefusedSize, "%d %s; at most %s (%d)", got, what, name, limit)
	}
}

func (c *checker) body(what string, body []byte) {
	c.atMost("bytes in "+what, len(body), MaxBodyBytes, "MaxBodyBytes")
}

// id checks what every store must be able to use inside a key or a text
// column: valid UTF-8 without a NUL byte.
func (c *checker) id(what, id string) {
	c.form(id != "", "%s is empty", what)
	c.text(what, id)
}

func (c *checker) text(what, id string) {
	c.atMost("bytes in "+what, len(id), MaxIDBytes, "MaxIDBytes")
	c.form(utf8.ValidString(id) && !strings.Contains(id, "\x00"), "%s is not UTF-8 without NUL", what)
}

func (c *checker) counts(b *Batch) {
	c.atMost("events", len(b.Events), MaxBatchEvents, "MaxBatchEvents")
	c.atMost("bodies to shed", len(b.Shed), MaxBatchEvents, "MaxBatchEvents")
	c.atMost("keys", len(b.Keys), MaxBatchEvents, "MaxBatchEvents")
	c.atMost("items put", len(b.Put), MaxBatchItems, "MaxBatchItems")
	c.atMost("items done", len(b.Done), MaxBatchItems, "MaxBatchItems")
	c.atMost("items retried", len(b.Retry), MaxBatchItems, "MaxBatchItems")
	c.atMost("items cancelled", len(b.Cancel), MaxBatchItems, "MaxBatchItems")
	c.atMost("leases expected", len(b.Expect.Leases), MaxBatchItems, "MaxBatchItems")
	c.atMost("marks", len(b.Marks), MaxBatchMarks, "MaxBatchMarks")
	c.atMost("marks expected unseen", len(b.Expect.Unseen), MaxBatchMarks, "MaxBatchMarks")
}

func (c *checker) journal(b *Batch) {
	c.text("conversation", string(b.Conversation))
	if b.Conversation == "" {
		touches := len(b.Events) > 0 || b.Epoch != 0 || b.Snapshot != nil || len(b.Keys) > 0 ||
			len(b.Shed) > 0 || b.Expect.Epoch != nil || (b.Expect.Seq != 0 && !b.Expect.AnySeq)
		c.form(!touches, "it speaks of a journal and names no conversation")
	}
	for i, e := range b.Events {
		c.id("an event's kind", e.Kind)
		c.text("an event's key", string(e.Key))
		c.body("an event's body", e.Body)
		c.form(i == 0 || e.At >= b.Events[i-1].At, "event %d is earlier than the one before it", i)
	}
	if b.Snapshot != nil {
		c.body("the snapshot", b.Snapshot)
		c.form(!b.Expect.AnySeq, "a snapshot with any sequence: nobody knows what state it is of")
		c.form(b.Expect.Seq > 0 || len(b.Events) > 0, "a snapshot of an empty journal")
	}
	c.text("the snapshot's key", string(b.SnapshotKey))
	for _, k := range b.Keys {
		c.id("a key's id", string(k.ID))
		c.text("a key's period", k.Period)
		c.body("a wrapped key", k.Wrapped)
		c.form(k.Conversation == b.Conversation, "a key of another conversation")
	}
}

func (c *checker) work(b *Batch) {
	for _, it := range b.Put {
		c.id("an item's id", string(it.ID))
		c.text("an item's conversation", string(it.Conversation))
		c.text("an item's lane", string(it.Lane))
		c.form(it.Lane.Class() != "", "an item's lane has no class")
		c.text("an item's key", string(it.Key))
		c.body("an item's body", it.Body)
	}
	ends := make(map[ItemID]bool, len(b.Done)+len(b.Retry))
	once := func(id ItemID) {
		c.form(!ends[id], "item %s is done or retried twice", id)
		ends[id] = true
	}
	for _, id := range b.Done {
		once(id)
	}
	for _, r := range b.Retry {
		once(r.Item)
	}
	c.form(len(b.Expect.Leases) == 0 || b.Expect.Now != 0, "leases expected, and no Now to judge them by")
}

func (c *checker) marks(b *Batch) {
	put := make(map[MarkID]bool, len(b.Marks))
	for _, m := range b.Marks {
		c.id("a mark's id", string(m.ID))
		c.body("a mark's value", m.Value)
		c.form(!put[m.ID], "mark %s is named twice", m.ID)
		put[m.ID] = true
	}
	// One mark expected unseen twice means that the writer records one thing
	// twice; calling it seen would make the writer drop both.
	unseen := make(map[MarkID]bool, len(b.Expect.Unseen))
	for _, id := range b.Expect.Unseen {
		c.form(!unseen[id], "mark %s is expected unseen twice", id)
		unseen[id] = true
	}
}
