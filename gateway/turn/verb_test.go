package turn

import (
	"testing"

	"github.com/tidegate/tidegate/channels/segment"
)

// The list of verbs names every one that can be texted, and stays short.
func TestTheListOfVerbsIsWhole(t *testing.T) {
	words := verbs("ZZZZ")
	if n, encoding := segment.Count("Nothing is open under that code. " + words); n > 2 {
		t.Errorf("the list of verbs takes %d segments (%v), want 2 at most", n, encoding)
	}
	for _, text := range []string{"A", "P", "R words", "C", "C no", "N note", "D note", "D human", "D false", "?"} {
		if typed, ok := ReadVerb("ZZZZ " + text); !ok || !typed.Known {
			t.Errorf("%q is in the list and is no verb", text)
		}
	}
}
