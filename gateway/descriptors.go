package gateway

import "golang.org/x/sys/unix"

const (
	// keptDescriptors is what is never given to connections: the store, what is sent
	// to carriers and asked of models, files, the operator's socket. Of a limit below
	// four times that, a quarter is kept.
	keptDescriptors = 256
	// leastConnections is what both doors have together, however low the limit.
	leastConnections = 16
)

// seats says how many connections the two doors take, of so many that are wanted and
// as many files as the process may have open. A fifth is the private door's.
func seats(wanted, files int) (public, private int) {
	all := min(wanted, files-max(min(keptDescriptors, files/4), 1))
	all = max(all, leastConnections)
	private = min(max(all/5, leastConnections/4), maxPrivate)
	return all - private, private
}

// openFiles is how many files the process may have open.
func openFiles() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 1 << 30
	}
	return int(r.Cur)
}
