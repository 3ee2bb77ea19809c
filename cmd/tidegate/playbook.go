package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

var pagedPattern = regexp.MustCompile(`^S1[^.]* case ([A-Z2-9]{4})`)

// playbook is the day that `demo --play` plays.
func playbook() []step {
	return []step{
		{"opening", "The daemon starts, a process of its own like the carrier.", open},
		{"greeting", "Both write. The agent says who it is, that it is a machine, the hours and 911, and begins the intake.", greeting},
		{"names", "Both give their names and are asked for their dates of birth.", names},
		{"red flag", "In the middle of it, Ben's chest hurts. The carrier gets its 2xx only after one commit that holds his words, the screen's verdict, the case, the safety text and the page. No model is asked.", redFlag},
		{"kill -9", "The page to the nurse is at the carrier's door, held there on our command and not yet taken. Now the daemon dies: kill -9.", killed},
		{"outage", "While it is dead Ana answers. Nobody takes her text.", outage},
		{"restart", "The daemon starts again on the same folder. It cannot know whether the page got through, looks for it in the carrier's list, waits for lists that lag, and sends it once more. Nobody is told of a restart.", restarted},
		{"back-fill", "Ana's text, which nobody took, was fetched from the carrier's list, and her intake goes on.", backfilled},
		{"claim", "Alice takes the case with the code of her page and gets the whole context.", claimed},
		{"relay to the nurse", "What Ben writes now goes to her. The agent is silent.", toNurse},
		{"relay to the patient", "She answers him through the clinic's number.", toPatient},
		{"hand-back", "He is seen to. She gives the conversation back, and the agent resumes at the question it had left.", handedBack},
		{"ok thanks", "\"ok thanks\" asks for nothing: silence, and nobody is paged.", thanks},
		{"intake to the end", "Ana's intake goes on to its end: a summary to check, and the confirmation.", intake},
		{"the record", "What the carrier's ledger must show of all this.", record},
	}
}

func greeting(ctx context.Context, p *play) error {
	if err := p.asks(ctx, p.ana, "hi, I need an appointment for a yearly check-up", `(?s)assistant.*computer.*Hours.*911.*name`); err != nil {
		return err
	}
	return p.asks(ctx, p.ben, "hello, I want to book a flu shot", `(?s)assistant.*computer.*Hours.*911.*name`)
}

func names(ctx context.Context, p *play) error {
	if err := p.asks(ctx, p.ana, "Ana Ruiz", `date of birth`); err != nil {
		return err
	}
	return p.asks(ctx, p.ben, "Ben Ortiz", `date of birth`)
}

func redFlag(ctx context.Context, p *play) error {
	hold := twiliofake.Hold{Match: twiliofake.Match{To: demoNurse}, Where: twiliofake.BeforeAccept, Count: 1}
	if err := p.carrier.Hold(ctx, hold); err != nil {
		return err
	}
	text, err := p.text(ctx, p.ben, "my chest hurts and my left arm is numb")
	if err != nil {
		return err
	}
	p.marks["red flag"] = text.Seq
	hook, err := p.posted(ctx, text)
	if err != nil {
		return err
	}
	if hook.HTTPStatus/100 != 2 {
		return fmt.Errorf("the webhook was answered %d", hook.HTTPStatus)
	}
	p.note("the webhook was answered %d after %d ms", hook.HTTPStatus, hook.TookMS)
	_, err = p.gets(ctx, p.ben, `Call 911 now.*nurse has been alerted`)
	return err
}

func killed(ctx context.Context, p *play) error {
	held, err := p.carrier.Held(ctx)
	if err != nil {
		return errors.New("the page never came to the carrier's door")
	}
	p.note("held: %q", held[0].Body)
	pid := p.daemon.cmd.Process.Pid
	p.daemon.kill()
	p.note("pid %d is dead; the carrier throws the request away that it held", pid)
	if _, err := p.carrier.Release(ctx, twiliofake.Release{Drop: true}); err != nil {
		return err
	}
	got, err := p.carrier.PhoneNow(ctx, demoNurse, p.marks["red flag"])
	if err != nil {
		return err
	}
	for _, m := range got {
		if strings.Contains(m.Body, "arm is numb") {
			return errors.New("the page had left before")
		}
	}
	return nil
}

func outage(ctx context.Context, p *play) error {
	text, err := p.text(ctx, p.ana, "3/4/1980")
	if err != nil {
		return err
	}
	hook, err := p.posted(ctx, text)
	if err != nil {
		return err
	}
	if hook.HTTPStatus != 0 {
		return fmt.Errorf("somebody answered %d", hook.HTTPStatus)
	}
	p.note("the carrier's webhook: %s", "no connection, nobody listens")
	return nil
}

func restarted(ctx context.Context, p *play) error {
	if err := open(ctx, p); err != nil {
		return err
	}
	for p.code == "" {
		page, err := p.gets(ctx, demoNurse, `^S1`)
		if err != nil {
			return err
		}
		if m := pagedPattern.FindStringSubmatch(page); m != nil && strings.Contains(page, "my left arm is numb") {
			p.code = m[1]
		}
	}
	return nil
}

func backfilled(ctx context.Context, p *play) error {
	_, err := p.gets(ctx, p.ana, `(?s)Mar 4, 1980.*insurance`)
	return err
}

