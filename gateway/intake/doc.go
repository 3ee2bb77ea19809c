// Package intake takes facts in: texts from the channels' doors and from the
// back-filler, carriers' reports, timers, staff acts, results of sends and asks.
//
//	door, worker, timer, staff act
//	       │ letter
//	       ▼
//	mailbox of the conversation ──► Load (once) ──► facts ──► Decide ──► Commit ──► answer
//	       one drains at a time          screen ──┘                └─ refused: again
//
// All commits of a conversation pass its mailbox, so that within one process
// nothing is ever decided on a state that moved. Nothing else happens under it:
// no carrier, no model, no file but the store.
//
// It must never answer a door before the commit, call a model, or drop an
// inbound text: what cannot be loaded or decided goes to a successor.
package intake
