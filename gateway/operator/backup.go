package operator

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Copy writes a store out as it stands, in one transaction. begun hears how many
// bytes there will be.
type Copy func(ctx context.Context, w io.Writer, begun func(size int64)) error

// Copier is a store that can be written out.
type Copier interface {
	Copy(ctx context.Context, w io.Writer, begun func(size int64)) error
}

// SizeHeader tells how many bytes a backup has.
const SizeHeader = "Tidegate-Size"

// copyStall is how long the reader of a backup may take nothing, and a stop may
// wait for it: as long as a copy is under way the store grows.
const copyStall = 10 * time.Second

// roomFor refuses what can wait while the disk is nearly full: a long read keeps
// the store from using freed pages again, and each conversation that is exported
// is a commit.
func (p *Operator) roomFor(what string) error {
	if !p.o.Scarce() {
		return nil
	}
	return problem(http.StatusServiceUnavailable, "the disk is nearly full: free some, then ask for the "+what+" again")
}

// backup writes the store out. Nobody's words are read: what is sealed stays so.
func (p *Operator) backup(w http.ResponseWriter, r *http.Request) error {
	if p.o.Copy == nil {
		return problem(http.StatusConflict, "this store cannot be copied while it is served")
	}
	if err := p.roomFor("backup"); err != nil {
		return err
	}
	p.o.Log.Info().Str("actor", string(actor(r.Context()))).Msg("backup begins")
	out := &paced{w: w, c: http.NewResponseController(w)}
	err := p.o.Copy(r.Context(), out, func(size int64) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(SizeHeader, strconv.FormatInt(size, 10))
	})
	if err != nil && !out.begun {
		return err
	}
	if err != nil {
		p.o.Log.Warn().Err(err).Msg("backup was cut short")
		panic(http.ErrAbortHandler) // so that its reader knows
	}
	p.o.Log.Info().Str("actor", string(actor(r.Context()))).Msg("backup ends")
	return nil
}

// paced writes for as long as somebody reads.
type paced struct {
	w     io.Writer
	c     *http.ResponseController
	begun bool
}

func (p *paced) Write(b []byte) (int, error) {
	p.begun = true
	_ = p.c.SetWriteDeadline(time.Now().Add(copyStall))
	return p.w.Write(b)
}
