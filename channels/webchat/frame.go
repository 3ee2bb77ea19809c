package webchat

import "github.com/tidegate/tidegate/channels"

// Protocol is the WebSocket subprotocol.
const Protocol = "tidegate.chat.v1"

// ticketPrefix marks the subprotocol that carries the ticket.
const ticketPrefix = "ticket."

// The types of frames.
const (
	typeHello     = "hello"
	typeText      = "text"
	typeFile      = "file"
	typeCallBack  = "call_back"
	typeLang      = "lang"
	typeSeen      = "seen"
	typeTyping    = "typing"
	typeMessage   = "message"
	typeCommitted = "committed"
	typeRefused   = "refused"
	typeState     = "state"
	typeUpload    = "upload"
)

// Why a frame is refused.
const (
	whyEmpty    = "empty"
	whyClientID = "client_id"
	whyNoFiles  = "no_files" // this chat takes none
	whyLarge    = "large"
	whyMany     = "many" // files from this network, or from all, within the hour, or for the room there is
)

// asked is a frame of the client's.
type asked struct {
	Type     string            `json:"type"`
	Cursor   channels.Position `json:"cursor,omitempty"`
	Token    string            `json:"token,omitempty"`
	Lang     string            `json:"lang,omitempty"`
	ClientID string            `json:"client_id,omitempty"`
	Text     string            `json:"text,omitempty"`
	Number   string            `json:"number,omitempty"`
	Bytes    int64             `json:"bytes,omitempty"` // of a file
}

// told is a frame of the gateway's.
type told struct {
	Type     string             `json:"type"`
	Position channels.Position  `json:"position,omitempty"`
	Kind     channels.ShownKind `json:"kind,omitempty"`
	ClientID string             `json:"client_id,omitempty"`
	Text     string             `json:"text,omitempty"`
	Files    []string           `json:"files,omitempty"` // of an own message: what they are
	Ticket   string             `json:"ticket,omitempty"`
	At       int64              `json:"at,omitempty"`
	Why      string             `json:"why,omitempty"`
	OK       *bool              `json:"ok,omitempty"` // of call_back
	Number   string             `json:"number,omitempty"`
	Who      channels.Speaker   `json:"who,omitempty"`
	Typing   bool               `json:"typing,omitempty"`
	CallBack bool               `json:"call_back,omitempty"`
}

// wish is the body of POST /session.
type wish struct {
	Memory bool `json:"memory,omitempty"` // the browser keeps no cookies
}

// session is the answer to POST /session.
type session struct {
	Ticket  string `json:"ticket"`
	Token   string `json:"token,omitempty"` // where no cookie can be set
	Resumed bool   `json:"resumed"`         // the visitor is the one who was asked for
}

// problem is the answer to what is refused.
type problem struct {
	Why string `json:"why"`
}
