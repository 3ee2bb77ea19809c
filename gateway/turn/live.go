package turn

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// itemID names what a decision puts: where it was decided.
func itemID(c molt.ConversationID, seq uint64, index int) molt.ItemID {
	return molt.ItemID(fmt.Sprintf("%s/%d.%d", c, seq, index))
}

// OriginOf is the decision that put an item and the index of its effect; false
// for one that was put without a decision.
func OriginOf(id molt.ItemID) (seq uint64, index int, ok bool) {
	_, rest, _ := strings.Cut(string(id), "/")
	at, i, ok := strings.Cut(rest, ".")
	if !ok {
		return 0, 0, false
	}
	seq, err := strconv.ParseUint(at, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	index, err = strconv.Atoi(i)
	return seq, index, err == nil && index >= 0
}

// KindShown says as what a peer on a live channel sees a text of ours; "" for a
// text that is not for them.
func (o *Out) KindShown() channels.ShownKind {
	switch {
	case o.Person != "":
		return ""
	case o.Class == channels.ClassAgent:
		return channels.ShownAgent
	case o.Class == channels.ClassSafety:
		return channels.ShownSafety
	case o.What == "relay":
		return channels.ShownPerson
	}
	return channels.ShownFixed
}

// Talk is how the conversation stands, for its patient.
func (s *State) Talk() channels.Talk {
	t := channels.Talk{Who: channels.SpeakerAgent, CallBack: s.CallBack != ""}
	switch s.Owner {
	case escalation.OwnerHold:
		t.Who = channels.SpeakerWaiting
	case escalation.OwnerHuman:
		t.Who = channels.SpeakerPerson
	default:
		t.Typing = s.Ask.Item != ""
	}
	return t
}

// Unseen lists the texts to the patient that were published up to an event and
// are not known to have been shown.
func (s *State) Unseen(upto uint64) (out []Send) {
	for _, d := range s.Sends {
		if d.Person == "" && d.Published > 0 && d.Published <= upto && d.Status.Rank() < channels.StatusDelivered.Rank() {
			out = append(out, d)
		}
	}
	return out
}
