//go:build race

package screen

// raced says that the race detector watches, which makes learning ten times as slow
// and finds nothing in it: it is one goroutine's work.
const raced = true
