package gateway

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// beginFetch takes a file that came with a text through its steps: where it is;
// the fetch, and its place beside the database; the fact. No attempt is recorded
// before it is made: a fetch changes nothing, and twice is once.
func (g *Gateway) beginFetch(it molt.Leased) step {
	return func(ctx context.Context) step {
		if g.waitsForRoom(ctx, it) {
			return nil
		}
		w, err := g.desk.OpenWork(ctx, it.Item)
		if err != nil || w.File == nil {
			g.unreadable(ctx, it, err)
			return nil
		}
		f := file{g: g, it: it, at: *w.File}
		in, at, err := g.desk.Inbound(ctx, it.Conversation, f.at.Seq)
		switch {
		case isErased(err), err == nil && f.at.Index >= len(in.Media):
			return f.failed(&channels.FetchError{Kind: turn.WhyErased, Err: err})
		case err != nil:
			g.stepError(it, "fetch", err)
			return nil
		}
		f.channel, f.came, f.media = in.Channel, at, in.Media[f.at.Index]
		return f.fetch
	}
}

// isErased reports whether a text, or the key that its file would be sealed
// under, is not there any more.
func isErased(err error) bool {
	return errors.Is(err, intake.ErrUnknownConversation) || errors.Is(err, seal.ErrErased) || errors.Is(err, seal.ErrNoKey) || errors.Is(err, molt.ErrCorrupt)
}

// fetcher is a channel that can fetch files, where there is a place to keep them.
func (g *Gateway) fetcher(channel string) (channels.Fetcher, channels.FetchFault) {
	a, ok := g.adapter(channel)
	if !ok {
		return nil, channels.FetchTransient // it may be configured again
	}
	f, ok := a.(channels.Fetcher)
	if !ok || g.o.Files == nil {
		return nil, turn.WhyChannel
	}
	return f, ""
}

// file is one file in a worker's hands.
type file struct {
	g       *Gateway
	it      molt.Leased
	at      turn.FileAt
	channel string
	came    molt.Time
	media   channels.Media
}

func (f file) fetch(ctx context.Context) step {
	from, why := f.g.fetcher(f.channel)
	if why != "" {
		return f.failed(&channels.FetchError{Kind: why})
	}
	body, err := from.Fetch(ctx, f.media)
	if ctx.Err() != nil {
		return nil // stopping: it is fetched after the start
	}
	if err != nil {
		fault := &channels.FetchError{Kind: channels.FetchRejected, Err: err}
		errors.As(err, &fault)
		return f.failed(fault)
	}
	room, err := f.room(ctx)
	if err != nil {
		f.g.stepError(f.it, "fetch", err)
		return nil
	}
	if int64(len(body)) > room {
		return f.failed(&channels.FetchError{Kind: channels.FetchTooLarge})
	}
	ref, err := f.g.o.Files.Keep(ctx, f.it.Conversation, f.came, body)
	switch {
	case isErased(err):
		return f.failed(&channels.FetchError{Kind: turn.WhyErased, Err: err})
	case err != nil:
		f.g.metrics.faults.WithLabelValues("file").Inc()
		return f.failed(&channels.FetchError{Kind: turn.WhyDisk, Err: err})
	}
	return f.kept(turn.Fetched{
		Item: f.it.ID, Seq: f.at.Seq, Index: f.at.Index, Hash: ref.Name, Key: ref.Key, Type: channels.TypeOf(body), Bytes: int64(len(body)),
	})
}

// room is how much of its message's limit is left.
func (f file) room(ctx context.Context) (room int64, err error) {
	_, err = f.g.desk.Step(ctx, f.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		room = s.FileRoom(f.at.Seq)
		return intake.Plan{}
	})
	if unusable(err) {
		return channels.MaxMessageBytes, nil // the step that commits ends the item
	}
	return room, err
}

// kept commits that the file is there, unless others of its message took the
// room meanwhile.
func (f file) kept(b turn.Fetched) step {
	return func(ctx context.Context) step {
		outcome := ""
		f.commit(ctx, func(s *turn.State) intake.Fact {
			if s.FileRoom(b.Seq) < b.Bytes {
				outcome = string(channels.FetchTooLarge)
				return intake.Fact{Kind: turn.KindFetchFailed, Body: &turn.FetchFailed{Item: b.Item, Seq: b.Seq, Index: b.Index, Why: channels.FetchTooLarge}}
			}
			outcome = "kept"
			return intake.Fact{Kind: turn.KindFetched, Body: &b}
		})
		f.g.metrics.files.WithLabelValues(f.channel, outcome).Inc()
		return nil
	}
}

// failed commits that an attempt brought nothing. The log says why, and not
// where it was: that leads to the picture.
func (f file) failed(fault *channels.FetchError) step {
	return func(ctx context.Context) step {
		f.g.metrics.files.WithLabelValues(f.channel, string(fault.Kind)).Inc()
		f.g.o.Log.Warn().Str("conversation", string(f.it.Conversation)).Str("item", string(f.it.ID)).Str("reason", string(fault.Kind)).
			Int("http", fault.HTTP).Str("hint", fault.Hint).AnErr("err", fault.Err).Msg("fetch")
		f.commit(ctx, func(*turn.State) intake.Fact {
			return intake.Fact{Kind: turn.KindFetchFailed, Body: &turn.FetchFailed{
				Item: f.it.ID, Seq: f.at.Seq, Index: f.at.Index, Why: fault.Kind, HTTP: fault.HTTP, RetryAfterMS: fault.RetryAfter.Milliseconds(),
			}}
		})
		return nil
	}
}

// commit brings what came of an attempt as a fact. Beside a frozen journal there
// is nobody to show a file to: its successor has the patient.
func (f file) commit(ctx context.Context, fact func(*turn.State) intake.Fact) {
	ctx = context.WithoutCancel(ctx)
	_, err := f.g.desk.Step(ctx, f.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{fact(s)}, Leases: []molt.Lease{f.it.Lease}}
	})
	if unusable(err) {
		err = f.g.cancelItem(ctx, f.it)
	}
	if err != nil {
		f.g.stepError(f.it, "fetch", err)
	}
}
