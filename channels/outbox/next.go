package outbox

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits and steps of the schedule. "Urgent" are the classes safety and page:
// for them another route is near and waiting is the worse fault.
const (
	MaxAttempts       = 8                // of one text, whatever the faults
	MaxUrgentAttempts = 4                // the same for an urgent one
	MaxUrgentAge      = 5 * time.Minute  // from the first attempt
	MaxNurseAge       = time.Hour        // her words must not surprise her
	MaxAgentAge       = 30 * time.Minute // an answer nobody waits for any more
	MaxUrgentWait     = 30 * time.Second // longer than that, the next route is sooner

	rateStep            = 2 * time.Second // doubled with each attempt
	transientStep       = 5 * time.Second
	transientUrgentStep = time.Second
	maxStep             = time.Minute
	jitterPart          = 4 // up to a quarter of the wait on top, never less than asked

	unreachableWait       = 2 * time.Minute
	unreachableUrgentWait = time.Minute
	maxUnreachable        = 2 // attempts that may end so

	// MaxChecks is how many lists are searched in vain before a text counts as
	// not found: one may lag.
	MaxChecks = 2
	// An urgent text leaves again ten seconds after its unknown attempt: two
	// checks and the rest.
	checkUrgentWait  = 4 * time.Second
	resendUrgentWait = 2 * time.Second
	firstCheckWait   = 10 * time.Second
	laterCheckWait   = time.Minute
	maxUnknown       = 2 // attempts of an urgent text that may stay unknown
)

// Do is what happens next to a text.
type Do string

// What may happen next.
const (
	DoRetry  Do = "retry"   // attempt it again at Due
	DoCheck  Do = "check"   // search the provider's list at Due; not found: ask Next again with Checks + 1
	DoGiveUp Do = "give_up" // never again on this route; Reason says what is owed
)

// Reason says why, in the journal's words.
type Reason string

// The reasons.
const (
	ReasonRate          Reason = "rate: later"
	ReasonTransient     Reason = "refused for now: later"
	ReasonUnreachable   Reason = "handset unreachable: once more"
	ReasonCheck         Reason = "outcome unknown: the provider's list is searched"
	ReasonResend        Reason = "outcome unknown, not found: once more"
	ReasonUnknownStaff  Reason = "outcome unknown, not found: staff decide"
	ReasonUnknownTwice  Reason = "outcome unknown twice, not found: next route"
	ReasonOptedOut      Reason = "opted out: cannot be texted until START"
	ReasonRecipient     Reason = "this address cannot be reached so: next route"
	ReasonStillAway     Reason = "handset still unreachable: next route"
	ReasonFiltered      Reason = "filtered: the same words never again, next route"
	ReasonTooLong       Reason = "too long: split it"
	ReasonConfiguration Reason = "configuration: an admin must act"
	ReasonWindow        Reason = "free-text window closed: template or call"
	ReasonRejected      Reason = "refused: never again as it is"
	ReasonTooOften      Reason = "attempted too often: next route"
	ReasonTooOld        Reason = "too old to be sent: next route"
	ReasonSooner        Reason = "the wait is long: next route is sooner"
)

// Outcome is what is known after an attempt, or after a check that found
// nothing. The zero Times stands for "all attempts".
type Outcome struct {
	Class      channels.Class
	Item       molt.ItemID // seeds the jitter, so that a replay waits as long
	Attempt    int         // attempts made, this one included
	Times      int         // of them, those that ended with this Kind
	Checks     int         // lists searched in vain since this attempt
	Kind       channels.FaultKind
	RetryAfter time.Duration // as the provider asked
	First      molt.Time     // the first attempt
	Now        molt.Time
}

// Plan is what to do, when and why. Due is never before Now.
type Plan struct {
	Do     Do
	Due    molt.Time
	Reason Reason
}

// Next decides from an outcome alone; the same outcome always has the same plan.
func Next(o Outcome) Plan {
	if o.Times <= 0 || o.Times > o.Attempt {
		o.Times = o.Attempt
	}
	switch o.Kind {
	case channels.FaultUnknown:
		return o.afterUnknown()
	case channels.FaultRate:
		return o.again(max(o.RetryAfter, o.step(rateStep)), ReasonRate)
	case channels.FaultTransient:
		return o.again(max(o.RetryAfter, o.step(o.pick(transientUrgentStep, transientStep))), ReasonTransient)
	case channels.FaultUnreachable:
		return o.afterUnreachable()
	}
	return o.giveUp(finalReason(o.Kind))
}

