package screen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// reach is how far apart the parts of a rule may stand: a number of tokens, or one of these.
type reach int32

const (
	reachMessage  reach = -1
	reachSentence reach = -2
)

// kind says what a rule is matched against.
type kind uint8

const (
	kindPatient kind = iota // the patient's words, and questions answered with yes
	kindAskYes              // only questions, answered with yes
	kindAskNo               // only questions, answered with no
)

// rule is one finding the screen can make.
type rule struct {
	id       string
	severity Severity
	category string
	rank     int // order of the category in the data
	kind     kind
	reach    reach
	keep     bool  // the danger outlasts the event: being over does not lower it
	lasting  bool  // a condition of long ago still counts beside what is now
	plainly  bool  // also fires in a question or a hypothetical
	child    bool  // always a child's, whoever is named
	most     int   // only in a text of at most so many words; 0 is any
	always   bool  // negation does not apply: the words deny something already
	trust    trust // of its patterns, but for those that measure
	patterns []pattern
	unless   []guard
}

// guard takes a match back when its sequence is found within reach.
type guard struct {
	seq   sequence
	reach reach
}

type concept struct {
	class    int32
	patterns []pattern
}

type numeric struct {
	class  int32
	lo, hi float64
	dec    bool
}

type classSet []int32

func (s classSet) has(c int32) bool { return slices.Contains(s, c) }

// wellKnown are the classes the scope layer asks for by name.
type wellKnown struct {
	contrast, pseudo, cueNo, cueNot, cueFar, deed, able, bearing, listOr, subject int32
	history, ago, resolved, past, present, info, firsthand, nonhuman              int32
	minimiser, yes, no, child, other, self, filler, actually, question            int32
	condition, besides, speaker, teller, deniedAfter                              int32
	answered, dated, longStanding, underWay, acute, orders                        int32
}

// data is the compiled rules data.
type data struct {
	digest     string
	words      []string // vocabulary by id
	single     []int32  // id i at index i, so that one-word readings need no allocation
	vocab      map[string]int32
	plain      map[string]bool
	short      map[string]bool
	merge      map[string]bool // words people write as two
	alias      map[string][]string
	emoji      map[rune]string
	confusable map[rune]rune
	numbers    map[string]float64
	deletes    table // vocabulary words by each of their one-letter deletions
	byShape    table
	sounds     table
	bones      table
	classes    map[string]int32
	wordClass  []classSet
	phrases    tree
	idioms     []concept
	concepts   []concept
	numeric    []numeric
	rules      []rule
	ranks      map[string]int
	sets       wellKnown
	symptoms   map[string]*symptom
	checklists map[string]*checklist // by category; only in what loadChecklists gives
	listing    bool                  // is read for checklists: see deniedInside
	measured   map[string]bool       // concepts that are numbers in each of their forms
	trust      trust                 // while a file is read: that of its rules from here on
	rooms      sync.Pool             // of *room; see borrow
}

// measures reports whether a pattern reads a number together with what it is a number
// of. What a number says is for rules alone, since the classifier does not know one
// from another.
func (d *data) measures(pattern string) bool {
	for part := range strings.SplitSeq(pattern, " & ") {
		if strings.Contains(part, "#") && strings.Contains(strings.TrimSpace(part), " ") {
			return true
		}
		for name := range d.measured {
			if strings.Contains(part, "<"+name+">") {
				return true
			}
		}
	}
	return false
}

func (d *data) readConcept(name string, body []string) (concept, error) {
	if _, ok := d.classes[name]; ok {
		return concept{}, fmt.Errorf("%q is defined twice", name)
	}
	c := concept{}
	for _, line := range body {
		ps, err := d.readPattern(line)
		if err != nil {
			return c, err
		}
		for _, p := range ps {
			if len(p.parts) != 1 {
				return c, fmt.Errorf("%q: a concept is one sequence", line)
			}
		}
		c.patterns = append(c.patterns, ps...)
	}
	c.class = d.class(name) // last: a concept cannot refer to itself
	return c, nil
}

// readRule reads "rule id severity category option…", its patterns and its guards.
func (d *data) readRule(head, body []string) error {
	if len(head) < 3 {
		return fmt.Errorf("rule wants id, severity and category")
	}
	rank, ok := d.ranks[head[2]]
	if !ok || Severity(head[1]).Rank() == 0 {
		return fmt.Errorf("rule %s: unknown severity %q or category %q", head[0], head[1], head[2])
	}
	r := rule{id: head[0], severity: Severity(head[1]), category: head[2], rank: rank, reach: reachSentence}
	for _, o := range d.rules {
		if o.id == r.id {
			return fmt.Errorf("rule %q is defined twice", r.id)
		}
	}
	if r.severity.Rank() >= S2.Rank() { // the classifier knows nothing of what can wait until the evening
		r.trust = d.trust
	}
	for _, opt := range head[3:] {
		if err := r.option(opt); err != nil {
			return err
		}
	}
	for _, line := range body {
		if g, ok := strings.CutPrefix(line, "unless "); ok {
			if err := d.readGuard(&r, g); err != nil {
				return err
			}
			continue
		}
		ps, err := d.readPattern(line)
		if err != nil {
			return err
		}
		for i := range ps {
			if !d.measures(line) {
				ps[i].trust = r.trust
			}
		}
		r.patterns = append(r.patterns, ps...)
	}
	if len(r.patterns) == 0 {
		return fmt.Errorf("rule %q has no pattern", r.id)
	}
	d.rules = append(d.rules, r)
	return nil
}

// worsens reports whether what has gone on for long is the graver for it: in violence and
// in what somebody does to himself.
func (r *rule) worsens() bool { return r.category == "violence" || r.category == "self-harm" }

func (r *rule) option(opt string) error {
	switch opt {
	case "keep":
		r.keep = true
	case "lasting":
		r.lasting = true
	case "plainly":
		r.plainly = true
	case "short":
		r.most = shortText
	case "brief":
		r.most = briefText
	case "hint":
		r.trust = trustHint
	case "sure":
		r.trust = trustSure
	case "who=child":
		r.child = true
	case "always":
		r.always = true
	case "askyes":
		r.kind = kindAskYes
	case "askno":
		r.kind = kindAskNo
	case "within=message":
		r.reach = reachMessage
	case "within=sentence":
		r.reach = reachSentence
	default:
		n, err := strconv.Atoi(strings.TrimPrefix(opt, "within="))
		if err != nil || n < 0 {
			return fmt.Errorf("rule %s: unknown option %q", r.id, opt)
		}
		r.reach = reach(n)
	}
	return nil
}

func (d *data) readGuard(r *rule, line string) error {
	at := reach(reachUnless)
	if rest, ok := strings.CutPrefix(line, "message "); ok {
		at, line = reachMessage, rest
	}
	if rest, ok := strings.CutPrefix(line, "sentence "); ok {
		at, line = reachSentence, rest
	}
	ps, err := d.readPattern(line)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if len(p.parts) != 1 {
			return fmt.Errorf("%q: a guard is one sequence", line)
		}
		r.unless = append(r.unless, guard{p.parts[0], at})
	}
	return nil
}
