package main

import (
	"net"
	"runtime/debug"
	"testing"
)

// TestDemoKeepsItsPorts has nobody take a port between its finding and its use.
func TestDemoKeepsItsPorts(t *testing.T) {
	t.Chdir(t.TempDir())
	d, err := prepareDemo(".", demoPorts)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := d.held.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	for addr, held := range map[string]net.Listener{d.public: public, d.private: private} {
		if got := held.Addr().String(); got != addr {
			t.Errorf("the daemon is handed %s, want %s, which its configuration names", got, addr)
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			t.Errorf("%s could be taken by another", addr)
		}
	}
	d.held.free()
	l, err := net.Listen("tcp", d.public)
	if err != nil {
		t.Fatalf("after free: %v", err)
	}
	_ = l.Close()
}

// TestBuildSaysWhatItKnows names a build by its stamp, and claims nothing where
// there is none.
func TestBuildSaysWhatItKnows(t *testing.T) {
	stamp := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{stamp("v1.2.3", "vcs.revision", "0123456789abcdef0123"), "v1.2.3 0123456789ab go1.26"},
		{stamp("v1.2.3", "vcs.revision", "0123456789abcdef0123", "vcs.modified", "true"), "v1.2.3 0123456789ab modified go1.26"},
		{stamp("(devel)"), "unversioned (built without a commit's stamp) go1.26"},
		{stamp(""), "unversioned (built without a commit's stamp) go1.26"},
		{nil, "unversioned (built without a commit's stamp)"},
	} {
		if got := buildOf(c.info).String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
