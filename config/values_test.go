package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for in, want := range map[string]string{
		"90s": "1m30s", "2m": "2m", "1h30m": "1h30m", "7d": "7d", "1d12h": "1d12h", "24h": "1d", "36h": "1d12h",
		"0s": "0s", "0d": "0s", "1500ms": "1.5s", "10m": "10m", "20h": "20h", "1h0m5s": "1h0m5s",
	} {
		d, err := ParseDuration(in)
		if err != nil || d.String() != want {
			t.Errorf("ParseDuration(%q): got %v, %v; want %v", in, d, err, want)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%v read back: got %v, %v", d, again, err)
		}
	}
	for _, in := range []string{"", "0", "5", "1.5", "+5s", ".5s", "5ns", "soon", "-1s", "-1d", "1d-2h", "d", "1.5d", "2 m", "999999999999d", "106750d999999h", "1w", "1d1d"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q): got %v, want a fault", in, d)
		}
	}
}

func TestPhonesAndAddresses(t *testing.T) {
	accepts := func(v encoding.TextUnmarshaler, in string) bool { return v.UnmarshalText([]byte(in)) == nil }
	for in, want := range map[string][3]bool{ // phone, address, dial
		"+15550100100":       {true, true, true},
		"+5491150100100":     {true, true, true},
		"+1 555 010 0100":    {false, false, false},
		"15550100100":        {false, false, false},
		"(555) 010-0100":     {false, false, false},
		"+05550100100":       {false, false, false},
		"+1234567890123456":  {false, false, false},
		"911":                {false, false, true},
		"U0123456789":        {false, true, false},
		"@alice:example.org": {false, true, false},
		"alice@example.org":  {false, true, false},
		"two words":          {false, false, false},
		"":                   {false, false, false},
		"bell\x07":           {false, false, false},
	} {
		got := [3]bool{accepts(new(Phone), in), accepts(new(Address), in), accepts(new(Dial), in)}
		if got != want {
			t.Errorf("%q as phone, address, dial: got %v, want %v", in, got, want)
		}
	}
	for _, printed := range []string{fmt.Sprint(Phone("+15550100123")), fmt.Sprintf("%v %s", Address("U0123456789"), Address("+15550100123"))} {
		if strings.Contains(printed, "55501") || strings.Contains(printed, "012345") {
			t.Errorf("an address prints itself: %s", printed)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	var s Secret
	if err := s.UnmarshalText([]byte("env:HUNTER2")); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %s", s, s, s, s, s, s, s, &s, struct{ S Secret }{s}) + string(b)
	if strings.Contains(all, "HUNTER2") || strings.Contains(all, fmt.Sprintf("%x", "HUNTER2")) {
		t.Errorf("a secret prints itself: %s", all)
	}
	for _, in := range []string{"hunter2", "env:hunter2", "file:hunter2", "env:", "file:", "", "vault:hunter2", "file:/a\nhunter2"} {
		err := new(Secret).UnmarshalText([]byte(in))
		var r *ruleError
		if !errors.As(err, &r) {
			t.Errorf("%q was taken for a reference", in)
			continue
		}
		if strings.Contains(r.rule+r.got+r.hint, "hunter2") || r.got == "" {
			t.Errorf("%q: the fault shows it or leaves it to be shown: %+v", in, r)
		}
	}
}

func TestSecretResolve(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"TOKEN": " hunter2\n", "LONG": strings.Repeat("x", MaxSecret+1), "FULL": strings.Repeat("x", MaxSecret)}[name]
	}
	file := func(name string) ([]byte, error) {
		if name == "/token" {
			return []byte("hunter3\n"), nil
		}
		return nil, errors.New("no such file")
	}
	for in, want := range map[string]string{"env:TOKEN": "hunter2", "file:/token": "hunter3", "env:FULL": strings.Repeat("x", MaxSecret)} {
		s, err := ParseSecret(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(env, file); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"env:NOTHING", "env:LONG", "file:/nothing"} {
		s, err := ParseSecret(in)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(env, file); err == nil || got != "" {
			t.Errorf("%s: got %q, %v; want an error", in, got, err)
		}
	}
	if _, err := (Secret{}).Resolve(env, file); !errors.Is(err, ErrNoSecret) {
		t.Errorf("no reference: got %v, want ErrNoSecret", err)
	}
}

func TestHours(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"always":         {"always", `"always"`},
		"a range":        {`{mon-wed: "08:00-12:00"}`, `{"mon":["08:00-12:00"],"tue":["08:00-12:00"],"wed":["08:00-12:00"]}`},
		"over the week":  {`{sat-sun: "00:00-24:00"}`, `{"sat":["00:00-24:00"],"sun":["00:00-24:00"]}`},
		"midnight":       {`{mon: "22:00-06:00"}`, `{"mon":["22:00-24:00"],"tue":["00:00-06:00"]}`},
		"saturday night": {`{sat: "22:00-06:00"}`, `{"sat":["22:00-24:00"],"sun":["00:00-06:00"]}`},
		"to midnight":    {`{mon: "22:00-00:00"}`, `{"mon":["22:00-24:00"]}`},
		"night meets day": {
			`{mon-tue: ["20:00-09:00"], wed: "08:00-12:00"}`,
			`{"mon":["20:00-24:00"],"tue":["00:00-09:00","20:00-24:00"],"wed":["00:00-12:00"]}`,
		},
		"unsorted":    {`{mon: ["13:00-17:00", "08:00-12:00"]}`, `{"mon":["08:00-12:00","13:00-17:00"]}`},
		"touching":    {`{mon: ["08:00-12:00", "12:00-17:00"]}`, `{"mon":["08:00-17:00"]}`},
		"a list":      {`{"mon, wed": "08:00 - 12:00"}`, `{"mon":["08:00-12:00"],"wed":["08:00-12:00"]}`},
		"closed days": {`{mon: "08:00-12:00", sat: closed, sun: []}`, `{"mon":["08:00-12:00"]}`},
	} {
		cfg, faults := Parse("x", withHours(t, c.in), Options{})
		if len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
			continue
		}
		got, err := json.Marshal(cfg.Clinic.Hours)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, c.want)
		}
	}
}

func withHours(t *testing.T, hours string) []byte {
	t.Helper()
	text := string(readFile(t, "testdata/good/minimal.yaml"))
	return []byte(strings.Replace(text, "  hours:\n    mon-fri: \"08:00-17:00\"\n", "  hours: "+hours+"\n", 1))
}

func TestTimezone(t *testing.T) {
	var z Timezone
	if err := z.UnmarshalText([]byte("America/New_York")); err != nil {
		t.Fatal(err)
	}
	got := time.Date(2026, 7, 1, 12, 0, 0, 0, z.Location()).UTC().Hour()
	if got != 16 {
		t.Errorf("noon in New York in July: got %d UTC, want 16", got)
	}
	if (Timezone{}).Location() != time.UTC {
		t.Error("a zero zone is not UTC")
	}
}
