package screen

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// The rules are data. Their format is described at the head of rules/00-format.txt,
// what the checklists add to it at the head of rules/checklist/10-symptoms.txt.
//
//go:embed rules/*.txt rules/checklist/*.txt
var rulesFS embed.FS

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
	keep     bool // the danger outlasts the event: being over does not lower it
	plainly  bool // also fires in a question or a hypothetical
	child    bool // always a child's, whoever is named
	most     int  // only in a text of at most so many words; 0 is any
	always   bool // negation does not apply: the words deny something already
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

// node is a branch of the tree of phrases, keyed by vocabulary word.
type node struct {
	next map[int32]*node
	ends []int32 // classes of the phrases that end here
}

type classSet []int32

func (s classSet) has(c int32) bool { return slices.Contains(s, c) }

// wellKnown are the classes the scope layer asks for by name.
type wellKnown struct {
	contrast, pseudo, cueNo, cueNot, cueFar, able, bearing, listOr, subject int32
	history, ago, resolved, past, present, info, firsthand, nonhuman        int32
	minimiser, yes, no, child, other, self, filler, actually, question      int32
	condition                                                               int32
	deniedAfter                                                             int32
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
	deletes    map[string][]int32 // vocabulary words by each of their one-letter deletions
	byShape    map[string][]int32
	sounds     map[string][]int32
	classes    map[string]int32
	wordClass  []classSet
	trie       *node
	idioms     []concept
	concepts   []concept
	numeric    []numeric
	rules      []rule
	ranks      map[string]int
	sets       wellKnown
	symptoms   map[string]*symptom
	checklists map[string]*checklist // by category; only in what loadChecklists gives
	listing    bool                  // is read for checklists: see deniedInside
}

// soundPairs are the letter pairs that sound like another letter.
var soundPairs = strings.NewReplacer("ph", "f", "qu", "k", "ck", "k", "ll", "y", "gh", "", "ea", "e", "ee", "i", "x", "s")

func newData() *data {
	return &data{
		vocab: map[string]int32{}, plain: map[string]bool{}, short: map[string]bool{}, merge: map[string]bool{}, alias: map[string][]string{},
		emoji: map[rune]string{}, confusable: map[rune]rune{}, numbers: map[string]float64{},
		deletes: map[string][]int32{}, byShape: map[string][]int32{}, sounds: map[string][]int32{},
		classes: map[string]int32{}, trie: &node{}, ranks: map[string]int{},
		symptoms: map[string]*symptom{}, checklists: map[string]*checklist{},
	}
}

// load reads every rules file of the folders in name order, and an extension, in
// the same form, after them.
func load(extension string, folders ...string) (*data, error) {
	d := newData()
	var names []string
	for _, folder := range folders {
		found, err := fs.Glob(rulesFS, folder+"/*.txt")
		if err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
		names = append(names, found...)
	}
	h := sha256.New()
	for _, name := range names {
		b, err := rulesFS.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
		if err := d.readFile(name, string(b)); err != nil {
			return nil, err
		}
	}
	if extension != "" {
		fmt.Fprintf(h, "extension %d\n%s", len(extension), extension)
		if err := d.readFile("screen", extension); err != nil {
			return nil, err
		}
	}
	d.digest = hex.EncodeToString(h.Sum(nil))
	if err := d.resolveSets(); err != nil {
		return nil, err
	}
	d.index()
	return d, nil
}

// readFile reads sections: a line at the margin opens one, indented lines belong to it.
func (d *data) readFile(name, content string) error {
	var head []string
	var body []string
	at := 0
	flush := func() error {
		if head == nil {
			return nil
		}
		if err := d.section(head, body); err != nil {
			return fmt.Errorf("%s:%d: %w", name, at, err)
		}
		return nil
	}
	for i, line := range strings.Split(content, "\n") {
		if j := strings.Index(line, "//"); j >= 0 {
			line = line[:j]
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if head == nil {
				return fmt.Errorf("%s:%d: indented line outside of a section", name, i+1)
			}
			body = append(body, strings.TrimSpace(line))
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		head, body, at = strings.Fields(line), nil, i+1
	}
	return flush()
}

func (d *data) section(head, body []string) error {
	switch head[0] {
	case "category":
		if len(head) != 2 || len(body) > 0 {
			return fmt.Errorf("category wants one name")
		}
		d.ranks[head[1]] = len(d.ranks)
		return nil
	case "set":
		return d.readSet(head[1:], body)
	case "idiom":
		c, err := d.readConcept(fmt.Sprintf("idiom %d", len(d.idioms)), body)
		d.idioms = append(d.idioms, c)
		return err
	case "concept":
		if len(head) != 2 {
			return fmt.Errorf("concept wants one name")
		}
		c, err := d.readConcept(head[1], body)
		d.concepts = append(d.concepts, c)
		return err
	case "rule":
		return d.readRule(head[1:], body)
	case "symptom":
		return d.readSymptom(head[1:], body)
	case "checklist":
		return d.readChecklist(head[1:], body)
	case "plain", "short", "merge", "alias", "emoji", "confusable", "number":
		return d.readWords(head[0], strings.Join(body, ","))
	}
	return fmt.Errorf("unknown section %q", head[0])
}

// readWords reads the sections that are lists of words or of word=word pairs.
func (d *data) readWords(section, body string) error {
	switch section {
	case "plain", "short", "merge":
		to := map[string]map[string]bool{"plain": d.plain, "short": d.short, "merge": d.merge}[section]
		for _, w := range strings.FieldsFunc(body, func(r rune) bool { return r == ' ' || r == ',' }) {
			to[w] = true
		}
		return nil
	}
	for _, pair := range strings.Split(body, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			if strings.TrimSpace(pair) == "" {
				continue
			}
			return fmt.Errorf("%s wants from=to, got %q", section, pair)
		}
		from, to = strings.TrimSpace(from), strings.TrimSpace(to)
		switch section {
		case "alias":
			d.alias[from] = strings.Fields(to)
			for _, w := range strings.Fields(to) {
				d.word(w)
			}
		case "emoji":
			for _, r := range from {
				d.emoji[r] = to
				break
			}
		case "confusable":
			rs := []rune(to + " ") // An empty side stands for a space.
			for _, r := range from {
				d.confusable[r] = rs[0]
			}
		case "number":
			v, err := strconv.ParseFloat(to, 64)
			if err != nil {
				return fmt.Errorf("number %q: %w", from, err)
			}
			d.numbers[from] = v
			d.word(from)
		}
	}
	return nil
}

