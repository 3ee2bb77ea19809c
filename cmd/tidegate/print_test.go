package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"my chest hurts":              "my chest hurts",
		"two\nlines\tand a tab":       "two\nlines\tand a tab",
		"\x1b[31mred\x1b[0m":          `\u001b[31mred\u001b[0m`,
		"\u009b2Jgone":                `\u009b2Jgone`,
		"back\b\b\bover\rwrite\x7f":   `back\u0008\u0008\u0008over\u000dwrite\u007f`,
		"\u202egnp.exe":               `\u202egnp.exe`,
		"👩\u200d⚕️ ¿Cómo está? 42 °C": "👩\u200d⚕️ ¿Cómo está? 42 °C",
	} {
		if got := inert(in); got != want {
			t.Errorf("inert(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzInertJSON: what is written says the same as what was given, and holds
// nothing that a terminal acts on.
func FuzzInertJSON(f *testing.F) {
	for _, s := range []string{"\x1b[31m", "\u202e", "\U000e0041", "plain", "a\u2028b", "\ufeff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		var b bytes.Buffer
		if err := printJSON(&b, map[string]string{"words": s}, true); err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["words"] != s {
			t.Errorf("%q came back as %q, %v", s, back["words"], err)
		}
		for _, r := range b.String() {
			if r != '\n' && r != '\u200d' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%q is written with %U in it", s, r)
			}
		}
	})
}

func TestBrief(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "0s", 40 * time.Second: "40s", 12 * time.Minute: "12m", 90 * time.Second: "1m30s", 185 * time.Minute: "3h05m", 52 * time.Hour: "2d4h",
	} {
		if got := brief(in); got != want {
			t.Errorf("brief(%v) = %s, want %s", in, got, want)
		}
	}
}
