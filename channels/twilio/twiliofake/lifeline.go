package twiliofake

import (
	"context"
	"io"
)

// EndWithInput returns a context that ends when the reader does, so that a carrier started with its parent's pipe as standard input does not outlive the
// parent. What is read is thrown away.
//
// The goroutine behind it ends with the reader and not with the context, because a read cannot be called off: hand it the standard input of a process
// about to end, or close the reader.
func EndWithInput(ctx context.Context, r io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the input: no sooner can a read of it be given up
		defer cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	return ctx, cancel
}
