package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/config"
)

// faultsOf builds what a configuration says and returns its faults.
func faultsOf(t *testing.T, change func(string) string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	d, err := prepareDemo(".", demoPorts)
	if err == nil {
		d.held.free()
		err = d.write("http://127.0.0.1:1")
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tidegate.yaml")
	if err := os.WriteFile(path, []byte(change(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path, nil)
	if err == nil {
		_, err = build(cfg, env{getenv: os.Getenv})
	}
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		t.Fatalf("not a fault of the file: %v", err)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRoutesThatReachNobodyAreRefused(t *testing.T) {
	if got := faultsOf(t, func(s string) string { return s }); got != "" {
		t.Fatalf("the demonstration's own configuration: %s", got)
	}
	for _, bad := range []string{"alice@clinic.example", "+1555CLINIC", "+1555010", "x" + demoNurse + "y", "\u201c" + demoNurse + "\u201d", demoNumber} {
		got := faultsOf(t, func(s string) string { return strings.Replace(s, `"`+demoNurse+`"`, `"`+bad+`"`, 1) })
		if !strings.Contains(got, "routes[0].address") {
			t.Errorf("address %q: got %q, want a fault of the route", bad, got)
		}
	}
}

func TestSafetyTextsSayWhomToCall(t *testing.T) {
	got := faultsOf(t, func(s string) string { return s + "texts: {en: {emergency: \"Someone will call you.\"}}\n" })
	if !strings.Contains(got, "emergency number") {
		t.Errorf("got %q, want a fault", got)
	}
}
