// Package operator answers the operator's verbs: JSON over HTTP on a socket in
// the data folder, which only the daemon's own user can open.
//
//	GET  /status                          who answers here
//	GET  /cases                           the work list
//	GET  /cases/{ref}                     one case with the patient's words: a recorded read
//	POST /cases/{ref}/acts                take, pass, relay, called, resolve, note, raise, lower, transfer
//	GET  /conversations                   all conversations, a JSON line each, nobody's words
//	GET  /conversations/{id}              one conversation whole: a recorded read
//	POST /conversations/{id}/take-over    open a case and hold it
//	POST /staff/{id}/link                 a one-time link to the console
//	GET  /export                          every conversation, a JSON line each: recorded reads
//	POST /erase                           asks that a conversation be erased, or erases it
//	GET  /erase                           erasures that wait, and tombstones
//	POST /conversations/{id}/hold         lays a legal hold on it, or lifts one
//	GET  /patients/{ref}                  all of one patient: recorded reads
//	GET  /keys                            the keys, and no secret
//	POST /keys/rotate                     another tenant key, progress as JSON lines
//	GET  /verify                          the record from its first event, progress as JSON lines
//
// Who asks is "os:" and the name of the user at the other end of the socket, as
// the kernel gives it; nobody can claim to be somebody else, and no verb acts
// as a member of staff. What is done goes in by the same door as a nurse's text.
//
// The package owns no listener and starts no goroutine. It must never show a
// patient's words before the look is on record, and must never decide.
package operator
