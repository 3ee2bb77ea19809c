// Package twilio is the adapter for Twilio's messaging API: SMS, MMS and
// WhatsApp numbers of one account.
//
// It owns the wire format and nothing else: the webhook signature, the form
// fields, the REST calls and the table that says what an error code means. It
// must never retry, decide, store, log, or let a word, a number or a secret
// into an error; twilio-go's own errors quote numbers and are therefore read,
// never wrapped.
//
// Facts it relies on, from Twilio's public documentation: a webhook is signed
// over the configured URL and the form's sorted names and values; creating a
// message has no idempotency key, so our own ids ride in the status callback's
// URL; lists show the newest first and lag behind.
package twilio
