package config

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// twilioSection is what an adapter would ask for.
type twilioSection struct {
	Account   string  `yaml:"account_sid" need:"write the account, as in AC…"`
	AuthToken Secret  `yaml:"auth_token" need:"write where the token is, as in env:TWILIO_AUTH_TOKEN"`
	Numbers   []Phone `yaml:"numbers"`
	Retries   int     `yaml:"retries" range:"0..10"`
}

// plainSection is what an adapter asks for that knows nothing of this package.
type plainSection struct {
	Account string   `yaml:"account_sid"`
	Secret  string   `yaml:"signing_secret"`
	Tokens  []string `yaml:"bot_tokens"`
	Limit   string   `yaml:"token_limit"`
	Public  string   `yaml:"site_token" secret:"no"`
}

// testOptions are those of a gateway with a few parts.
func testOptions() Options {
	return Options{
		TextKeys:  []string{"crisis", "emergency", "hold", "hours"},
		Languages: []Language{"en", "es"},
		Adapters: map[string]func(Channel) []Fault{
			"twilio":  func(c Channel) []Fault { return c.Decode(&twilioSection{Retries: 3}) },
			"webchat": func(c Channel) []Fault { return c.Decode(&plainSection{}) },
			"slack":   nil,
		},
		Providers: []string{"big", "scripted"},
		Personas:  []string{"intake", "reminders"},
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// files lists test files and refuses to find none.
func files(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s (%v)", pattern, err)
	}
	return paths
}

// golden compares text with a file, or rewrites the file under -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(readFile(t, path)); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// schemaSays validates a file with the schema, as an editor would, where the
// file can be read at all.
func schemaSays(t *testing.T, schema *jsonschema.Resolved, data []byte) (string, error) {
	t.Helper()
	src, f := newSource("x", data)
	if f != nil {
		return "unreadable", errors.New("unreadable")
	}
	root, faults := src.parse()
	if root == nil || len(faults) > 0 {
		return "unreadable", errors.New("unreadable")
	}
	b, err := json.Marshal(root.plain())
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		return "rejected", err
	}
	return "cannot see it", nil
}

func resolvedSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBadFiles(t *testing.T) {
	schema := resolvedSchema(t)
	for _, path := range files(t, "testdata/bad/*.yaml") {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			data := readFile(t, path)
			cfg, faults := Parse(name, data, testOptions())
			if cfg != nil || len(faults) == 0 {
				t.Fatalf("%s was accepted", name)
			}
			says, _ := schemaSays(t, schema, data)
			got := faults.Error() + "\nschema: " + says + "\n"
			if strings.Contains(got, "hunter2") || strings.Contains(got, "0123456789abcdef") || strings.Contains(got, "0100111") {
				t.Errorf("%s: a fault shows what is private:\n%s", name, got)
			}
			for _, f := range faults {
				if f.Line == 0 && f.Field != "" {
					t.Errorf("%s: fault without a line: %v", name, f)
				}
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", got)
		})
	}
}

func TestGoodFiles(t *testing.T) {
	schema := resolvedSchema(t)
	for _, path := range append(files(t, "testdata/good/*.yaml"), "tidegate.example.yaml") {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(path, Options{})
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			if _, err := schemaSays(t, schema, readFile(t, path)); err != nil {
				t.Errorf("the schema rejects %s: %v", name, err)
			}
			if strings.HasPrefix(path, "testdata") {
				var pretty strings.Builder
				e := json.NewEncoder(&pretty)
				e.SetIndent("", "  ")
				if err := e.Encode(cfg); err != nil {
					t.Fatal(err)
				}
				golden(t, strings.TrimSuffix(path, ".yaml")+".json", pretty.String())
			}
		})
	}
}
