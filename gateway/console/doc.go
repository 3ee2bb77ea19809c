// Package console is the staff's pages and their WebSocket: the case list, a
// conversation with its handoff and what can be done about it, search, and the
// admin's pages.
//
//	browser ──GET──► page (html/template) ◄── casework.Look: the look is recorded
//	        ──POST─► casework.Act ──► intake.Desk ──► decision ──► commit
//	        ◄─live── "something changed": the page fetches itself again
//
// Pages work without script; script only keeps them fresh. What a patient wrote
// is text wherever it stands, never markup. The console's acts are facts by the
// same door as a nurse's text; it must never decide, and never show words before
// the look is on record.
package console