func claimed(ctx context.Context, p *play) error {
	if _, err := p.text(ctx, demoNurse, p.code+" A"); err != nil {
		return err
	}
	handoff, err := p.gets(ctx, demoNurse, `(?s)is yours.*arm is numb`)
	if err == nil && !strings.Contains(handoff, p.ben) {
		err = errors.New("the handoff is not about Ben")
	}
	return err
}

func toNurse(ctx context.Context, p *play) error {
	if _, err := p.text(ctx, p.ben, "I took an aspirin, what now"); err != nil {
		return err
	}
	_, err := p.gets(ctx, demoNurse, p.code+` patient: I took an aspirin`)
	return err
}

func toPatient(ctx context.Context, p *play) error {
	if _, err := p.text(ctx, demoNurse, p.code+" R An ambulance is on its way. Unlock the door and sit down."); err != nil {
		return err
	}
	_, err := p.gets(ctx, p.ben, `^An ambulance is on its way\. Unlock the door and sit down\.$`)
	return err
}

func handedBack(ctx context.Context, p *play) error {
	text, err := p.text(ctx, demoNurse, p.code+" D Seen by the crew, not his heart. He still wants the flu shot.")
	if err != nil {
		return err
	}
	p.marks["hand-back"] = text.Seq
	if _, err := p.gets(ctx, demoNurse, p.code+` is resolved`); err != nil {
		return err
	}
	_, err = p.gets(ctx, p.ben, `date of birth`)
	return err
}

func thanks(ctx context.Context, p *play) error {
	text, err := p.text(ctx, p.ben, "ok thanks")
	if err != nil {
		return err
	}
	p.marks["thanks"] = text.Seq
	if _, err := p.posted(ctx, text); err != nil {
		return err
	}
	if err := p.quiet(ctx, p.ben); err != nil {
		return err
	}
	p.note("%s of nothing", quietTime)
	return nil
}

func intake(ctx context.Context, p *play) error {
	for _, turn := range []struct{ words, pattern string }{
		{"Blue Cross", `What time`},
		{"Tuesday morning", `(?s)check: Ana Ruiz, born Mar 4, 1980.*Blue Cross.*Tuesday morning`},
		{"1", `The staff will read this and contact you`},
	} {
		if err := p.asks(ctx, p.ana, turn.words, turn.pattern); err != nil {
			return err
		}
	}
	return nil
}

// record judges the whole by the ledger alone.
func record(ctx context.Context, p *play) error {
	if _, err := p.carrier.Idle(ctx); err != nil {
		return errors.New("the carrier never came to rest")
	}
	entries, err := p.carrier.Ledger(ctx, p.since)
	if err != nil {
		return err
	}
	for _, check := range []struct {
		holds string
		find  func(*play, []twiliofake.Entry) string
	}{
		{"Ben's phone got nothing of the agent's between the safety text and the hand-back", chatter},
		{"no patient got the same text twice", twice},
		{"the nurse was paged once for it, and nobody after the hand-back", pages},
		{"\"ok thanks\" reached no staff", heardThanks},
		{"nobody was told of a restart", toldOfRestart},
		{"no patient's question was left without an answer", hanging},
		{"nothing left for anybody who is not of this story", strangers},
		{"no patient read a number, a link or instructions that a text asked for", baited},
	} {
		if got := check.find(p, entries); got != "" {
			return fmt.Errorf("not so: %s: %q", check.holds, got)
		}
		p.note("%s", check.holds)
	}
	return nil
}

// arrived visits the texts that reached a phone.
func arrived(entries []twiliofake.Entry, find func(twiliofake.Entry) bool) string {
	for _, e := range entries {
		if e.Kind == twiliofake.KindHandset && find(e) {
			return e.Body
		}
	}
	return ""
}

func chatter(p *play, entries []twiliofake.Entry) string {
	return arrived(entries, func(e twiliofake.Entry) bool {
		during := e.Seq > p.marks["red flag"] && e.Seq < p.marks["hand-back"]
		return e.To == p.ben && during && !strings.Contains(e.Body, "911") && !strings.Contains(e.Body, "ambulance")
	})
}

func twice(p *play, entries []twiliofake.Entry) string {
	seen := map[string]bool{}
	return arrived(entries, func(e twiliofake.Entry) bool {
		key := e.To + e.Body
		again := seen[key] && (e.To == p.ana || e.To == p.ben) && e.Seq < p.marks["hand-back"]
		seen[key] = true
		return again
	})
}

func pages(p *play, entries []twiliofake.Entry) string {
	paged := 0
	return arrived(entries, func(e twiliofake.Entry) bool {
		if !pagedPattern.MatchString(e.Body) || !strings.Contains(e.Body, p.code) {
			return false
		}
		paged++
		return paged > 1 || e.Seq > p.marks["hand-back"]
	})
}

func heardThanks(p *play, entries []twiliofake.Entry) string {
	return arrived(entries, func(e twiliofake.Entry) bool {
		return p.marks["thanks"] > 0 && e.Seq > p.marks["thanks"] && e.To != p.ana && e.To != p.ben && strings.Contains(e.Body, p.code)
	})
}

func toldOfRestart(_ *play, entries []twiliofake.Entry) string {
	return arrived(entries, func(e twiliofake.Entry) bool {
		return regexp.MustCompile(`(?i)restart|crash|reboot|sorry for the delay|technical`).MatchString(e.Body)
	})
}
