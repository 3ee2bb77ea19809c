package boltstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"github.com/tidegate/tidegate/molt"
)

// checkedAtOpen bounds the files whose pages are checked before they are used,
// so that opening one does not take longer the larger it is. Those of a larger one are
// checked beside its use; see look. Verifying and copying a store check it whatever
// its size.
const checkedAtOpen = 64 << 20

// The layout of bbolt's file, version 2: what of it is needed to walk it.
const (
	pageHeader  = 16 // id, flags, count, overflow
	element     = 16 // of a branch: offset of key, length of key, page; of a leaf: flags, offset, length of key and of value
	bucketValue = 16 // root page, sequence; with root 0 a page follows inside the value
	metaLength  = 64
	metaMagic   = 0xED0CDAED
	maxDepth    = 32 // of a tree; one of 2^32 pages is less deep

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01
)

// walker reads the pages of a file that bbolt would follow blindly. bbolt sums its
// two first pages alone; a length in any other that was damaged leads it out of the
// page, and memory with it, which no recover catches.
type walker struct {
	file io.ReaderAt
	page int             // bytes
	end  uint64          // the first page id that is not in use
	seen []uint64        // a bit a page: what the walk keeps of the file, beside the way it came
	stop <-chan struct{} // ends the walk; nil: nothing does
}

// checkPages walks all pages that the newest valid root leads to: each is what it
// says it is, within the file and in one place only; keys lie within their page, in
// order and without a gap; no page in use is counted free, and none that is not is lost,
// as those of a bucket whose root was changed to another are. An error names the page and wraps
// molt.ErrCorrupt. A file without a valid root is bbolt's to refuse.
func checkPages(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	root, free, w := newestRoot(file)
	if w == nil {
		return nil
	}
	if w.end > uint64(info.Size())/uint64(w.page) {
		return fmt.Errorf("%w: it is cut short: %d bytes of %d", molt.ErrCorrupt, info.Size(), w.end*uint64(w.page))
	}
	return w.all(root, free)
}

// all walks what a root leads to, and what is free beside it.
func (w *walker) all(root, free uint64) error {
	w.seen = make([]uint64, w.end/64+1)
	if err := w.tree(root, nil, nil, 0); err != nil {
		return err
	}
	return w.freelist(free)
}

func (w *walker) was(id uint64) bool { return w.seen[id/64]&(1<<(id%64)) != 0 }

// newestRoot reads the two meta pages as bbolt does: the valid one of the later
// transaction counts. Without one the walker is nil.
func newestRoot(file io.ReaderAt) (root, free uint64, w *walker) {
	return rootOf(file, func(txid, newest uint64) bool { return txid >= newest })
}

// rootOf reads the meta page that is wanted, by its transaction and that of the one
// found before.
func rootOf(file io.ReaderAt, want func(txid, found uint64) bool) (root, free uint64, w *walker) {
	found := uint64(0)
	le := binary.LittleEndian
	for _, at := range []int64{0, int64(os.Getpagesize())} {
		var b [pageHeader + metaLength]byte
		if _, err := file.ReadAt(b[:], at); err != nil {
			continue
		}
		m := b[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaLength-8])
		txid := le.Uint64(m[48:])
		if le.Uint32(m) != metaMagic || le.Uint64(m[56:]) != sum.Sum64() || !want(txid, found) {
			continue
		}
		found = txid
		root, free = le.Uint64(m[16:]), le.Uint64(m[32:])
		w = &walker{file: file, page: int(le.Uint32(m[8:])), end: le.Uint64(m[40:])}
	}
	return root, free, w
}

func damaged(id uint64, what string) error {
	return fmt.Errorf("%w: page %d %s", molt.ErrCorrupt, id, what)
}

