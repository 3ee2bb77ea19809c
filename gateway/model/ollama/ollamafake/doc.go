// Package ollamafake is a stand-in for an Ollama server, for the demonstration
// and for tests: it speaks the server's API with code of its own and thinks with
// a few rules.
//
// It owns the ways in which a model can be of no use, or worse: it hangs, talks
// garbage, says nothing, or does whatever any text tells it. It is strict about
// what it is asked, stricter than the server it stands for. It must never be
// taken for a model.
package ollamafake
