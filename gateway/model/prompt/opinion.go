package prompt

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

//go:embed opinion.md
var readsAlong string

// noLevel is the word for what nobody must see any sooner.
const noLevel = "none"

// levels are all that an opinion can be.
func levels() []string { return []string{noLevel, model.S3, model.S2, model.S1} }

// opinion writes the question for an opinion. The agent's words are data in it as
// well: here nobody has spoken but others.
func opinion(r model.Request, room int) (Prompt, error) {
	system := strings.TrimSpace(strings.ReplaceAll(readsAlong, "{clinic}", name(r.Clinic))) + "\n"
	state, err := object(map[string]any{
		"from": "gateway", "now": r.Now.Std().In(zone(r)).Format("Mon 2006-01-02 15:04"), "language": language(r), "unread_messages": unanswered(r),
	})
	if err != nil {
		return Prompt{}, err
	}
	p := Prompt{Messages: []Message{{RoleSystem, system}}, Bytes: len(system) + len(state)}
	err = p.tell(r, room, func(m model.Message) (Message, error) {
		told, err := said(m)
		if err == nil && m.From == model.FromAgent {
			told.Role = RoleUser
			told.Text, err = object(entry{From: m.From, Text: strings.ToValidUTF8(m.Words.Reveal(), "\uFFFD")})
		}
		return told, err
	})
	p.Messages = append(p.Messages, Message{RoleUser, state})
	return p, err
}

// readOpinion takes the one word that was asked for. Whatever stands beside it, in
// front of it or twice is no opinion.
func readOpinion(raw string) (model.Answer, error) {
	var o struct {
		Level string `json:"level"`
	}
	var plain bytes.Buffer
	if json.Unmarshal([]byte(raw), &o) != nil || json.Compact(&plain, []byte(raw)) != nil ||
		!slices.Contains(levels(), o.Level) || plain.String() != `{"level":"`+o.Level+`"}` {
		return model.Answer{}, fmt.Errorf("%w: not the one word that was asked for", model.ErrBadAnswer)
	}
	a := model.Answer{Kind: model.KindOpinion, Raw: []byte(raw)}
	if o.Level != noLevel {
		a.Severity = o.Level
	}
	return a, nil
}
