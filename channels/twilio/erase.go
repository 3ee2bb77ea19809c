package twilio

import (
	"context"
	"errors"
	"net/http"
	"path"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/tidegate/tidegate/channels"
)

const hintErase = "Twilio did not delete a text; it is tried again for a month."

var (
	_ channels.Eraser = (*Adapter)(nil)

	errNoSID = errors.New("it is no id of a text")
)

// Erase has Twilio delete a text, its files first: they are resources of their own,
// and nobody finds them once the text is gone
// (https://www.twilio.com/docs/messaging/api/media-resource). A text that is not at
// its end yet is refused with code 20009, and is asked for again later.
func (a *Adapter) Erase(ctx context.Context, providerID string, media []string) error {
	if !sidForm.MatchString(providerID) {
		return &channels.SendError{Kind: channels.FaultRejected, Certain: true, Hint: hintErase, Err: errNoSID}
	}
	ctx, cancel := context.WithTimeout(ctx, channels.SendTimeout)
	defer cancel()
	for _, m := range media {
		at := a.mediaURL(m)
		if at == nil {
			continue // none of the API's: it was never fetched either
		}
		err := a.delete(ctx, func(s *openapi.ApiService) error { return s.DeleteMedia(providerID, path.Base(at.Path), nil) })
		if err != nil {
			return err
		}
	}
	return a.delete(ctx, func(s *openapi.ApiService) error { return s.DeleteMessage(providerID, nil) })
}

func (a *Adapter) delete(ctx context.Context, do func(*openapi.ApiService) error) error {
	c := a.newCall(ctx)
	err := do(c.api())
	if err == nil && c.status < 300 || c.status == http.StatusNotFound {
		return nil
	}
	if err == nil {
		err = errUnclear
	}
	fault := c.fault(err)
	fault.Hint = hintErase
	return fault
}
