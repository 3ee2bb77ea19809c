package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
)

// shelf is the disk that files lie on. It outlives every crash, and knows no half
// of a file: that a kill leaves none is another harness's to judge.
type shelf struct {
	w     *world
	files map[string][]byte
}

var errShelf = errors.New("no space left on device")

// Write implements attic.Disk.
func (s *shelf) Write(name string, sealed []byte) error {
	w := s.w
	x := w.r.Float64() / max(w.weather.media, 1e-9)
	switch {
	case w.calm || x >= 0.1:
	case x < 0.03:
		return errShelf
	case x < 0.06 && w.lives <= maxCrash: // before it had its name
		panic(crashed{})
	case x < 0.1 && w.lives <= maxCrash: // and after
		s.files[name] = sealed
		panic(crashed{})
	}
	s.files[name] = sealed
	return nil
}

// Read implements attic.Disk.
func (s *shelf) Read(name string) ([]byte, error) {
	if b, there := s.files[name]; there {
		return b, nil
	}
	return nil, attic.ErrGone
}

// Remove implements attic.Disk.
func (s *shelf) Remove(names []string) error {
	for _, name := range names {
		delete(s.files, name)
	}
	return nil
}

func (w *world) openAttic() *attic.Attic {
	a, err := attic.Open(attic.Options{Disk: w.attic, Store: w.disk, Ring: w.keys, Random: w.random})
	if err != nil {
		w.fault("attic: %v", err)
	}
	return a
}

// fate is what the carrier does about one file.
type fate struct {
	from molt.Time // when it is there
	gone molt.Time // when it is not any more; 0: never
	no   channels.FetchFault
	body []byte
	told bool // that it is not to be had
}

// draw draws what the files of a text will meet.
func (t *text) draw() {
	if !t.media {
		return
	}
	w := t.carrier.w
	n := pick(w.r, 1, 1, 1, 2, 3)
	if w.still {
		n = 1
	}
	for i := range n {
		f := &fate{from: w.now, body: []byte("\xff\xd8\xff\xe0 " + t.id + strings.Repeat(fmt.Sprint(" ", i), 20))}
		x := 1.0
		if !w.still {
			x = w.r.Float64() / max(w.weather.media, 1e-9)
		}
		switch {
		case x < 0.15: // it comes after the text
			f.from = w.now.Add(w.within(time.Second, 20*time.Minute))
		case x < 0.25: // it is deleted soon
			f.gone = w.now.Add(w.within(0, 2*time.Minute))
		case x < 0.30:
			f.no = pick(w.r, channels.FetchGone, channels.FetchTooLarge, channels.FetchAddress, channels.FetchRejected)
		case x < 0.33:
			f.body = nil
		}
		t.fates = append(t.fates, f)
	}
}

func (t *text) files() (out []channels.Media) {
	for i := range t.fates {
		out = append(out, channels.Media{URL: fmt.Sprintf("https://media.example/%s/%d", t.id, i), Type: "image/jpeg"})
	}
	return out
}

// Fetch implements channels.Fetcher.
func (c *carrier) Fetch(ctx context.Context, m channels.Media) ([]byte, error) {
	w := c.w
	var f *fate
	for _, t := range c.inbound {
		for i, file := range t.files() {
			if file.URL == m.URL {
				f = t.fates[i]
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, &channels.FetchError{Kind: channels.FetchTransient, Err: err}
	}
	w.took += w.within(50*time.Millisecond, 2*time.Second)
	fault := func(k channels.FetchFault, http int, after time.Duration) ([]byte, error) {
		f.told = f.told || k.Final()
		w.tell("%s: %s: %s", c.id, m.URL, k)
		return nil, &channels.FetchError{Kind: k, HTTP: http, RetryAfter: after}
	}
	x := w.r.Float64() / max(w.weather.media, 1e-9)
	if w.calm || w.still {
		x = 1e9
	}
	switch {
	case f == nil:
		w.fault("%s is asked for %s, which nobody sent", c.id, m.URL)
		return nil, &channels.FetchError{Kind: channels.FetchNotFound}
	case x < 0.05:
		return fault(channels.FetchRate, 429, pick(w.r, 0, time.Second, 40*time.Second))
	case x < 0.10:
		w.took += w.within(time.Second, channels.FetchTimeout)
		return fault(channels.FetchTransient, 0, 0)
	case x < 0.12:
		return fault(channels.FetchDenied, 401, 0)
	case x < 0.15 && w.lives <= maxCrash:
		panic(crashed{})
	case f.no != "":
		return fault(f.no, 0, 0)
	case w.now < f.from:
		return fault(channels.FetchNotFound, 404, 0)
	case f.gone > 0 && w.now >= f.gone:
		return fault(channels.FetchGone, 410, 0)
	case len(f.body) == 0:
		return fault(channels.FetchEmpty, 200, 0)
	}
	return f.body, nil
}

var _ channels.Fetcher = (*carrier)(nil)

// checkFiles: each file that came with a text lies in the attic as the carrier had
// it, or the carrier itself said that it is not to be had.
func (w *world) checkFiles(j *journal) {
	kept := map[turn.FileAt]turn.Fetched{}
	for _, e := range j.events {
		if b, ok := e.Body.(*turn.Fetched); ok {
			kept[turn.FileAt{Seq: b.Seq, Index: b.Index}] = *b
		}
	}
	a := w.openAttic()
	for _, e := range j.events {
		in, ok := e.Body.(*channels.Inbound)
		if !ok || w.texts[in.ProviderID] == nil {
			continue
		}
		for i, f := range w.texts[in.ProviderID].fates {
			b, there := kept[turn.FileAt{Seq: e.Seq, Index: i}]
			if i < len(in.Media) && in.Media[i].Kept != nil { // it came with its text
				b.Hash, b.Key, there = in.Media[i].Kept.Hash, in.Media[i].Kept.Key, true
			}
			if !there {
				if !f.told && len(f.body) > 0 {
					w.fault("file %d of %s was to be had, and is not kept", i, in.ProviderID)
				}
				continue
			}
			got, err := a.Read(context.Background(), j.id, attic.Ref{Name: b.Hash, Key: b.Key})
			if err != nil || !bytes.Equal(got, f.body) {
				w.fault("file %d of %s is kept and reads as %d bytes, %v", i, in.ProviderID, len(got), err)
			}
		}
	}
}
