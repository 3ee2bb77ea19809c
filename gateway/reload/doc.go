// Package reload keeps the configuration file while the daemon runs: it notices
// another content, has all of it built, and puts it in force or keeps what is.
//
//	file changed, SIGHUP ──► read ──► Load: checked and built as a whole ──► swap
//	console: apply ──► Load ──► write, fsync, rename ──────────────────────► swap
//	                     │
//	                     └ a fault: what is in force stays, and the state says so
//
// A half-written, empty or deadly file is a fault like any other. Every content
// that came in force is kept in the store with who brought it and when, the last
// MaxHistory of them. The package knows no part of the gateway and must never
// put anything in force that was not built whole.
package reload
