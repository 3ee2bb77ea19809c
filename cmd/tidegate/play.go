package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// Limits of the play.
const (
	stepTime  = 15 * time.Second // within which a step happens, or did not
	quietTime = 2 * time.Second  // of nothing, where nothing is to happen
	wrapWidth = 76
)

// play is a story as it is told. All it shows it read from the carrier.
type play struct {
	carrier twiliofake.Client
	house   *demoHouse
	e       env
	log     *os.File
	daemon  *child
	names   map[string]string // by number
	ana     string
	ben     string
	eve     string           // with a model that obeys anybody
	since   int64            // the ledger's end when the play began
	read    map[string]int64 // what was read of each phone
	code    string           // of the case
	marks   map[string]int64 // the ledger's end at moments that matter later
}

// step is one thing that is to happen, and the words that announce it.
type step struct {
	name string
	tell string
	do   func(ctx context.Context, p *play) error
}

// playDemo tells the story with the daemon and the carrier in processes of
// their own. Both end with it, however it ends.
func playDemo(ctx context.Context, mode string, e env) error {
	d, err := prepareDemo(demoFolder, playPorts())
	if err != nil {
		return err
	}
	carrier, err := d.startCarrier(e)
	if err != nil {
		return err
	}
	defer carrier.stop()
	stopModel, err := d.startModel(mode, e)
	if err != nil {
		return err
	}
	defer stopModel()
	if err := d.write(carrier.base); err != nil {
		return err
	}
	p := &play{
		carrier: twiliofake.Client{Base: carrier.base, Token: d.control}, house: d, e: e,
		names: map[string]string{demoNumber: "clinic", demoNurse: "Alice", demoSecond: "Carmen", demoAdmin: "Bob"},
		read:  map[string]int64{}, marks: map[string]int64{},
	}
	if p.log, err = d.openLog(); err != nil {
		return err
	}
	defer p.log.Close()
	defer p.close()
	if err := p.begin(ctx); err != nil {
		return err
	}
	began := time.Now()
	err = p.run(ctx, playbookOf(mode))
	if ctx.Err() != nil {
		return errors.New("interrupted: everything is stopped")
	}
	p.table(ctx)
	if err == nil {
		fmt.Fprintf(e.stdout, "\nEvery step happened, in %.0f s. The daemon's log: %s\n", time.Since(began).Seconds(), d.log)
	}
	return err
}

// close stops the daemon, if there is one.
func (p *play) close() {
	if p.daemon != nil {
		p.daemon.stop()
	}
}

// begin draws the patients.
func (p *play) begin(ctx context.Context) error {
	past, err := p.carrier.Ledger(ctx, 0)
	if err != nil {
		return err
	}
	for _, e := range past {
		p.since = e.Seq
		p.read[e.To] = e.Seq
	}
	p.ana, p.ben = p.draw(past, "Ana"), p.draw(past, "Ben")
	fmt.Fprintf(p.e.stdout, `A day at Harbor Clinic. Two patients, Ana (%s) and Ben (%s), have its number.
Alice is the nurse on call (%s). The carrier is a stand-in in a process
of its own; every text below was read from it. The daemon's log: %s
`, p.ana, p.ben, demoNurse, p.house.log)
	return nil
}

// draw gives a patient a number that this carrier never heard from, of those
// kept for fiction.
func (p *play) draw(past []twiliofake.Entry, name string) string {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(700*100))
		if err != nil {
			continue // crypto/rand never fails
		}
		area := 200 + n.Int64()/100
		number := fmt.Sprintf("+1%d55501%02d", area, n.Int64()%100)
		known := func(e twiliofake.Entry) bool { return e.From == number || e.To == number }
		if area == 555 || p.names[number] != "" || slices.ContainsFunc(past, known) {
			continue
		}
		p.names[number] = name
		return number
	}
}

// playPorts is where a story looks for free ports. Stories that are played side by
// side begin apart: a port that is let go of for the daemon may be another's by then.
func playPorts() int { return 9100 + os.Getpid()%500*20 }

// open starts the daemon. The ports are held until the first is there to take
// them.
func open(_ context.Context, p *play) error {
	p.house.held.free()
	c, line, err := startChild([]string{"serve", "--config", p.house.config, "--end-with-stdin"}, nil, p.log, p.house.lock)
	if err != nil {
		return fmt.Errorf("daemon: %w; its log: %s", err, p.house.log)
	}
	p.daemon = c
	p.note("The daemon: %s", line)
	return nil
}

// run does the steps in order. After one that did not happen the rest cannot,
// and all are named.
func (p *play) run(ctx context.Context, steps []step) error {
	for i, s := range steps {
		fmt.Fprintf(p.e.stdout, "\n%2d. %s\n", i+1, wrap(s.tell, 4))
		within, cancel := context.WithTimeout(ctx, stepTime)
		err := s.do(within, p)
		cancel()
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		missed := []string{fmt.Sprintf("%q (%v)", s.name, err)}
		for _, later := range steps[i+1:] {
			missed = append(missed, fmt.Sprintf("%q", later.name))
		}
		return fmt.Errorf("did not happen: %s; see %s", strings.Join(missed, ", "), p.house.log)
	}
	return nil
}

// note says what happens beside the texts.
func (p *play) note(format string, args ...any) {
	fmt.Fprintf(p.e.stdout, "    [%s]\n", wrap(fmt.Sprintf(format, args...), 5))
}

// show prints one text as the carrier has it.
func (p *play) show(from, to, body string) {
	who := fmt.Sprintf("    %-6s > %-6s  ", p.name(from), p.name(to))
	fmt.Fprintln(p.e.stdout, who+wrap(body, len(who)))
}

