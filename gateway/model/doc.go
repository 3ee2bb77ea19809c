// Package model is the contract between the gateway and whatever thinks up an
// agent's next words: a model behind HTTP, or the scripted flow.
//
// It owns the shape of one question (Request) and one answer (Answer), and the
// errors a provider may return. A request is complete: a provider keeps no
// state between two of them, so an answer can be asked for again after a crash
// and compared in a replay.
//
// It must never perform an effect, and it must never hold what a provider has
// no business knowing: secrets, staff numbers, other patients, or the patient's
// address.
package model
