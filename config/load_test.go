package config

import "testing"

func TestExample(t *testing.T) {
	c, faults := Parse("tidegate.example.yaml", Example(), Options{})
	if len(faults) > 0 {
		t.Fatalf("the example is not valid:\n%v", faults)
	}
	t.Logf("%s", c.Canonical())
	s, err := Schema()
	t.Logf("%s %v", s, err)
}
