// Package openai asks a model over the chat API that OpenAI made and many
// servers speak: vLLM, llama.cpp, LM Studio, Azure, OpenRouter.
//
// It owns that API: the schema an answer is held to, and the ways in which an
// answer is none (cut, filtered, refused, not counted). It must never send what
// only one of those servers understands, nor keep anything at them.
package openai
