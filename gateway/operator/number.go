package operator

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/molt"
)

// Limits of finding a conversation by its number.
const (
	minDigits     = 4  // the least of a number's end: fewer fit too many people
	maxDigits     = 15 // ITU-T E.164
	maxCandidates = 20 // that an answer lists
)

// conversationOf reads a reference to a conversation: its id, the whole number
// of its other end, or the end of that number where only one has it. What it
// finds is not shown here: the look at it goes on record as any other.
func (p *Operator) conversationOf(ctx context.Context, ref string) (molt.ConversationID, error) {
	match, ok := byNumber(ref)
	if !ok {
		return molt.ConversationID(ref), nil
	}
	rows, more, err := p.o.Audit.ByPeer(ctx, match, maxCandidates)
	switch {
	case err != nil:
		return "", err
	case len(rows) == 0:
		return "", problem(http.StatusNotFound, "no conversation is with that number; tidegate conversations lists those there are")
	case len(rows) > 1:
		return "", problem(http.StatusConflict, p.candidates(rows, more))
	}
	return rows[0].Conversation, nil
}

// byNumber reads a number as people write it: +1 (555) 010-0199, or its last
// digits.
func byNumber(ref string) (match func(molt.Address) bool, ok bool) {
	rest, whole := strings.CutPrefix(ref, "+")
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(rest)
	if len(digits) < minDigits || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	if whole {
		return func(peer molt.Address) bool { return peer == molt.Address("+"+digits) }, true
	}
	return func(peer molt.Address) bool { return strings.HasSuffix(peer.Reveal(), digits) }, true
}

// candidates names the conversations that may be meant, and nobody.
func (p *Operator) candidates(rows []audit.Row, more bool) string {
	zone := p.o.Rules().Zone
	if zone == nil {
		zone = time.UTC
	}
	var b strings.Builder
	b.WriteString("more than one conversation fits; name one by its id:")
	for _, r := range rows {
		who := "patient " + r.Peer
		if r.Person != "" {
			who = "staff " + string(r.Person)
		}
		fmt.Fprintf(&b, "\n  %s  %s, %s, last %s", r.Conversation, who, r.Channel, r.Last.Std().In(zone).Format("2006-01-02 15:04"))
	}
	if more {
		b.WriteString("\n  and others; write more digits")
	}
	return b.String()
}
