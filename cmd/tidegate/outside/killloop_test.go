package outside

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// progress prints each kill as it happens.
var progress = flag.Bool("progress", false, "print each kill of the kill loop")

// Limits of the loop.
const (
	defaultKills = 6
	killsAWorld  = 60                // then a fresh folder
	visitorEvery = 6                 // kills
	killConsoles = 2                 // open beside, in every world
	aimTime      = 8 * time.Second   // for what is aimed at to come by
	lagTime      = 4 * time.Second   // the longest by which this carrier's lists lag
	calmTime     = 200 * time.Second // until every text has ended; a check of a lost answer waits a minute
)

// aim is a way to choose the moment of a kill.
type aim string

const (
	aimCarrier aim = "carrier holds"
	aimStrace  aim = "strace"
	aimRandom  aim = "random"
	aimStop    aim = "while stopping"
)

// phase is where a kill struck.
type phase struct {
	aim   aim
	where string
}

// tally is what is counted over all worlds.
type tally struct {
	kills    map[phase]int
	cut      map[phase]int // webhooks whose answer was lost by it
	worlds   int
	models   int // of them, those whose agent asks a model first
	consoles int // that were open through all kills of their world
	starts   []time.Duration
	sums     judged
}

// TestKillLoop kills the daemon again and again while patients and nurses go
// on, and lets the carrier's ledger judge: nothing is lost, nothing routine is
// said twice, no red flag goes without a page, nobody hears of a restart.
func TestKillLoop(t *testing.T) {
	t.Parallel()
	kills := number(t, "TIDEGATE_KILLS", defaultKills)
	seed := uint64(number(t, "TIDEGATE_SEED", int(time.Now().UnixNano()&0xffffff)))
	sum := &tally{kills: map[phase]int{}, cut: map[phase]int{}}
	aims := aimsHere(t)
	for left := kills; left > 0 && !t.Failed(); left -= killsAWorld {
		sum.worlds++
		killWorld(t, seed+uint64(sum.worlds-1), min(left, killsAWorld), aims, sum)
	}
	t.Logf("seed %d\n%s", seed, sum)
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: want a number, got %q", name, text)
	}
	return n
}

// aimsHere leaves out what this machine cannot do.
func aimsHere(t *testing.T) []aim {
	t.Helper()
	why := straceFault()
	if why == "" {
		return []aim{aimCarrier, aimStrace, aimRandom, aimCarrier, aimStrace, aimStop}
	}
	t.Run("aimed by strace", func(t *testing.T) { needs(t, "strace", why) })
	return []aim{aimCarrier, aimRandom, aimStop}
}

// straceFault says why strace cannot be used, if it cannot.
func straceFault() string {
	path, err := exec.LookPath("strace")
	if err != nil {
		return "it is not here"
	}
	if out, err := exec.Command(path, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fdatasync", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("it may not trace: %v %s", err, strings.TrimSpace(string(out)))
	}
	return ""
}

// killer is one world being killed.
type killer struct {
	*world
	chance *rand.Rand
	people *people
	sum    *tally
	ctx    context.Context
	rounds int   // in which patients came in
	looked int64 // up to which entry webhooks cut were counted
	holds  bool  // the carrier still holds a request of a daemon that is dead
}

// killWorld kills one world's daemon so many times, lets it come to rest, and
// judges. A world that was judged badly keeps its folder.
func killWorld(t *testing.T, seed uint64, kills int, aims []aim, sum *tally) {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("tidegate-kill-%d-", seed))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; its folder is kept: %s", seed, dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	ctx, cancel := context.WithCancel(context.Background())
	s := setting{profile: "mean", seed: seed, chat: `"https://www.clinic.example"`}
	if seed%2 == 0 { // a model that talks garbage is asked first, and dies with nobody
		m := start(t, exec.Command(program(t), "model", "--mode", "garbage"), dir+"/model.log")
		s.agent = fmt.Sprintf("{models: [ollama/stand-in, scripted/intake], providers: {ollama: {base_url: %q, at_once: 16}}, ask_timeout: 10s, debounce: 100ms, debounce_max: 1s}", m.field("base"))
		sum.models++
	}
	w := newWorld(t, dir, s)
	k := &killer{world: w, chance: rand.New(rand.NewPCG(seed, 1)), people: newPeople(w, seed), sum: sum, ctx: ctx}
	lived := make(chan struct{})
	go func() { // ends with the world
		defer close(lived)
		k.people.follow(ctx)
	}()
	k.start()
	seats := k.seats(t, killConsoles)
	k.kill()
	for n := range kills {
		k.round(n, aims[n%len(aims)])
	}
	k.start()
	k.release(twiliofake.Release{})
	faults := k.judge()
	k.consoles(t, seats)
	k.stop()
	cancel()
	<-lived
	k.people.chats.Wait()
	for _, f := range append(faults, k.people.faults...) {
		t.Errorf("seed %d: %v", seed, f)
	}
}

