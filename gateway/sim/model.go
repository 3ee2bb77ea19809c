package sim

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// thinker is a model with moods. Each patient's words carry a tag, and it
// answers with the tag of whom it was asked for.
type thinker struct {
	w    *world
	name string
}

// Name implements model.Provider.
func (t *thinker) Name() string { return t.name }

// Ask implements model.Provider. What takes time takes it from the world's
// clock: one that hangs is silent until its deadline.
func (t *thinker) Ask(_ context.Context, r model.Request) (model.Answer, error) {
	w := t.w
	w.took += w.within(300*time.Millisecond, 4*time.Second)
	tag := tagIn(r)
	x := w.mood()
	switch {
	case r.Opinion:
		return t.opinion(), nil
	case w.still:
		return stillAnswer(r, tag), nil
	}
	reply := model.Answer{Kind: model.KindReply}
	t.words(r, tag, &reply)
	switch {
	case x < 0.05:
		w.took += askTimeout
		return model.Answer{}, model.ErrDeadline
	case x < 0.08:
		return model.Answer{}, model.ErrUnavailable
	case x < 0.10:
		panic("a provider's fault")
	case x < 0.12:
		w.took += w.within(5*time.Second, askTimeout)
	case x < 0.22:
		reply.Text = babble(w)
	case x < 0.32:
		return model.Answer{Kind: model.KindSilent, Silence: model.SilenceNothingAsked}, nil
	case x < 0.40:
		a := model.Answer{Kind: model.KindEscalate, Severity: pick(w.r, model.S1, model.S2, model.S3, model.S4, ""), Reason: pick(w.r, "patient_wish", "unsure", "billing")}
		if a.Severity == model.S4 {
			a.Text = reply.Text
		}
		return a, nil
	case x < 0.42:
		reply.Kind = "odd"
	case x < 0.50:
		reply.Kind, reply.Text = model.KindClarify, t.phrase(r, tag, clarifyWords, clarifyWordsEs+" para ayudarle")
	default:
		if a := t.calls(r); a != nil {
			if a.Call.Tool == model.ToolBook || a.Call.Tool == model.ToolCancel {
				w.intrudesOn(tag)
			}
			return *a, nil
		}
	}
	if len(r.Window) > 0 && w.chance(0.2) {
		reply.Question = pick(w.r, "preferred_time", "name")
	}
	return reply, nil
}

// mood is how a model feels about a question: below 1 it may go wrong.
func (w *world) mood() float64 {
	x := w.r.Float64() / max(w.weather.model, 1e-9)
	if w.calm {
		return 1e9
	}
	return x
}

// opinion is of any mood: it raises what is harmless, and thinks nothing of danger.
func (t *thinker) opinion() model.Answer {
	a := model.Answer{Kind: model.KindOpinion, TokensIn: 300, TokensOut: 5}
	if !t.w.calm && !t.w.still {
		a.Severity = pick(t.w.r, "", "", "", model.S3, model.S2, model.S1, model.S4, "odd")
	}
	return a
}

// babble is a text that no patient may read.
func babble(w *world) molt.Words {
	return pick(w.r, "", " \u200b ", molt.Words(policy.Token), molt.Words("Well: "+policy.Token), "Call 900 555 0147 now", "Take 400 mg twice a day", molt.Words(strings.Repeat("and so on ", 90)))
}

// tagIn is the tag of whom the thinker is asked for.
func tagIn(r model.Request) string {
	tag := "nobody"
	for _, m := range r.Window {
		if i := strings.Index(m.Words.Reveal(), "tag-"); m.From == model.FromPatient && i >= 0 {
			tag = strings.Fields(m.Words.Reveal()[i:])[0]
		}
	}
	return tag
}

// words are what the thinker says when it is well. Each answer has a number that no
// other has.
func (t *thinker) words(r model.Request, tag string, reply *model.Answer) {
	t.w.thoughts[fmt.Sprint(t.w.steps)] = t.w.now
	if len(r.Persona.Intents) > 0 {
		reply.Intent = t.intent(r)
	}
	if offers(r) {
		reply.Text, reply.Question = t.phrase(r, tag, offerWords, offerWordsEs+" para su cita"), "preferred_time"
		return
	}
	reply.Text = t.phrase(r, tag, "we open at 8. May I help with more", "abrimos a las 8. ¿Le ayudo con algo mas")
}

// phrase is a text in the patient's language, about her and nobody else.
func (t *thinker) phrase(r model.Request, tag, en, es string) molt.Words {
	if r.Lang == "es" {
		return molt.Words(fmt.Sprintf("Sobre %s: %s, respuesta %d?", tag, es, t.w.steps))
	}
	return molt.Words(fmt.Sprintf("About %s: %s, answer %d?", tag, en, t.w.steps))
}

// intent is what the thinker says that its answer is about: mostly what it is, at
// times something else, or nothing.
func (t *thinker) intent(r model.Request) string {
	words := strings.ToLower(newest(r))
	has := func(of string) bool { return strings.Contains(words, of) }
	find, choose, giveBack := wishes(words)
	switch {
	case t.w.chance(0.12):
		return pick(t.w.r, model.IntentOther, "", model.IntentIntake)
	case has("hours"), has("hora"):
		return model.IntentHours
	case has("get there"):
		return model.IntentPlace
	case find, choose, giveBack:
		return model.IntentAppointment
	}
	return model.IntentIntake
}

const askTimeout = 20 * time.Second
