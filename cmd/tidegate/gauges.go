package main

import (
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// gauges are what /metrics shows of this machine: the gateway knows no disk and no
// certificate.
func gauges(dir string, shown map[string]*certificate) []prometheus.Collector {
	out := []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidegate_store_bytes", Help: "Size of the database file."}, func() float64 {
			info, err := os.Stat(filepath.Join(dir, storeFile))
			if err != nil {
				return 0
			}
			return float64(info.Size())
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidegate_disk_free_bytes", Help: "What is free where the data folder lies."}, func() float64 {
			free, err := freeAt(dir)
			if err != nil {
				return 0 // who cannot tell is to be looked at
			}
			return float64(free)
		}),
	}
	for listener, c := range shown {
		out = append(out, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tidegate_certificate_ends_seconds", Help: "When the certificate of a listener ends, in Unix time.",
			ConstLabels: prometheus.Labels{"listener": listener},
		}, func() float64 { return float64(c.ends().Unix()) }))
	}
	return out
}

// freeAt is what is free for this user on the disk of a folder, in bytes.
func freeAt(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
