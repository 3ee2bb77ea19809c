package ollamafake

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// garbage answers one broken way after another.
func garbage(w http.ResponseWriter, q question, n int) {
	end := part{Model: q.Model, Done: true, Reason: "stop", Read: q.tokens(), Written: 9}
	said := func(text string) part { return part{Model: q.Model, Message: Message{"assistant", text}} }
	stream := func(parts ...part) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, p := range parts {
			_ = json.NewEncoder(w).Encode(p)
		}
	}
	whole := output{Action: "reply", Text: "What is your first and last name?", Lang: "en"}.json()
	cut := end
	cut.Reason = "length"
	unread := end
	unread.Read = 1
	ways := []func(){
		func() { stream(said("Sure! Here is the answer:"), end) },                                   // no JSON
		func() { stream(said(`{"answer":"hello"}`), end) },                                          // another schema
		func() { stream(said(whole[:len(whole)/2]), cut) },                                          // cut by its length
		func() { stream(said(whole)) },                                                              // no end
		func() { stream(said(`{"action":"reply","text":" \u200b "}`), end) },                        // nothing in it
		func() { stream(end) },                                                                      // nothing at all
		func() { stream(said(whole), unread) },                                                      // the prompt was cut
		func() { refuse(w, http.StatusInternalServerError, "llama runner process has terminated") }, // a dead runner
		func() { _, _ = io.WriteString(w, "<html><body>It works!</body></html>\n") },                // somebody else's port
		func() { stream(said(`{"action":"sing","text":"la"}`), end) },                               // an unknown action
		func() { stream(said(`{"action":"reply","text":"`+strings.Repeat("la ", 2000)+`"}`), end) }, // far too long
		func() { reply(w, []int{1, 2, 3}) },                                                         // JSON of no kind
	}
	ways[n%len(ways)]()
}
