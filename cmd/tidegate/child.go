package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// child is a process of this same binary that ends when its standard input
// closes: with us, however we end.
type child struct {
	cmd   *exec.Cmd
	in    io.Closer
	base  string        // a carrier's
	ended chan struct{} // closed once it has
}

// startChild starts a verb as a process of its own, which keeps the files open,
// and returns the first line it prints.
func startChild(args, environ []string, stderr io.Writer, keep ...*os.File) (*child, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stderr, cmd.ExtraFiles = stderr, keep
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	c := &child{cmd: cmd, in: in, ended: make(chan struct{})}
	first := make(chan string, 1)
	go func() { // ends with the process, which closes its output
		defer close(c.ended)
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		first <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, r)
		_ = cmd.Wait()
	}()
	select {
	case line := <-first:
		if line != "" {
			return c, line, nil
		}
		c.stop()
		return nil, "", fmt.Errorf("%s ended at once: %s", args[0], cmd.ProcessState)
	case <-time.After(patience):
		c.stop()
		return nil, "", fmt.Errorf("%s said nothing for %s", args[0], patience)
	}
}

// stop closes the child's input and waits for its end; one that does not end
// in time is killed.
func (c *child) stop() {
	_ = c.in.Close()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.kill()
	}
}

// kill ends the child as a power cut would: it can do nothing about it.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	_ = c.in.Close()
}
