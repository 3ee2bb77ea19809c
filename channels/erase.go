package channels

import "context"

// Eraser is an adapter whose provider deletes texts.
type Eraser interface {
	// Erase deletes a text of either direction and its files, whose addresses came
	// with it, once. What is not there any more is no fault. Its error is a
	// *SendError.
	Erase(ctx context.Context, providerID string, media []string) error
}
