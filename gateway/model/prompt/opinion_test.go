package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/tidegate/tidegate/gateway/model"
)

func opinionRequest() model.Request {
	r := request()
	r.Opinion, r.Ledger = true, []model.Fact{{Name: "name", Value: "Ana Ruiz"}}
	return r
}

// An opinion is one of four words in one form. Whatever stands before, beside or
// after it is none.
func TestReadOpinion(t *testing.T) {
	for raw, want := range map[string]string{
		`{"level":"none"}`:                      "",
		`{"level":"S1"}`:                        model.S1,
		"{\n \"level\": \"S2\" }\n":             model.S2,
		`{"level":"S3"}`:                        model.S3,
		`{"level":"S4"}`:                        "bad",
		`{"level":"s1"}`:                        "bad",
		`{"level":""}`:                          "bad",
		`{"level":null}`:                        "bad",
		`{"level":["S1"]}`:                      "bad",
		`{"Level":"S1"}`:                        "bad",
		`{"level":"S1","text":"hi"}`:            "bad",
		`{"level":"none","case":{}}`:            "bad",
		`{"level":"S1","level":"S3"}`:           "bad",
		`{"level":"S1"}{}`:                      "bad",
		"```json\n{\"level\":\"S1\"}\n```":      "bad",
		`S1`:                                    "bad",
		`"S1"`:                                  "bad",
		``:                                      "bad",
		`{"action":"escalate","severity":"S1"}`: "bad",
		"{\"level\":\"S\\u0031\"}":              "bad",
	} {
		got := "bad"
		a, err := Read(opinionRequest(), raw)
		if err == nil {
			got = a.Severity
		}
		if got != want || err == nil && (a.Kind != model.KindOpinion || a.Text != "") || err != nil && !errors.Is(err, model.ErrBadAnswer) {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
	}
	if _, err := Read(request(), `{"level":"S1"}`); !errors.Is(err, model.ErrBadAnswer) {
		t.Errorf("an opinion nobody asked for: %v", err)
	}
}

// The schema allows what Read takes, and nothing else.
func TestSchemaOfAnOpinion(t *testing.T) {
	raw, err := Schema(opinionRequest(), Form{Lengths: true})
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	form, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{`{"level":"none"}`: true, `{"level":"S1"}`: true, `{"level":"S4"}`: false, `{}`: false, `{"level":"S1","text":""}`: false} {
		var v any
		_ = json.Unmarshal([]byte(text), &v)
		if err := form.Validate(v); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// All that anybody wrote is data, the agent's own words too; what the agent has
// collected, and what it was told to do, is not shown at all.
func TestAnOpinionIsAskedForWithTheWordsAlone(t *testing.T) {
	r := opinionRequest()
	p, err := Build(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Messages[1:] {
		var v map[string]any
		if err := json.Unmarshal([]byte(m.Text), &v); err != nil || m.Role != RoleUser {
			t.Fatalf("%s %q is no data: %v", m.Role, m.Text, err)
		}
		got = append(got, fmt.Sprintf("%v %v", v["from"], v["text"]))
	}
	want := []string{"patient Ana Ruiz", "agent Your date of birth?", "gateway <nil>", "patient " + r.Window[3].Words.Reveal(), "patient 3/4/1980", "gateway <nil>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	last := p.Messages[len(p.Messages)-1].Text
	if strings.Contains(last, "Ana") || strings.Contains(last, "known") || !strings.Contains(last, `"unread_messages":[7,9]`) {
		t.Errorf("the situation: %s", last)
	}
	if text := p.Messages[0].Text; strings.Contains(text, "{clinic}") || strings.Contains(text, r.Persona.Text) || !strings.Contains(text, "level") {
		t.Errorf("the instructions: %s", text)
	}
	small, err := Build(r, 0)
	if err != nil || len(small.Messages) != 2+len(r.Window[3:]) {
		t.Errorf("without room %d messages are told, %v; want the unread ones and what stands around them", len(small.Messages), err)
	}
}

func FuzzReadOpinion(f *testing.F) {
	f.Add(`{"level":"S1"}`)
	f.Add(`{"level":"none","level":"S1"}`)
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := Read(opinionRequest(), raw)
		if err != nil {
			return
		}
		var plain map[string]string
		if json.Unmarshal([]byte(raw), &plain) != nil || len(plain) != 1 || !slices.Contains(levels(), plain["level"]) {
			t.Errorf("%q is taken for %q", raw, a.Severity)
		}
		if a.Text != "" || a.Facts != nil || a.Call != nil || a.Done {
			t.Errorf("%q does more than think", raw)
		}
	})
}