// read returns a page with what it runs over into, once.
func (w *walker) read(id uint64, kinds ...uint16) ([]byte, error) {
	select {
	case <-w.stop:
		return nil, errStopped
	default:
	}
	if id < 2 || id >= w.end {
		return nil, damaged(id, "is not one of the file's")
	}
	head := make([]byte, pageHeader)
	if _, err := w.file.ReadAt(head, int64(id)*int64(w.page)); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	kind, over := le.Uint16(head[8:]), uint64(le.Uint32(head[12:]))
	known := false
	for _, k := range kinds {
		known = known || k == kind
	}
	switch {
	case le.Uint64(head) != id:
		return nil, damaged(id, "says that it is another")
	case !known:
		return nil, damaged(id, "is of another kind than what leads to it")
	case id+over >= w.end:
		return nil, damaged(id, "runs over the end of the file")
	}
	for i := id; i <= id+over; i++ {
		if w.was(i) {
			return nil, damaged(i, "is in two places")
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	b := make([]byte, w.page*int(over+1))
	_, err := w.file.ReadAt(b, int64(id)*int64(w.page))
	return b, err
}

// tree checks the pages below one, whose keys are not below low nor at or above
// high; nil: no bound.
func (w *walker) tree(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return damaged(id, "lies too deep")
	}
	b, err := w.read(id, branchPage, leafPage)
	if err != nil {
		return err
	}
	return w.elements(id, b, low, high, depth)
}

// elements checks what a page holds: one of its own, or one inside a value.
func (w *walker) elements(id uint64, b, low, high []byte, depth int) error {
	le := binary.LittleEndian
	if len(b) < pageHeader {
		return damaged(id, "holds half a page")
	}
	kind, count := le.Uint16(b[8:]), int(le.Uint16(b[10:]))
	if pageHeader+count*element > len(b) || kind == branchPage && count == 0 {
		return damaged(id, "counts what it does not hold")
	}
	keys := make([][]byte, count)
	ends := uint64(pageHeader + count*element) // what is written lies without a gap, in order
	for i := range count {
		at := pageHeader + i*element
		e := b[at : at+element]
		off, key, value := uint64(le.Uint32(e)), uint64(le.Uint32(e[4:])), uint64(0)
		if kind == leafPage {
			off, key, value = uint64(le.Uint32(e[4:])), uint64(le.Uint32(e[8:])), uint64(le.Uint32(e[12:]))
		}
		from := uint64(at) + off
		if off < element || from+key+value > uint64(len(b)) || from != ends {
			return damaged(id, "points beside itself")
		}
		ends = from + key + value
		keys[i] = b[from : from+key]
		if i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 || i == 0 && low != nil && bytes.Compare(keys[i], low) < 0 || high != nil && bytes.Compare(keys[i], high) >= 0 {
			return damaged(id, "has keys out of order")
		}
	}
	for i := range count {
		e := b[pageHeader+i*element:]
		var err error
		switch {
		case kind == branchPage:
			next := high
			if i+1 < count {
				next = keys[i+1]
			}
			err = w.tree(le.Uint64(e[8:]), keys[i], next, depth+1)
		case le.Uint32(e) == bucketLeaf:
			from := uint64(pageHeader+i*element) + uint64(le.Uint32(e[4:])) + uint64(le.Uint32(e[8:]))
			err = w.bucket(id, b[from:from+uint64(le.Uint32(e[12:]))], depth)
		case le.Uint32(e) != 0:
			err = damaged(id, "holds something unknown")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a bucket by its value.
func (w *walker) bucket(id uint64, value []byte, depth int) error {
	if len(value) < bucketValue {
		return damaged(id, "holds half a bucket")
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.tree(root, nil, nil, depth+1)
	}
	inside := value[bucketValue:]
	if len(inside) >= pageHeader && binary.LittleEndian.Uint16(inside[8:]) != leafPage {
		return damaged(id, "holds a bucket of another kind")
	}
	return w.elements(id, inside, nil, nil, depth+1)
}

// freelist checks that what is counted free is not in use.
func (w *walker) freelist(id uint64) error {
	b, err := w.read(id, freelistPage)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	count, at := uint64(le.Uint16(b[10:])), uint64(pageHeader)
	if count == 0xFFFF {
		count, at = le.Uint64(b[at:]), at+8
	}
	if count > uint64(len(b))/8 || at+count*8 > uint64(len(b)) {
		return damaged(id, "counts more free pages than it holds")
	}
	last := uint64(1)
	for i := range count {
		free := le.Uint64(b[at+i*8:])
		if cmp.Compare(free, last) <= 0 || free >= w.end || w.was(free) {
			return damaged(free, "is counted free and is not")
		}
		for id := last + 1; id < free; id++ {
			if !w.was(id) {
				return damaged(id, "is lost: nothing leads to it")
			}
		}
		last = free
	}
	for id := last + 1; id < w.end; id++ {
		if !w.was(id) {
			return damaged(id, "is lost: nothing leads to it")
		}
	}
	return nil
}
