//go:build !unix

package boltstore

import "os"

// unlock leaves the lock to the closing of the file.
func unlock(*os.File) {}
