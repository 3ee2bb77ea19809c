package twiliofake

import (
	"strings"
)

// The keywords' kinds, in the words of Twilio's OptOutType.
const (
	keywordStop  = "STOP"
	keywordStart = "START"
	keywordHelp  = "HELP"
)

// The carrier's canned texts, in the words of Twilio's defaults.
const (
	cannedStop  = "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
	cannedStart = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
	cannedHelp  = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// keywordOf tells what kind of keyword a text is, if it is one. A keyword is the whole text, in any case and between any spaces; WhatsApp has none.
func keywordOf(from, body string) string {
	if isWhatsApp(from) {
		return ""
	}
	switch strings.ToUpper(strings.TrimSpace(body)) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT":
		return keywordStop
	case "START", "YES", "UNSTOP":
		return keywordStart
	case "HELP", "INFO":
		return keywordHelp
	default:
		return ""
	}
}

// obey does what the keyword of an inbound text asks of the carrier. The text reaches the webhook all the same. Opting out or in is confirmed only when it
// changes something, so that YES as a plain answer draws no canned text. The caller holds the lock.
func (c *Carrier) obey(m *message) error {
	blocked := c.state.blocked(m.From, m.To)
	switch {
	case m.Keyword == keywordStop && !blocked:
		if err := c.record(Entry{Kind: KindOptOut, SID: m.SID, From: m.From, To: m.To, Keyword: m.Keyword}); err != nil {
			return err
		}
		return c.sayCanned(m, cannedStop)
	case m.Keyword == keywordStart && blocked:
		if err := c.record(Entry{Kind: KindOptIn, SID: m.SID, From: m.From, To: m.To, Keyword: m.Keyword}); err != nil {
			return err
		}
		return c.sayCanned(m, cannedStart)
	case m.Keyword == keywordHelp:
		return c.sayCanned(m, cannedHelp)
	default:
		return nil
	}
}

// sayCanned sends the carrier's own answer to a handset. The clinic learns of it only from the list of messages.
func (c *Carrier) sayCanned(m *message, text string) error {
	_, err := c.take(outbound{from: m.To, to: m.From, body: text, validity: maxValidity, origin: OriginCarrier}, fate{})
	return err
}
