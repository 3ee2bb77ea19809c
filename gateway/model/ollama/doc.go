// Package ollama asks a model that an Ollama server runs.
//
// It owns the server's API: the schema an answer is held to, the size of the
// context, and all the ways in which that server answers less than it was asked:
// a prompt that does not fit (refused, never cut), an answer that stops early, a
// stream that ends without its end, a tag that moved to another model, a full
// queue and a model that is still being loaded (both waited for while there is
// time). It must never take an answer for whole that is not known to be.
package ollama
