package twilio_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/channeltest"
)

func TestConformance(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Rig { return newStandin(t) })
}

func TestFetchConformance(t *testing.T) {
	channeltest.RunFetcher(t, func(t *testing.T) channeltest.FileRig {
		r := &fileRig{}
		r.files = newFiles(t, r.serve, nil)
		return r
	})
}

// fileRig is an API with one file, treated as a test wants.
type fileRig struct {
	*files
	body   []byte
	answer channeltest.Answer
}

func (r *fileRig) Fetcher() channels.Fetcher { return r.adapter }

func (r *fileRig) File(body []byte) channels.Media {
	r.body = body
	return channels.Media{URL: r.api.URL + mediaPath}
}

// Answer takes the API's listener away for Down, and brings it back.
func (r *fileRig) Answer(a channeltest.Answer) {
	r.answer = a
	r.api.CloseClientConnections()
	if a == channeltest.Down {
		_ = r.api.Listener.Close()
		return
	}
	if l, err := net.Listen("tcp", r.api.Listener.Addr().String()); err == nil {
		r.api.Listener = l
		go func() { _ = r.api.Config.Serve(l) }() // ends with the server
	}
}

func (r *fileRig) Fetches() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

func (r *fileRig) serve(w http.ResponseWriter, q *http.Request) {
	switch r.answer {
	case channeltest.Garbles:
		gives(http.StatusOK, r.body, "Content-Length", "1000")(w, q)
	case channeltest.Breaks:
		gives(http.StatusBadGateway, nil)(w, q)
	case channeltest.Limits:
		gives(http.StatusTooManyRequests, nil, "Retry-After", "7")(w, q)
	case channeltest.Refuses:
		gives(http.StatusForbidden, []byte("no such user"))(w, q)
	default:
		gives(http.StatusOK, r.body)(w, q)
	}
}
