package channels

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"time"
)

// Limits of files. Twilio carries ten of 5 MB in all, most mobile carriers far
// less.
const (
	MaxFileBytes    = 5 << 20         // one file
	MaxMessageBytes = 5 << 20         // all files of one message
	FetchTimeout    = 2 * time.Minute // one attempt, from dial to the last byte
)

// TypeOf is what a file is by its bytes: who sends it may say anything. Beside
// what browsers know, it knows the format that telephones keep pictures in (ISO/IEC
// 23008-12: HEIF).
func TypeOf(body []byte) string {
	if len(body) >= 12 && string(body[4:8]) == "ftyp" {
		switch string(body[8:12]) {
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
			return "image/heic"
		}
	}
	kind, _, err := mime.ParseMediaType(http.DetectContentType(body))
	if err != nil {
		return "application/octet-stream"
	}
	return kind
}

// Fetcher is an adapter that can fetch the files its inbound refers to.
type Fetcher interface {
	// Fetch gets one file, once, of at most MaxFileBytes. What it is, only its
	// bytes tell: Media.Type is the sender's word. Its error is a *FetchError.
	Fetch(ctx context.Context, m Media) ([]byte, error)
}

// FetchFault says why a file was not had.
type FetchFault string

// The faults of a fetch.
const (
	FetchAddress   FetchFault = "address"   // it leads where no file is fetched from, or there is none
	FetchDenied    FetchFault = "denied"    // credentials
	FetchNotFound  FetchFault = "not_found" // not there, or not yet
	FetchGone      FetchFault = "gone"      // not there any more
	FetchTooLarge  FetchFault = "too_large"
	FetchEmpty     FetchFault = "empty"
	FetchRate      FetchFault = "rate"      // later, after RetryAfter
	FetchTransient FetchFault = "transient" // no whole answer
	FetchRejected  FetchFault = "rejected"  // any other refusal
)

// Final reports whether trying again cannot help.
func (f FetchFault) Final() bool {
	switch f {
	case FetchDenied, FetchNotFound, FetchEmpty, FetchRate, FetchTransient:
		return false
	}
	return true
}

// FetchError is the only error a Fetcher returns. It never holds the address:
// that leads to a patient's picture.
type FetchError struct {
	Kind       FetchFault
	HTTP       int // 0 when there was no answer
	RetryAfter time.Duration
	Hint       string // for the admin: what to do; may be empty
	Err        error  // the cause
}

func (e *FetchError) Error() string {
	s := fmt.Sprintf("fetch: %s", e.Kind)
	if e.HTTP != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.HTTP)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *FetchError) Unwrap() error { return e.Err }
