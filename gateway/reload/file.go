package reload

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/config"
)

// read reads a file of bearable size. It never waits for one that is none: a
// pipe or a device in its place is an error.
func read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	text, err := io.ReadAll(io.LimitReader(f, config.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	return text, nil
}

// write puts a content in the place of a file's as a whole: whoever reads it
// meanwhile, or after a crash, sees all of the old or all of the new. Mode and
// owner stay, and a link to the file stays one.
func write(path string, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing, once it is renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), sameOwner(f, info), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func sameOwner(f *os.File, was fs.FileInfo) error {
	is, err := f.Stat()
	if err != nil {
		return err
	}
	a, ok := was.Sys().(*syscall.Stat_t)
	b, okb := is.Sys().(*syscall.Stat_t)
	if !ok || !okb || a.Uid == b.Uid && a.Gid == b.Gid {
		return nil
	}
	return f.Chown(int(a.Uid), int(a.Gid))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writable says why a file cannot be written; nil when it can.
func writable(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return unix.Access(filepath.Dir(path), unix.W_OK)
}

// maxLinks is how many links to a file are followed.
const maxLinks = 16

// dirsOf lists the folders in which a change can make the path lead to another
// content: its own, and those of each link on the way.
func dirsOf(path string) (dirs []string) {
	for range maxLinks {
		dirs = append(dirs, filepath.Dir(path))
		for up := filepath.Dir(path); up != filepath.Dir(up); up = filepath.Dir(up) {
			if info, err := os.Lstat(up); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				dirs = append(dirs, filepath.Dir(up))
			}
		}
		to, err := os.Readlink(path)
		if err != nil {
			return dirs
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return dirs
}
