package config

// The limits of the file itself. The limits of single fields stand in their
// range tags, where the schema and the documentation take them from too.
const (
	// MaxFile is the most bytes a configuration file may have.
	MaxFile = 1 << 20
	// MaxNodes is the most keys and values a file may hold, each use of an
	// alias counted as if it were written out, so that a short file cannot
	// grow into a long one. The largest clinic stays far below; the parser,
	// whose time grows with the square of a section, stays below a second.
	MaxNodes = 20_000
	// MaxDepth is how deep sections may be nested.
	MaxDepth = 24
	// MaxAnchors is how many values may be marked for repetition.
	MaxAnchors = 100
	// MaxFaults is the most faults reported at once.
	MaxFaults = 200
	// MaxText is the most characters of a patient text: what a carrier takes.
	MaxText = 1600
	// MaxSecret is the most bytes of a resolved secret.
	MaxSecret = 64 << 10
	// MaxShown is the most characters of a found value that a fault repeats.
	MaxShown = 60
)
