package twiliofake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Twilio's error codes, as its public error dictionary lists them.
const (
	codeUnknownParameter = 20001
	codeAuthenticate     = 20003
	codeMethod           = 20004
	codeIncomplete       = 20009
	codeNotFound         = 20404
	codeTooMany          = 20429
	codeInternal         = 20500
	codeInvalidTo        = 21211
	codeInvalidFrom      = 21212
	codeSameNumber       = 21266
	codeRegionOff        = 21408
	codeNoBody           = 21602
	codeNoFrom           = 21603
	codeNoTo             = 21604
	codeNotOurs          = 21606
	codeBadCallback      = 21609
	codeOptedOut         = 21610
	codeQueueFull        = 21611
	codeCannotRoute      = 21612
	codeNotMobile        = 21614
	codeTooLong          = 21617
	codeBadMediaURL      = 21620
	codeTooManyMedia     = 21623
	codeNoService        = 21701
	codeNoSenders        = 21703
	codeChannelPair      = 21910
	codeBadValidity      = 90007

	codeSuspended      = 30002
	codeUnreachable    = 30003
	codeBlocked        = 30004
	codeUnknownHandset = 30005
	codeLandline       = 30006
	codeFiltered       = 30007
	codeUnknownReason  = 30008
	codeUnregistered   = 30034
	codeExpired        = 30036
	codeOverflow       = 30001
	codeWindowClosed   = 63016

	codeWebhookFailed  = 11200 // an answer other than 2xx, or none in time
	codeWebhookConnect = 11205 // no connection
	codeWebhookBroken  = 11206 // the connection broke before the answer
	codeReplyTooLarge  = 11750
	codeReplyUnread    = 12100 // the reply is no document
	codeReplyType      = 12300 // the reply has no type, or one that means nothing
)

// firstDeliveryCode is where codes begin that Twilio reports after it accepted a message; below it a request is refused.
const firstDeliveryCode = 30000

// apiError is a refusal as Twilio words it.
type apiError struct {
	Code       int
	Status     int
	Message    string
	RetryAfter int // seconds; sent when above zero
	Fault      FaultKind
}

// refuse builds the refusal of a code. The detail follows Twilio's own words.
func refuse(code int, detail string) *apiError {
	status, message := describe(code)
	if detail != "" {
		message += ": " + detail
	}
	e := &apiError{Code: code, Status: status, Message: message}
	if status == http.StatusTooManyRequests {
		e.RetryAfter = 1
	}
	return e
}

// describe returns the HTTP status and the words of a code. Codes it does not know are refusals of the caller's fault.
func describe(code int) (int, string) {
	switch code {
	case codeAuthenticate:
		return http.StatusUnauthorized, "Authenticate"
	case codeMethod:
		return http.StatusMethodNotAllowed, "Method not allowed"
	case codeIncomplete:
		return http.StatusConflict, "Cannot delete resource before it is complete"
	case codeNotFound:
		return http.StatusNotFound, "The requested resource was not found"
	case codeTooMany:
		return http.StatusTooManyRequests, "Too Many Requests"
	case codeInternal:
		return http.StatusInternalServerError, "An internal server error has occurred"
	case codeQueueFull:
		return http.StatusTooManyRequests, "This 'From' number has exceeded the maximum number of queued messages"
	}
	return http.StatusBadRequest, callerFault(code)
}

func callerFault(code int) string {
	switch code {
	case codeUnknownParameter:
		return "Unknown or invalid parameter"
	case codeInvalidTo:
		return "Invalid 'To' Phone Number"
	case codeInvalidFrom:
		return "Invalid 'From' Phone Number"
	case codeSameNumber:
		return "'To' and 'From' number cannot be the same"
	case codeRegionOff:
		return "Permission to send an SMS has not been enabled for the region indicated by the 'To' number"
	case codeNoBody:
		return "Message body is required"
	case codeNoFrom:
		return "A 'From' phone number is required"
	case codeNoTo:
		return "A 'To' phone number is required"
	case codeNotOurs:
		return "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination"
	case codeBadCallback:
		return "The 'StatusCallback' URL is not a valid URL"
	case codeOptedOut:
		return "Attempt to send to unsubscribed recipient"
	case codeCannotRoute:
		return "Message cannot be sent with the current combination of 'To' and/or 'From' parameters"
	case codeNotMobile:
		return "'To' number is not a valid mobile number"
	case codeTooLong:
		return "The concatenated message body exceeds the 1600 character limit"
	case codeBadMediaURL:
		return "Invalid media URL(s)"
	case codeTooManyMedia:
		return "Number of media files exceeds allowed limit"
	case codeNoService:
		return "The Messaging Service does not exist"
	case codeNoSenders:
		return "The Messaging Service does not have a phone number available to send a message"
	case codeChannelPair:
		return "Invalid From and To pair. From and To should be of the same channel"
	case codeBadValidity:
		return "Invalid validity period value"
	default:
		return deliveryFault(code)
	}
}

func deliveryFault(code int) string {
	switch code {
	case codeOverflow:
		return "Queue overflow"
	case codeSuspended:
		return "Account suspended"
	case codeUnreachable:
		return "Unreachable destination handset"
	case codeBlocked:
		return "Message blocked"
	case codeUnknownHandset:
		return "Unknown destination handset"
	case codeLandline:
		return "Landline or unreachable carrier"
	case codeFiltered:
		return "Message filtered"
	case codeUnknownReason:
		return "Unknown error"
	case codeUnregistered:
		return "Message from an Unregistered Number"
	case codeExpired:
		return "Validity Period Expired"
	case codeWindowClosed:
		return "Failed to send freeform message because you are outside the allowed window"
	default:
		return "Error " + strconv.Itoa(code)
	}
}

// write answers a request with the refusal.
func (e *apiError) write(w http.ResponseWriter) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
	}
	writeJSON(w, e.Status, map[string]any{
		"code":      e.Code,
		"message":   e.Message,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.Code),
		"status":    e.Status,
	})
}

// writeJSON answers with a JSON value. A peer that left is no error of ours: what counts is in the ledger.
func writeJSON(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