func (p *play) name(number string) string {
	if n := p.names[number]; n != "" {
		return n
	}
	return number
}

// text is a handset writing to the clinic.
func (p *play) text(ctx context.Context, from, words string) (twiliofake.Entry, error) {
	sid, err := p.carrier.Text(ctx, twiliofake.Text{From: from, To: demoNumber, Body: words})
	if err != nil {
		return twiliofake.Entry{}, err
	}
	e, err := p.await(ctx, p.since, func(e twiliofake.Entry) bool { return e.Kind == twiliofake.KindInbound && e.SID == sid })
	if err == nil {
		p.show(e.From, e.To, e.Body)
	}
	return e, err
}

// gets waits until a phone got a text that matches, and shows all it got.
func (p *play) gets(ctx context.Context, phone, pattern string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	for {
		got, err := p.carrier.Phone(ctx, phone, p.read[phone])
		if err != nil {
			return "", fmt.Errorf("%s's phone got nothing like /%s/ within %s", p.name(phone), pattern, stepTime)
		}
		for _, m := range got {
			p.read[phone] = m.Seq
			p.show(m.From, phone, m.Body)
			if re.MatchString(m.Body) {
				return m.Body, nil
			}
		}
	}
}

// asks sends a text and waits for what answers it.
func (p *play) asks(ctx context.Context, from, words, pattern string) error {
	if _, err := p.text(ctx, from, words); err != nil {
		return err
	}
	_, err := p.gets(ctx, from, pattern)
	return err
}

func (p *play) await(ctx context.Context, since int64, match func(twiliofake.Entry) bool) (twiliofake.Entry, error) {
	e, err := p.carrier.Await(ctx, since, match)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the carrier saw no such thing within %s", stepTime)
	}
	return e, err
}

// posted waits for the end of the attempt to bring a text to the clinic.
func (p *play) posted(ctx context.Context, text twiliofake.Entry) (twiliofake.Entry, error) {
	return p.await(ctx, text.Seq, func(e twiliofake.Entry) bool {
		return e.Kind == twiliofake.KindWebhook && e.SID == text.SID && e.Phase == twiliofake.PhaseEnded
	})
}

// quiet watches for a while that a phone gets nothing.
func (p *play) quiet(ctx context.Context, phone string) error {
	watch, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	got, err := p.carrier.Phone(watch, phone, p.read[phone])
	if err != nil && ctx.Err() == nil {
		return nil // the watch is over
	}
	for _, m := range got {
		p.show(m.From, phone, m.Body)
	}
	return fmt.Errorf("%s's phone was to stay silent", p.name(phone))
}

// wrap breaks words at spaces; what follows the first line is indented.
func wrap(text string, indent int) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat(" ", indent))
		}
		width := 0
		for j, word := range strings.Fields(line) {
			switch {
			case j == 0:
			case indent+width+1+len(word) > wrapWidth+indent/2:
				b.WriteString("\n" + strings.Repeat(" ", indent))
				width = 0
			default:
				b.WriteByte(' ')
				width++
			}
			b.WriteString(word)
			width += len(word)
		}
	}
	return b.String()
}

// table prints what the carrier's ledger holds of the play, a line a text.
func (p *play) table(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	entries, err := p.carrier.Ledger(within, p.since)
	if err != nil {
		fmt.Fprintf(p.e.stderr, "tidegate: the carrier's ledger: %v\n", err)
		return
	}
	fates := fatesOf(entries)
	w := p.e.stdout
	fmt.Fprintf(w, "\nThe carrier's ledger of it, which the daemon cannot write to:\n\n")
	fmt.Fprintf(w, "%-8s  %-6s > %-6s  %-31s  %s\n", "time", "from", "to", "what became of it", "words")
	for _, e := range entries {
		if fate := fates[e.Seq]; fate != "" {
			fmt.Fprintf(w, "%-8s  %-6s > %-6s  %-31s  %s\n", e.At.Format("15:04:05"), p.name(e.From), p.name(e.To), fate, clip(e.Body))
		}
	}
}

// fatesOf says what became of each text, by the entry that began it.
func fatesOf(entries []twiliofake.Entry) map[int64]string {
	fates, began := map[int64]string{}, map[string]int64{}
	for _, e := range entries {
		switch e.Kind {
		case twiliofake.KindInbound:
			began[e.SID], fates[e.Seq] = e.Seq, "on its way"
		case twiliofake.KindCreate:
			began[e.SID], fates[e.Seq] = e.Seq, "on its way"
		case twiliofake.KindRefused:
			fates[e.Seq] = "never taken: " + e.Error
		case twiliofake.KindWebhook:
			if e.Phase == twiliofake.PhaseEnded && began[e.SID] > 0 {
				fates[began[e.SID]] = brought(e)
			}
		case twiliofake.KindStatus:
			if began[e.SID] > 0 {
				fates[began[e.SID]] = strings.TrimSpace(e.Status + " " + nonZero(e.ErrorCode))
			}
		}
	}
	return fates
}

func brought(e twiliofake.Entry) string {
	if e.HTTPStatus == 0 {
		return "nobody answered: only listed"
	}
	return fmt.Sprintf("webhook answered %d in %d ms", e.HTTPStatus, e.TookMS)
}

func nonZero(code int) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}

// clip keeps a table's last column to one line.
func clip(words string) string {
	const width = 60
	words = strings.Join(strings.Fields(words), " ")
	if r := []rune(words); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return words
}
