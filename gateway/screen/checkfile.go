package screen

import (
	"fmt"
	"strings"
	"sync"
)

// The folders of rules: those that judge, and what a nurse asks about.
const (
	judging    = "rules"
	checklists = "rules/checklist"
)

// symptom is one thing a nurse asks about.
type symptom struct {
	id     string
	en, es string
	rules  []rule // words that name it (kindPatient) and words that say it is absent (kindAskNo)
}

// checklist is what a nurse asks about in one category, in her order. The rank
// of a rule is the place of its symptom.
type checklist struct {
	symptoms []*symptom
	rules    []rule
	unborn   bool // a child that is named is not who has the symptom
}

// loadChecklists gives the checklists beside a second copy of the rules that
// judge. Their words must not reach the first: each word the data knows changes
// what a misspelling beside it is read as, and so could change a verdict. No
// extension reaches them, so that all screens share one.
var loadChecklists = sync.OnceValues(compileChecklists)

func compileChecklists() (*data, error) {
	d, err := load("", judging, checklists)
	if err != nil {
		return nil, err
	}
	able, ok := d.classes["list-able"]
	if !ok {
		return nil, fmt.Errorf("rules: class %q is missing", "list-able")
	}
	d.sets.able, d.listing = able, true
	for _, name := range []string{"hedge", "hedged-answer"} {
		if _, ok := d.classes[name]; !ok {
			return nil, fmt.Errorf("rules: class %q is missing", name)
		}
	}
	return d, nil
}

// readSymptom reads "symptom id option…", its label and its patterns. What is
// always and what is absent has no guard: a guard takes words of the patient
// back, and those say plainly what they say.
func (d *data) readSymptom(head, body []string) error {
	if len(head) == 0 {
		return fmt.Errorf("symptom wants an id")
	}
	if d.symptoms[head[0]] != nil {
		return fmt.Errorf("symptom %q is defined twice", head[0])
	}
	s := &symptom{id: head[0]}
	says := rule{id: s.id, reach: reachSentence}
	for _, opt := range head[1:] {
		if err := says.option(opt); err != nil {
			return err
		}
	}
	always, absent := says, says
	always.always, absent.kind = true, kindAskNo
	for _, line := range body {
		if err := d.readSymptomLine(s, line, &says, &always, &absent); err != nil {
			return fmt.Errorf("symptom %s: %w", s.id, err)
		}
	}
	for _, r := range []rule{says, always, absent} {
		if len(r.patterns) > 0 {
			s.rules = append(s.rules, r)
		}
	}
	if s.en == "" || s.es == "" || len(says.patterns)+len(always.patterns) == 0 {
		return fmt.Errorf("symptom %q wants a label in both languages and a pattern", s.id)
	}
	d.symptoms[s.id] = s
	return nil
}

func (d *data) readSymptomLine(s *symptom, line string, says, always, absent *rule) error {
	if label, ok := strings.CutPrefix(line, "label "); ok {
		s.en, s.es, _ = strings.Cut(label, " / ")
		return nil
	}
	if g, ok := strings.CutPrefix(line, "unless "); ok {
		return d.readGuard(says, g)
	}
	to := says
	if rest, ok := strings.CutPrefix(line, "always "); ok {
		to, line = always, rest
	} else if rest, ok := strings.CutPrefix(line, "absent "); ok {
		to, line = absent, rest
	}
	ps, err := d.readPattern(line)
	to.patterns = append(to.patterns, ps...)
	return err
}

// readChecklist reads "checklist category" and the ids of its symptoms.
func (d *data) readChecklist(head, body []string) error {
	if len(head) == 0 || len(head) > 2 || len(head) == 2 && head[1] != "unborn" {
		return fmt.Errorf("checklist wants one category, and unborn or nothing")
	}
	if _, ok := d.ranks[head[0]]; !ok {
		return fmt.Errorf("checklist %s: unknown category", head[0])
	}
	if d.checklists[head[0]] != nil {
		return fmt.Errorf("checklist %q is defined twice", head[0])
	}
	c := &checklist{unborn: len(head) == 2}
	for _, id := range strings.Split(strings.Join(body, ","), ",") {
		s := d.symptoms[strings.TrimSpace(id)]
		if s == nil {
			return fmt.Errorf("checklist %s: unknown symptom %q", head[0], strings.TrimSpace(id))
		}
		for _, r := range s.rules {
			r.rank = len(c.symptoms)
			c.rules = append(c.rules, r)
		}
		c.symptoms = append(c.symptoms, s)
	}
	d.checklists[head[0]] = c
	return nil
}
