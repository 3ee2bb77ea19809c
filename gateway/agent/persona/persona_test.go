package persona

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/gateway/model"
)

var update = flag.Bool("update", false, "rewrite the expected faults")

func TestIntake(t *testing.T) {
	p, err := Intake()
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != BuiltIn || !strings.HasPrefix(p.Text, "You take the intake") || p.Limits != (Limits{459, 30, 15}) || p.Autonomy != "extended" || p.Unapproved != "refuse" {
		t.Errorf("got %+v", p)
	}
	if d := cmp.Diff(facts(), p.Collect); d != "" {
		t.Errorf("collect (-want +got):\n%s", d)
	}
	if m := p.Model(); m.ReplyLimit() != model.DefaultReplyChars || m.Disclosure["es"] == "" {
		t.Errorf("model persona: got %+v", m)
	}
}

// TestFaults reads every broken persona and compares all its faults with the
// file beside it.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken personas: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(filepath.Base(file), data)
		got := "taken\n"
		if err != nil {
			got = err.Error() + "\n"
		}
		expected := strings.TrimSuffix(file, ".md") + ".txt"
		if *update {
			if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(expected)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(intake))
	files, _ := filepath.Glob("testdata/*.md")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, data string) {
		p, err := Parse("p.md", []byte(data))
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("got %T, want Faults", err)
			}
			lines := strings.Count(data, "\n") + 1
			for _, one := range faults {
				if one.Line < 1 || one.Line > lines || one.Rule == "" || !utf8.ValidString(one.String()) {
					t.Errorf("fault %+v in a file of %d lines", one, lines)
				}
			}
			if !reflect.DeepEqual(p, Persona{}) {
				t.Errorf("a refused file gave %+v", p)
			}
			return
		}
		if p.Name == "" || p.Text == "" || len(p.Languages) == 0 || len(p.Models) != len(p.ModelsAt) || p.Limits.ReplyChars < MinReplyChars {
			t.Errorf("a taken file gave %+v", p)
		}
		for _, lang := range p.Languages {
			if p.Disclosure[lang] == "" {
				t.Errorf("no disclosure in %q", lang)
			}
		}
	})
}
