package config

import _ "embed" // the example is part of the binary, so that it is at hand where no repository is

//go:embed tidegate.example.yaml
var example []byte

// Example is a configuration with every section explained, valid as it stands
// but for the secrets it refers to.
func Example() []byte { return append([]byte(nil), example...) }
