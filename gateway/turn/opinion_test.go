package turn

import (
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// TestAnOpinionForgetsAlike: whether the words of a text that is too long ago to be shown
// are still at hand differs between a running gateway and a replay, and decides nothing.
func TestAnOpinionForgetsAlike(t *testing.T) {
	for name, forgets := range map[string]bool{"they are": false, "they are not": true} {
		t.Run(name, func(t *testing.T) {
			rules := testRules(t)
			rules.Opinions = Opinions{PerConversation: 5, PerClinic: 5}
			s := State{Turns: []Ref{{Seq: 60, From: model.FromPatient, At: 1}}}
			x := newDecider(s, Env{Now: 2, Rules: &rules, Recall: func(r Ref) molt.Words {
				if forgets && r.Seq < 60 {
					return ""
				}
				return "words"
			}})
			x.unread = []uint64{10, 60}
			x.seekOpinion()
			if x.d.Set == nil || x.d.Set.Opinion == nil || x.d.Set.Opinion.From != 60 {
				t.Errorf("got %+v, want an opinion on the text that can be shown, from 60 on", x.d.Set)
			}
		})
	}
}
