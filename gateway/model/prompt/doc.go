// Package prompt is what a language model is told of a request and how its
// output is read as an answer, the same for every provider that speaks to one.
//
// It owns the instructions around a persona, the JSON form in which messages
// from outside are shown (so that no patient's text can pass for anything but
// data), the JSON schema an answer keeps to, and the reading of an answer. It is
// pure: it must never call a model, and it must never put into a prompt what the
// request does not hold.
package prompt
