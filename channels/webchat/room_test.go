package webchat_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels/webchat"
)

func TestOneVisitorLeavesRoomForOthers(t *testing.T) {
	r := newRig(t)
	greedy := r.browser(site)
	for range webchat.SocketsPerVisitor {
		r.next(greedy.talk(0), "state")
	}
	if conn, status := greedy.open(greedy.session().Ticket); conn != nil || status != http.StatusServiceUnavailable {
		t.Errorf("one more of the visitor's got %d", status)
	}
	r.next(r.browser(site).talk(0), "state")
}

// TestWhoSaysNothingMakesRoom has sockets from everywhere take all the room: who
// comes gets that of the oldest who said nothing, and who talks keeps theirs.
func TestWhoSaysNothingMakesRoom(t *testing.T) {
	const room = 4
	for name, change := range map[string]func(*webchat.Options){
		"of all":       func(o *webchat.Options) { o.Sockets = room },
		"of a network": func(o *webchat.Options) { o.SocketsPerSource = room },
	} {
		r := newRig(t, change)
		n := 0
		visit := func() *browser { // a /64 each, or all of one
			b := r.browser(foreign)
			if n++; name == "of all" {
				b.header.Set("X-Forwarded-For", fmt.Sprintf("2001:db8:1:%x::1", n))
			}
			return b
		}
		says := func(conn *websocket.Conn) {
			r.send(conn, frame{Type: "text", ClientID: fmt.Sprint("client-id-", n), Text: "hello"})
			r.next(conn, "committed")
		}
		first := visit().talk(0)
		says(first)
		silent := visit()
		mute, _ := silent.open(silent.session().Ticket) // not even a hello
		for range room - 2 {
			r.next(visit().talk(0), "state")
		}
		patient := visit().talk(0)
		says(patient)
		_ = mute.SetReadDeadline(time.Now().Add(bound))
		if _, _, err := mute.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
			t.Errorf("%s: the oldest who said nothing got %v", name, err)
		}
		for range room - 2 {
			says(visit().talk(0))
		}
		says(first)
		late := visit()
		if conn, status := late.open(late.session().Ticket); conn != nil || status != http.StatusServiceUnavailable {
			t.Errorf("%s: where everybody talks, one more got %d", name, status)
		}
	}
}
