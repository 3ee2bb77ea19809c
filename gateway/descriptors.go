package gateway

import "golang.org/x/sys/unix"

const (
	// keptDescriptors is what is never given to connections: the store, what is sent
	// to carriers and asked of models, files, the operator's socket. Of a limit below
	// four times that, a quarter is kept.
	keptDescriptors = 256
	// storeDescriptors is what of it the store takes: the database, its log, sockets,
	// what the runtime holds.
	storeDescriptors = 12
	// otherWorkers are those beside replyWorkers who wait for a carrier.
	otherWorkers = 2*sendWorkers + sendWorkers/2 + fileWorkers + eraseWorkers
	// leastConnections is what both doors have together, however low the limit.
	leastConnections = 16
)

// seats says how many connections the two doors take, of so many that are wanted and
// as many files as the process may have open. A fifth is the private door's.
func seats(wanted, files int) (public, private int) {
	all := min(wanted, files-kept(files))
	all = max(all, leastConnections)
	private = min(max(all/5, leastConnections/4), maxPrivate)
	return all - private, private
}

func kept(files int) int { return max(min(keptDescriptors, files/4), 1) }

// repliesWith is how many replies are sent at a time with so many files, while so many
// models are asked. What is kept leaves room for the store and for all else that is sent,
// pages before all.
func repliesWith(files, asks int) int {
	return max(1, min(replyWorkers, kept(files)-storeDescriptors-otherWorkers-opinionWorkers-asks))
}

// openFiles is how many files the process may have open.
func openFiles() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 1 << 30
	}
	return int(r.Cur)
}
