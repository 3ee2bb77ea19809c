// Package webchat is the patient's chat on a web page: the doors on the public
// listener, the widget they serve, and the same client for a terminal.
//
// It owns the wire format, the tokens and tickets, and the limits of anonymous
// visitors. It stores nothing, decides nothing and keeps no queue of messages:
// a kick wakes a socket, and the socket reads the record from where it is. It
// must never take a text for safe before the gateway has committed it, and
// never drop one that a visitor sent.
//
// # Doors
//
//	GET    /chat/{channel}/            the page, where the gateway's own origin is listed
//	GET    /chat/{channel}/widget.js   the script tag's script, with /widget.css beside it
//	POST   /chat/{channel}/session     begins or resumes; returns a ticket
//	DELETE /chat/{channel}/session     ends it on this browser
//	GET    /chat/{channel}/ws          the WebSocket
//	POST   /chat/{channel}/file        takes one file for a ticket; 200: it is kept
//
// A visitor is a random id in a token that the gateway signs: nothing has to be
// stored for it to outlive a restart, and a token that was made up is no token.
// Where page and gateway share a registrable domain the token is a cookie no
// script can read; elsewhere the page holds it in memory and sends it as
// "Authorization: Bearer". It is good for TokenLife, and renewed when used.
//
// A ticket opens one WebSocket, once, within TicketLife, for the visitor and the
// Origin it was given to. It travels as a subprotocol, "ticket." and its text,
// beside Protocol, so that no log of URLs has it. It is not enough: the request
// carries the cookie as well, or the first frame the token. A ticket for a file is
// given over the socket and is good for that file alone; the request carries it as
// Tidegate-Ticket, and the cookie or the token.
//
// # Frames
//
// All are JSON texts. The client's:
//
//	{"type":"hello","cursor":n,"token":"…","lang":"es"}    first, within HelloWait
//	{"type":"text","client_id":"…","text":"…"}             repeated until its message or "committed" comes
//	{"type":"file","client_id":"…","bytes":n}              asks for a ticket to send a file; again until it is kept
//	{"type":"call_back","number":"…"}                      where the visitor can be called
//	{"type":"lang","lang":"es"}                            the language chosen since
//	{"type":"typing"}                                      writing just now, said every few seconds at most
//	{"type":"seen","cursor":n}                             shown up to here
//
// A text of more than message_length letters becomes several messages. The last
// has its client_id, those before it ".1", ".2" and so on behind it.
//
// The gateway's:
//
//	{"type":"message","position":n,"kind":"agent","text":"…","at":ms}   kind as channels.ShownKind; an own text has its client_id, an own file "files", its types
//	{"type":"upload","client_id":"…","ticket":"…"}         post that file's bytes now
//	{"type":"committed","client_id":"…","position":n}      it is on the disk; position 0: it was before
//	{"type":"refused","client_id":"…","why":"…"}           never to be repeated as it is
//	{"type":"call_back","ok":true,"number":"+1…"}          the number as it will be shown to staff
//	{"type":"typing"}                                      a person is writing just now
//	{"type":"state","who":"agent","typing":true,"call_back":true}       at a change, and now and then as a sign of life
//
// Positions rise. Messages come in their order, each connection from the hello's
// cursor on, so that a client which repeats its last position misses none. What
// a client has, nobody need have seen: after each hello it repeats its "seen".
package webchat
