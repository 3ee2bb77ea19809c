package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Apart lives a still world in which all patients write, and again one for each
// alone, who writes the same at the same times. What each reads has to be the
// same: what one patient reads hangs on nothing that another one wrote. Faults
// of the result say for whom it was not, and hold whatever else was broken.
func Apart(o Options, seed uint64) (Result, error) {
	together, all, err := liveStill(o, seed, "")
	if err != nil {
		return together, err
	}
	for _, p := range all.patients {
		r, alone, err := liveStill(o, seed, p.name)
		if err != nil {
			return together, err
		}
		together.Steps += r.Steps
		together.Faults = append(together.Faults, r.Faults...)
		i := slices.IndexFunc(alone.patients, func(q *patient) bool { return q.name == p.name })
		if fault := differs(p, alone.patients[i]); fault != "" {
			together.Faults = append(together.Faults, fault)
		}
	}
	return together, nil
}

// liveStill lives a still world of a seed.
func liveStill(o Options, seed uint64, only string) (r Result, w *world, err error) {
	if w, err = born(o, seed); err != nil {
		return r, nil, err
	}
	w.still, w.only, w.weather, w.told = true, only, weather{}, true
	r, err = w.result()
	return r, w, errors.Join(err, w.place.Remove())
}

// differs compares what a patient read among others and alone.
func differs(among, alone *patient) string {
	for i := range max(len(among.got), len(alone.got)) {
		a, b := wordsAt(among.got, i), wordsAt(alone.got, i)
		if a != b {
			return fmt.Sprintf("text %d that %s reads among others is %q, and alone %q", i+1, among.name, a, b)
		}
	}
	return ""
}

func wordsAt(got []*call, i int) string {
	if i >= len(got) {
		return "(none)"
	}
	return got[i].o.Words.Reveal()
}

// plotStill plans what patients write. Each has a chance of her own, so that who
// else writes changes nothing of it.
func (w *world) plotStill() {
	for _, p := range w.patients {
		h := fnv.New64a()
		_, _ = io.WriteString(h, p.name)
		p.own = rand.New(rand.NewPCG(w.seed, h.Sum64()))
		for range 2 + p.own.IntN(4) {
			at := time.Duration(p.own.Int64N(int64(plotHours * time.Hour)))
			for i := range 1 + p.own.IntN(3) {
				k := p.mood()
				words := p.words[k][p.own.IntN(len(p.words[k]))]
				if w.only == "" || w.only == p.name {
					w.after(at.Truncate(time.Millisecond)+time.Duration(i)*1100*time.Millisecond, 0, p.name+" texts", func() { p.say(k, words) })
				}
			}
		}
	}
	w.after(plotHours*time.Hour, 0, "calm", w.clear)
}

// seesTo takes a case, writes to its patient and resolves it, whatever else she
// has to do, and each case once.
func (n *nurse) seesTo(code string) {
	if slices.ContainsFunc(n.did, func(d deed) bool { return d.code == code }) {
		return
	}
	n.did = append(n.did, deed{code: code})
	for i, text := range []struct {
		verb turn.Verb
		rest string
	}{{turn.VerbTake, "A"}, {turn.VerbRelay, "R This is a nurse, what happened?"}, {turn.VerbResolve, "D seen to"}} {
		n.w.after(time.Duration(1+2*i)*time.Minute, 0, string(n.id)+" acts", func() {
			if !n.w.calm {
				n.text(code, text.verb, text.rest)
			}
		})
	}
}

// stillAnswer is a model's answer that follows from what it was asked, and from
// nothing else.
func stillAnswer(r model.Request, tag string) model.Answer {
	h := fnv.New64a()
	said := 0
	for _, m := range r.Window {
		_, _ = io.WriteString(h, m.Words.Reveal())
		said++
	}
	a := model.Answer{Kind: model.KindReply, Text: molt.Words(fmt.Sprintf("About %s: we open at 8, answer %d after %d texts.", tag, h.Sum64()%1000, said))}
	if r.Lang == "es" {
		a.Text = molt.Words(fmt.Sprintf("Sobre %s: abrimos a las 8, respuesta %d. ¿Le ayudo con algo mas?", tag, h.Sum64()%1000))
	}
	switch h.Sum64() / 1000 % 12 {
	case 0:
		return model.Answer{Kind: model.KindSilent, Silence: model.SilenceNothingAsked}
	case 1:
		a.Text = molt.Words(policy.Token)
	case 2:
		return model.Answer{Kind: model.KindEscalate, Severity: model.S3, Reason: "unsure"}
	case 3:
		a.Text = molt.Words(strings.Repeat("and so on ", 90))
	}
	return a
}
