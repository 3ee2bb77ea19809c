// Package agent is the session: it asks a chain of models for one answer to one
// request and hands back an answer that keeps to the contract, or says that
// none could be had.
//
// It owns the deadlines, the order of the chain and the check of every answer.
// It performs no effect: what an answer sets in motion is decided by the core
// and committed before it happens. It must never hold a transaction, keep
// anything between two runs, or pass on a fact the persona may not collect or
// that no message of the patient stands behind.
package agent
