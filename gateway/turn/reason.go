package turn

// Reason says why a decision is what it is. It reaches journal, log, metric
// and console as it stands here.
type Reason string

// The reasons.
const (
	ReasonNothing     Reason = "nothing"      // recorded; nothing follows from it
	ReasonAsk         Reason = "ask"          // the agent is asked, after the debounce
	ReasonAskParked   Reason = "ask_parked"   // over the limit of asks: asked when the hour allows
	ReasonRedFlag     Reason = "red_flag"     // the screen fired
	ReasonUnreadable  Reason = "unreadable"   // nothing the screen can read: a person looks
	ReasonHeld        Reason = "held"         // nobody may speak yet; the patient knows
	ReasonRelayed     Reason = "relayed"      // the patient's words go to who holds the case
	ReasonPaused      Reason = "paused"       // the agent is switched off: a person answers
	ReasonUnlisted    Reason = "unlisted"     // to a number of ours that no channel lists: people read it
	ReasonOptedOut    Reason = "opted_out"    // STOP
	ReasonOptedIn     Reason = "opted_in"     // START
	ReasonHelp        Reason = "help"         // HELP, with nothing worrying around it
	ReasonDrafted     Reason = "drafted"      // the agent's text or act waits for a nurse
	ReasonReleased    Reason = "released"     // she released it, changed or not
	ReasonDropped     Reason = "dropped"      // she dropped it and takes over
	ReasonLapsed      Reason = "lapsed"       // nobody released it in time: fixed text and a person
	ReasonClarify     Reason = "clarify"      // the patient is asked what they mean, once in a row
	ReasonReply       Reason = "reply"        // the agent's text leaves
	ReasonSilent      Reason = "silent"       // nothing needed saying
	ReasonUnanswered  Reason = "unanswered"   // silence where something was asked: the watchdog waits
	ReasonSuperseded  Reason = "superseded"   // the answer is older than the newest text
	ReasonFenced      Reason = "fenced"       // the owner changed since: not attempted
	ReasonCalling     Reason = "calling"      // the agent is about to act outside
	ReasonCalled      Reason = "called"       // what came of it
	ReasonAskAgain    Reason = "ask_again"    // the answer was broken: once more, with the reason
	ReasonAgentFailed Reason = "agent_failed" // broken twice: fixed text and a person
	ReasonEscalated   Reason = "escalated"    // the agent hands over
	ReasonOpinion     Reason = "opinion"      // a model that reads along thinks it graver: people are told
	ReasonNoOpinion   Reason = "no_opinion"   // it does not, or has none: nothing follows
	ReasonWatchdog    Reason = "watchdog"     // left without an answer too long
	ReasonCase        Reason = "case"         // the case machine moved
	ReasonActed       Reason = "acted"        // a staff member acted
	ReasonRefused     Reason = "refused"      // a staff member's act came too late or was not hers
	ReasonVerb        Reason = "verb"         // a staff text with a valid code, carried to its case
	ReasonVerbs       Reason = "verbs"        // a staff text without one: the list of verbs
	ReasonDigest      Reason = "digest"       // the work list at opening
	ReasonAttempt     Reason = "attempt"      // a text is about to be sent
	ReasonStale       Reason = "stale"        // too old to send
	ReasonAnswered    Reason = "answered"     // the carrier sent an answer in the time that a restore lost
	ReasonCheck       Reason = "check"        // ask the carrier whether it has the text
	ReasonSent        Reason = "sent"
	ReasonRetry       Reason = "retry"
	ReasonGaveUp      Reason = "gave_up"
	ReasonUndelivered Reason = "undelivered"
	ReasonUnseen      Reason = "unseen" // published in a chat, and not looked at in time
	ReasonDelivered   Reason = "delivered"
	ReasonFault       Reason = "fault"       // the journal or the core failed: a successor, held by people
	ReasonRead        Reason = "read"        // a person read the record
	ReasonFetched     Reason = "fetched"     // a file of the patient's is kept
	ReasonFetchAgain  Reason = "fetch_again" // it was not had: later once more
	ReasonNotFetched  Reason = "not_fetched" // it is not to be had
	ReasonNotice      Reason = "notice"      // the gateway tells a staff member something
)
