//go:build race

package sim_test

// raced says that the race detector watches, which makes a world ten times as slow.
const raced = true
