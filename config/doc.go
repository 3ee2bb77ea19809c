// Package config owns the one file a clinic writes: how it is read, what may
// stand in it, what holds when nothing is said, and every sentence that tells
// an administrator what is wrong with it.
//
// Loading is strict. Defaults come first, the file is laid over them, and
// everything that is wrong is reported at once, each fault with its line, its
// field, the rule, what was found and what to do about it. A file with one
// fault yields no configuration at all, so that a bad edit can never replace a
// good one by half.
//
// The checks go beyond form: a file that parses and would still let an
// emergency go unseen (the screen off, a step without people, a nurse without
// a route) is refused here, as far as the file alone can show it.
//
// Sections under channels stay raw but for their type. The adapter that knows
// the rest asks [Channel.Decode] for it and gets the same strictness and the
// same line numbers.
//
// The package never prints a secret, a telephone number or the text around a
// syntax error. It imports nothing else of this module, starts nothing, reads
// no clock, and opens no file but the one it is asked to load.
package config
