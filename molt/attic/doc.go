// Package attic keeps files beside the database, sealed, each under a name that
// is the keyed hash of what is in it.
//
//	bytes ──► seal under the conversation's data key ──► .new-* ──fsync──► name ──fsync the folder
//
// A file is sealed under a data key that the conversation has already, and its
// name covers the conversation, the key and the bytes. So two patients with one
// photo have two names, nobody without the mark key can tell what a name stands
// for, and destroying the data key destroys the file with the words it came with.
//
// It must never keep a plain file, believe a file that does not hash to its
// name, or make a data key: a key that no commit carries would open nothing
// later. Which events refer to a file is not its business.
package attic
