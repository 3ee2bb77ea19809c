package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

func minimal(t *testing.T) (*Config, string) {
	t.Helper()
	text := string(readFile(t, "testdata/good/minimal.yaml"))
	cfg, faults := Parse("dir/tidegate.yaml", []byte(text), testOptions())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return cfg, text
}

// TestDefaultsHold lays a file that says nothing optional over the defaults,
// and expects them back.
func TestDefaultsHold(t *testing.T) {
	cfg, _ := minimal(t)
	def := Default()
	for name, pair := range map[string][2]any{
		"severities": {cfg.Escalation.Severities, def.Escalation.Severities},
		"agent":      {cfg.Agent, def.Agent},
		"screen":     {cfg.Screen, def.Screen},
		"backfill":   {cfg.Backfill, def.Backfill},
		"limits":     {cfg.Limits, def.Limits},
		"sender":     {cfg.Sender, def.Sender},
		"log":        {cfg.Log, def.Log},
		"data":       {cfg.Data, def.Data},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
	if !cfg.Escalation.Steps[0].OnCall[0].Hours.Always {
		t.Error("a person without hours is not always on call")
	}
}

func TestOverlayKeepsTheRest(t *testing.T) {
	_, text := minimal(t)
	cfg, faults := Parse("x", []byte(text+"  severities:\n    S1: {ack: 1m}\n"), testOptions())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := Default().Escalation.Severities
	s1 := want[S1]
	s1.Ack = Duration(60e9)
	want[S1] = s1
	if got := cfg.Escalation.Severities; !reflect.DeepEqual(got, want) {
		t.Errorf("severities: got %v, want %v", got, want)
	}
}

func TestDigest(t *testing.T) {
	cfg, text := minimal(t)
	same := func(name, other string, want bool) {
		t.Helper()
		c, faults := Parse("elsewhere/x.yaml", []byte(other), testOptions())
		if len(faults) > 0 {
			t.Fatalf("%s: %v", name, faults)
		}
		if got := c.Digest() == cfg.Digest(); got != want {
			t.Errorf("%s: got same=%v, want %v\n%s\n%s", name, got, want, c.Canonical(), cfg.Canonical())
		}
	}
	same("the same file elsewhere", text, true)
	same("with comments and line ends", "# hello\r\n"+strings.ReplaceAll(text, "\n", "\r\n"), true)
	same("a slash behind the address", strings.Replace(text, "gw.example.org", "gw.example.org/", 1), true)
	same("a default written out", text+"log: {level: info}\n", true)
	same("another value", text+"log: {level: debug}\n", false)
	same("a secret that moved", strings.Replace(text, "TWILIO_AUTH_TOKEN", "OTHER_TOKEN", 1), false)
	same("a raw field", strings.Replace(text, "AC0000", "AC0001", 1), false)
	if len(cfg.Digest()) != 64 {
		t.Errorf("digest %q is not 64 digits long", cfg.Digest())
	}
}

func TestCanonicalHoldsNoSecret(t *testing.T) {
	_, text := minimal(t)
	// Without adapters nobody objects to a literal in a raw section.
	text = strings.Replace(text, "env:TWILIO_AUTH_TOKEN", "hunter2", 1)
	text = strings.Replace(text, "account_sid: AC0000", "account_sid: AC0000\n    api_keys: [hunter3, {password: 123456789}]\n    use_auth: true", 1)
	cfg, faults := Parse("x", []byte(text), Options{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := string(cfg.Canonical())
	for _, secret := range []string{"hunter", "123456789"} {
		if strings.Contains(got, secret) {
			t.Errorf("canonical form holds %s: %s", secret, got)
		}
	}
	if !strings.Contains(got, `"use_auth":true`) {
		t.Errorf("a switch was masked: %s", got)
	}
}

func TestChannelDecode(t *testing.T) {
	cfg, _ := minimal(t)
	ch := cfg.Channels["main"]
	var s twilioSection
	if faults := ch.Decode(&s); len(faults) > 0 || s.Account != "AC0000" || s.AuthToken.IsZero() {
		t.Errorf("decode: got %+v, %v", s, faults)
	}
	var typed struct {
		Type    string `yaml:"type"`
		Account string `yaml:"account_sid"`
		Token   Secret `yaml:"auth_token"`
	}
	if faults := ch.Decode(&typed); len(faults) > 0 || typed.Type != "twilio" {
		t.Errorf("decode with a type: got %+v, %v", typed, faults)
	}
	var plain plainSection
	text := "channels: {c: {type: webchat, signing_secret: env:A, bot_tokens: [file:/b], token_limit: few, site_token: public}}"
	_, faults := Parse("x", []byte(text), Options{Adapters: map[string]func(Channel) []Fault{"webchat": func(c Channel) []Fault { return c.Decode(&plain) }}})
	if plain.Secret != "env:A" || plain.Limit != "few" || plain.Public != "public" || strings.Contains(faults.Error(), "channels") {
		t.Errorf("decode of plain fields: got %+v, %v", plain, faults)
	}
	f := ch.Fault("account_sid", "must be known", "AC0000", "look again")
	if got, want := f.Error(), "dir/tidegate.yaml:13: channels.main.account_sid: must be known (got AC0000); look again"; got != want {
		t.Errorf("fault: got %s, want %s", got, want)
	}
	if f := ch.Fault("numbers[3]", "must be there", "", ""); f.Line != 12 || f.Field != "channels.main.numbers[3]" {
		t.Errorf("a field that is missing: got line %d, want that of the section, 12", f.Line)
	}
	for name, into := range map[string]any{"nil": nil, "a value": s, "not a struct": new(int), "a nil pointer": (*twilioSection)(nil)} {
		if faults := ch.Decode(into); len(faults) != 1 {
			t.Errorf("decode into %s: got %v, want one fault", name, faults)
		}
	}
	if faults := (Channel{}).Decode(&s); len(faults) != 1 {
		t.Errorf("decode of a zero channel: got %v, want one fault", faults)
	}
}

// TestChannelDecodeKinds is the variety of fields an adapter may ask for.
func TestChannelDecodeKinds(t *testing.T) {
	_, text := minimal(t)
	text = strings.Replace(text, "    account_sid: AC0000\n    auth_token: env:TWILIO_AUTH_TOKEN\n", `    every: 5m
    port: 300
    ratio: 0.5
    on: true
    tags: {a: 1, b: x}
    any: [1, 2.5, true, x, {y: z}]
    inner: {name: n}
    names: [a, b]
`, 1)
	cfg, faults := Parse("x", []byte(text), Options{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	type inner struct {
		Name string `json:"name"`
	}
	var got struct {
		Every Duration       `json:"every"`
		Port  uint8          `json:"port"`
		Ratio float64        `json:"ratio"`
		On    bool           `json:"on"`
		Tags  map[string]any `json:"tags"`
		Any   any            `json:"any"`
		Inner *inner         `json:"inner"`
		Names []string       `json:"names"`
	}
	fs := cfg.Channels["main"].Decode(&got)
	if len(fs) != 1 || fs[0].Field != "channels.main.port" {
		t.Errorf("got %v, want one fault about port", fs)
	}
	if got.Every.String() != "5m" || got.Ratio != 0.5 || !got.On || got.Inner.Name != "n" || !slices.Equal(got.Names, []string{"a", "b"}) {
		t.Errorf("got %+v", got)
	}
	if want := []any{int64(1), 2.5, true, "x", map[string]any{"y": "z"}}; !reflect.DeepEqual(got.Any, want) {
		t.Errorf("any: got %#v, want %#v", got.Any, want)
	}
}

// mood is a type of an adapter's own that reads itself.
type mood string

func (m *mood) UnmarshalText(b []byte) error {
	switch string(b) {
	case "good":
		return nil
	case "hunter2":
		return fmt.Errorf("%s is no mood", b)
	}
	return errors.New("no such mood")
}

func TestChannelDecodeForeignTypes(t *testing.T) {
	_, text := minimal(t)
	text = strings.Replace(text, "    account_sid: AC0000\n    auth_token: env:TWILIO_AUTH_TOKEN\n", "    a: good\n    b: grim\n    c_key: hunter2\n    d: x\n", 1)
	cfg, faults := Parse("x", []byte(text), Options{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got struct {
		A mood       `yaml:"a"`
		B mood       `yaml:"b"`
		C mood       `yaml:"c_key"`
		D complex128 `yaml:"d"`
	}
	want := `x:14: channels.main.b: must be valid: no such mood (got "grim")
x:15: channels.main.c_key: must be valid (got ****)
x:16: channels.main.d: cannot be configured; this is a mistake of the program, not of the file`
	if fs := Faults(cfg.Channels["main"].Decode(&got)); fs.Error() != want {
		t.Errorf("got\n%v\nwant\n%v", fs, want)
	}
}

func TestConfigFaultAndPath(t *testing.T) {
	_, text := minimal(t)
	cfg, faults := Parse("dir/tidegate.yaml", []byte(text+"texts:\n  es:\n    emergency: Llame al 911.\n"), testOptions())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	f := cfg.Fault("texts.es.emergency", "must name the number", "", "")
	if f.Line != 35 || f.File != "dir/tidegate.yaml" {
		t.Errorf("got %v, want line 35", f)
	}
	if got, want := cfg.Path(cfg.Data), filepath.Join("dir", "tidegate-data"); got != want {
		t.Errorf("relative path: got %s, want %s", got, want)
	}
	if got := cfg.Path("/var/lib/tidegate"); got != "/var/lib/tidegate" {
		t.Errorf("absolute path: got %s", got)
	}
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want ErrNotExist", err)
	}
	if _, err := Load(t.TempDir(), Options{}); err == nil {
		t.Error("a folder was loaded")
	}
	var faults Faults
	if _, err := Load("testdata/bad/screen-off.yaml", Options{}); !errors.As(err, &faults) || len(faults) != 1 {
		t.Errorf("a bad file: got %v, want one fault", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("#", MaxFile+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Options{}); !errors.As(err, &faults) {
		t.Errorf("a big file: got %v, want a fault", err)
	}
}

// TestExampleSaysEveryDefault takes the settings in the comments of the example
// at their word.
func TestExampleSaysEveryDefault(t *testing.T) {
	text := string(Example())
	every(reflect.TypeFor[Config](), "", func(path string, f field) {
		if !strings.Contains(text, f.name+":") {
			t.Errorf("the example does not show %s", path)
		}
	})
	commented := regexp.MustCompile(`(?m)^( *)#([a-zS])`)
	all, faults := Parse("x", commented.ReplaceAll(Example(), []byte("$1$2")), Options{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	asIs, faults := Parse("x", Example(), Options{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	// These only show their form.
	all.Keys, all.Texts, all.Backfill.Since, all.Console.URL, all.Console.Replies = asIs.Keys, asIs.Texts, asIs.Backfill.Since, asIs.Console.URL, asIs.Console.Replies
	all.Escalation.Steps, all.Channels = asIs.Escalation.Steps, asIs.Channels
	all.Audit, all.Erase, all.Retention, all.Listen = asIs.Audit, asIs.Erase, asIs.Retention, asIs.Listen
	all.Calendar, all.Telemetry = asIs.Calendar, asIs.Telemetry
	all.Agent.Providers, all.Agent.Links = asIs.Agent.Providers, asIs.Agent.Links
	if got, want := string(all.Canonical()), string(asIs.Canonical()); got != want {
		t.Errorf("a commented default is not the default:\ngot  %s\nwant %s", got, want)
	}
}

func TestSchemaForm(t *testing.T) {
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema: got %q", s.Schema)
	}
	if want := []string{"clinic", "listen", "channels", "staff", "escalation"}; !slices.Equal(s.Required, want) {
		t.Errorf("required: got %v, want %v", s.Required, want)
	}
	if got := string(s.Properties["agent"].Properties["debounce"].Default); got != `"3s"` {
		t.Errorf("default of debounce: got %s", got)
	}
}

// TestSchemaSeesForm counts what an editor can show while a file is written:
// nothing valid is ever underlined, and most mistakes of form are.
func TestSchemaSeesForm(t *testing.T) {
	schema := resolvedSchema(t)
	seen := 0
	for _, path := range files(t, "testdata/bad/*.yaml") {
		if says, _ := schemaSays(t, schema, readFile(t, path)); says == "rejected" {
			seen++
		}
	}
	if seen < 45 {
		t.Errorf("the schema rejects %d bad files, want at least 45", seen)
	}
}
