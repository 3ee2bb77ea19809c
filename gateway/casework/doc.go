// Package casework is what a person sees of a case and does about it, on
// whatever surface she sits: the operator's socket, the staff console. It finds
// a case by what people call it, reads a conversation only in the step that
// records the look, brings an act in by the same door as a nurse's text, and
// says in a sentence what became of it.
//
// It must never show a patient's words before the look is on record, and must
// never decide.
package casework
