package scripted

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed flow.yaml
var flowFile []byte

// book is flow.yaml as read: what the flow says and the words it knows.
type book struct {
	Texts     map[string]said     `yaml:"texts"`
	Questions map[string]question `yaml:"questions"`
	Fields    map[string]field    `yaml:"fields"`
	Values    map[string]said     `yaml:"values"`

	Months     map[string][]string `yaml:"months"`
	MonthWords []phrases           `yaml:"month_words"`

	Language struct {
		Words  map[string]phrases `yaml:"words"`
		Asks   map[string]phrases `yaml:"asks"`
		Around phrases            `yaml:"around"`
	} `yaml:"language"`

	Acks      phrases `yaml:"acks"`
	AckSigns  string  `yaml:"ack_signs"`
	Affirm    phrases `yaml:"affirm"`
	Deny      phrases `yaml:"deny"`
	Pad       phrases `yaml:"pad"`
	Greetings phrases `yaml:"greetings"`
	Courtesy  phrases `yaml:"courtesy"`

	Person struct {
		Phrases phrases `yaml:"phrases"`
		Bare    phrases `yaml:"bare"`
	} `yaml:"person"`
	Clinical struct {
		Phrases phrases `yaml:"phrases"`
		Except  phrases `yaml:"except"`
		Signs   phrases `yaml:"signs"`
	} `yaml:"clinical"`
	Reason struct {
		Words  phrases `yaml:"words"`
		Starts phrases `yaml:"starts"`
	} `yaml:"reason"`
	Name struct {
		Starts  phrases `yaml:"starts"`
		Weak    phrases `yaml:"weak"`
		Spelled phrases `yaml:"spelled"`
		Titles  phrases `yaml:"titles"`
		Last    phrases `yaml:"last"`
		First   phrases `yaml:"first"`
		Never   phrases `yaml:"never"`
		Joiners phrases `yaml:"joiners"`
	} `yaml:"name"`
	DOB struct {
		Starts phrases `yaml:"starts"`
	} `yaml:"dob"`
	Insurance struct {
		Starts  phrases `yaml:"starts"`
		Plans   phrases `yaml:"plans"`
		Without phrases `yaml:"without"`
		None    phrases `yaml:"none"`
		Unsure  phrases `yaml:"unsure"`
		Never   phrases `yaml:"never"`
		Have    phrases `yaml:"have"`
		Lead    phrases `yaml:"lead"`
	} `yaml:"insurance"`
	Time struct {
		Words     phrases `yaml:"words"`
		Around    phrases `yaml:"around"`
		Starts    phrases `yaml:"starts"`
		Any       phrases `yaml:"any"`
		Morning   phrases `yaml:"morning"`
		Afternoon phrases `yaml:"afternoon"`
	} `yaml:"time"`

	Nothings       phrases            `yaml:"nothings"`
	Skips          phrases            `yaml:"skips"`
	Corrections    phrases            `yaml:"corrections"`
	CorrectionPads phrases            `yaml:"correction_pads"`
	Joins          phrases            `yaml:"joins"`
	Meddling       phrases            `yaml:"meddling"`
	Sides          map[string]phrases `yaml:"sides"`
	Interrogatives phrases            `yaml:"interrogatives"`
}

// said is one text in each language.
type said map[string]string

// in returns the text, in English where the language is unknown.
func (s said) in(lang string) string {
	if t, ok := s[lang]; ok {
		return t
	}
	return s["en"]
}

type question struct {
	Ask   said `yaml:"ask"`
	Again said `yaml:"again"`
}

type field struct {
	Label  said    `yaml:"label"`
	Shown  said    `yaml:"shown"`
	Called phrases `yaml:"called"`
}

// Inside a phrase, gap stands for up to maxGap words of any kind.
const (
	gap    = "~"
	maxGap = 3
)

// phrases are word sequences by their first word.
type phrases map[string][][]string

// UnmarshalYAML reads a list of phrases and folds them as texts are folded.
func (p *phrases) UnmarshalYAML(unmarshal func(any) error) error {
	var list []string
	if err := unmarshal(&list); err != nil {
		return err
	}
	*p = phrases{}
	for _, line := range list {
		words := strings.Fields(fold(line))
		if len(words) == 0 || words[0] == gap || words[len(words)-1] == gap {
			return fmt.Errorf("phrase %q: must begin and end with a word", line)
		}
		(*p)[words[0]] = append((*p)[words[0]], words)
	}
	return nil
}

func loadBook() (*book, string, error) {
	var b book
	if err := yaml.NewDecoder(bytes.NewReader(flowFile), yaml.Strict()).Decode(&b); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(flowFile)
	return &b, hex.EncodeToString(sum[:]), nil
}
