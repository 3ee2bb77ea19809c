package escalation

import "github.com/tidegate/tidegate/molt"

// ActionKind is what must be done because of an event.
type ActionKind string

// The actions. A comment names the fields of Action that are set beside Kind.
const (
	// ActTell: Text, Severity, Category, Promised, By. A fixed text to the patient.
	ActTell ActionKind = "tell"
	// ActPage: Page. Page.Person is asked on Page.Route until Page.Deadline.
	ActPage ActionKind = "page"
	// ActWithdraw: Page (as it stood), Why, Actor, At. If it is still due its
	// item is cancelled. If it left, or may have, Page.Person is told why it is
	// void, unless she is Actor or Why is WhySuperseded.
	ActWithdraw ActionKind = "withdraw"
	// ActNotice: Person, Notice, Actor, At, Severity, Version, ReadBack, Answer.
	// Words to one staff member that ask for nothing.
	ActNotice ActionKind = "notice"
	// ActRefused: Person, Why, Actor (who has or had it, "" nobody), At (since
	// when), Severity, Version (the one to use now), Answer.
	ActRefused ActionKind = "refused"
	// ActTimer: At. The one timer of the case stands there now; 0 stops it.
	ActTimer ActionKind = "timer"
	// ActOwner: Owner. It changes: the epoch moves, undone agent sends are cancelled.
	ActOwner ActionKind = "owner"
	// ActAdmin: Admin, People, Step. Something only the admin can mend.
	ActAdmin ActionKind = "admin"
	// ActDigest: People, At. The case belongs into the one digest of the opening
	// at At; an opening's digest has that At as its identity.
	ActDigest ActionKind = "digest"
	// ActOpen: Open. This case is settled; the event wants a new one. Open is a
	// ready EventOpen but for ID and Number.
	ActOpen ActionKind = "open"
)

// Action is one thing to do. Which fields are set follows from Kind.
type Action struct {
	Kind ActionKind `json:"kind"`

	Text     TextKind `json:"text,omitempty"`
	Category string   `json:"category,omitempty"`
	// Promised says that "a nurse has been alerted" is true: somebody is paged
	// in the same commit, or is going to be at By. Without it the honest
	// variant leaves.
	Promised bool `json:"promised,omitempty"`
	// By is the opening or deadline the text may name; 0: name none.
	By molt.Time `json:"by,omitempty"`

	Page Page `json:"page,omitzero"`

	Person   molt.PersonID `json:"person,omitempty"`
	Notice   NoticeKind    `json:"notice,omitempty"`
	Why      Why           `json:"why,omitempty"`
	Actor    molt.PersonID `json:"actor,omitempty"`
	At       molt.Time     `json:"at,omitempty"`
	Severity Severity      `json:"severity,omitempty"`
	Version  int           `json:"version,omitempty"`
	ReadBack bool          `json:"read_back,omitempty"` // ask her to read the case back; never a condition
	Answer   bool          `json:"answer,omitempty"`    // this answers the event's actor

	Owner  Owner           `json:"owner,omitempty"`
	Admin  AdminKind       `json:"admin,omitempty"`
	People []molt.PersonID `json:"people,omitempty"`
	Step   string          `json:"step,omitempty"`
	Open   *Event          `json:"open,omitempty"`
}

// TextKind names a fixed text to the patient.
type TextKind string

// The texts.
const (
	TextS1        TextKind = "s1"        // 911, or 988 by category
	TextS2        TextKind = "s2"        // urgent
	TextS3        TextKind = "s3"        // a nurse reads this by {By}; if it gets worse call 911
	TextExhausted TextKind = "exhausted" // nobody has answered yet; what to do meanwhile
)

// NoticeKind names words to a staff member.
type NoticeKind string

// The notices.
const (
	NoticeWon             NoticeKind = "won"              // you have it; the handoff follows
	NoticeAlreadyYours    NoticeKind = "already_yours"    // you had it already
	NoticePassed          NoticeKind = "passed"           // others are asked
	NoticeTransferred     NoticeKind = "transferred"      // Actor has it now
	NoticeResolved        NoticeKind = "resolved"         // done
	NoticeAlreadyResolved NoticeKind = "already_resolved" // you had resolved it
	NoticeNoted           NoticeKind = "noted"            // relay, note or contact taken
	NoticeReopened        NoticeKind = "reopened"         // your text reopened it; you have it
	NoticeLowered         NoticeKind = "lowered"          // the severity is now Severity
	NoticeRaised          NoticeKind = "raised"           // the case you hold got worse, or a new red flag came
	NoticeLapsed          NoticeKind = "lapsed"           // no contact in time: others are asked
	NoticeCannotText      NoticeKind = "cannot_text"      // texts do not reach this patient: call
)

// Why says why a page was withdrawn or an act refused.
type Why string

// The reasons of ActWithdraw.
const (
	WhyTaken      Why = "taken"      // also of ActRefused: Actor has it
	WhySuperseded Why = "superseded" // a newer page to the same person stands for it
	WhyLowered    Why = "lowered"
	WhyResolved   Why = "resolved" // also of ActRefused
	WhyPassed     Why = "passed"   // she said "not me" herself
	WhyGivenBack  Why = "given_back"
)

// The reasons of ActRefused.
const (
	WhyStale       Why = "stale"       // the case moved on since Version; look again
	WhyNotYours    Why = "not_yours"   // Actor has it, or nobody: take it first
	WhyOwnCase     Why = "own_case"    // it is about yourself
	WhyNotHuman    Why = "not_human"   // the actor is nobody the plan names
	WhyNoContact   Why = "no_contact"  // S1 and S2 need a contact or a false alarm before they end
	WhyCannotText  Why = "cannot_text" // texts do not reach the patient: call
	WhyUnreachable Why = "unreachable" // the colleague cannot be paged
	WhyNotLower    Why = "not_lower"   // that is not a lower severity
	WhyNoCase      Why = "no_case"     // there is no such case
)

// AdminKind names what the admin must know.
type AdminKind string

// What the admin is told.
const (
	AdminExhausted    AdminKind = "exhausted"      // the whole chain did not answer
	AdminNobodyOnCall AdminKind = "nobody_on_call" // no step has anybody on call now
	AdminNobody       AdminKind = "nobody"         // nobody at all can be paged
	AdminTeamVanished AdminKind = "team_vanished"  // Step is no longer in the plan
	AdminIdle         AdminKind = "idle"           // whoever held the case stopped acting on it
)
