package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/seal"
)

// attachment is a file of a message as a page shows it.
type attachment struct {
	Path    string // below the conversation's media
	Kept    bool
	Picture bool   // a browser may show it
	Says    string // what it is, or why it is not there
}

// isPicture names what a browser is given to show. Everything else is a file to
// be saved: it may hold a program.
func isPicture(kind string) bool {
	return slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, kind)
}

// attachments are the files of a message, each in its place.
func (c *Console) attachments(s *turn.State, t turn.Ref) []attachment {
	var out []attachment
	for i := range min(t.Media, channels.MaxMedia) {
		at := turn.FileAt{Seq: t.Seq, Index: i}
		a := attachment{Path: fmt.Sprintf("%d/%d", at.Seq, at.Index)}
		f := s.File(at)
		switch {
		case f == nil:
			a.Says = "A file came and was not fetched."
		case f.State == turn.FileKept:
			a.Kept, a.Picture = true, isPicture(f.Type)
			a.Says = fmt.Sprintf("File from the patient, %s (%s, %s)", c.clock(t.At), f.Type, size(f.Bytes))
			if a.Picture {
				a.Says = "Picture from the patient, " + c.clock(t.At)
			}
		case f.State == turn.FileLost:
			a.Says = "A file could not be fetched: " + whyNot(f.Why) + "."
		case f.Tries > 0:
			a.Says = "A file could not be fetched yet: " + whyNot(f.Why) + ". It is tried again."
		default:
			a.Says = "A file is being fetched."
		}
		out = append(out, a)
	}
	return out
}

// attached counts the files of a message in words; "" when it has none.
func attached(files []attachment) string {
	var pictures, others, missing int
	for _, f := range files {
		switch {
		case f.Picture:
			pictures++
		case f.Kept:
			others++
		default:
			missing++
		}
	}
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{{pictures, "picture", "pictures"}, {others, "file", "files"}, {missing, "file that is not here", "files that are not here"}} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.one)
		case p.n > 1:
			parts = append(parts, fmt.Sprint(p.n, " ", p.many))
		}
	}
	return strings.Join(parts, ", ")
}

func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// whyNot says why a file was not had, for who reads the message.
func whyNot(why channels.FetchFault) string {
	switch why {
	case channels.FetchTooLarge:
		return "it is too large"
	case channels.FetchNotFound, channels.FetchGone:
		return "the carrier does not have it"
	case channels.FetchDenied:
		return "the carrier refuses our credentials"
	case channels.FetchAddress:
		return "its address is not one of the carrier's"
	case channels.FetchEmpty:
		return "it is empty"
	case channels.FetchRate, channels.FetchTransient:
		return "the carrier gave no answer"
	case turn.WhyDisk:
		return "there was nowhere to keep it"
	case turn.WhyChannel:
		return "this channel fetches no files"
	case turn.WhyErased:
		return "its message was erased"
	}
	return "the carrier refused it"
}

// media gives one file, once the look is on record.
func (c *Console) media(w http.ResponseWriter, r *http.Request, s access.Session) error {
	none := problem(http.StatusNotFound, "There is no such file.")
	seq, err1 := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	index, err2 := strconv.Atoi(r.PathValue("index"))
	if err1 != nil || err2 != nil || c.o.Files == nil {
		return none
	}
	id, _, err := c.o.Casework.Find(r.Context(), r.PathValue("ref"))
	if err != nil {
		return err
	}
	at := turn.FileAt{Seq: seq, Index: index}
	what := fmt.Sprintf("media %d.%d", at.Seq, at.Index)
	var f turn.File
	now, err := c.o.Casework.Look(r.Context(), s.ID, id, what, func(st *turn.State, _ func(turn.Ref) molt.Words) bool {
		f = turn.File{}
		if found := st.File(at); found != nil {
			f = *found
		}
		return f.State == turn.FileKept && c.looks.fresh(s, id, what, seq)
	})
	switch {
	case err != nil:
		return err
	case f.State != turn.FileKept:
		return none
	}
	c.looks.shown(s, id, what, seq)
	body, err := c.o.Files.Read(r.Context(), now, attic.Ref{Name: f.Hash, Key: f.Key})
	switch {
	case errors.Is(err, seal.ErrErased):
		return problem(http.StatusGone, "This file was erased.")
	case errors.Is(err, attic.ErrGone), errors.Is(err, molt.ErrCorrupt), errors.Is(err, seal.ErrNoKey):
		c.o.Log.Error().Str("conversation", string(now)).Err(err).Msg("file")
		return problem(http.StatusGone, "This file is not there any more, or not what was kept; tidegate verify says what is wrong.")
	case err != nil:
		return err
	}
	give(w, f, body)
	return nil
}

// give writes a file so that a browser shows a picture, saves anything else, and
// runs nothing.
func give(w http.ResponseWriter, f turn.File, body []byte) {
	h, kind, way, end := w.Header(), "application/octet-stream", "attachment", ".bin"
	if isPicture(f.Type) {
		kind, way, end = f.Type, "inline", "."+strings.TrimPrefix(f.Type, "image/")
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf(`%s; filename="from-patient-%d-%d%s"`, way, f.Seq, f.Index, end))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
