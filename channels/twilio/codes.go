package twilio

import (
	"net/http"

	"github.com/tidegate/tidegate/channels"
)

// meaning is what an error code asks of us.
type meaning struct {
	code int
	kind channels.FaultKind
	hint string
}

// meanings returns the codes that are known by name, in numeric order, from
// https://www.twilio.com/docs/api/errors. Every other code counts as not
// delivered: another route is tried.
func meanings() []meaning {
	return []meaning{
		{14107, channels.FaultRate, "The sender is over its rate: it goes out later."},
		{20003, channels.FaultConfiguration, "Twilio refused the credentials: check account_sid and auth_token."},
		{20005, channels.FaultConfiguration, "The Twilio account is not active: see the console."},
		{20403, channels.FaultConfiguration, "The credentials may not send from this account: check account_sid and auth_token."},
		{20404, channels.FaultConfiguration, "Twilio knows no such account: check account_sid and base_url."},
		{20429, channels.FaultRate, "Too many requests to Twilio: it goes out later."},
		{21211, channels.FaultRecipient, "The number is not valid: ask staff to correct it, or phone."},
		{21212, channels.FaultConfiguration, "Our own number is not valid as a sender: check numbers."},
		{21408, channels.FaultRecipient, "Texting to this region is switched off in the Twilio console (geo permissions)."},
		{21603, channels.FaultConfiguration, "The text had no sender: check numbers."},
		{21606, channels.FaultConfiguration, "Our number cannot send texts: check numbers against the Twilio console."},
		{21608, channels.FaultConfiguration, "A trial account may text verified numbers only: upgrade the Twilio account."},
		{21609, channels.FaultConfiguration, "Twilio refused the status callback URL: check public_url."},
		{21610, channels.FaultOptedOut, "The recipient texted STOP: nothing can be texted until START; phone instead."},
		{21611, channels.FaultRate, "The sender's queue is full: it goes out later; consider another sender."},
		{21612, channels.FaultRecipient, "Twilio cannot reach this number from ours: use another route."},
		{21614, channels.FaultRecipient, "The number is not a mobile: phone instead."},
		{21617, channels.FaultTooLong, "The text is over 1,600 characters: it must be split."},
		{21635, channels.FaultRecipient, "The number is a landline: phone instead."},
		{21659, channels.FaultConfiguration, "The sender is not a number of this Twilio account: check numbers."},
		{21660, channels.FaultConfiguration, "The sender belongs to another Twilio account: check numbers and account_sid."},
		{21701, channels.FaultConfiguration, "Twilio knows no such messaging service: check messaging_service."},
		{21703, channels.FaultConfiguration, "The messaging service has no sender: add our numbers to its pool."},
		{21705, channels.FaultConfiguration, "Twilio knows no such messaging service: check messaging_service."},
		{30001, channels.FaultRate, "The sender's queue overflowed: it goes out later; consider another sender."},
		{30002, channels.FaultConfiguration, "The Twilio account is suspended: see the console."},
		{30003, channels.FaultUnreachable, "The handset is off or out of reach: tried again in a few minutes, then another route."},
		{30004, channels.FaultRecipient, "The recipient or the carrier blocks texts from us: use another route."},
		{30005, channels.FaultRecipient, "The handset is unknown to its carrier: ask staff to check the number."},
		{30006, channels.FaultRecipient, "The number is a landline or its carrier takes no texts: phone instead."},
		{30007, channels.FaultFiltered, "A carrier filtered the words: they are not sent again; see the A2P registration and avoid links."},
		{30008, channels.FaultUnreachable, "The carrier gave no reason: tried once more, then another route."},
		{30032, channels.FaultConfiguration, "The toll-free number is not verified: finish its verification in the Twilio console."},
		{30034, channels.FaultConfiguration, "The number is not registered for A2P 10DLC: register it in the Twilio console."},
		{63016, channels.FaultWindow, "WhatsApp's 24-hour window is closed: an approved template, or a call."},
	}
}

// deliveryCodes is where the codes of delivery begin; below it are those of
// the API itself.
const deliveryCodes = 30000

const (
	hintElsewhere = "Twilio gave a code this version does not know: it counts as not delivered, use another route and look the code up in Twilio's error list."
	hintRefused   = "Twilio refused the request: look the code up in Twilio's error list."
	hintUnknown   = "No clear answer came from Twilio: whether the text left is being checked."
	hintConnect   = "Twilio could not be reached: check the network and base_url."
)

// meaningOf says what an error code stands for, in an answer to a send or in a
// status callback. An unknown code is never worth the same try again: one of
// delivery is the recipient's, any other is a refusal.
func meaningOf(code int) meaning {
	for _, m := range meanings() {
		if m.code == code {
			return m
		}
	}
	if code >= deliveryCodes {
		return meaning{code, channels.FaultRecipient, hintElsewhere}
	}
	return meaning{code, channels.FaultRejected, hintRefused}
}

// meaningOfAnswer reads a 4xx by its code, and by its HTTP status when the code
// says nothing.
func meaningOfAnswer(status, code int) meaning {
	m := meaningOf(code)
	if m.hint != hintRefused {
		return m
	}
	switch status {
	case http.StatusTooManyRequests:
		return meaning{code, channels.FaultRate, "Too many requests to Twilio: it goes out later."}
	case http.StatusUnauthorized, http.StatusForbidden:
		return meaning{code, channels.FaultConfiguration, "Twilio refused the credentials: check account_sid and auth_token."}
	case http.StatusNotFound:
		return meaning{code, channels.FaultConfiguration, "Twilio knows no such account: check account_sid and base_url."}
	}
	return m
}
