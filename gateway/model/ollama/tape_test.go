package ollama

import (
	"bytes"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

// A tape answers as the server did, at another time of day and with nobody behind
// it; what was not asked when it was made it does not know.
func TestTape(t *testing.T) {
	_, base := stand(t, ollamafake.ModeOK)
	var tape bytes.Buffer
	r, err := ollamafake.NewRecorder(base, &tape)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewServer(r)
	defer recorder.Close()
	said, err := ask(t, recorder.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := play(t, tape.String(), func(base string) {
		later := func(q *model.Request) { q.Now += 3_600_000 }
		for range 2 {
			got, err := askFor(t, base, later)
			if err != nil || !reflect.DeepEqual(got, said) {
				t.Errorf("got %+v, %v, want %+v", got, err, said)
			}
		}
		if got, err := askFor(t, base, func(q *model.Request) { q.Window[1].Words = "Eva Luna" }); err == nil {
			t.Errorf("got %+v of what was never asked, want an error", got)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func TestATornTapeIsRefused(t *testing.T) {
	for tape, want := range map[string]string{
		"":                             "the tape is empty",
		"{\"key\":":                    "line 1: not a line of a tape",
		"{\"key\":\"a\",\"status\":0}": "wants a key and a status",
		"{\"key\":\"a\",\"status\":200}\nnonsense\n": "line 2: not a line of a tape",
	} {
		if err := play(t, tape, func(string) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", tape, err, want)
		}
	}
}

func play(t *testing.T, tape string, do func(base string)) error {
	t.Helper()
	p, err := ollamafake.NewPlayer(strings.NewReader(tape))
	if err != nil {
		return err
	}
	s := httptest.NewServer(p)
	defer s.Close()
	do(s.URL)
	return nil
}
