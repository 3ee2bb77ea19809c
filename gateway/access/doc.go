// Package access knows who sits at the console: one-time links, sessions and
// what each role may do.
//
//	link    minted for one person, good once and for minutes; looking at it
//	        uses nothing up, signing in does
//	session begun by a link, ended by signing out, by idling, by its last hour,
//	        or by taking the person out of the configuration
//
// Only digests of tokens are kept, one small mark a person, so that a copy of
// the database opens no door and a restart throws nobody out. The package must
// never see a patient's words and knows nothing of HTTP.
package access
