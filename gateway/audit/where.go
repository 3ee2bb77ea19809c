package audit

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// MaxWhere bounds how many fields one difference names.
const MaxWhere = 8

// where names the fields in which two JSON objects are not alike, and nothing of
// what is in them: "effects[1].out.words".
func where(a, b []byte) []string {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return nil
	}
	var w places
	w.compare("", x, y)
	return w
}

type places []string

func (w *places) compare(at string, a, b any) {
	if len(*w) == MaxWhere || reflect.DeepEqual(a, b) {
		return
	}
	x, isMap := a.(map[string]any)
	y, both := b.(map[string]any)
	if isMap && both {
		names := maps.Clone(x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			below := name
			if at != "" {
				below = at + "." + name
			}
			w.compare(below, x[name], y[name])
		}
		return
	}
	s, isList := a.([]any)
	t, both := b.([]any)
	if isList && both {
		for i := range max(len(s), len(t)) {
			if i >= len(s) || i >= len(t) {
				w.name(at + "[" + strconv.Itoa(i) + "]")
				continue
			}
			w.compare(at+"["+strconv.Itoa(i)+"]", s[i], t[i])
		}
		return
	}
	w.name(at)
}

func (w *places) name(at string) {
	if len(*w) < MaxWhere {
		*w = append(*w, at)
	}
}
