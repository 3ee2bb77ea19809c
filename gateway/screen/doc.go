// Package screen judges whether the words of a patient hold a red flag.
//
// It owns the rules of the clinic's safety screen, their data, and the verdict
// they yield: how severe, in which category, on whose behalf, with which words
// as evidence. A message passes five layers, each in a file of its own:
// normalise (fold what hides a word), tokens (words, numbers, clauses), rules
// (patterns over word classes, read from the embedded data), scope (negation,
// the past, hypotheticals, idioms) and verdict (the worst of what is left).
// Where the rules find nothing that must be acted on now, a small linear
// classifier over hashed characters and words is asked. Any layer may raise. What the
// rules found holds unless it is doubted: where by two readings neither the message nor
// the sentence nor the words beside a match bear it out. A hint, which the widest patterns
// are, and what a paper says is doubted soon, what is firm late, and what is sure
// only where a date of long ago stands beside it: what is plain and narrow, what a sentence
// of four words says, or a clause that says nothing else. Never doubted are numbers, what
// can wait for the same day, a clinic's own phrases, and what several messages say together.
// Without a classifier all of it holds.
//
// Rules, golden set and weights are part of the build. A clinic may add phrases,
// quiet phrases and regrade categories (Extend); what would be lost by that is
// told by name (Losses).
//
// Beside the verdict stands the checklist: what a nurse asks about in a category
// of emergency, and what the patient named, denied or left out. It reads with the
// same layers and its own data, and no verdict rests on it.
//
// A verdict is a pure function of its arguments. The package must never read a
// clock, a file, the network, chance or the configuration, must never call a
// model, and must never log: it sees the words of patients. It imports no
// other package of this module, so that it can be judged, replayed and fuzzed
// alone.
package screen
