package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
)

// chatQuiet is how long a chat whose input ended waits for one more answer.
const chatQuiet = 5 * time.Second

func chatCmd(e env) *cobra.Command {
	var o webchat.ClientOptions
	var quiet time.Duration
	c := &cobra.Command{
		Use:   "chat",
		Short: "Chat with the clinic as a patient does on its site",
		Long: `Opens a clinic's web chat in the terminal, by the protocol of the widget. Each
line of the input is one message. What was said stands on standard output, how
the chat stands on standard error. When the input ends it waits until every
message is committed and no answer has come for a while. It cannot send files: the
chat on the clinic's site can.

    printf 'hi, I need an appointment\n' | tidegate chat --url http://127.0.0.1:8080/chat/web/
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t := &talker{e: e, activity: make(chan struct{}, 1)}
			o.Show, o.Stand, o.Trouble = t.show, t.stand, t.trouble
			client, err := webchat.NewClient(o)
			if err != nil {
				return usage("--url: %w", err)
			}
			return t.run(c.Context(), client, quiet)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Page, "url", "http://127.0.0.1:8080/chat/web/", "the chat's address")
	f.StringVar(&o.Origin, "origin", "", "the site to come from, when the chat's own is not listed")
	f.StringVar(&o.Lang, "lang", "", "the language to be answered in")
	f.StringVar(&o.CallBack, "call-back", "", "the number where you can be called")
	f.DurationVar(&quiet, "quiet", chatQuiet, "how long to wait for one more answer once the input has ended")
	return c
}

// talker puts a chat on a terminal.
type talker struct {
	e        env
	activity chan struct{} // of capacity 1: something was shown
	mu       sync.Mutex
	off      bool
}

func (t *talker) run(ctx context.Context, c *webchat.Client, quiet time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }() // ends with ctx
	lines, failed := make(chan string), make(chan error, 1)
	go func() { // ends with the input, or with the process
		defer close(lines)
		s := bufio.NewScanner(t.e.stdin)
		for s.Scan() {
			lines <- s.Text()
		}
		failed <- s.Err()
	}()
	for lines != nil {
		select {
		case line, more := <-lines:
			if !more {
				lines = nil
			} else if err := t.say(c, line); err != nil {
				return err
			}
		case err := <-ended:
			return t.end(c, err)
		}
	}
	if err := <-failed; err != nil {
		return fmt.Errorf("input: %w", err)
	}
	for {
		select {
		case <-t.activity:
		case err := <-ended:
			return t.end(c, err)
		case <-time.After(quiet):
			if c.Pending() == 0 {
				return nil
			}
		}
	}
}

func (t *talker) say(c *webchat.Client, line string) error {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	return c.Say(line)
}

// end says what was not committed, which nobody at the clinic has read.
func (t *talker) end(c *webchat.Client, err error) error {
	if n := c.Pending(); n > 0 && err == nil {
		return fmt.Errorf("%d messages did not reach the clinic", n)
	}
	return err
}

func (t *talker) show(m webchat.Message) {
	who := map[channels.ShownKind]string{
		channels.ShownOwn: "you", channels.ShownAgent: "assistant", channels.ShownPerson: "staff", channels.ShownSafety: "IMPORTANT",
	}[m.Kind]
	if who == "" {
		who = "clinic"
	}
	fmt.Fprintf(t.e.stdout, "%s %s: %s\n", m.At.Local().Format("15:04"), who, inert(m.Text))
	select {
	case t.activity <- struct{}{}:
	default:
	}
}

func (t *talker) stand(s channels.Talk) {
	if s.Typing {
		return
	}
	say := map[channels.Speaker]string{
		channels.SpeakerWaiting: "the clinic's staff are asked to read this", channels.SpeakerPerson: "a person of the clinic's staff answers",
	}[s.Who]
	if say != "" {
		fmt.Fprintf(t.e.stderr, "(%s)\n", say)
	}
}

// trouble says once that there is no connection, and once that there is again.
func (t *talker) trouble(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if off := err != nil; off != t.off {
		t.off = off
		say := "connected again"
		if off {
			say = "not connected, trying again: " + inert(err.Error())
		}
		fmt.Fprintf(t.e.stderr, "(%s)\n", say)
	}
}
