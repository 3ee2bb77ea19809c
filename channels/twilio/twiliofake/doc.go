// Package twiliofake is a stand-in SMS carrier that speaks Twilio's Messages API, meant to run as a process of its own beside the daemon it serves.
//
// It owns one account, its numbers, the handsets that text them, every way in which a carrier fails, and one ledger: an append-only file that says what
// was accepted, what was attempted and which words reached which handset. The ledger is a judge. It is written before anything depends on what it says,
// the daemon cannot write to it, and a carrier that can no longer write to it stops.
//
//	POST Messages.json ─► refused
//	        │
//	        ▼
//	[accepted ─►] queued ─► sending (may be skipped) ─► sent ─► handset ─► delivered ─► read
//	                 │                                    └───────────────► undelivered
//	                 └─► failed (expired, opted out, blocked)
//
//	handset ─► inbound ─► webhook: begun, ended; once more if the connection failed, and never otherwise
//
// It must never be kinder than the real carrier: receipts come late, twice, out of order or not at all, lists lag, answers get lost after the message
// was accepted, and a webhook that was connected is not repeated. Where public documentation leaves a choice, the harsher reading is taken.
//
// It must never import the adapter it tests, the rest of this module, or Twilio's own client: it signs and reads requests with code of its own, so that
// adapter and carrier cannot share a misunderstanding. It must never be reached from a network anybody else uses; its control plane can do anything.
package twiliofake
