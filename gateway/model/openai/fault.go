package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	api "github.com/openai/openai-go/v3"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/wire"
)

var (
	errBusy    = errors.New("the server takes no more questions for now")
	errTooLong = fmt.Errorf("%w: the prompt is longer than the model's context", model.ErrBadAnswer)
)

// fault says in our words what a call came to. The server's own, and the
// library's, may repeat what was asked, and so a patient's.
func (m *Model) fault(ctx context.Context, err error) error {
	var status *api.Error
	broken, isBroken := wire.Broken(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", model.ErrDeadline, context.Cause(ctx))
	case errors.As(err, &status):
		return m.refused(status)
	case isBroken:
		return fmt.Errorf("%w: %s", model.ErrUnavailable, broken)
	}
	return fmt.Errorf("%w: what came back is not the server's API", model.ErrBadAnswer)
}

func (m *Model) refused(status *api.Error) error {
	switch code := status.StatusCode; {
	case status.Code == "insufficient_quota":
		return fmt.Errorf("%w: the account at the server has no credit left", model.ErrSetup)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return errBusy
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w: the server wants a key, or another one", model.ErrSetup)
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: the server has no model %s, or base_url is another address", model.ErrSetup, m.o.Model)
	case status.Code == "context_length_exceeded", strings.Contains(status.Message, "context length"), strings.Contains(status.Message, "context size"):
		return errTooLong
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: the server refused the form of the question (%d)", model.ErrSetup, code)
	default:
		return fmt.Errorf("%w: the server answered %d", model.ErrUnavailable, code)
	}
}
