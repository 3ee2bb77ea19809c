package scripted

import (
	"slices"
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/gateway/model"
)

// Limits of what is taken for a name.
const (
	maxNameWords = 6
	maxNameRunes = 60
)

// nameEnd returns where the words of a name that begins at i end; i when there
// is none. A name ends at punctuation and before a word no name is made of.
func (s *scene) nameEnd(t *text, i int) int {
	j := i
	if i+1 < len(t.words) && t.has(span{i, i + 1}, s.b.Name.Titles) && s.nameWord(t, i+1) {
		j++
	}
	for j < len(t.words) && j-i < maxNameWords && !t.used[j] && s.nameWord(t, j) {
		j++
		if stop := t.words[j-1].stop; stop != 0 && (stop != '.' || len(t.words[j-1].raw) > 2) {
			break
		}
	}
	for j > i {
		if _, joiner := s.b.Name.Joiners[t.words[j-1].fold]; !joiner {
			break
		}
		j--
	}
	return j
}

// nameWord reports whether word i can be part of a name.
func (s *scene) nameWord(t *text, i int) bool {
	w := t.words[i]
	if strings.HasSuffix(w.raw, "'s") || strings.HasSuffix(w.raw, "’s") {
		return false
	}
	if r := []rune(w.raw); len(r) == 1 && isUpper(w.raw) && i > 0 && w.raw != "I" {
		return true // an initial
	}
	if _, joiner := s.b.Name.Joiners[w.fold]; joiner {
		return true
	}
	n := 0
	for _, c := range w.raw {
		switch {
		case unicode.IsLetter(c) || unicode.IsMark(c):
			n++
		case c != '\'' && c != '’' && c != '-' && c != '.':
			return false
		}
	}
	if n == 0 || n > 30 || len(w.fold) > 4 && strings.HasSuffix(w.fold, "ing") && !isUpper(w.raw) {
		return false
	}
	one := span{i, i + 1}
	for _, p := range []phrases{s.b.Name.Never, s.b.Reason.Words, s.b.Clinical.Signs, s.b.Time.Words, s.b.Insurance.Plans} {
		if t.has(one, p) {
			return false
		}
	}
	return t.matchAt(s.b.Insurance.Plans, i) == 0
}

// titled joins the words of a name. One written without a capital letter, or
// with nothing else, gets capitals as names have them.
func (s *scene) titled(t *text, i, j int) string {
	var out []string
	for ; i < j; i++ {
		w := t.words[i].raw
		_, joiner := s.b.Name.Joiners[t.words[i].fold]
		if _, title := s.b.Name.Titles[t.words[i].fold]; title && len(out) == 0 && i+1 < j {
			continue
		}
		if joiner && len(out) > 0 && w == strings.ToLower(w) {
			out = append(out, w)
			continue
		}
		if w == strings.ToLower(w) || w == strings.ToUpper(w) && len([]rune(w)) > 2 {
			w = capital(w)
		}
		out = append(out, w)
	}
	name := []rune(strings.Join(out, " "))
	return strings.TrimSpace(string(name[:min(len(name), maxNameRunes)]))
}

// lastName takes "last name Ruiz" and returns the name.
func (s *scene) lastName(t *text) string {
	i, j, ok := t.find(s.b.Name.Last)
	if !ok || j >= len(t.words) {
		return ""
	}
	end := s.nameEnd(t, j)
	name := s.titled(t, j, end)
	if end > j {
		t.use(i, end)
	}
	return name
}

// putName records a name. Of a first name alone, the last is asked for next.
func (s *scene) putName(t *text, name string) {
	alone := s.at(model.FactName) && s.tries == 0 && !strings.Contains(name, " ")
	s.put(model.FactName, name, t.m)
	if alone {
		s.open = askLastName
	}
}

func capital(w string) string {
	up := true
	return strings.Map(func(c rune) rune {
		defer func() { up = c == '-' || c == '\'' || c == '’' }()
		if up {
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, w)
}

// fullName keeps the last name when only a first one was said again.
func (s *scene) fullName(name string) string {
	old := strings.Fields(s.known[model.FactName].Value)
	if len(strings.Fields(name)) > 1 || len(old) < 2 {
		return name
	}
	return s.replaceNear(old, name)
}

// replaceNear puts a newly spelled word in the place of the most similar one.
func (s *scene) replaceNear(old []string, name string) string {
	best, at := len(name)+1, 0
	for i, w := range old {
		if d := distance(fold(w), fold(name)); d < best {
			best, at = d, i
		}
	}
	out := slices.Clone(old)
	out[at] = name
	return strings.Join(out, " ")
}

// spelledName takes "my name is spelled Anna", "last name is spelled R-U-I-S".
func (s *scene) spelledName(t *text) bool {
	i, j, ok := t.find(s.b.Name.Spelled)
	if !ok || j >= len(t.words) {
		return false
	}
	name, end := letters(t, j)
	if name == "" {
		if end = s.nameEnd(t, j); end == j {
			return false
		}
		name = s.titled(t, j, end)
	}
	old := strings.Fields(s.known[model.FactName].Value)
	head := span{0, i}
	switch {
	case len(old) < 2 || strings.Contains(name, " "):
	case t.has(head, s.b.Name.Last):
		old[len(old)-1] = name
		name = strings.Join(old, " ")
	case t.has(head, s.b.Name.First):
		old[0] = name
		name = strings.Join(old, " ")
	default:
		name = s.replaceNear(old, name)
	}
	t.use(0, end)
	s.put(model.FactName, name, t.m)
	return true
}

// letters reads a word spelled letter by letter: "R-U-I-S" or "R U I S".
func letters(t *text, i int) (string, int) {
	var b strings.Builder
	j := i
	for ; j < len(t.words) && !t.used[j]; j++ {
		for _, l := range strings.FieldsFunc(t.words[j].raw, func(c rune) bool { return c == '-' || c == '.' }) {
			if len([]rune(l)) != 1 || !unicode.IsLetter([]rune(l)[0]) || b.Len() > maxNameRunes {
				return "", i
			}
			b.WriteString(l)
		}
	}
	if len([]rune(b.String())) < 2 {
		return "", i
	}
	return capital(strings.ToLower(b.String())), j
}

// distance is how many letters two words differ by.
func distance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range ra {
		diag := row[0]
		row[0] = i + 1
		for j, y := range rb {
			cost := diag
			if x != y {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(rb)]
}
