package policy

import (
	"regexp"
	"strings"
)

// humanWords are what the matches of humanPattern hold.
const humanWords = `i am |i'm |soy `

var (
	// asksPattern is a patient who asks what answers them.
	asksPattern = regexp.MustCompile(`(?i)\b(?:are|r) (?:you|u) (?:an? |the )?(?:actual |real |live |human |auto\w* |chat)*(?:bot|robot|ai|a\.i\.|machine|computer|human|person|people|nurse|doctor|real)\b` +
		`|\bis (?:this|it|that|there) (?:an? |the )?(?:actual |real |live |human |auto\w* |chat)*(?:bot|robot|ai|machine|computer|human|person)\b` +
		`|\b(?:am i|i am|im) (?:talking|texting|chatting|speaking|writing) (?:to|with) (?:an? |the )?(?:actual |real |live |human |chat)*(?:bot|robot|ai|machine|computer|human|person|someone real)\b` +
		`|\bwho (?:is this|am i (?:talking|texting) (?:to|with)|are you)\b|\bwho'?s this\b|\bhuman or (?:bot|machine|robot)\b|\bbot\?` +
		`|\b(?:eres|es usted|usted es|es|esto es) (?:una? )?(?:bot|robot|maquina|computadora|humano|humana|persona|ia|inteligencia artificial)\b|\bhablo con (?:una? )?(?:bot|robot|maquina|persona|humano|computadora)\b|\bquien (?:eres|es usted|habla|es)\b`)
	// saysPattern is a text that says a machine answers.
	saysPattern = regexp.MustCompile(`(?i)\b(?:automated|automatic|virtual|ai|artificial) (?:assistant|agent|system|service)\b|\bi(?: am|'m) (?:only |just )?an? (?:computer|machine|bot|robot|program|automated)\b` +
		`|\basistente (?:automati[cz]\w*|virtual)\b|\bsoy (?:solo )?una? (?:computadora|maquina|programa|robot|bot)\b`)
	// humanPattern is a machine that says it is none.
	humanPattern = regexp.MustCompile(`(?i)\bi(?: am|'m) (?:an? |the |your |really |actually |definitely )*(?:human|real|nurse|doctor|physician|person|receptionist|live)\b|\bi(?: am|'m) not (?:an? |the )?(?:automated |virtual )?(?:bot|robot|machine|computer|ai|program|assistant)\b` +
		`|\bsoy (?:una?|la|el|su) (?:persona|humano|humana|enfermer[ao]|doctora?|medic[ao]|recepcionista)\b|\bno soy (?:una? )?(?:robot|bot|maquina|computadora|programa|ia)\b`)
)

// AsksWho reports whether a patient's text asks what it is that answers. They
// are told at once.
func AsksWho(text string) bool { return asksPattern.MatchString(oneLine(shown(text))) }

// oneLine writes a text that shown wrote on one line, without accents.
func oneLine(plain string) string { return strings.Join(strings.Fields(FoldAccents(plain)), " ") }
