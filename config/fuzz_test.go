package config

import (
	"reflect"
	"strings"
	"testing"
)

// hostile are files made to be slow or deep, each as large as a file may be.
func hostile() map[string]string {
	full := func(head, unit string) string { return head + strings.Repeat(unit, (MaxFile-len(head))/len(unit)) }
	var stairs strings.Builder
	for i := 0; stairs.Len() < MaxFile-2000; i++ {
		stairs.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return map[string]string{
		"anchors":        full("", "&a\n"),
		"braces":         full("", "[{a: "),
		"brackets":       full("", "["),
		"closers":        full("", "]"),
		"colons":         full("", "a: "),
		"dashes":         full("", "- "),
		"dashed lines":   full("", "-\n"),
		"fields":         full("", "a: b\n"),
		"flow list":      full("a: [", "b,"),
		"no values":      full("", "a:\n"),
		"open quote":     full(`a: "`, "x\n"),
		"quotes":         full("", `"`),
		"questions":      full("", "? "),
		"stairs":         stairs.String(),
		"tags":           full("", "!a\n"),
		"unknown fields": full("clinic: {", "k,"),
	}
}

// TestHostileFiles wants an answer for each. What keeps the answer quick are
// the limits, so a test that hangs here names the one that is missing.
func TestHostileFiles(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			if cfg, faults := Parse("x", []byte(text), testOptions()); cfg != nil || len(faults) == 0 {
				t.Errorf("%s was accepted", name)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml", "tidegate.example.yaml"} {
		for _, path := range files(f, pattern) {
			f.Add(readFile(f, path))
		}
	}
	for _, text := range hostile() {
		f.Add([]byte(text[:2000]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, faults := Parse("x", data, testOptions())
		if (cfg == nil) != (len(faults) > 0) {
			t.Fatalf("got a configuration: %v, faults: %v", cfg != nil, faults)
		}
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r")
		for _, fault := range faults {
			if fault.Line < 0 || fault.Line > lines || strings.Contains(fault.Error(), "\n") || fault.Rule == "" {
				t.Errorf("a fault is out of place in %d lines: %q", lines, fault.Error())
			}
			if len(fault.Error()) > 1000 {
				t.Errorf("a fault is %d bytes long: %s", len(fault.Error()), fault.Error())
			}
		}
		if _, again := Parse("x", data, testOptions()); !reflect.DeepEqual(faults, again) {
			t.Errorf("the same file has other faults:\n%v\n%v", faults, again)
		}
		if cfg == nil {
			return
		}
		if got, _ := Parse("x", data, testOptions()); got.Digest() != cfg.Digest() {
			t.Error("the same file has another digest")
		}
		if _, err := schemaSays(t, resolvedSchema(t), data); err != nil {
			t.Errorf("the schema rejects a valid file: %v", err)
		}
	})
}
