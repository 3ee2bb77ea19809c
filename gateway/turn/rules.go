package turn

import (
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Rules are what decisions follow: the configuration as the core needs it.
// They are a value; a reload makes another one.
type Rules struct {
	Digest    string // of everything below, recorded with each decision
	Clinic    string
	Console   string       // the address of the staff's pages, for links in pages; "": none
	Phone     molt.Address // that patients can call
	Languages []string     // the first is the clinic's usual one
	Zone      *time.Location
	Plan      escalation.Plan
	Accounts  map[string]molt.Address // each channel's usual sender for staff
	// Senders are the numbers of ours that each channel lists. A patient who wrote
	// to another is in quarantine until it is listed. nil: all are.
	Senders map[string][]molt.Address
	Texts   policy.Texts
	Gate    policy.Gate
	Agent   bool  // may the agent speak at all
	Paused  Pause // where people have silenced it
	// Disclose: no text of the agent's leaves that is due to say that a machine
	// answers and does not.
	Disclose bool
	// Screen reads what a handoff's checklist says; nil: a handoff has none.
	Screen *screen.Screen

	Debounce      time.Duration
	DebounceMax   time.Duration
	Watchdog      time.Duration
	HoldTextEvery time.Duration
	ChatsRinging  int // anonymous chats whose cases may ring at once; 0: DefaultChatsRinging
	AsksPerHour   int

	Autonomy     Autonomy      // how far the agent goes alone; "": AutonomyExtended
	Approve      []string      // tools whose acts wait for a nurse at any level
	Intents      []string      // what the agent may answer about; none: anything, and nothing of it is known
	Collect      []string      // the facts that it asks patients for
	Unapproved   string        // what becomes of an act that nobody approved in time; "": UnapprovedRefuse
	ReviewWithin time.Duration // how long a draft or an act waits for a nurse; 0: DefaultReview

	PerConversation Budget // of a day
	PerClinic       Budget // of a day, all conversations together

	Opinions Opinions // of texts that no agent reads; the zero value: none are asked for

	base *Rules // without the pause; nil: these
}

func (r *Rules) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// name is how colleagues call a staff member.
func (r *Rules) name(p molt.PersonID) string {
	if person, ok := r.Plan.People[p]; ok && person.Name != "" {
		return person.Name
	}
	if p == "" {
		return "nobody"
	}
	return string(p)
}

// Limits of the core's own making.
const (
	MaxTries      = 2 // broken answers until a person is asked
	MaxSuperseded = 2 // answers overtaken by a newer text until one is let through
	MaxSilences   = 2 // silences in a row without a word in between
	// MaxTextSegments bounds one text to a person; a longer one leaves in parts,
	// and what carries a code or a handoff is cut. Below the door's own limit, so
	// that no smiley of a patient makes a handoff too long to send.
	MaxTextSegments = 8
	MaxRelayTexts   = 8                  // texts in which one step's words of a patient reach a nurse
	HelpAgain       = 10 * time.Minute   // a second HELP within it asks for a person
	SetupEvery      = 24 * time.Hour     // a conversation tells the admin of a faulty setup no more often
	DiscloseAfter   = 7 * 24 * time.Hour // of silence: the patient is told again that a machine answers (Utah 13-72a-203)
	Late            = 30 * time.Minute   // a text older than that is shown with its time
	SafetyValidity  = 10 * time.Minute   // stale advice must never arrive
	PageValidity    = 10 * time.Minute
	NurseValidity   = 4 * time.Hour
	AgentValidity   = 4 * time.Hour
)

// Env is what a decision may look at beside the state.
type Env struct {
	Conversation molt.ConversationID
	Now          molt.Time
	Entropy      []byte // fresh random bytes, recorded with the decision
	Rules        *Rules
	// Recall gives the words of an earlier message; "" when they are gone.
	Recall func(Ref) molt.Words
}
