package twiliofake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Trick is how a file misbehaves when it is fetched.
type Trick string

// The tricks. A file with a URL is answered with a redirect there, wherever that is.
const (
	TrickMissing Trick = "missing" // 404, as of a file that was deleted
	TrickLate    Trick = "late"    // 404 the first time, as of one that is not stored yet
	TrickBreaks  Trick = "breaks"  // the connection breaks
	TrickShort   Trick = "short"   // the answer ends before the length it promised
	TrickHuge    Trick = "huge"    // it promises more than any message may hold
	TrickEndless Trick = "endless" // it promises nothing and does not end
	TrickDrip    Trick = "drip"    // a byte now and then
)

// The bounds of what has no end.
const (
	maxEndless = 64 << 20
	maxDrips   = 10_000
	dripEvery  = 100 * time.Millisecond
)

func (t Trick) validate() error {
	switch t {
	case "", TrickMissing, TrickLate, TrickBreaks, TrickShort, TrickHuge, TrickEndless, TrickDrip:
		return nil
	}
	return fmt.Errorf("trick: unknown %q", t)
}

// late reports whether a file is asked for the first time. The caller holds the lock.
func (c *Carrier) late(f Media) bool {
	if f.Trick != TrickLate || c.fetched[f.SID] {
		return false
	}
	c.fetched[f.SID] = true
	return true
}

// play answers the request for a file that misbehaves.
func play(w http.ResponseWriter, r *http.Request, f Media) {
	w.Header().Set("Content-Type", f.ContentType)
	switch f.Trick {
	case TrickMissing:
		refuse(codeNotFound, r.URL.Path).write(w)
	case TrickShort:
		promise(w, f, len(f.Bytes)+100)
	case TrickHuge:
		promise(w, f, maxEndless)
	case TrickEndless:
		chunk := []byte(strings.Repeat("x", 64<<10))
		for sent := 0; sent < maxEndless && r.Context().Err() == nil; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case TrickDrip:
		for range maxDrips {
			if _, err := w.Write([]byte("x")); err != nil || http.NewResponseController(w).Flush() != nil || !rest(r.Context(), dripEvery) {
				return
			}
		}
	default:
		breakConnection(w)
	}
}

// promise answers with a length, sends the file, and breaks off.
func promise(w http.ResponseWriter, f Media, length int) {
	w.Header().Set("Content-Length", strconv.Itoa(length))
	_, _ = w.Write(f.Bytes)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
