// Package custody owns who can still read the record: the change of the tenant
// key, the erasure of conversations and the shedding of what is past its period.
//
//	    key file   {A}      {B, A}      {B, A}      {B, A}     {B}
//	keyring opens   A        B, A        B, A        B, A       B
//	         step    begin ──► re-wrap ──► look ──► copies ──► destroy
//
// The two keys lie in one file, which is replaced whole, so that a kill between
// any two steps, and between any two conversations, leaves a state that the next
// start goes on from. While both are there both open; new data keys are wrapped
// under B from the moment it is adopted. A is destroyed only after a whole look
// through the record has found nothing under it, and after the copies that are
// to survive were taken and read back.
//
// It must never destroy a key under which something is wrapped that does not open,
// never decide about a patient, and never hold a patient's words beyond a step.
package custody
