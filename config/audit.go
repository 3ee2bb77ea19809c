package config

// Audit says where the record is vouched for.
type Audit struct {
	Checkpoints string `json:"checkpoints,omitzero" range:"0..1024" jsonschema:"A file outside the data folder, best on another machine's disk: at most once a minute it takes the signed end of every journal that grew. Left out, none is written."`
}
