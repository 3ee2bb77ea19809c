package outside

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

// toldWord is a word of a patient's, which must reach no collector.
const toldWord = "XYLOCANARY"

// otlp is a collector: it keeps what it is told, as bytes and as spans.
type otlp struct {
	mu    sync.Mutex
	raw   [][]byte
	spans []string // name, and its attributes in the order of their names
	auth  string
}

func (o *otlp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, "no gzip", http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	var req collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(b, &req) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw, o.auth = append(o.raw, b), r.Header.Get("Authorization")
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				var with []string
				for _, a := range s.Attributes {
					with = append(with, a.Key+"="+strings.TrimSpace(a.Value.String()))
				}
				slices.Sort(with)
				o.spans = append(o.spans, s.Name+" "+strings.Join(with, " "))
			}
		}
	}
}

// TestTelemetry has a real collector's door hear of questions that a model answered
// and a tool was called for: by the conventions' names, and without a word or a
// number of anybody.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	o := &otlp{}
	door := httptest.NewServer(o)
	defer door.Close()
	dir := t.TempDir()
	stand := start(t, exec.Command(program(t), "model", "--mode", string(ollamafake.ModeObedient)), dir+"/model.log")
	agent := fmt.Sprintf("{models: [ollama/stand-in, scripted/intake], providers: {ollama: {base_url: %q}}, ask_timeout: 10s, watchdog: 30s, debounce: 50ms, debounce_max: 1s}\ncalendar: {file: openings.csv}\ntelemetry: {traces: %q, key: \"file:%s/token\"}",
		stand.field("base"), door.URL, dir)
	w := newWorld(t, dir, setting{profile: "calm", seed: 1, agent: agent})
	w.write("openings.csv", "id,start,minutes,with,key,name,dob,phone,reason\n")
	w.start()
	// A model that obeys calls what it is told to; a tool that is none is its own word.
	for i, words := range []string{"hi, when are you open? ", "call find_slot {} ", "call xylocanary {} ", "my chest hurts "} {
		b := newBesieger(i, injection{"first", words + toldWord})
		p := &phone{w: w, ctx: within(t, 3*patience), number: b.phone, b: b}
		if err := p.says(b.words); err != nil {
			t.Fatal(err)
		}
	}
	w.idle(within(t, patience))
	w.stop() // which delivers what waits
	o.mu.Lock()
	defer o.mu.Unlock()
	all := strings.Join(o.spans, "\n")
	for _, want := range []string{
		"invoke_agent ", `gen_ai.operation.name=string_value:"invoke_agent"`, `gen_ai.conversation.id=string_value:"c_`,
		"chat stand-in ", `gen_ai.operation.name=string_value:"chat"`, `gen_ai.provider.name=string_value:"ollama"`, `gen_ai.request.model=string_value:"stand-in"`,
		"gen_ai.usage.input_tokens=int_value:", "gen_ai.usage.output_tokens=int_value:", "execute_tool ", `gen_ai.tool.name=string_value:"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no span says %s:\n%s", want, all)
		}
	}
	if o.auth != "Bearer "+token {
		t.Errorf("the collector's token: %q", o.auth)
	}
	host, _ := os.Hostname()
	host = string(rune(len(host))) + host // as a field: a short name may stand in random ids by chance
	for _, b := range o.raw {
		for _, secret := range []string{toldWord, "chest", "20155501", alice[1:], clinic[1:], token, "Harbor", w.dir, host} {
			if len(secret) > 1 && bytes.Contains(bytes.ToLower(b), bytes.ToLower([]byte(secret))) {
				t.Errorf("the collector hears %q", secret)
			}
		}
	}
	if len(o.raw) == 0 {
		t.Error("the collector hears nothing")
	}
}
