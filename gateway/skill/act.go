package skill

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
)

// Do makes an act that was committed, and looks whether it is so. Doing it twice
// is one doing: a daemon that died in between does it again.
func (b *Box) Do(ctx context.Context, a Act) model.Outcome {
	if b.o.Calendar == nil {
		return model.Outcome{State: model.CallUnknown, Why: "no_calendar"} // it was there when the act began
	}
	var out model.Outcome
	switch a.Tool {
	case model.ToolBook:
		out = b.book(ctx, a)
	case model.ToolCancel:
		out = b.cancel(ctx, a)
	default:
		return refused("no_such_tool")
	}
	out.Slot = &a.Slot
	return out
}

// Check looks what became of an act that may have been made, and makes nothing.
func (b *Box) Check(ctx context.Context, a Act) model.Outcome {
	out := model.Outcome{State: model.CallUnknown, Why: "no_calendar"}
	if b.o.Calendar != nil {
		shown, err := b.look(ctx, a.Key)
		none, booked := errors.Is(err, schedule.ErrNone), err == nil && shown.ID == a.Slot.ID && shown.Start == a.Slot.Start
		switch {
		case a.Tool == model.ToolBook && booked, a.Tool == model.ToolCancel && none:
			out = model.Outcome{State: model.CallDone}
		case a.Tool == model.ToolBook && none, a.Tool == model.ToolCancel && booked:
			out = refused(model.WhyLapsed)
		default:
			out.Why = "not_seen"
		}
	}
	out.Slot = &a.Slot
	return out
}

// book reserves, and reads back. What the calendar said counts for nothing beside
// what it shows.
func (b *Box) book(ctx context.Context, a Act) model.Outcome {
	err := b.exchange(ctx, func(ctx context.Context) error {
		return b.o.Calendar.Reserve(ctx, schedule.Booking{
			Key: a.Key, Slot: a.Slot.ID, Name: a.For.Name, DOB: a.For.DOB, Phone: a.For.Phone, Reason: a.For.Reason,
		})
	})
	if errors.Is(err, schedule.ErrTaken) {
		return refused("taken")
	}
	shown, lookErr := b.look(ctx, a.Key)
	switch {
	case lookErr == nil && shown.ID == a.Slot.ID && shown.Start == a.Slot.Start:
		return model.Outcome{State: model.CallDone}
	case errors.Is(lookErr, schedule.ErrNone) && unanswered(err):
		return model.Outcome{State: model.CallUnknown, Why: "no_answer"} // a slow calendar may book it yet
	case errors.Is(lookErr, schedule.ErrNone) && err != nil:
		return model.Outcome{State: model.CallFailed, Why: "calendar"}
	case lookErr == nil, errors.Is(lookErr, schedule.ErrNone):
		return b.undo(ctx, a) // it said yes and shows something else, or nothing
	}
	return model.Outcome{State: model.CallUnknown, Why: "not_seen"}
}

// unanswered reports whether a call may have been made, or may be made yet.
func unanswered(err error) bool {
	return errors.Is(err, schedule.ErrUnanswered) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// undo gives back what may be booked otherwise than was asked, so that nobody has
// an appointment they do not know of.
func (b *Box) undo(ctx context.Context, a Act) model.Outcome {
	if err := b.exchange(ctx, func(ctx context.Context) error { return b.o.Calendar.Release(ctx, a.Key) }); err != nil {
		return model.Outcome{State: model.CallUnknown, Why: "not_undone"}
	}
	if _, err := b.look(ctx, a.Key); !errors.Is(err, schedule.ErrNone) {
		return model.Outcome{State: model.CallUnknown, Why: "not_undone"}
	}
	return model.Outcome{State: model.CallFailed, Why: "not_shown"}
}

func (b *Box) cancel(ctx context.Context, a Act) model.Outcome {
	_ = b.exchange(ctx, func(ctx context.Context) error { return b.o.Calendar.Release(ctx, a.Key) }) // what it shows counts
	switch _, err := b.look(ctx, a.Key); {
	case errors.Is(err, schedule.ErrNone):
		return model.Outcome{State: model.CallDone}
	case err == nil:
		return model.Outcome{State: model.CallFailed, Why: "still_shown"}
	}
	return model.Outcome{State: model.CallUnknown, Why: "not_seen"}
}

func (b *Box) look(ctx context.Context, key string) (shown model.Slot, err error) {
	err = b.exchange(ctx, func(ctx context.Context) (err error) {
		shown, err = b.o.Calendar.Find(ctx, key)
		return err
	})
	return shown, err
}
