package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
)

const flipMap = 128 << 10 // of address space, in which a small file lies

// smallStore is a store on the disk with a case that rings, a text that waits for
// the agent, and pages that are due.
func smallStore(t *testing.T) (w *world, path string, was []byte) {
	t.Helper()
	w = newWorld(t, 7)
	path = filepath.Join(t.TempDir(), "tidegate.db")
	disk, err := boltstore.Open(boltstore.Options{Path: path, InitialMmapSize: flipMap})
	if err != nil {
		t.Fatal(err)
	}
	w.store = &shaky{Store: disk, frozen: map[molt.ConversationID]bool{}}
	w.open(rand.NewChaCha8([32]byte{7}))
	for i := range 4 { // so that tables have more than one page
		w.text(molt.Address(fmt.Sprintf("+1555010012%d", i)), "I need an appointment")
		w.run(20 * time.Second)
	}
	w.text(other, "what are your hours?")
	w.text(patient, "my chest hurts and I cannot breathe")
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	if was, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return w, path, was
}

// What a damage comes to.
const (
	harmless = "harmless"
	frozen   = "frozen at Load"
	verified = "found by verify"
	refused  = "refused at open, with a sentence"
	cut      = "as after a power cut"
	silent   = "not found"
)

// TestFlips damages a small store at one place at a time: a bit of every byte is
// flipped in turn, and pages are torn. Each damage is harmless, or found, and a red
// flag that comes after it and is answered 2xx is paged. TIDEGATE_FLIPS=1 takes
// every byte, n each n-th; 4093 is usual. A damage
// to the first page of the last commit looks like a power cut within it: the commit
// before it counts, and checkpoints alone tell.
func TestFlips(t *testing.T) {
	w, path, was := smallStore(t)
	want := w.judged(t, path, was)
	if want.how != harmless || len(want.due) == 0 {
		t.Fatalf("the undamaged store is %s (%v), with %d items due", want.how, want.cause, len(want.due))
	}
	step := 4093
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_FLIPS")); err == nil && n > 0 {
		step = n
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	flips, tears := map[string]int{}, map[string]int{}
	for at := rnd.IntN(step); at < len(was); at += step {
		image := slices.Clone(was)
		image[at] ^= 1 << rnd.IntN(8)
		w.judgeImage(t, fmt.Sprintf("byte %d flipped", at), at, path, image, want, flips)
	}
	for page := 0; page < len(was); page += 4096 {
		image := slices.Clone(was)
		clear(image[page+512*rnd.IntN(8) : page+4096]) // a sector of it is old, here never written
		w.judgeImage(t, fmt.Sprintf("page %d torn", page/4096), page, path, image, want, tears)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-34s %8s %8s\n", "a store of "+strconv.Itoa(len(was))+" bytes", "flipped", "torn")
	for _, how := range []string{harmless, frozen, verified, refused, cut, silent} {
		fmt.Fprintf(&table, "%-34s %8d %8d\n", how, flips[how], tears[how])
	}
	t.Log(table.String())
}

func (w *world) judgeImage(t *testing.T, what string, at int, path string, image []byte, want judged, count map[string]int) {
	t.Helper()
	got := w.judged(t, path, image)
	switch {
	case got.how != harmless || got.dump == want.dump:
	case at < 2*4096:
		got.how = cut
	default:
		got.how = silent
	}
	count[got.how]++
	if got.how == silent {
		t.Errorf("%s: not found: %s", what, firstDifference(want.dump, got.dump))
	}
	for _, lost := range want.due {
		if got.how != refused && got.how != verified && got.how != frozen && got.how != cut && !slices.Contains(got.due, lost) {
			t.Errorf("%s: %s, and the item %s does not come due any more", what, got.how, lost)
		}
	}
	if got.unpaged != "" {
		t.Errorf("%s: %s: %s", what, got.how, got.unpaged)
	}
}

// judged is what came of opening, verifying and using an image.
type judged struct {
	how     string
	cause   string
	dump    string   // of all that can be read
	due     []string // items that come due
	unpaged string   // of a red flag that was answered 2xx
}

func (w *world) judged(t *testing.T, path string, image []byte) (j judged) {
	t.Helper()
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(boltstore.Options{Path: path, InitialMmapSize: flipMap})
	if err != nil {
		if !errors.Is(err, molt.ErrCorrupt) && !strings.Contains(err.Error(), "newer version") {
			t.Errorf("refused in a sentence that says nothing of damage: %v", err)
		}
		return judged{how: refused, cause: err.Error()}
	}
	defer func() { _ = s.Close() }()
	j.how = harmless
	r, err := audit.New(s, w.ring).Verify(t.Context(), audit.Check{Rules: w.known})
	if err != nil || !r.OK() || r.Decisions.Gone > 0 || r.Decisions.NotDecided > 0 {
		j.how, j.cause = verified, fmt.Sprint(err, r.Faults)
	}
	j.dump = dumpOf(t.Context(), s)
	for _, id := range ids(t.Context(), s) {
		if _, err := s.Load(t.Context(), id, turn.MaxTurns); err != nil {
			j.how, j.cause = frozen, err.Error()
		}
	}
	j.due = dueIn(t.Context(), s, w.now.Add(time.Hour))
	j.unpaged = w.alarm(t.Context(), s)
	return j
}

// alarm brings a red flag of a known patient to a damaged store. Taken, it has a
// page in the same commit.
func (w *world) alarm(ctx context.Context, s molt.Store) string {
	w.store = &shaky{Store: s, frozen: map[molt.ConversationID]bool{}}
	w.open(rand.NewChaCha8([32]byte{8}))
	before := dueIn(ctx, s, w.now.Add(2*time.Hour))
	ticket, err := w.desk.Accept(ctx, channels.Inbound{Channel: "main", Account: clinic, Peer: other, ProviderID: "SMalarm", Words: "I took too many pills", Via: "webhook"})
	if err == nil {
		_, err = ticket.Wait(ctx)
	}
	if err != nil {
		return "" // not 2xx: the carrier's list brings it again
	}
	for _, it := range dueIn(ctx, s, w.now.Add(4*time.Hour)) {
		if strings.HasPrefix(it, "page:") && !slices.Contains(before, it) {
			return ""
		}
	}
	return "a red flag was answered 2xx, and no page is due"
}

// dueIn claims all that comes due until a moment, as "lane item".
func dueIn(ctx context.Context, s molt.Store, at time.Time) (due []string) {
	now := molt.TimeOf(at)
	c, err := s.Claim(ctx, molt.Claim{
		Classes: []molt.Lane{molt.LaneSafety, molt.LanePage, molt.LaneNurse, molt.LaneAgent, molt.LaneAsk, molt.LaneTimer, molt.LaneAction},
		Now:     now, Until: now + 1, Limit: molt.MaxPage,
	})
	if err != nil {
		return nil
	}
	for _, it := range c.Items {
		due = append(due, string(it.Lane)+" "+string(it.ID))
	}
	return due
}

func ids(ctx context.Context, s molt.Store) (out []molt.ConversationID) {
	p, err := s.Scan(ctx, molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage})
	if err != nil {
		return nil
	}
	for _, c := range p.Conversations {
		out = append(out, c.ID)
	}
	return out
}

// dumpOf writes all that a store shows.
func dumpOf(ctx context.Context, s molt.Store) string {
	var out strings.Builder
	show := func(q molt.Query) {
		q.Limit = molt.MaxPage
		p, err := s.Scan(ctx, q)
		b, _ := json.Marshal(p)
		fmt.Fprintf(&out, "%s %s: %s %v\n", q.Table, q.Conversation, b, err)
	}
	show(molt.Query{Table: molt.TableConversations})
	show(molt.Query{Table: molt.TableMarks})
	show(molt.Query{Table: molt.TableItems})
	for _, id := range ids(ctx, s) {
		show(molt.Query{Table: molt.TableEvents, Conversation: id})
		show(molt.Query{Table: molt.TableKeys, Conversation: id})
	}
	return out.String()
}

func firstDifference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-60)
	return fmt.Sprintf("%q became %q", a[from:min(len(a), i+40)], b[from:min(len(b), i+40)])
}