// consoles wants the consoles, which came back after every kill by themselves, to
// show the next red flag.
func (k *killer) consoles(t *testing.T, seats []*seat) {
	t.Helper()
	const words = "my chest hurts, the last of all"
	k.text("+12995550199", words)
	for _, s := range seats {
		s.awaits(t, words)
	}
	k.sum.consoles += len(seats)
}

// start starts the daemon, and notes how long it takes until it serves.
func (k *killer) start() {
	k.t.Helper()
	began := time.Now()
	k.world.start()
	k.sum.starts = append(k.sum.starts, time.Since(began))
}

// round lets people in, kills the daemon at the moment aimed at, and leaves it
// dead for a while.
func (k *killer) round(n int, a aim) {
	k.t.Helper()
	var p phase
	switch a {
	case aimCarrier:
		k.start()
		p = k.whileHeld()
	case aimStrace:
		p = k.atCall()
	default:
		k.start()
		k.comeIn()
		k.people.lull(k.ctx, time.Duration(k.chance.IntN(2500))*time.Millisecond)
		p = phase{a, "any moment"}
		if a == aimStop { // told to stop, and not given the time
			_ = syscall.Kill(k.pid, syscall.SIGTERM)
			k.people.lull(k.ctx, time.Duration(k.chance.IntN(40))*time.Millisecond)
		}
		k.kill()
	}
	k.sum.kills[p]++
	k.sum.cut[p] += k.webhooksCut()
	if k.chance.IntN(2) == 0 { // somebody writes while nobody listens
		k.people.admit(k.ctx, intakeKind)
		k.people.lull(k.ctx, time.Duration(k.chance.IntN(300))*time.Millisecond)
	}
	if *progress {
		fmt.Printf("%s kill %3d: %s, %s\n", time.Now().Format("15:04:05"), n+1, p.aim, p.where)
	}
}

// comeIn admits the patients of a round. Sometimes the carrier answers one of
// our requests as carriers do on a bad day.
func (k *killer) comeIn() {
	k.releaseLate()
	faults := []twiliofake.Fault{
		{Kind: twiliofake.FaultLostAnswer},
		{Kind: twiliofake.FaultServerError, Status: 503},
		{Kind: twiliofake.FaultRateLimited, RetryAfter: 1, Count: 2},
		{Kind: twiliofake.FaultReset},
		{Kind: twiliofake.FaultDropReceipts},
		{Kind: twiliofake.FaultDelayReceipts, Delay: twiliofake.Duration(2 * time.Second)},
	}
	if n := k.chance.IntN(4 * len(faults)); n < len(faults) {
		if err := k.carrier.Do(k.ctx, http.MethodPost, "fault", faults[n], nil); err != nil {
			k.t.Fatal(err)
		}
	}
	k.people.admit(k.ctx, []string{intakeKind, stopKind}[k.chance.IntN(2)])
	k.people.admit(k.ctx, redKind)
	if k.rounds++; k.rounds%visitorEvery == 1 {
		k.people.visit(k.ctx)
	}
}

