package screen

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

// The golden set is what the screen is held to: by its tests, and by a clinic's
// `check` when the configuration adds to the rules. Two forms of line, parted by
// tabs: "level category language text", and in pairs.txt "level category english
// spanish". A category of - is not checked.
//
//go:embed golden/*.txt
var goldenFS embed.FS

// isCrisis reports whether an emergency of the category is labeled a crisis.
func isCrisis(category string) bool { return category == "self-harm" || category == "violence" }

// goldenLines reads the golden set. It is part of the build; a slip in it fails a test.
func goldenLines() ([]labeled, error) {
	var out []labeled
	names, err := goldenFS.ReadDir("golden")
	if err != nil {
		return nil, fmt.Errorf("list the golden set: %w", err)
	}
	for _, f := range names {
		b, err := goldenFS.ReadFile("golden/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the golden set: %w", err)
		}
		lines, err := readGolden(f.Name(), string(b))
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

func readGolden(name, content string) ([]labeled, error) {
	var out []labeled
	tag := ""
	for i, line := range strings.Split(content, "\n") {
		if rest, ok := strings.CutPrefix(line, "#"); ok || line == "" {
			tag = strings.TrimSpace(rest)
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 4 || !isLevel(f[0]) {
			return nil, fmt.Errorf("golden/%s:%d: want level, category and two more columns parted by tabs", name, i+1)
		}
		l := labeled{ID: fmt.Sprintf("%s:%d", strings.TrimSuffix(name, ".txt"), i+1), Label: labelOf(f[0], f[1]), Escalate: []string{f[0]}, Tags: []string{tag}}
		if f[1] != "-" {
			l.Category = f[1]
		}
		if name == "pairs.txt" {
			l.Pair = l.ID
			en, es := l, l
			en.ID, en.Lang, en.Text = l.ID+":en", "en", f[2]
			es.ID, es.Lang, es.Text = l.ID+":es", "es", f[3]
			out = append(out, en, es)
			continue
		}
		l.Lang, l.Text = f[2], f[3]
		out = append(out, l)
	}
	return out, nil
}

func labelOf(level, category string) string {
	switch {
	case level == "no":
		return "benign"
	case level == "same_day":
		return "urgent"
	case isCrisis(category):
		return "crisis"
	}
	return "emergency"
}

// Golden returns the golden set as labeled lines of JSON, for Report.
func Golden() (string, error) {
	lines, err := goldenLines()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range lines {
		row, err := json.Marshal(l)
		if err != nil {
			return "", fmt.Errorf("golden line %s: %w", l.ID, err)
		}
		b.Write(row)
		b.WriteByte('\n')
	}
	return b.String(), nil
}
