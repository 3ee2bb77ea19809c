package gateway

import (
	"log" //nolint:depguard // http.Server complains through one of these; what it is given goes to zerolog
	"regexp"
	"strings"

	"github.com/rs/zerolog"
)

// serverLog is where an HTTP server's own complaints go: to the log, as one line,
// without anybody's address. Of a panic only where it was: what was panicked with may
// be a patient's words.
type serverLog struct {
	log    zerolog.Logger
	server string // which
}

func errorLog(l zerolog.Logger, server string) *log.Logger {
	return log.New(serverLog{l, server}, "", 0)
}

var (
	// addressForm is an address with its port, as package net writes it, and a bare one.
	addressForm = regexp.MustCompile(`\[[\w:.%]+\](:\d+)?|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\b[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,7}\b`)
	// frameForm is a function of ours in a stack.
	frameForm = regexp.MustCompile(`(?m)^(github\.com/tidegate/tidegate/[^\n]*?)\([^()\n]*\)$`)
)

const panicServing = "http: panic serving "

// maxComplaint bounds what is kept of one.
const maxComplaint = 300

func (s serverLog) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, panicServing) {
		at := ""
		if m := frameForm.FindStringSubmatch(text); m != nil {
			at = m[1]
		}
		s.log.Error().Str("server", s.server).Str("at", at).Msg("a handler panicked")
		return len(b), nil
	}
	text, _, _ = strings.Cut(text, "\n")
	text = addressForm.ReplaceAllString(text, "[address]")
	s.log.Warn().Str("server", s.server).Str("says", text[:min(len(text), maxComplaint)]).Msg("http server")
	return len(b), nil
}
