package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// Options says what the caller knows and this package must not: the zero value
// checks none of it.
type Options struct {
	// TextKeys are the names of the built-in patient texts.
	TextKeys []string
	// Languages are those that the built-in texts and the screen's rules know.
	Languages []Language
	// Adapters maps each type of channel there is to the check of its section,
	// which may be nil. Faults it returns join the others.
	Adapters map[string]func(Channel) []Fault
	// Providers are the providers of models there are.
	Providers []string
	// Personas are the built-in personas, without builtin: in front.
	Personas []string
	// Parts holds the file against what the parts it configures demand. It is
	// asked last, and whole says of which fields it may draw conclusions: they
	// have no fault yet. What it finds in other fields is not reported.
	Parts func(c *Config, whole func(fields ...string) bool) []Fault
}

// Load reads and checks the file at path. When the file was read and is wrong,
// the error is [Faults].
func Load(path string, opts Options) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	cfg, faults := Parse(path, data, opts)
	if len(faults) > 0 {
		return nil, faults
	}
	return cfg, nil
}

// Parse checks a configuration that is at hand as text. The name stands for
// the file in faults, and its folder is where relative paths begin. With even
// one fault there is no configuration.
func Parse(name string, data []byte, opts Options) (*Config, Faults) {
	src, f := newSource(name, data)
	if f != nil {
		return nil, Faults{*f}
	}
	root, faults := src.parse()
	if root == nil {
		return nil, faults
	}
	cfg := Default()
	cfg.text, cfg.file, cfg.dir = data, name, filepath.Dir(name)
	d := newDecoder(name)
	d.faults = faults
	for _, f := range faults {
		d.broken[f.Field] = true
	}
	if root.kind == kindTable {
		d.value(root, reflect.ValueOf(cfg).Elem(), "")
		cfg.lines = d.lines
		cfg.complete()
		c := &checker{decoder: d, cfg: cfg, opts: opts}
		c.all()
	}
	if len(d.faults) > 0 {
		return nil, d.faults.tidy()
	}
	return cfg, nil
}

// Text is what it was read from.
func (c *Config) Text() []byte { return c.text }

// Path turns a path of the file into one the process can open: relative ones
// begin at the folder of the file.
func (c *Config) Path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

// Fault is for rules that others know, such as what a patient text has to
// say. The field is named as in texts.es.emergency.
func (c *Config) Fault(field, rule, got, hint string) Fault {
	return Fault{File: c.file, Line: c.lines.line(field), Field: field, Rule: rule, Got: got, Hint: hint}
}
