package turn

import "testing"

// TestUnfinished: what would be left behind keeps a conversation.
func TestUnfinished(t *testing.T) {
	for name, s := range map[string]State{
		"a draft":              {Reviews: []Review{{Number: 3}}},
		"a file on its way":    {Files: []File{{State: FileDue}}},
		"a file that waits":    {Files: []File{{State: FileWaits}}},
		"a text that is sent":  {Sends: []Send{{State: SendAttempted}}},
		"a text not answered":  {Pending: []uint64{1}},
		"a text not looked at": {Undecided: []Heard{{Seq: 1}}},
	} {
		if s.Unfinished() == "" {
			t.Errorf("%s does not keep it", name)
		}
	}
	s := State{Files: []File{{State: FileKept}, {State: FileLost}}}
	if why := s.Unfinished(); why != "" {
		t.Errorf("nothing waits, and it is kept: %s", why)
	}
}
