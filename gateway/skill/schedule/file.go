package schedule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// Limits of a calendar file.
const (
	MaxFileBytes = 8 << 20
	MaxRows      = 50_000
)

// columns are those of the file. The first four are the clinic's to write, the
// rest is the gateway's, and empty while an opening is free.
func columns() []string {
	return []string{"id", "start", "minutes", "with", "key", "name", "dob", "phone", "reason"}
}

// startForm is how a start is written, in the clinic's zone.
const startForm = "2006-01-02 15:04"

// File is a calendar in a CSV file. Every change is a new file in the place of
// the old, so that a reader never sees half of one; a lock beside it keeps two
// writers apart.
type File struct {
	path string
	zone *time.Location
}

// OpenFile reads the file once, to say what is wrong with it.
func OpenFile(path string, zone *time.Location) (*File, error) {
	f := &File{path: path, zone: zone}
	_, err := f.read()
	return f, err
}

// row is one opening.
type row struct {
	slot model.Slot
	b    Booking
	cell []string // as it stands in the file
}

func (f *File) read() ([]row, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("calendar: longer than %d bytes", MaxFileBytes)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	cells, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("calendar: line %d is no CSV", lineOf(err))
	}
	if len(cells) == 0 || !slices.Equal(trimmed(cells[0]), columns()) {
		return nil, fmt.Errorf("calendar: line 1 must be %s", strings.Join(columns(), ","))
	}
	if len(cells) > MaxRows {
		return nil, fmt.Errorf("calendar: more than %d rows", MaxRows)
	}
	return f.rows(cells[1:])
}

func (f *File) rows(cells [][]string) ([]row, error) {
	var out []row
	seen := map[string]bool{}
	for i, c := range cells {
		for len(c) < len(columns()) {
			c = append(c, "")
		}
		start, err := time.ParseInLocation(startForm, strings.TrimSpace(c[1]), f.zone)
		minutes, merr := strconv.Atoi(strings.TrimSpace(c[2]))
		id := strings.TrimSpace(c[0])
		switch {
		case id == "" || seen[id]:
			return nil, fmt.Errorf("calendar: line %d: id must be there, and only once", i+2)
		case err != nil:
			return nil, fmt.Errorf("calendar: line %d: start must be written as in %s", i+2, startForm)
		case merr != nil || minutes < 1 || minutes > 24*60:
			return nil, fmt.Errorf("calendar: line %d: minutes must be a whole number from 1 to 1440", i+2)
		}
		seen[id] = true
		out = append(out, row{
			slot: model.Slot{ID: id, Start: molt.TimeOf(start), Minutes: minutes, With: strings.TrimSpace(c[3])},
			b:    Booking{Key: c[4], Slot: id}, cell: c,
		})
	}
	return out, nil
}

func trimmed(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = strings.ToLower(strings.TrimSpace(c))
	}
	return out
}

func lineOf(err error) int {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return p.Line
	}
	return 0
}

// Free implements Calendar.
func (f *File) Free(_ context.Context, from, to time.Time, most int) ([]model.Slot, error) {
	rows, err := f.read()
	if err != nil {
		return nil, err
	}
	var out []model.Slot
	for _, r := range rows {
		if at := r.slot.Start.Std(); r.b.Key == "" && !at.Before(from) && at.Before(to) {
			out = append(out, r.slot)
		}
	}
	slices.SortStableFunc(out, func(a, b model.Slot) int { return cmp.Compare(a.Start, b.Start) })
	return out[:min(len(out), most)], nil
}

// Find implements Calendar.
func (f *File) Find(_ context.Context, key string) (model.Slot, error) {
	rows, err := f.read()
	if err != nil {
		return model.Slot{}, err
	}
	for _, r := range rows {
		if r.b.Key == key && key != "" {
			return r.slot, nil
		}
	}
	return model.Slot{}, ErrNone
}

// Reserve implements Calendar.
func (f *File) Reserve(ctx context.Context, b Booking) error {
	return f.change(ctx, func(rows []row) error {
		held := slices.IndexFunc(rows, func(r row) bool { return r.b.Key == b.Key })
		at := slices.IndexFunc(rows, func(r row) bool { return r.slot.ID == b.Slot })
		switch {
		case held >= 0 && held == at:
			return nil
		case held >= 0, at < 0, rows[at].b.Key != "":
			return ErrTaken
		}
		copy(rows[at].cell[4:], []string{b.Key, plain(b.Name), plain(b.DOB), plain(b.Phone), plain(b.Reason)})
		return nil
	})
}

// plain keeps a value from being read as a formula by who opens the file.
func plain(s string) string {
	if s = strings.Join(strings.Fields(s), " "); s != "" && strings.ContainsRune("=-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Release implements Calendar.
func (f *File) Release(ctx context.Context, key string) error {
	return f.change(ctx, func(rows []row) error {
		for i := range rows {
			if rows[i].b.Key == key && key != "" {
				copy(rows[i].cell[4:], []string{"", "", "", "", ""})
			}
		}
		return nil
	})
}

// lockWait is how often the lock is tried for while another writer has it.
const lockWait = 20 * time.Millisecond

// change edits the rows under the lock and puts a whole new file in place.
func (f *File) change(ctx context.Context, edit func([]row) error) error {
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	defer lock.Close()
	for syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("calendar: somebody else is writing: %w", ctx.Err())
		case <-time.After(lockWait):
		}
	}
	rows, err := f.read()
	if err != nil {
		return err
	}
	if err := edit(rows); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	all := [][]string{columns()}
	for _, r := range rows {
		all = append(all, r.cell)
	}
	if err := w.WriteAll(all); err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	return replace(f.path, b.Bytes())
}

// replace puts a file in the place of another, on the disk before it counts.
func replace(path string, data []byte) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".calendar-*")
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
