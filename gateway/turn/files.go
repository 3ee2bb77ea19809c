package turn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of files.
const (
	MaxFiles    = 200 // followed in one conversation; the oldest that ended go first
	MaxFetching = 8   // asked for, and not tried yet; the others wait for their turn
)

// Reasons of ours for which a file is not had, beside those of an adapter.
const (
	WhyChannel    channels.FetchFault = "channel"    // its channel fetches no files
	WhyErased     channels.FetchFault = "erased"     // the text it came with is gone, or its key
	WhyUnreadable channels.FetchFault = "unreadable" // what was to be done cannot be read
	WhyDisk       channels.FetchFault = "disk"       // it could not be kept
)

// fetchAgain is how long after each attempt the next is made. A carrier keeps a
// file until it is deleted, so that a day of trouble loses none.
func fetchAgain() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 18 * time.Hour}
}

// FileAt says which file of which message.
type FileAt struct {
	Seq   uint64 `json:"seq"`
	Index int    `json:"index,omitempty"`
}

func (f FileAt) lane() molt.Lane {
	return molt.LaneMedia + molt.Lane(fmt.Sprintf(":%d.%d", f.Seq, f.Index))
}

// FileOf reads which file an item is about from its lane, which is there though
// the item cannot be read.
func FileOf(l molt.Lane) (at FileAt, ok bool) {
	_, rest, _ := strings.Cut(string(l), ":")
	n, err := fmt.Sscanf(rest, "%d.%d", &at.Seq, &at.Index)
	return at, err == nil && n == 2 && at.lane() == l
}

// Fetched is a file that lies sealed beside the database.
type Fetched struct {
	Item  molt.ItemID `json:"item"`
	Seq   uint64      `json:"seq"` // of the message it came with
	Index int         `json:"index,omitempty"`
	Hash  string      `json:"hash"` // its name: a keyed hash of what is in it
	Key   molt.KeyID  `json:"key"`  // that sealed it
	Type  string      `json:"type"` // by its bytes
	Bytes int64       `json:"bytes"`
}

// FetchFailed is an attempt that brought no file.
type FetchFailed struct {
	Item         molt.ItemID         `json:"item"`
	Seq          uint64              `json:"seq"`
	Index        int                 `json:"index,omitempty"`
	Why          channels.FetchFault `json:"why"`
	HTTP         int                 `json:"http,omitempty"`
	RetryAfterMS int64               `json:"retry_after_ms,omitempty"`
}

// Files says that the files of a message are to be fetched from now on.
type Files struct {
	Seq   uint64 `json:"seq"`
	Count int    `json:"count"`
}

// FileState is how far a file has got.
type FileState string

// The states of a file.
const (
	FileWaits FileState = "waits" // others of the conversation are fetched first
	FileDue   FileState = "due"   // it is being fetched, or will be again
	FileKept  FileState = "kept"
	FileLost  FileState = "lost" // it could not be fetched; Why
)

// File is one file of a message.
type File struct {
	FileAt
	State FileState           `json:"state"`
	Item  molt.ItemID         `json:"item,omitempty"`
	Tries int                 `json:"tries,omitempty"` // that brought nothing
	Why   channels.FetchFault `json:"why,omitempty"`   // of the last of them
	Hash  string              `json:"hash,omitempty"`
	Key   molt.KeyID          `json:"key,omitempty"`
	Type  string              `json:"type,omitempty"`
	Bytes int64               `json:"bytes,omitempty"`
}

func (f File) open() bool { return f.State == FileWaits || f.State == FileDue }

// File finds a file of a message; nil: it is not followed.
func (s *State) File(at FileAt) *File {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.FileAt == at })
	if i < 0 {
		return nil
	}
	return &s.Files[i]
}

// FileRoom is how many bytes the files of a message may still take.
func (s *State) FileRoom(seq uint64) int64 {
	room := int64(channels.MaxMessageBytes)
	for _, f := range s.Files {
		if f.Seq == seq && f.State == FileKept {
			room -= f.Bytes
		}
	}
	return room
}

