//go:build race

package raced

// On says that the race detector watches this build.
const On = true
