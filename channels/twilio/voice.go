package twilio

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/tidegate/tidegate/channels"
)

// The voices that read each language, by their names at the carrier.
// https://www.twilio.com/docs/voice/twiml/say#attributes-language
const (
	speakEnglish = "en-US"
	speakSpanish = "es-MX"
)

// queryDialed marks the webhook that comes once the clinic's line has rung.
const queryDialed = "dialed"

// ringSeconds is how long the clinic's line rings.
const ringSeconds = 25

// callForm is a call's id.
var callForm = regexp.MustCompile(`^CA[0-9A-Za-z]{1,126}$`)

// Answer answers a call with a greeting in each language and the emergency number,
// then lets the clinic's line ring where there is one. The same signature as a
// text's keeps strangers out.
func (a *Adapter) Answer(r channels.Request, g channels.Greeting) (channels.Document, bool, error) {
	if !aboutACall(r.Body) {
		return channels.Document{}, false, nil
	}
	form, query, rejected := a.authenticate(r)
	switch {
	case rejected != nil:
		return channels.Document{}, true, rejected
	case !callForm.MatchString(form.Get("CallSid")):
		return channels.Document{}, true, reject(http.StatusBadRequest, "CallSid is malformed")
	}
	d, err := a.answer(form, query, g)
	return d, true, err
}

// aboutACall reports whether a form is of a call. One that is about a text too is
// the text's.
func aboutACall(body []byte) bool {
	form, err := url.ParseQuery(string(body))
	return err == nil && form.Has("CallSid") && !form.Has("MessageSid") && !form.Has("SmsSid")
}

func (a *Adapter) answer(form, query url.Values, g channels.Greeting) (channels.Document, error) {
	var t twiml
	switch {
	case query.Has(queryDialed) && form.Get("DialCallStatus") == "completed":
		t.Steps = []any{hangup{}}
	case query.Has(queryDialed):
		t.say(g, channels.SayCallNobody)
	case a.callTo != "":
		t.say(g, channels.SayCall, channels.SayCallLine)
		t.Steps = append(t.Steps, dial{
			Action: a.hookURL(channels.HookVoice) + "?" + queryDialed + "=1", Method: http.MethodPost, Timeout: ringSeconds, Number: a.callTo.Reveal(),
		})
	case g.Phone == "" || g.Phone.Reveal() == form.Get("To"):
		t.say(g, channels.SayCall, channels.SayCallText)
	default:
		t.say(g, channels.SayCall, channels.SayCallText, channels.SayCallPhone)
	}
	body, err := xml.Marshal(t)
	if err != nil {
		return channels.Document{}, fmt.Errorf("answer a call: %w", err)
	}
	return channels.Document{Type: "text/xml; charset=utf-8", Body: append([]byte(xml.Header), body...)}, nil
}

// twiml is what the carrier does with a call, step by step.
type twiml struct {
	XMLName xml.Name `xml:"Response"`
	Steps   []any
}

type say struct {
	XMLName  xml.Name `xml:"Say"`
	Language string   `xml:"language,attr"`
	Words    string   `xml:",chardata"`
}

type dial struct {
	XMLName xml.Name `xml:"Dial"`
	Action  string   `xml:"action,attr"`
	Method  string   `xml:"method,attr"`
	Timeout int      `xml:"timeout,attr"`
	Number  string   `xml:"Number"`
}

type hangup struct {
	XMLName xml.Name `xml:"Hangup"`
}

// say speaks fixed texts, all of them in one language and then in the next.
func (t *twiml) say(g channels.Greeting, names ...string) {
	for _, lang := range g.Languages {
		var words []string
		for _, name := range names {
			words = append(words, g.Say(lang, name))
		}
		voice := speakEnglish
		if lang == "es" {
			voice = speakSpanish
		}
		t.Steps = append(t.Steps, say{Language: voice, Words: spelled(strings.Join(words, " "))})
	}
}

var figures = regexp.MustCompile(`[0-9][0-9-]+[0-9]`)

// spelled writes numbers so that a voice reads their digits: 911 is no quantity.
func spelled(words string) string {
	return figures.ReplaceAllStringFunc(words, func(n string) string {
		var b strings.Builder
		for i, r := range n {
			switch {
			case r == '-':
				b.WriteString(",")
				continue
			case i > 0:
				b.WriteString(" ")
			}
			b.WriteRune(r)
		}
		return b.String()
	})
}
