package console

import "testing"

func TestListsHearOfCasesOnly(t *testing.T) {
	h := newHub()
	list, _ := h.join("")
	page, _ := h.join("c_1")
	woken := func(p *livePage) bool {
		select {
		case <-p.wake:
			return true
		default:
			return false
		}
	}
	for _, c := range []struct {
		id         string
		listed     bool
		list, page bool
	}{
		{"c_1", false, false, true},
		{"c_1", true, true, true},
		{"c_2", false, false, false},
		{"c_2", true, true, false},
		{"", true, true, false}, // something of the whole gateway
	} {
		h.changed(c.id, c.listed)
		if l, p := woken(list), woken(page); l != c.list || p != c.page {
			t.Errorf("%q, listed %v: the list is woken %v, the page of c_1 %v", c.id, c.listed, l, p)
		}
	}
}