// whileHeld kills while the carrier holds a request to create a text, before
// or after it took the text.
func (k *killer) whileHeld() phase {
	k.t.Helper()
	k.releaseLate()
	target := []struct{ name, part string }{
		{"a routine text", "What is your date of birth"},
		{"a routine text", "Please check"},
		{"the safety text", "Call 911 now"},
		{"a page", "A to take"},
		{"a nurse's words", "relay-"},
		{"a handoff", "is yours"},
	}[k.chance.IntN(6)]
	where := []twiliofake.Where{twiliofake.BeforeAccept, twiliofake.AfterAccept}[k.chance.IntN(2)]
	rule := twiliofake.Hold{Match: twiliofake.Match{BodyContains: target.part}, Where: where, Count: 1}
	if err := k.carrier.Hold(k.ctx, rule); err != nil {
		k.t.Fatal(err)
	}
	k.comeIn()
	ctx, cancel := context.WithTimeout(k.ctx, aimTime)
	defer cancel()
	held, err := k.carrier.Held(ctx)
	k.kill()
	p := phase{aimCarrier, fmt.Sprintf("%s, %s", target.name, strings.ReplaceAll(string(where), "_", " "))}
	if err != nil || len(held) == 0 {
		p.where = "nothing came by in time"
	}
	if len(held) > 0 && where == twiliofake.BeforeAccept {
		switch k.chance.IntN(4) {
		case 0: // the next daemon looks for it in vain, and then it is there
			k.holds = true
			p.where += ", taken after the restart"
			return p
		case 1:
			p.where += ", never taken"
			k.release(twiliofake.Release{Drop: true})
			return p
		}
	}
	k.release(twiliofake.Release{})
	if k.chance.IntN(2) == 0 { // so that the carrier's list shows it at the first look
		k.people.lull(k.ctx, lagTime)
	}
	return p
}

// releaseLate lets the requests of a dead daemon go on once another has looked
// for them.
func (k *killer) releaseLate() {
	k.t.Helper()
	if k.holds {
		k.people.lull(k.ctx, time.Duration(k.chance.IntN(1000))*time.Millisecond)
		k.release(twiliofake.Release{})
	}
}

func (k *killer) release(r twiliofake.Release) {
	k.t.Helper()
	if _, err := k.carrier.Release(k.ctx, r); err != nil {
		k.t.Fatal(err)
	}
	k.holds = false
}

// atCall kills by strace at the Nth call of one kind that a thread makes: on
// the way into the file, or into the sync of it.
func (k *killer) atCall() phase {
	k.t.Helper()
	call := []string{"pwrite64", "fdatasync"}[k.chance.IntN(2)]
	nth := 1 + k.chance.IntN([]int{4, 20, 60}[k.chance.IntN(3)])
	err := k.run("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, nth))
	if err != nil {
		return phase{aimStrace, call + ", at the start"}
	}
	k.comeIn()
	select {
	case <-k.daemon.ended:
		return phase{aimStrace, call + ", at work"}
	case <-time.After(aimTime):
	}
	k.kill()
	return phase{aimStrace, call + ", never that often"}
}

// webhooksCut counts the posts whose other side died: begun, and then broken.
func (k *killer) webhooksCut() (n int) {
	k.t.Helper()
	entries, err := k.carrier.Ledger(k.ctx, k.looked)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, e := range entries {
		k.looked = e.Seq
		if e.Kind == twiliofake.KindWebhook && strings.HasPrefix(e.Error, "connection broken") {
			n++
		}
	}
	return n
}

// String prints the kills by phase, and what the ledgers say of all.
func (s *tally) String() string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "aim\twhere\tkills\twebhooks cut")
	total, cut := 0, 0
	var rows []phase
	for p := range s.kills {
		rows = append(rows, p)
	}
	slices.SortFunc(rows, func(x, y phase) int { return strings.Compare(string(x.aim)+x.where, string(y.aim)+y.where) })
	for _, p := range rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\n", p.aim, p.where, s.kills[p], s.cut[p])
		total, cut = total+s.kills[p], cut+s.cut[p]
	}
	fmt.Fprintf(t, "all\t%d worlds, %d with a model\t%d\t%d\n", s.worlds, s.models, total, cut)
	_ = t.Flush()
	if slices.Sort(s.starts); len(s.starts) > 0 {
		fmt.Fprintf(&b, "from exec to serving, %d times: median %v, longest %v\n", len(s.starts),
			s.starts[len(s.starts)/2].Round(time.Millisecond), s.starts[len(s.starts)-1].Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "%d consoles open through the kills of their worlds showed the next red flag\n", s.consoles)
	return b.String() + s.sums.String()
}
