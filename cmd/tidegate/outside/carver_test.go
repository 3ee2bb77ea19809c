package outside

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// canary is something that only one patient's story holds.
type canary string

// forms are the ways in which it could lie somewhere.
func (c canary) forms() map[string][]byte {
	s := string(c)
	quoted, _ := json.Marshal(s)
	out := map[string][]byte{
		"as it is": []byte(s), "URL-encoded": []byte(url.QueryEscape(s)), "path-escaped": []byte(url.PathEscape(s)),
		"JSON-escaped": bytes.Trim(quoted, `"`), "in hex": []byte(hex.EncodeToString([]byte(s))), "without plus": []byte(strings.TrimPrefix(s, "+")),
	}
	// In base64 it looks different at each of three offsets, and its ends mix with
	// what stands beside it: the letters in between are its own.
	for shift := range 3 {
		b := base64.StdEncoding.EncodeToString(append(make([]byte, shift), s...))
		out[fmt.Sprintf("in base64, offset %d", shift)] = []byte(b[(shift*8+5)/6 : len(s)*8/6])
	}
	return out
}

// in names the forms of canaries that some bytes hold.
func carve(where string, b []byte, canaries []canary) (found []string) {
	lower := bytes.ToLower(b)
	for _, c := range canaries {
		for form, needle := range c.forms() {
			hay, n := lower, bytes.ToLower(needle)
			if strings.HasPrefix(form, "in base64") {
				hay, n = b, needle
			}
			if len(n) >= 6 && bytes.Contains(hay, n) {
				found = append(found, fmt.Sprintf("%s holds %q %s", where, string(c), form))
			}
		}
	}
	return found
}

// carveFolder looks through every file below a folder.
func carveFolder(t *testing.T, folder string, canaries []canary) (found []string, files int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		found = append(found, carve(path, b, canaries)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, files
}

// TestTheCarverFinds: each form is found where it is planted.
func TestTheCarverFinds(t *testing.T) {
	for _, c := range []canary{"+12125550197", "zebrafinch-7"} {
		for form, b := range c.forms() {
			if got := carve("x", append([]byte("<<"), append(b, ">>"...)...), []canary{c}); len(got) == 0 {
				t.Errorf("%q %s is not found", string(c), form)
			}
		}
		for shift := range 5 {
			whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("w", shift) + string(c) + "tail"))
			if got := carve("x", []byte(whole), []canary{c}); len(got) == 0 {
				t.Errorf("%q in base64 behind %d bytes is not found", string(c), shift)
			}
		}
	}
}

const (
	erased = "+12125550197" // whose story is erased
	stays  = "+12125550198" // whose is not
)

