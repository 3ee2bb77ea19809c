package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// manager is the service manager that started the daemon, by sd_notify(3); the zero
// one is nobody.
type manager struct {
	socket string
	every  time.Duration // it wants to hear this often that the daemon lives; 0: never
}

// managerOf reads what the service manager said in the environment.
func managerOf(getenv func(string) string) manager {
	m := manager{socket: getenv("NOTIFY_SOCKET")}
	pid := getenv("WATCHDOG_PID")
	if pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return m // it is another process that is watched
	}
	if micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && micros > 0 && m.socket != "" {
		m.every = time.Duration(micros) * time.Microsecond / 2
	}
	return m
}

// The states of a daemon, as a service manager reads them.
const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
	stateAlive    = "WATCHDOG=1"
)

// tell says how the daemon is.
func (m manager) tell(state string) error {
	if m.socket == "" {
		return nil
	}
	c, err := net.Dial("unixgram", m.socket) // a name with @ before it is an abstract one
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
