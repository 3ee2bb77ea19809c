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

// soundPairs are the letter pairs that sound like another letter.
var soundPairs = strings.NewReplacer("ph", "f", "qu", "k", "ck", "k", "ll", "y", "gh", "", "ea", "e", "ee", "i", "x", "s")

func newData() *data {
	return &data{
		vocab: map[string]int32{}, plain: map[string]bool{}, short: map[string]bool{}, merge: map[string]bool{}, alias: map[string][]string{},
		emoji: map[rune]string{}, confusable: map[rune]rune{}, numbers: map[string]float64{},
		deletes: newTable(), byShape: newTable(), sounds: newTable(), bones: newTable(),
		classes: map[string]int32{}, phrases: newTree(), ranks: map[string]int{},
		symptoms: map[string]*symptom{}, checklists: map[string]*checklist{}, measured: map[string]bool{},
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
	d.trust = trustTold
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
	case "hints", "sure", "never":
		if len(head) > 1 || len(body) > 0 {
			return fmt.Errorf("%s stands alone", head[0])
		}
		d.trust = map[string]trust{"hints": trustHint, "sure": trustSure, "never": trustNever}[head[0]]
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
		if !slices.ContainsFunc(body, func(line string) bool { return !d.measures(line) && !strings.HasPrefix(line, "#") }) {
			d.measured[head[1]] = true
		}
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
	d.phrases.grow(ids, c)
}

// resolveSets finds the classes the scope layer needs.
func (d *data) resolveSets() error {
	w := &d.sets
	for name, to := range map[string]*int32{
		"contrast": &w.contrast, "pseudo": &w.pseudo, "cue-no": &w.cueNo, "cue-not": &w.cueNot, "cue-far": &w.cueFar, "deed": &w.deed, "able": &w.able,
		"bearing": &w.bearing, "list-or": &w.listOr, "subject": &w.subject, "history": &w.history, "ago": &w.ago,
		"resolved": &w.resolved, "past": &w.past, "present": &w.present, "info": &w.info, "firsthand": &w.firsthand,
		"nonhuman": &w.nonhuman, "minimiser": &w.minimiser, "besides": &w.besides, "speaker": &w.speaker,
		"answered": &w.answered, "dated": &w.dated, "long-standing": &w.longStanding, "under-way": &w.underWay, "acute": &w.acute, "orders": &w.orders,
		"teller": &w.teller, "yes": &w.yes, "no": &w.no, "child": &w.child, "other": &w.other, "self": &w.self, "filler": &w.filler, "actually": &w.actually, "question": &w.question,
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
			d.byShape.add(shape(w), id)
		}
		if len(w) < shortestEdited || strings.ContainsAny(w, "0123456789/") {
			continue
		}
		d.deletes.add(w, id)
		for i := range len(w) {
			if k := w[:i] + w[i+1:]; i == 0 || w[i] != w[i-1] {
				d.deletes.add(k, id)
			}
		}
		d.sounds.add(sound(w), id)
		if b := bones(w); len(w) >= shortestOut && len(b) >= fewestBones {
			d.bones.add(b, id)
		}
	}
}
