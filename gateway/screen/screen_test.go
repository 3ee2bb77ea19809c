package screen

import "testing"

func TestNew(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	v := s.Judge("my chest hurts", nil, 0, "")
	t.Logf("%+v", v)
}
