package notary

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/tidegate/tidegate/molt/seal"
)

// FuzzReadTrail wants any file read to its end, and nothing in it believed that
// is not signed.
func FuzzReadTrail(f *testing.F) {
	ring, err := seal.Draw(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("{}\n"), []byte(""))
	f.Add([]byte("\n\n{\"n\":1}\n{"), []byte("x"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		trail, err := ReadTrail(bytes.NewReader(append(a, b...)), ring)
		if err == nil && len(trail.Points) > 0 {
			t.Errorf("%d heads of unsigned lines are believed", len(trail.Points))
		}
	})
}