// fetchFiles has the files of this step's texts fetched, and those that waited
// for them. What a flood brings beyond what is followed stays with the carrier.
func (x *decider) fetchFiles() {
	open, trying := 0, 0
	for _, f := range x.s.Files {
		if f.open() {
			open++
		}
		if f.State == FileDue && f.Tries == 0 { // one that is tried again keeps no new one waiting
			trying++
		}
	}
	for _, h := range x.s.Undecided {
		if n := min(h.Media, MaxFiles-open); n > 0 && h.Kept < h.Media {
			x.d.Files = append(x.d.Files, Files{Seq: h.Seq, Count: n})
			x.s.foldFiles(x.d.Files[len(x.d.Files)-1])
			open += n
		}
	}
	for _, f := range slices.Clone(x.s.Files) {
		if f.State == FileWaits && trying < MaxFetching {
			x.emit(Effect{Kind: EffectFetch, Lane: f.lane(), Due: x.env.Now, File: &FileAt{f.Seq, f.Index}})
			trying++
		}
	}
}

func (x *decider) fetched(b *Fetched) {
	x.because(ReasonFetched, "")
	x.emit(Effect{Kind: EffectDone, Item: b.Item})
}

// fetchFailed tries again later, or leaves it at that: whoever reads the message
// sees that there was a file.
func (x *decider) fetchFailed(b *FetchFailed) {
	again := fetchAgain()
	f := x.s.File(FileAt{b.Seq, b.Index})
	if f == nil || f.State != FileDue || b.Why.Final() && b.Why != WhyDisk || f.Tries > len(again) {
		x.because(ReasonNotFetched, string(b.Why))
		x.emit(Effect{Kind: EffectDone, Item: b.Item})
		return
	}
	x.because(ReasonFetchAgain, string(b.Why))
	wait := max(again[max(f.Tries, 1)-1], time.Duration(b.RetryAfterMS)*time.Millisecond)
	x.emit(Effect{Kind: EffectRetry, Item: b.Item, Due: x.env.Now.Add(wait)})
}

func (s *State) foldFiles(b Files) {
	for i := range min(b.Count, channels.MaxMedia) {
		if at := (FileAt{b.Seq, i}); s.File(at) == nil {
			s.Files = append(s.Files, File{FileAt: at, State: FileWaits})
		}
	}
}

// foldKept takes up the files that came with a message, and counts them.
func (s *State) foldKept(seq uint64, media []channels.Media) (n int) {
	for i, m := range media[:min(len(media), channels.MaxMedia)] {
		if m.Kept == nil {
			continue
		}
		n++
		s.Files = append(s.Files, File{FileAt: FileAt{seq, i}, State: FileKept, Hash: m.Kept.Hash, Key: m.Kept.Key, Type: m.Type, Bytes: m.Kept.Bytes})
	}
	return n
}

func (s *State) foldFetch(x Effect) {
	if x.File == nil {
		return
	}
	if f := s.File(*x.File); f != nil && f.State == FileWaits {
		f.State, f.Item = FileDue, x.Item
	}
}

func (s *State) foldFetched(b *Fetched) {
	if f := s.File(FileAt{b.Seq, b.Index}); f != nil {
		f.State, f.Why, f.Hash, f.Key, f.Type, f.Bytes = FileKept, "", b.Hash, b.Key, b.Type, b.Bytes
	}
}

func (s *State) foldFetchFailed(b *FetchFailed) {
	if f := s.File(FileAt{b.Seq, b.Index}); f != nil && f.State == FileDue {
		f.Tries, f.Why = f.Tries+1, b.Why
	}
}

// loseFile ends a file whose item ended without it.
func (s *State) loseFile(item molt.ItemID) {
	for i := range s.Files {
		if f := &s.Files[i]; item != "" && f.Item == item && f.State == FileDue {
			f.State = FileLost
		}
	}
}

// trimFiles forgets files that ended and whose message nobody looks back on.
func (s *State) trimFiles() {
	oldest := s.Seq
	for _, t := range s.Turns {
		oldest = min(oldest, t.Seq)
	}
	over := len(s.Files) - MaxFiles
	s.Files = slices.DeleteFunc(s.Files, func(f File) bool {
		if f.open() || f.Seq >= oldest && over <= 0 {
			return false
		}
		over--
		return true
	})
}
