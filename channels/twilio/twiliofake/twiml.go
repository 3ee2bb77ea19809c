package twiliofake

import (
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"strings"
)

// judgeReply says what Twilio would log about an answer to an inbound text: 200 without a type, a type that means nothing, or a document that is none.
func judgeReply(o outcome) (code int, problem string) {
	if o.status == 204 {
		return 0, ""
	}
	switch replyType(o.kind) {
	case "text/plain":
		return 0, ""
	case "text/xml", "application/xml", "text/html":
		if _, err := twimlMessages(o.body); err != nil {
			return codeReplyUnread, "the reply is no document: " + err.Error()
		}
		return 0, ""
	default:
		return codeReplyType, "the reply has no type that means anything: " + o.kind
	}
}

func replyType(header string) string {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return kind
}

// replies lists the words an answer to an inbound text sends back. Plain text goes to the patient as it stands, which is how a careless "ok" becomes a text.
func replies(o outcome) []string {
	if !o.ok() || o.status == 204 {
		return nil
	}
	switch replyType(o.kind) {
	case "text/plain":
		if text := strings.TrimSpace(o.body); text != "" {
			return []string{text}
		}
	case "text/xml", "application/xml", "text/html":
		texts, err := twimlMessages(o.body)
		if err == nil {
			return texts
		}
	}
	return nil
}

// twimlMessages returns the words of each Message (or the old Sms) in a TwiML document.
func twimlMessages(document string) ([]string, error) {
	if strings.TrimSpace(document) == "" {
		return nil, nil
	}
	var response struct {
		XMLName xml.Name
		Verbs   []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
			Body    []string
		} `xml:",any"`
	}
	decoder := xml.NewDecoder(strings.NewReader(document))
	if err := decoder.Decode(&response); err != nil {
		return nil, err
	}
	if err := onlySpaceLeft(decoder); err != nil {
		return nil, err
	}
	if response.XMLName.Local != "Response" {
		return nil, errors.New("the root element is not Response")
	}
	var texts []string
	for _, verb := range response.Verbs {
		if verb.XMLName.Local != "Message" && verb.XMLName.Local != "Sms" {
			continue
		}
		text := strings.TrimSpace(strings.Join(append([]string{verb.Text}, verb.Body...), ""))
		if text != "" && utf16Units(text) <= maxBodyUnits {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

func onlySpaceLeft(decoder *xml.Decoder) error {
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Comment:
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return errors.New("text after the root element")
			}
		default:
			return errors.New("more after the root element")
		}
	}
}