func (d *data) word(w string) int32 {
	if id, ok := d.vocab[w]; ok {
		return id
	}
	id := int32(len(d.words))
	d.vocab[w] = id
	d.words = append(d.words, w)
	d.single = append(d.single, id)
	d.wordClass = append(d.wordClass, nil)
	return id
}

func (d *data) class(name string) int32 {
	if c, ok := d.classes[name]; ok {
		return c
	}
	c := int32(len(d.classes))
	d.classes[name] = c
	return c
}

// readSet reads "set name" and its phrases, parted by commas.
func (d *data) readSet(head, body []string) error {
	if len(head) != 1 || len(body) == 0 {
		return fmt.Errorf("set wants one name and phrases")
	}
	if _, ok := d.classes[head[0]]; ok {
		return fmt.Errorf("set %q is defined twice", head[0])
	}
	c := d.class(head[0])
	for _, phrase := range strings.Split(strings.Join(body, ","), ",") {
		if phrase = strings.TrimSpace(phrase); phrase != "" {
			d.addPhrase(c, phrase)
		}
	}
	return nil
}

// addPhrase hangs a phrase into the tree. Contractions in it are expanded as
// they are in texts, so that the data may be written as people write.
func (d *data) addPhrase(c int32, phrase string) {
	var ids []int32
	for _, w := range strings.Fields(phrase) {
		if a, ok := d.alias[w]; ok {
			for _, x := range a {
				ids = append(ids, d.word(x))
			}
			continue
		}
		ids = append(ids, d.word(w))
	}
	if len(ids) == 1 {
		d.wordClass[ids[0]] = append(d.wordClass[ids[0]], c)
	}
	n := d.trie
	for _, id := range ids {
		if n.next == nil {
			n.next = map[int32]*node{}
		}
		if n.next[id] == nil {
			n.next[id] = &node{}
		}
		n = n.next[id]
	}
	if !slices.Contains(n.ends, c) {
		n.ends = append(n.ends, c)
	}
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
		r.patterns = append(r.patterns, ps...)
	}
	if len(r.patterns) == 0 {
		return fmt.Errorf("rule %q has no pattern", r.id)
	}
	d.rules = append(d.rules, r)
	return nil
}

func (r *rule) option(opt string) error {
	switch opt {
	case "keep":
		r.keep = true
	case "plainly":
		r.plainly = true
	case "short":
		r.most = shortText
	case "brief":
		r.most = briefText
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

// resolveSets finds the classes the scope layer needs.
func (d *data) resolveSets() error {
	w := &d.sets
	for name, to := range map[string]*int32{
		"contrast": &w.contrast, "pseudo": &w.pseudo, "cue-no": &w.cueNo, "cue-not": &w.cueNot, "cue-far": &w.cueFar, "able": &w.able,
		"bearing": &w.bearing, "list-or": &w.listOr, "subject": &w.subject, "history": &w.history, "ago": &w.ago,
		"resolved": &w.resolved, "past": &w.past, "present": &w.present, "info": &w.info, "firsthand": &w.firsthand,
		"nonhuman": &w.nonhuman, "minimiser": &w.minimiser, "yes": &w.yes, "no": &w.no, "child": &w.child,
		"other": &w.other, "self": &w.self, "filler": &w.filler, "actually": &w.actually, "question": &w.question,
		"denied-after": &w.deniedAfter, "condition": &w.condition,
	} {
		c, ok := d.classes[name]
		if !ok {
			return fmt.Errorf("rules: class %q is missing", name)
		}
		*to = c
	}
	return nil
}

// index prepares the spelling tables over the whole vocabulary.
func (d *data) index() {
	for id, w := range d.words {
		id := int32(id)
		if len(w) >= 4 {
			d.byShape[shape(w)] = append(d.byShape[shape(w)], id)
		}
		if len(w) < shortestEdited || strings.ContainsAny(w, "0123456789/") {
			continue
		}
		d.deletes[w] = append(d.deletes[w], id)
		for i := range len(w) {
			if k := w[:i] + w[i+1:]; i == 0 || w[i] != w[i-1] {
				d.deletes[k] = append(d.deletes[k], id)
			}
		}
		d.sounds[sound(w)] = append(d.sounds[sound(w)], id)
	}
}
