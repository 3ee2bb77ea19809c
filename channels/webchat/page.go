package webchat

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
)

//go:embed assets/widget.js
var script []byte

//go:embed assets/widget.css
var style []byte

//go:embed assets/page.html
var page string

// settings are what the widget knows of the clinic.
type settings struct {
	Title     string   `json:"title"`
	Clinic    string   `json:"clinic"`
	Phone     string   `json:"phone"`
	Emergency string   `json:"emergency"`
	Languages []string `json:"languages"`
	Length    int      `json:"length"`
	Protocol  string   `json:"protocol"`
	Files     []string `json:"files"` // the types that are taken; none: no file is
	FileBytes int      `json:"fileBytes"`
	Silence   int64    `json:"silence"` // milliseconds without a frame after which a connection is dead
}

// script is the widget with the clinic's settings before it. JSON escapes what
// could end a script.
func (a *Adapter) script() []byte {
	title := a.o.Title
	if title == "" {
		title = a.o.Clinic
	}
	types := []string{}
	if a.o.FilesPerHour > 0 {
		types = takenTypes()
	}
	b, err := json.Marshal(settings{
		Files: types, FileBytes: channels.MaxFileBytes,
		Title: title, Clinic: a.o.Clinic, Phone: a.o.Phone, Emergency: a.o.Emergency,
		Languages: a.o.Languages, Length: a.o.MessageLength, Protocol: Protocol, Silence: pongWait.Milliseconds(),
	})
	if err != nil {
		return script // plain values always marshal
	}
	return bytes.Replace(script, []byte("/*SETTINGS*/ {}"), b, 1)
}

func (a *Adapter) html() []byte {
	return []byte(strings.NewReplacer(
		"{lang}", html.EscapeString(a.o.Languages[0]), "{clinic}", html.EscapeString(a.o.Clinic),
		"{phone}", html.EscapeString(a.o.Phone), "{emergency}", html.EscapeString(a.o.Emergency),
	).Replace(page))
}

// seconds writes a wait for a header, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
