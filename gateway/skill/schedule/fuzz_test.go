package schedule

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzFile wants any calendar read or refused in a sentence, and what was read to
// be openings that can be told apart.
func FuzzFile(f *testing.F) {
	const head = "id,start,minutes,with,key,name,dob,phone,reason\n"
	for _, s := range []string{"", head, head + "a,2026-03-02 09:00,30,Dr. Reed,,,,,\n", head + "a,2026-03-02 09:00,30\na,2026-03-02 09:00,30\n", "\xef\xbb\xbf" + head + "\"a\nb\",2026-03-08 02:30,1440,,k,n,d,p,r,more\n", head + "a,b,c\n\"", head + ",,\n"} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "calendar.csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file := &File{path: path, zone: time.UTC}
		rows, err := file.read()
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range rows {
			if r.slot.ID == "" || seen[r.slot.ID] || r.slot.Minutes < 1 || len(r.cell) < len(columns()) {
				t.Errorf("read as an opening: %+v", r)
			}
			seen[r.slot.ID] = true
		}
	})
}
