//go:build !linux && !darwin

package operator

import (
	"errors"
	"net"
)

// uidOf has no way to ask on this system, so nobody is let in.
func uidOf(*net.UnixConn) (uint32, error) {
	return 0, errors.New("peer credentials: this system does not tell who is at the other end")
}
