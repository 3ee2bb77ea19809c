// Package notary owns what is signed about the record: that it was restored from
// a backup, and how far each journal had come at a moment.
//
// A statement is JSON, signed with the key that comes with the mark key. Whoever
// can write the store, and has no key file, can forge none. Whoever has the key
// file, as root of the daemon's machine has, can.
//
// It must never hold a patient's words or number, and decides nothing.
package notary
