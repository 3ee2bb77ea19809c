package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/operator"
)

// socketPatience is how long a daemon has to say that it is there.
const socketPatience = 2 * time.Second

// where says which data folder a verb is about.
type where struct {
	config, data string
	json         bool
}

const whereHelp = `
The verb speaks to the daemon that holds the data folder, through its admin.sock.
Where no daemon runs it opens the folder itself, and what follows from an act
leaves when the daemon is started.
`

// flags gives a verb and those below it the flags that find the folder.
func (w *where) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVarP(&w.config, "config", "c", "tidegate.yaml", "the configuration file")
	f.StringVar(&w.data, "data", "", "the data folder, instead of --config; without its configuration nothing can be acted on")
	f.BoolVar(&w.json, "json", false, "write JSON")
	c.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("config") && w.data != "" {
			return usage("--config and --data: write one of them")
		}
		return nil
	}
}

// folder is the data folder, with its configuration unless only --data is known.
func (w *where) folder() (string, *config.Config, error) {
	if w.data != "" {
		if info, err := os.Stat(w.data); err == nil && !info.IsDir() {
			return "", nil, usage("--data %s is a file; write the folder it lies in", w.data)
		}
		return w.data, nil, nil
	}
	cfg, err := loadConfig(w.config, nil)
	if err != nil {
		return "", nil, err
	}
	return cfg.Path(cfg.Data), cfg, nil
}

// session is a verb's conversation with whoever answers for the folder.
type session struct {
	http   *http.Client
	status operator.Status
	zone   *time.Location
	stop   func()
}

// connect finds the daemon, or stands in for it.
func connect(ctx context.Context, w *where, e env) (*session, error) {
	dir, cfg, err := w.folder()
	if err != nil {
		return nil, err
	}
	s, err := dial(ctx, filepath.Join(dir, socketFile))
	if err == nil || !errors.Is(err, errNoDaemon) {
		return s, err
	}
	stop, err := standIn(dir, cfg, e)
	if err != nil {
		return nil, err
	}
	if s, err = dial(ctx, filepath.Join(dir, socketFile)); err != nil {
		stop()
		return nil, err
	}
	s.stop = func() { s.http.CloseIdleConnections(); stop() }
	return s, nil
}

var errNoDaemon = errors.New("no daemon answers")

// dial asks who is at a socket. Nobody there is errNoDaemon; somebody who does
// not answer in time holds the folder all the same.
func dial(ctx context.Context, path string) (*session, error) {
	s := &session{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}}
	s.stop = s.http.CloseIdleConnections
	wait, cancel := context.WithTimeout(ctx, socketPatience)
	defer cancel()
	err := s.get(wait, "/status", &s.status)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, errNoDaemon
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s belongs to another user; run this as the daemon's: %w", path, err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, &exitError{exitHeld, fmt.Errorf("a daemon holds %s, but its socket does not answer: %w", filepath.Dir(path), err)}
	}
	if s.zone, err = time.LoadLocation(s.status.Zone); err != nil {
		s.zone = time.UTC
	}
	return s, nil
}

func (s *session) get(ctx context.Context, path string, into any) error {
	return s.ask(ctx, http.MethodGet, path, nil, into)
}

func (s *session) post(ctx context.Context, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return s.ask(ctx, http.MethodPost, path, bytes.NewReader(b), into)
}

func (s *session) ask(ctx context.Context, method, path string, body io.Reader, into any) error {
	resp, err := s.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("the answer does not read: %w", err)
	}
	return nil
}

// open asks and returns the answer's body, or what went wrong in the words of
// whoever answered.
func (s *session) open(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://tidegate"+path, body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var p operator.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Why == "" {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	if resp.StatusCode == http.StatusBadRequest {
		return nil, usage("%s", p.Why)
	}
	return nil, errors.New(p.Why)
}

// lines reads a stream to its end. One that was cut is an error, never a
// shorter answer.
func (s *session) lines(ctx context.Context, path string, each func(operator.Line) error) error {
	return s.stream(ctx, http.MethodGet, path, nil, each)
}

func (s *session) stream(ctx context.Context, method, path string, body io.Reader, each func(operator.Line) error) error {
	resp, err := s.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var l operator.Line
		if err := d.Decode(&l); err != nil {
			return fmt.Errorf("the answer was cut short: %w", err)
		}
		switch {
		case l.Done:
			return nil
		case l.Error != "":
			return errors.New(l.Error)
		}
		if err := each(l); err != nil {
			return err
		}
	}
}
