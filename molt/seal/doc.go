// Package seal owns what makes stored bytes private and tamper-evident: the
// hash chain of a journal, the keys, and the sealing of bodies under them.
//
// A journal's chain is H(previous ‖ header ‖ H(sealed body)), so a body can be
// shed or erased and the chain still verifies. A body is sealed under a data
// key of its (conversation, month); data keys lie in the store, wrapped by the
// tenant key; only the tenant key and the secret behind keyed ids lie in a
// small separate file. Dropping a wrapped key therefore erases what it sealed.
//
// The package uses the standard library's AES-256-GCM, HMAC and HKDF, and takes
// its random bytes from the caller. It never reads a clock, never logs, never
// keeps a plain text, and decides nothing about what should be sealed.
package seal
