// Package raced lets tests ask whether the race detector watches. It makes code ten
// times as slow and has nothing to see in a core without goroutines: there a few
// lives, lines or seeds are enough under it, and the same tests without it have all.
package raced
