package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func versionCmd(e env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			if asJSON {
				return printJSON(e.stdout, buildOf(info), true)
			}
			return printText(e.stdout, "tidegate %s\n", buildOf(info))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// buildInfo is what the binary knows of its making. What it does not know it does
// not make up.
type buildInfo struct {
	Version  string `json:"version"`            // of the module, or "unversioned"
	Commit   string `json:"commit,omitempty"`   // none: built without the repository's stamp
	Modified bool   `json:"modified,omitempty"` // the source was not as it was committed
	Go       string `json:"go,omitempty"`
}

func buildOf(info *debug.BuildInfo) buildInfo {
	b := buildInfo{Version: "unversioned"}
	if info == nil {
		return b
	}
	b.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// shownCommit is how much of a commit's name is printed.
const shownCommit = 12

func (b buildInfo) String() string {
	commit := b.Commit
	if len(commit) > shownCommit {
		commit = commit[:shownCommit]
	}
	if b.Modified {
		commit += " modified"
	}
	return strings.TrimSpace(strings.Join([]string{b.Version, cmp.Or(commit, "(built without a commit's stamp)"), b.Go}, " "))
}

// version names the build on one line.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return buildOf(info).String()
}

// program names the program so that two that decide otherwise are never called
// alike: by its commit, or by its own bytes where a commit does not say all.
func program() (string, error) {
	info, _ := debug.ReadBuildInfo()
	b := buildOf(info)
	if b.Commit != "" && !b.Modified {
		return b.String(), nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("which program this is: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("which program this is: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("which program this is: %w", err)
	}
	return b.String() + " " + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
