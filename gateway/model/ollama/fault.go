package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/wire"
)

var (
	errBusy    = errors.New("the server's queue is full")
	errEndless = errors.New("the answer does not end")
	errTooLong = fmt.Errorf("%w: the prompt is longer than the model's context", model.ErrBadAnswer)
)

// fault says in our words what a call came to. The server's own may repeat what
// it was asked, and so a patient's.
func (m *Model) fault(ctx context.Context, err error) error {
	var status api.StatusError
	var denied api.AuthorizationError
	broken, isBroken := wire.Broken(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", model.ErrDeadline, context.Cause(ctx))
	case errors.Is(err, errEndless):
		return fmt.Errorf("%w: %w", model.ErrBadAnswer, err)
	case errors.As(err, &denied):
		return fmt.Errorf("%w: the server wants a key, or another one", model.ErrSetup)
	case errors.As(err, &status):
		return m.refused(status)
	case tooLong(err.Error()):
		return errTooLong
	case isBroken:
		return fmt.Errorf("%w: %s", model.ErrUnavailable, broken)
	case malformed(err):
		return fmt.Errorf("%w: what came back is not the server's API", model.ErrBadAnswer)
	}
	return fmt.Errorf("%w: the server gave up in the middle", model.ErrUnavailable)
}

func (m *Model) refused(status api.StatusError) error {
	switch code := status.StatusCode; {
	case code == http.StatusServiceUnavailable:
		return errBusy
	case code == http.StatusNotFound && strings.Contains(status.ErrorMessage, "model"):
		return m.missing()
	case tooLong(status.ErrorMessage):
		return errTooLong
	default:
		return fmt.Errorf("%w: the server answered %d", model.ErrUnavailable, code)
	}
}

// tooLong recognizes the words of Ollama's own refusal of a prompt.
func tooLong(message string) bool {
	return strings.Contains(message, "exceeds the context length") || strings.Contains(message, "exceeds maximum context length")
}

func malformed(err error) bool {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &typ)
}
