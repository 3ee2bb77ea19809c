package molt

// Room is how the disk stands that a store is on.
type Room struct {
	Free    int64 // bytes that this process may still write
	Reserve int64 // bytes that are held back for commits; 0: let go, or none is kept
	Scarce  bool  // what can wait should
}
