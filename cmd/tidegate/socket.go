package main

import (
	"fmt"
	"net"
	"syscall"
)

// listenSocket opens the operator's socket for its owner alone: the mask is set
// before the file is there, so that it is never open to others.
func listenSocket(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, nil
}
