package webchat

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of files. How large one may be is channels.MaxFileBytes.
const (
	UploadTimeout   = 2 * time.Minute // for all of one file
	UploadsAtOnce   = 16              // each is held in memory until it is kept
	UploadsOfSource = 4               // of them, from one network
	// FilesOfAll times files_per_hour is what all networks together may send: who
	// has many must not fill the disk that every text needs.
	FilesOfAll = 20
)

// ticketHeader carries a file's ticket: no log of URLs has it, and no form of
// another site can set it.
const ticketHeader = "Tidegate-Ticket"

// takenTypes are what files may be by their bytes: what telephones make of
// pictures and documents. A page or a drawing with a program in it is none.
func takenTypes() []string {
	return []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "application/pdf"}
}

// offered is the file that a ticket is for, with what its socket knows of who
// sends it.
type offered struct {
	clientID string
	lang     string
	callBack molt.Address
	source   string
}

// offer answers that the visitor has a file: with a ticket for it, or with why it
// is not taken. A ticket that was not used costs what a file does.
func (s *socket) offer(f asked) told {
	no := told{Type: typeRefused, ClientID: f.ClientID}
	now := s.a.o.Now()
	switch {
	case !clientIDForm.MatchString(f.ClientID):
		return told{Type: typeRefused, Why: whyClientID}
	case s.a.o.FilesPerHour == 0:
		no.Why = whyNoFiles
	case f.Bytes > channels.MaxFileBytes:
		no.Why = whyLarge
	case s.a.house.Busy(): // texts need what room there is
		no.Why = whyMany
	case s.a.files.take(s.source, now) > 0, s.a.allFiles.take("", now) > 0:
		no.Why = whyMany
	default:
		t := s.k
		t.file = &offered{clientID: f.ClientID, lang: s.lang, callBack: s.callBack, source: s.source}
		return told{Type: typeUpload, ClientID: f.ClientID, Ticket: s.a.tickets.issue(t, now)}
	}
	return no
}

// upload takes one file for a ticket, and answers 200 once it is kept.
func (a *Adapter) upload(w http.ResponseWriter, r *http.Request) {
	origin, ok := a.listed(w, r)
	if !ok {
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/octet-stream" {
		refuse(w, http.StatusUnsupportedMediaType, "post the file's bytes as application/octet-stream")
		return
	}
	k, ok := a.admit(w, r, r.Header.Get(ticketHeader), origin, true)
	if !ok {
		return
	}
	// With no cookie the page sends its token; a WebSocket would in its first frame.
	if v, known := a.who(r, k.cookie, a.o.Now()); !known || v != k.visitor {
		refuse(w, http.StatusForbidden, "the ticket is another visitor's")
		return
	}
	if a.house.Busy() || !a.uploads.enter(k.file.source) {
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "too many files come at once; try again")
		return
	}
	defer a.uploads.leave(k.file.source)
	body, ok := readFile(w, r)
	if !ok {
		return
	}
	at, err := a.house.TakeFile(r.Context(), channels.Inbound{
		Account: a.account, Peer: k.visitor.peer(), ProviderID: providerID(k.visitor.peer(), k.file.clientID),
		Lang: k.file.lang, CallBack: k.file.callBack, Source: k.file.source,
	}, body)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "not kept; try again")
		return
	}
	a.hub.talks(k.visitor.peer())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(told{Type: typeCommitted, ClientID: k.file.clientID, Position: at})
}

// readFile reads a file within its limits, and says what it is not taken for.
func readFile(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	// A picture takes its time on a telephone; the listener's own limits are those
	// of a text. Where they cannot be moved they stand.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(UploadTimeout))
	_ = c.SetWriteDeadline(time.Now().Add(UploadTimeout + writeWait))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, channels.MaxFileBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		refuse(w, http.StatusRequestEntityTooLarge, "the file is larger than 5 MB")
	case err != nil:
		refuse(w, http.StatusRequestTimeout, "the file did not come whole; try again")
	case len(body) == 0:
		refuse(w, http.StatusBadRequest, "the file is empty")
	case !slices.Contains(takenTypes(), channels.TypeOf(body)):
		refuse(w, http.StatusUnsupportedMediaType, "the file is no picture and no PDF")
	default:
		return body, true
	}
	return nil, false
}

// slots bound what is uploaded at a time.
type slots struct {
	mu      sync.Mutex
	all     int
	sources map[string]int
}

func newSlots() *slots { return &slots{sources: map[string]int{}} }

func (s *slots) enter(source string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= UploadsAtOnce || s.sources[source] >= UploadsOfSource {
		return false
	}
	s.all++
	s.sources[source]++
	return true
}

func (s *slots) leave(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.sources[source]--; s.sources[source] == 0 {
		delete(s.sources, source)
	}
}
