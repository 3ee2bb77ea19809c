package turn

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// hers reads "K7Q2/S1/4m" for a case asked of her that long, "K7Q2/S1/4m/held".
func (s *story) hers(list string) *Hers {
	h := &Hers{}
	for one := range strings.SplitSeq(list, ",") {
		part := strings.Split(one, "/")
		d, err := time.ParseDuration(part[2])
		s.must(err)
		if len(h.Cases) == MaxHers {
			h.More++
			continue
		}
		h.Cases = append(h.Cases, HersCase{Code: part[0], Severity: escalation.Severity(part[1]), Opened: s.now.Add(-d), Held: len(part) > 3})
	}
	return h
}

// nurse acts as her text says: "nurse alice A", "nurse alice R" "words"; or by
// a verb that has no letter: "nurse bob take_over sev=S2".
func (s *story) nurse(plain, quoted []string, arg map[string]string) []fact {
	typed, _ := ReadVerb("BCDF " + strings.Join(append(plain[1:], quoted...), " "))
	a := typed.Acted
	if !typed.Known {
		a.Verb = Verb(plain[1])
	}
	s.ids++
	a.ID, a.Actor, a.Via = fmt.Sprintf("act%d", s.ids), molt.PersonID(plain[0]), cmp.Or(arg["via"], "sms")
	if id := arg["id"]; id != "" {
		a.ID = id
	}
	if v := arg["v"]; v != "" {
		a.Version = s.number(v)
	}
	a.Severity, a.To = escalation.Severity(arg["sev"]), molt.PersonID(arg["to"])
	if s.s.Case != nil {
		a.Case = s.s.Case.ID
	}
	if c := arg["case"]; c != "" {
		a.Case = molt.CaseID(c)
	}
	s.ofReview(&a, arg)
	return []fact{{KindActed, &a}}
}

// ofReview makes the act one about what waits: the newest, or what it names.
func (s *story) ofReview(a *Acted, arg map[string]string) {
	if !a.Verb.OfReview() && arg["review"] == "" {
		return
	}
	if n := arg["review"]; n != "" && n != "last" {
		a.Review = uint64(s.number(n))
	} else if n := len(s.s.Reviews); n > 0 {
		a.Review = s.s.Reviews[n-1].Number
	}
	a.Case = ""
}
