package ollamafake

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// Limits of a tape.
const (
	maxAnswer   = 8 << 20 // bytes of one answer
	maxTape     = 100_000 // answers
	maxTapeLine = 2 * maxAnswer
)

// taped is one line of a tape: what was asked, by its key, and what came.
type taped struct {
	Key    string `json:"key"`
	Path   string `json:"path"` // for who reads the tape
	Status int    `json:"status"`
	Type   string `json:"type"`
	Body   string `json:"body"`
}

// clock is the one thing in a question that differs where nothing else does.
var clock = regexp.MustCompile(`now\\*":\\*"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d`)

// keyOf is what two questions have in common that deserve one answer.
func keyOf(r *http.Request, body []byte) string {
	sum := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), clock.ReplaceAll(body, []byte("now"))...))
	return hex.EncodeToString(sum[:])
}

// Recorder passes everything on to a real server and keeps what it answers. A tape
// holds the words of who chatted: it is made with invented patients.
type Recorder struct {
	of   *url.URL
	http *http.Client

	mu   sync.Mutex
	tape io.Writer
}

// NewRecorder makes a recorder of the server at an address.
func NewRecorder(of string, tape io.Writer) (*Recorder, error) {
	u, err := url.Parse(of)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the server's address is written as in http://127.0.0.1:11434")
	}
	return &Recorder{of: u, http: &http.Client{}, tape: tape}, nil
}

// ServeHTTP asks the server, writes its answer down, and gives it. What could not be
// written down is not given: a tape with a hole would play another story.
func (c *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the request could not be read")
		return
	}
	to := *c.of
	to.Path = strings.TrimSuffix(to.Path, "/") + r.URL.Path
	ask, err := http.NewRequestWithContext(r.Context(), r.Method, to.String(), bytes.NewReader(body))
	if err != nil {
		refuse(w, http.StatusBadRequest, "no such address")
		return
	}
	ask.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	a, err := c.http.Do(ask)
	if err != nil {
		refuse(w, http.StatusBadGateway, "the recorded server does not answer")
		return
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		refuse(w, http.StatusBadGateway, "the recorded server's answer broke off, or is too long")
		return
	}
	t := taped{Key: keyOf(r, body), Path: r.URL.Path, Status: a.StatusCode, Type: a.Header.Get("Content-Type"), Body: string(answer)}
	if err := c.keep(t); err != nil {
		refuse(w, http.StatusInsufficientStorage, "the tape cannot be written")
		return
	}
	t.give(w)
}

func (c *Recorder) keep(t taped) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.NewEncoder(c.tape).Encode(t)
}

func (t taped) give(w http.ResponseWriter) {
	w.Header().Set("Content-Type", t.Type)
	w.WriteHeader(t.Status)
	_, _ = io.WriteString(w, t.Body)
}

// Player answers from a tape. The same question asked again gets its answers in the
// order in which they came, and the last of them from then on.
type Player struct {
	mu   sync.Mutex
	next map[string][]taped
}

// NewPlayer reads a tape.
func NewPlayer(tape io.Reader) (*Player, error) {
	p := &Player{next: map[string][]taped{}}
	lines := bufio.NewScanner(tape)
	lines.Buffer(nil, maxTapeLine)
	n := 0
	for lines.Scan() {
		n++
		var t taped
		switch err := json.Unmarshal(lines.Bytes(), &t); {
		case n > maxTape:
			return nil, fmt.Errorf("line %d: a tape has at most %d answers", n, maxTape)
		case err != nil:
			return nil, fmt.Errorf("line %d: not a line of a tape: %w", n, err)
		case t.Key == "" || t.Status < 200 || t.Status > 599:
			return nil, fmt.Errorf("line %d: not a line of a tape: it wants a key and a status", n)
		}
		p.next[t.Key] = append(p.next[t.Key], t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if n == 0 {
		return nil, errors.New("the tape is empty")
	}
	return p, nil
}

// ServeHTTP gives the answer that the tape has; what was never asked is not there.
func (p *Player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the request could not be read")
		return
	}
	t, ok := p.take(keyOf(r, body))
	if !ok {
		refuse(w, http.StatusNotFound, "this was not asked when the tape was made")
		return
	}
	t.give(w)
}

func (p *Player) take(key string) (taped, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.next[key]
	if len(left) == 0 {
		return taped{}, false
	}
	if len(left) > 1 {
		p.next[key] = left[1:]
	}
	return left[0], true
}
