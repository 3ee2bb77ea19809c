package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

// A question is called off as soon as nobody waits for its answer any more:
// because a person has the conversation, or because a newer text took its place.
func TestAQuestionIsCalledOff(t *testing.T) {
	for name, words := range map[string]string{"a red flag": "my chest hurts", "a newer text": "and are you open on Monday?"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			calledOff := make(chan struct{}, 10)
			r.model.do = func(ctx context.Context, _ model.Request) (model.Answer, error) {
				<-ctx.Done()
				calledOff <- struct{}{}
				return model.Answer{}, ctx.Err()
			}
			r.text(patient, "when are you open")
			<-r.model.asked
			r.text(patient, words)
			select {
			case <-calledOff:
			case <-time.After(bound / 2): // the model's own deadline is bound
				t.Error("the model thinks on for nobody")
			}
		})
	}
}
