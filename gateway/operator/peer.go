//go:build linux || darwin

package operator

import (
	"errors"
	"fmt"
	"net"
)

// uidOf asks the kernel which user is at the other end of a local socket. Each
// kernel has its own question for it.
func uidOf(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("peer credentials: %w", err)
	}
	var uid uint32
	var asked error
	err = raw.Control(func(fd uintptr) { uid, asked = peerUID(int(fd)) })
	if err := errors.Join(err, asked); err != nil {
		return 0, fmt.Errorf("peer credentials: %w", err)
	}
	return uid, nil
}
