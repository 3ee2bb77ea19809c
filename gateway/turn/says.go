package turn

import "maps"

// Says is the reason as a sentence, for who reads the record.
func (r Reason) Says() string {
	if s, ok := sentences()[r]; ok {
		return s
	}
	return "A reason that this build does not know."
}

func sentences() map[Reason]string {
	all := talkSentences()
	maps.Copy(all, workSentences())
	return all
}

// talkSentences are about what is said, and by whom.
func talkSentences() map[Reason]string {
	return map[Reason]string{
		ReasonNothing:     "It was recorded, and nothing follows from it.",
		ReasonAsk:         "The agent is asked, once no more texts come for a moment.",
		ReasonAskParked:   "The limit of questions is reached: the agent is asked when the hour allows it.",
		ReasonRedFlag:     "The screen found a red flag: people are paged and the agent is silent.",
		ReasonUnreadable:  "There is nothing the screen can read: a person looks.",
		ReasonHeld:        "Nobody may speak yet, and the patient knows it.",
		ReasonRelayed:     "The patient's words go to who holds the case.",
		ReasonPaused:      "The agent is switched off: a person answers.",
		ReasonUnlisted:    "It was sent to a number of ours that no channel lists: people read it.",
		ReasonOptedOut:    "The patient wants no more texts.",
		ReasonOptedIn:     "The patient wants texts again.",
		ReasonHelp:        "The patient asks for help, and nothing worrying stands around it.",
		ReasonReply:       "The agent's text passed the output gate and leaves.",
		ReasonDrafted:     "The agent's text or act waits until a nurse releases it.",
		ReasonReleased:    "A nurse released what the agent would say or do.",
		ReasonDropped:     "A nurse dropped what the agent would say or do, and takes over.",
		ReasonLapsed:      "Nobody released it in time: a fixed text leaves and a person gets the case.",
		ReasonClarify:     "The patient is asked once what they mean.",
		ReasonSilent:      "Nothing needs saying.",
		ReasonUnanswered:  "The agent is silent where something was asked: the watchdog waits.",
		ReasonSuperseded:  "The answer is older than the newest text.",
		ReasonFenced:      "The owner has changed since: nothing of the agent is attempted.",
		ReasonCalling:     "The agent is about to act outside, which is on record first.",
		ReasonCalled:      "What came of an act is on record.",
		ReasonAskAgain:    "The answer was broken or the output gate stopped it: the agent is asked once more, with the rule.",
		ReasonAgentFailed: "The answer was broken once more: a fixed text leaves and a person gets the case.",
		ReasonEscalated:   "The agent hands over to a person.",
		ReasonOpinion:     "A model that reads along takes the patient's texts for graver: people are told.",
		ReasonNoOpinion:   "A model that reads along takes nothing for graver, or has no opinion: nothing follows.",
		ReasonWatchdog:    "A text was left without an answer for too long: a person gets it.",
		ReasonCase:        "The clock moved a case on.",
		ReasonActed:       "A member of staff acted.",
		ReasonRefused:     "A member of staff's act came too late, or was not hers.",
	}
}

// workSentences are about what is carried out, and what came of it.
func workSentences() map[Reason]string {
	return map[Reason]string{
		ReasonVerb:        "A staff text with a valid code is carried to its case.",
		ReasonVerbs:       "A staff text without a valid code is answered with what can be done.",
		ReasonDigest:      "The work list is told at opening.",
		ReasonAttempt:     "A text is about to be sent, which is on record first.",
		ReasonStale:       "The text is too old to send.",
		ReasonAnswered:    "The carrier sent an answer in the time that a restore lost.",
		ReasonCheck:       "Whether the carrier has the text is not known: it is asked.",
		ReasonSent:        "The carrier has the text.",
		ReasonRetry:       "The attempt did not succeed, and the text is tried again.",
		ReasonGaveUp:      "The text will not arrive, and who it concerns is told.",
		ReasonUndelivered: "The carrier took the text and could not deliver it.",
		ReasonUnseen:      "The text was published in a chat, and nobody looked at it in time.",
		ReasonDelivered:   "The text arrived.",
		ReasonFault:       "The journal or the core failed: people hold the conversation.",
		ReasonRead:        "A person read the record.",
		ReasonFetched:     "A file of the patient's is kept.",
		ReasonFetchAgain:  "A file was not had, and is tried later.",
		ReasonNotFetched:  "A file is not to be had.",
		ReasonNotice:      "The gateway tells a staff member something.",
	}
}