// TestCarver lives a story with words, numbers and a picture in it that are nowhere
// else, erases it and carves: neither the data folder with its database, keys and
// files, nor a backup taken after it, the key's copy, the log, the metrics or the
// checkpoints hold any of it, the carrier has deleted its part, and what was copied
// before opens under no key that is left.
func TestCarver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 11})
	for _, dir := range []string{"copies", "safe", "proof"} {
		if err := os.Mkdir(w.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.append("tidegate.yaml", "erase: {backup: "+w.path("copies")+", escrow: "+w.path("safe")+"}\naudit: {checkpoints: "+w.path("proof/heads")+"}\n")
	w.start()
	canaries := []canary{erased, "zebrafinch-7", "quokkawalk", "numbatnote", "pangolin rash"}
	w.carved(t)
	w.tidegate("backup", w.path("before"))
	w.tidegate("keys", "escrow", w.path("before.key"))
	seen := w.sidOf(erased)
	if got, _ := carveFolder(t, w.path("data"), canaries); len(got) > 0 {
		t.Errorf("before it is erased the words lie open: %v", got)
	}

	since := w.end()
	out := w.tidegate("erase", erased, "--now")
	for _, want := range []string{"events erased, 1 files removed", "The key before it is destroyed", "a backup under it"} {
		if !strings.Contains(out, want) {
			t.Errorf("erase says %s", out)
		}
	}
	w.deletedAtTheCarrier(since)
	if out := w.tidegate("erase"); strings.Contains(out, "not yet") || !strings.Contains(out, "texts deleted") {
		t.Errorf("the list of erasures says %s", out)
	}

	// What it had said before is not taken in again, and nothing begins anew.
	form := inbound(1, erased, "zebrafinch-7 says my chest hurts")
	form.Set("MessageSid", seen)
	if status, _ := w.post("/hooks/main/message", form, map[string]string{"X-Twilio-Signature": sign("http://"+w.public+"/hooks/main/message", form)}); status/100 != 2 {
		t.Errorf("a webhook that comes again: %d, want 2xx", status)
	}
	w.refuses("no conversation is with that number", "conversations", "show", erased)

	w.nothingOf(t, canaries)
	if files, err := os.ReadDir(w.path("data/media")); err != nil || len(files) > 0 {
		t.Errorf("the folder of files holds %d, %v", len(files), err)
	}
	w.refusesBackup(t, w.path("before"), w.only("safe"))
	if out := w.tidegate("verify"); !strings.Contains(out, " 0 faults") {
		t.Errorf("verify says %s", out)
	}

	// Who was not erased is there, and who was begins anew.
	w.start()
	if out := w.tidegate("conversations", "show", stays); !strings.Contains(out, "yearly check-up") {
		t.Errorf("who stays reads %s", out)
	}
	since = w.end()
	w.text(erased, "hello again, can I get an appointment for a check-up")
	w.gets(since, erased, "name")
	if out := w.tidegate("verify"); !strings.Contains(out, " 0 faults") {
		t.Errorf("verify says %s", out)
	}
	if out := w.tidegate("replay"); !strings.Contains(out, " 0 differ\n") {
		t.Errorf("replay says %s", out)
	}
}

// carved lives the story: a red flag with a picture, a nurse who answers and notes,
// and refusals to erase what is not over, or under a hold.
func (w *world) carved(t *testing.T) {
	t.Helper()
	w.text(stays, "hi, I need an appointment for a yearly check-up")
	w.gets(0, stays, "name")
	w.photos(erased, "zebrafinch-7 says my chest hurts", twiliofake.Media{ContentType: "image/jpeg", Bytes: append([]byte("\xff\xd8\xff\xe0"), "pangolin rash"...)})
	w.counts(`outcome="kept"`, 1)
	code := codeIn(t, w.gets(0, alice, "S1 page").Body)

	// An open case is not erased, nor is one under a hold.
	w.refuses("open case", "erase", erased, "--now")
	w.text(alice, code+" A")
	w.gets(0, alice, "yours")
	w.text(alice, code+" R quokkawalk to the hospital")
	w.gets(0, erased, "quokkawalk")
	w.text(alice, code+" N numbatnote for colleagues")
	w.text(alice, code+" D numbatnote done")
	w.settledCase(erased)
	w.tidegate("conversations", "hold", erased, "--reason", "numbatnote of the court")
	w.refuses("legal hold", "erase", erased, "--now")
	w.tidegate("conversations", "release", erased)
	if out := w.tidegate("export", erased, "--access"); !strings.Contains(out, "alice") || !strings.Contains(out, "laid a legal hold") {
		t.Errorf("the access report: %s", out)
	}
}

// nothingOf stops the daemon and carves all that is left of it.
func (w *world) nothingOf(t *testing.T, canaries []canary) {
	t.Helper()
	_, metrics := get(t, "http://"+w.private+"/metrics")
	found := carve("/metrics", []byte(metrics), canaries)
	w.stop()
	for _, place := range []string{"data", "copies", "safe", "proof"} {
		got, files := carveFolder(t, w.path(place), canaries)
		if found = append(found, got...); files == 0 {
			t.Errorf("%s is empty", place)
		}
	}
	found = append(found, carve("the log", w.log(), canaries)...)
	// Sealed bytes tell no words at all: what still opens under the keys that are
	// left is what counts.
	found = append(found, carve("the record, opened", []byte(w.tidegate("conversations", "export", "--all", "--json")), canaries)...)
	found = append(found, carve("the backup, opened", w.opened(t, w.only("copies"), w.only("safe")), canaries)...)
	for _, f := range found {
		t.Error(f)
	}
}

func (w *world) append(name, text string) {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name, string(b)+text)
}

