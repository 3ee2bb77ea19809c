package config

// Audit says where the record is vouched for.
type Audit struct {
	Checkpoints string `json:"checkpoints,omitzero" range:"0..1024" jsonschema:"A file outside the data folder, best on another machine's disk: at most once a minute it takes the signed end of every journal that grew. Left out, none is written."`
}

// Erase says when erasures are carried out, and which copies are to survive one. A
// zero Every is DefaultEraseEvery.
type Erase struct {
	Every  Duration `json:"every,omitzero" range:"0s..31d" jsonschema:"How often the erasures that were asked for are carried out together. Left out, every 7d."`
	Backup string   `json:"backup,omitzero" range:"0..1024" jsonschema:"A folder that takes a new backup whenever the tenant key changes, in the place of the one before: only such a one can no longer be read where something was erased."`
	Escrow string   `json:"escrow,omitzero" range:"0..1024" jsonschema:"A folder, not the backup's, that takes a copy of the new tenant key whenever it changes, in the place of the one before."`
}

// DefaultEraseEvery is how often erasures are carried out when nothing is said.
const DefaultEraseEvery = 7 * Day

// Retention says how long what was said is kept. A zero Bodies is without end.
type Retention struct {
	Bodies Duration `json:"bodies,omitzero" range:"0s..36500d" jsonschema:"How long the words and files of a text are kept, as in 2192d for six years. What an open case or a legal hold needs is kept longer. Left out, without end: ask your counsel before you shorten it."`
}
