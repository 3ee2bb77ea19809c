package twiliofake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const openAPIVariable = "TIDEGATE_TWILIO_OPENAPI"

// description is Twilio's own description of its API.
type description struct {
	t    *testing.T
	root map[string]any
}

func readDescription(t *testing.T) description {
	t.Helper()
	file := os.Getenv(openAPIVariable)
	if file == "" {
		const why = openAPIVariable + " is unset: it names Twilio's OpenAPI description of Messages"
		if slices.Contains(strings.Split(os.Getenv("TIDEGATE_TEST_REQUIRE"), ","), "openapi") {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := description{t: t}
	if err := json.Unmarshal(raw, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at walks down the description.
func (d description) at(keys ...string) map[string]any {
	d.t.Helper()
	here := d.root
	for _, key := range keys {
		next, ok := here[key].(map[string]any)
		if !ok {
			d.t.Fatalf("the description has no %s", strings.Join(keys, " / "))
		}
		here = next
	}
	return here
}

func (d description) answer(path, method, status string) map[string]any {
	d.t.Helper()
	return d.at("paths", "/2010-04-01/Accounts/{AccountSid}"+path, method, "responses", status, "content", "application/json", "schema")
}

// check compares a value with a schema, stricter than the schema: no property may be missing, none may be added.
func (d description) check(where string, schema map[string]any, value any) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	bad := func(format string, args ...any) {
		problems = append(problems, where+": "+fmt.Sprintf(format, args...))
	}
	if value == nil {
		if nullable, _ := schema["nullable"].(bool); !nullable {
			bad("null")
		}
		return problems
	}
	switch v := value.(type) {
	case map[string]any:
		if schema["type"] != "object" {
			bad("an object")
			return problems
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			if _, there := v[name]; !there {
				bad("lacks %s", name)
				continue
			}
			problems = append(problems, d.check(where+"."+name, property.(map[string]any), v[name])...)
		}
		for name := range v {
			if _, known := properties[name]; !known && properties != nil {
				bad("has %s, which is not described", name)
			}
		}
	case []any:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			bad("a list")
			return problems
		}
		for i, item := range v {
			problems = append(problems, d.check(fmt.Sprintf("%s[%d]", where, i), items, item)...)
		}
	case string:
		if problem := checkString(schema, v); problem != "" {
			bad("%q: %s", v, problem)
		}
	case float64:
		if schema["type"] != "integer" || v != float64(int64(v)) {
			bad("%v is no %v", v, schema["type"])
		}
	default:
		bad("%T", v)
	}
	return problems
}

func checkString(schema map[string]any, v string) string {
	if schema["type"] != "string" {
		return fmt.Sprintf("want %v", schema["type"])
	}
	if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
		return "want " + pattern
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, any(v)) {
		return fmt.Sprintf("want one of %v", enum)
	}
	switch schema["format"] {
	case "date-time-rfc-2822":
		if _, err := time.Parse(time.RFC1123Z, v); err != nil {
			return err.Error()
		}
	case "uri":
		if _, err := url.Parse(v); err != nil {
			return err.Error()
		}
	}
	return ""
}

func TestAnswersFitTwiliosDescription(t *testing.T) {
	d := readDescription(t)
	w := begin(t, func(o *Options) {
		o.Numbers = map[string]Number{clinic: {MessagingService: testService}}
	})
	created := w.send("hello")
	byService := w.request(http.MethodPost, path("/Messages.json"), url.Values{
		"To": {patient}, "MessagingServiceSid": {testService}, "Body": {"hi"}, "MediaUrl": {"https://clinic.example/map.png"},
	})
	w.must(w.Fault(w.ctx, Fault{Kind: FaultError, Code: codeUnreachable}))
	failing := w.accepted("fails")
	inbound := w.text(Text{Body: "look", Media: []Media{{ContentType: "image/png", Bytes: []byte("x")}}})
	w.text(Text{Body: "HELP"})
	w.entries()
	message := "/Messages/{Sid}.json"
	for _, tt := range []struct {
		name   string
		schema map[string]any
		got    answer
	}{
		{"create", d.answer("/Messages.json", "post", "201"), created},
		{"create by service", d.answer("/Messages.json", "post", "201"), byService},
		{"fetch delivered", d.answer(message, "get", "200"), w.request("GET", path("/Messages/"+created.text("sid")+".json"), nil)},
		{"fetch undelivered", d.answer(message, "get", "200"), w.request("GET", path("/Messages/"+failing+".json"), nil)},
		{"fetch inbound", d.answer(message, "get", "200"), w.request("GET", path("/Messages/"+inbound+".json"), nil)},
		{"list", d.answer("/Messages.json", "get", "200"), w.request("GET", path("/Messages.json"), nil)},
		{"list, first page", d.answer("/Messages.json", "get", "200"), w.request("GET", path("/Messages.json")+"?PageSize=2", nil)},
		{"list, none", d.answer("/Messages.json", "get", "200"), w.request("GET", path("/Messages.json")+"?To=%2B15550199009", nil)},
		{"media", d.answer("/Messages/{MessageSid}/Media.json", "get", "200"), w.request("GET", path("/Messages/"+inbound+"/Media.json"), nil)},
	} {
		if tt.got.err != nil || tt.got.status/100 != 2 {
			t.Errorf("%s: got %d %v %s", tt.name, tt.got.status, tt.got.err, tt.got.raw)
			continue
		}
		for _, problem := range d.check(tt.name, tt.schema, any(tt.got.body)) {
			t.Error(problem)
		}
	}
}

// TestParametersAreTwilios holds the carrier's list of parameters against the description: none is unknown to it, and none is made up.
func TestParametersAreTwilios(t *testing.T) {
	d := readDescription(t)
	described := d.at("paths", "/2010-04-01/Accounts/{AccountSid}/Messages.json", "post", "requestBody", "content",
		"application/x-www-form-urlencoded", "schema", "properties")
	for name := range described {
		if problem := checkParameter(name, []string{"x"}); problem != nil && strings.Contains(problem.Message, "no parameter") {
			t.Errorf("%s is Twilio's, and the carrier does not know it", name)
		}
	}
}