// refuses runs a verb that is to exit 1 with a sentence.
func (w *world) refuses(why string, args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(within(w.t, patience), w.bin, append(args, "--config", w.path("tidegate.yaml"))...)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), why) {
		w.t.Errorf("tidegate %s: exit %d, %s; want 1 and %q", strings.Join(args, " "), cmd.ProcessState.ExitCode(), out, why)
	}
}

// settledCase waits until a patient's case is resolved and nothing is on its way.
func (w *world) settledCase(phone string) {
	w.t.Helper()
	for ctx := within(w.t, patience); ; w.quiet(100 * time.Millisecond) {
		out := w.tidegate("conversations", "show", phone)
		if strings.Contains(out, "resolved") && !strings.Contains(out, " due ") {
			break
		}
		if ctx.Err() != nil {
			w.t.Fatalf("the case is not resolved:\n%s", out)
		}
	}
	w.settles()
}

// sidOf is the id of the first text that a phone sent.
func (w *world) sidOf(phone string) string {
	w.t.Helper()
	for _, e := range w.ledger() {
		if e.Kind == twiliofake.KindInbound && e.From == phone {
			return e.SID
		}
	}
	w.t.Fatalf("%s sent nothing", phone)
	return ""
}

// deletedAtTheCarrier waits until the carrier deleted every text to and from the
// erased, every text to a nurse that told of it, and the picture.
func (w *world) deletedAtTheCarrier(since int64) {
	w.t.Helper()
	wanted := map[string]string{}
	for _, e := range w.ledger() {
		about := e.From == erased || e.To == erased || e.From == alice || e.To == alice
		if (e.Kind == twiliofake.KindInbound || e.Kind == twiliofake.KindCreate) && about && e.Seq <= since {
			wanted[e.SID] = e.Body
		}
	}
	if len(wanted) < 8 {
		w.t.Fatalf("only %d texts were exchanged", len(wanted))
	}
	w.awaits(since, "the picture is not deleted", func(e twiliofake.Entry) bool { return e.Kind == twiliofake.KindDeleteFile })
	for sid, body := range wanted {
		w.awaits(since, fmt.Sprintf("the carrier still has %s, %q", sid, body), func(e twiliofake.Entry) bool { return e.Kind == twiliofake.KindDelete && e.SID == sid })
	}
}

// only is the one file in a folder.
func (w *world) only(folder string) string {
	w.t.Helper()
	files, err := os.ReadDir(w.path(folder))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("%s holds %d files, want one: %v", folder, len(files), err)
	}
	return w.path(filepath.Join(folder, files[0].Name()))
}

// opened restores a backup with a key and writes out all that opens.
func (w *world) opened(t *testing.T, backup, key string) []byte {
	t.Helper()
	dir := w.keyed(t, key)
	for _, args := range [][]string{{"restore", backup, "--data", dir}, {"conversations", "export", "--all", "--json", "--data", dir}} {
		out, err := exec.CommandContext(within(t, patience), w.bin, args...).Output()
		if err != nil {
			t.Fatalf("tidegate %s: %v", strings.Join(args, " "), err)
		}
		if args[0] == "conversations" {
			return out
		}
	}
	return nil
}

// keyed is a new folder with a key in it.
func (w *world) keyed(t *testing.T, key string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tenant.key"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// refusesBackup wants a backup of before the erasure to open under no key of after.
func (w *world) refusesBackup(t *testing.T, backup, key string) {
	t.Helper()
	out, err := exec.CommandContext(within(t, patience), w.bin, "restore", backup, "--data", w.keyed(t, key)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "opens none of its") {
		t.Errorf("a backup of before under the key of after: %v, %s", err, out)
	}
}