// finalReason is why a fault that no repetition cures ends here. A kind this
// version does not know counts as a refusal.
func finalReason(k channels.FaultKind) Reason {
	switch k {
	case channels.FaultOptedOut:
		return ReasonOptedOut
	case channels.FaultRecipient:
		return ReasonRecipient
	case channels.FaultFiltered:
		return ReasonFiltered
	case channels.FaultTooLong:
		return ReasonTooLong
	case channels.FaultConfiguration:
		return ReasonConfiguration
	case channels.FaultWindow:
		return ReasonWindow
	}
	return ReasonRejected
}

// afterUnknown never attempts blindly: the list is searched first after each
// attempt, and only a text whose loss is worse than its doubling leaves again.
func (o Outcome) afterUnknown() Plan {
	switch {
	case o.Checks < MaxChecks:
		return Plan{Do: DoCheck, Due: o.Now.Add(o.checkWait()), Reason: ReasonCheck}
	case o.urgent() && o.Times >= maxUnknown:
		return o.giveUp(ReasonUnknownTwice)
	case o.urgent():
		return o.at(resendUrgentWait, ReasonResend)
	}
	return o.giveUp(ReasonUnknownStaff)
}

func (o Outcome) checkWait() time.Duration {
	if o.Checks <= 0 {
		return o.pick(checkUrgentWait, firstCheckWait)
	}
	return o.pick(checkUrgentWait, laterCheckWait)
}

func (o Outcome) afterUnreachable() Plan {
	if o.Times >= maxUnreachable {
		return o.giveUp(ReasonStillAway)
	}
	wait := o.pick(unreachableUrgentWait, unreachableWait)
	return o.at(wait+o.jitter(wait), ReasonUnreachable)
}

// again waits with jitter, unless another route is sooner.
func (o Outcome) again(wait time.Duration, why Reason) Plan {
	wait = min(max(wait, 0), 24*time.Hour)
	if o.urgent() && wait > MaxUrgentWait {
		return o.giveUp(ReasonSooner)
	}
	return o.at(wait+o.jitter(wait), why)
}

// at plans a further attempt where the limits allow one.
func (o Outcome) at(wait time.Duration, why Reason) Plan {
	due := o.Now.Add(wait)
	switch {
	case o.Attempt >= o.maxAttempts():
		return o.giveUp(ReasonTooOften)
	case due.Sub(o.First) > o.maxAge():
		return o.giveUp(ReasonTooOld)
	}
	return Plan{Do: DoRetry, Due: due, Reason: why}
}

func (o Outcome) giveUp(why Reason) Plan { return Plan{Do: DoGiveUp, Due: o.Now, Reason: why} }

func (o Outcome) urgent() bool {
	return o.Class == channels.ClassSafety || o.Class == channels.ClassPage
}

func (o Outcome) pick(urgent, routine time.Duration) time.Duration {
	if o.urgent() {
		return urgent
	}
	return routine
}

func (o Outcome) maxAttempts() int {
	if o.urgent() {
		return MaxUrgentAttempts
	}
	return MaxAttempts
}

func (o Outcome) maxAge() time.Duration {
	switch {
	case o.urgent():
		return MaxUrgentAge
	case o.Class == channels.ClassNurse:
		return MaxNurseAge
	}
	return MaxAgentAge
}

// step doubles with each attempt that ended so, up to maxStep.
func (o Outcome) step(first time.Duration) time.Duration {
	d := first
	for range min(max(o.Times-1, 0), 16) {
		d = min(2*d, maxStep)
	}
	return d
}

// jitter spreads texts that failed together, by their ids and not by chance.
func (o Outcome) jitter(wait time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(o.Item) + "#" + strconv.Itoa(o.Attempt)))
	part := int64(wait / jitterPart / time.Millisecond)
	if part <= 0 {
		return 0
	}
	return time.Duration(int64(h.Sum64()>>1)%(part+1)) * time.Millisecond
}
