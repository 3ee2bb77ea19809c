package twiliofake

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// createRequest is a create request that was understood.
type createRequest struct {
	To, From       string
	Service        string
	Body           string
	StatusCallback string
	Validity       int
	MediaURLs      []string
	AsMMS          bool
}

// readCreate reads the form of a create request. What it understood is returned beside a refusal too, so that the ledger can say what was refused.
func readCreate(r *http.Request) (createRequest, *apiError) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return createRequest{}, refuse(codeUnknownParameter, "the body is not a form")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxFormBytes+1))
	if err != nil || len(raw) > maxFormBytes {
		return createRequest{}, refuse(codeUnknownParameter, fmt.Sprintf("the form is longer than %d bytes or was cut short", maxFormBytes))
	}
	if r.URL.RawQuery != "" {
		return createRequest{}, refuse(codeUnknownParameter, "the request has a query")
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return createRequest{}, refuse(codeUnknownParameter, "the form cannot be read")
	}
	return parseCreate(form)
}

// parseCreate checks a form field by field. It is stricter than Twilio, which passes over what it does not know: a misspelled parameter should be seen.
func parseCreate(form url.Values) (createRequest, *apiError) {
	req := createRequest{
		To: form.Get("To"), From: form.Get("From"), Service: form.Get("MessagingServiceSid"), Body: form.Get("Body"),
		StatusCallback: form.Get("StatusCallback"), Validity: maxValidity, MediaURLs: form["MediaUrl"],
	}
	for _, name := range slices.Sorted(mapKeys(form)) {
		if problem := checkParameter(name, form[name]); problem != nil {
			return req, problem
		}
	}
	req.AsMMS = strings.EqualFold(form.Get("SendAsMms"), "true")
	if value := form.Get("ValidityPeriod"); form.Has("ValidityPeriod") {
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds < 1 || seconds > maxValidity {
			return req, refuse(codeBadValidity, value)
		}
		req.Validity = seconds
	}
	if problem := req.checkAddresses(); problem != nil {
		return req, problem
	}
	return req, req.checkContent()
}

func mapKeys(form url.Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range form {
			if !yield(name) {
				return
			}
		}
	}
}

// checkParameter judges one parameter by itself. Parameters of Twilio's whose meaning is not carried out here are refused rather than passed over.
func checkParameter(name string, values []string) *apiError {
	if len(values) > 1 && name != "MediaUrl" {
		return refuse(codeUnknownParameter, name+" is given twice")
	}
	for _, value := range values {
		if !utf8.ValidString(value) {
			return refuse(codeUnknownParameter, name+" is not UTF-8")
		}
	}
	value := values[0]
	switch name {
	case "To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod", "MediaUrl":
		return nil
	case "ProvideFeedback", "ForceDelivery", "SendAsMms", "ShortenUrls":
		return oneOf(name, value, "true", "false")
	case "ContentRetention", "AddressRetention":
		return oneOf(name, value, "retain")
	case "TrafficType":
		return oneOf(name, value, "free")
	case "RiskCheck":
		return oneOf(name, value, "enable", "disable")
	case "Attempt":
		if n, err := strconv.Atoi(value); err != nil || n < 1 {
			return refuse(codeUnknownParameter, "Attempt is not a number above zero")
		}
		return nil
	case "ApplicationSid", "MaxPrice", "SmartEncoded", "PersistentAction", "ScheduleType", "SendAt", "ContentVariables", "ContentSid", "FallbackFrom":
		return refuse(codeUnknownParameter, name+" is not carried out by this carrier")
	default:
		return refuse(codeUnknownParameter, strconv.Quote(name)+" is no parameter of this resource")
	}
}

func oneOf(name, value string, allowed ...string) *apiError {
	if slices.Contains(allowed, strings.ToLower(value)) {
		return nil
	}
	return refuse(codeUnknownParameter, name+" is not "+strings.Join(allowed, " or "))
}

func (req createRequest) checkAddresses() *apiError {
	switch {
	case req.To == "":
		return refuse(codeNoTo, "")
	case req.From == "" && req.Service == "":
		return refuse(codeNoFrom, "")
	case !validAddress(req.To):
		return refuse(codeInvalidTo, req.To)
	case req.From != "" && !validAddress(req.From):
		return refuse(codeInvalidFrom, req.From)
	case req.Service != "" && !servicePattern.MatchString(req.Service):
		return refuse(codeNoService, req.Service)
	case req.From == req.To:
		return refuse(codeSameNumber, "")
	case req.From != "" && isWhatsApp(req.From) != isWhatsApp(req.To):
		return refuse(codeChannelPair, "")
	}
	if code := magicRecipient(req.To); code != 0 {
		return refuse(code, "")
	}
	return nil
}

func (req createRequest) checkContent() *apiError {
	switch {
	case strings.TrimSpace(req.Body) == "" && len(req.MediaURLs) == 0:
		return refuse(codeNoBody, "")
	case utf16Units(req.Body) > maxBodyUnits:
		return refuse(codeTooLong, "")
	case len(req.MediaURLs) > maxOutboundMedia:
		return refuse(codeTooManyMedia, "")
	case req.StatusCallback != "" && !validHook(req.StatusCallback):
		return refuse(codeBadCallback, req.StatusCallback)
	}
	for _, target := range req.MediaURLs {
		if !validHook(target) {
			return refuse(codeBadMediaURL, "")
		}
	}
	return nil
}
