package screen

import (
	"cmp"
	"slices"
)

// Named limits of what a message is read together with, in milliseconds and messages.
const (
	fragmentWindow = 60_000  // messages sent within a minute are read together
	answerWindow   = 600_000 // a question binds answers for ten minutes
	maxFragments   = 8
)

// number counts sentences and their lines. A new message does not end one: people press send
// in the middle of it.
func number(toks []token) {
	sent, line := int32(0), int32(0)
	for i := range toks {
		if i > 0 && toks[i].brk == brkSentence {
			sent++
		}
		if i > 0 && toks[i].brk >= brkLine {
			line++
		}
		toks[i].sent, toks[i].line = sent, line
	}
}

// join reads the patient's messages of the last minute and the judged text as
// one, in the order of their times; nil when there is nothing to join.
func (d *data) join(own []token, text string, recent []Message, now int64, sp *speller) []token {
	type piece struct {
		at   int64
		toks []token
	}
	if now == 0 || len(own) == 0 {
		return nil
	}
	var ps []piece
	for i := len(recent) - 1; i >= 0 && len(ps) < maxFragments; i-- {
		m := recent[i]
		if m.From != "patient" || m.At == 0 || m.At-now > fragmentWindow || now-m.At > fragmentWindow {
			continue
		}
		toks := d.tokenise(m.Text, int32(i+1), sp)
		if len(toks) == 0 {
			continue
		}
		ps = append(ps, piece{m.At, toks})
	}
	known := d.conditions(recent, sp)
	if len(ps) == 0 && len(known) == 0 {
		return nil
	}
	slices.Reverse(ps)
	ps = append(ps, piece{now, slices.Clone(own)})
	slices.SortStableFunc(ps, func(a, b piece) int { return cmp.Compare(a.at, b.at) })
	out := known
	for i, p := range ps {
		if i == 0 && len(known) > 0 {
			p.toks[0].brk = brkSentence
		}
		if i > 0 {
			p.toks[0].brk, p.toks[0].asked = brkFragment, false
			prev := out[len(out)-1]
			raw := text
			if prev.frag > 0 {
				raw = recent[prev.frag-1].Text
			}
			if endsSentence(raw[prev.end:]) {
				p.toks[0].brk = brkSentence
			}
		}
		out = append(out, p.toks...)
	}
	number(out)
	return out
}

// conditions are the words of the ledger that make others graver, each as a
// sentence of its own; what is denied or long over is left out.
func (d *data) conditions(recent []Message, sp *speller) []token {
	var out []token
	for i, m := range recent {
		if m.From != FromLedger {
			continue
		}
		toks := d.tokenise(m.Text, int32(i+1), sp)
		number(toks)
		t := d.parse(toks, sp.room)
		end := int32(0)
		for _, s := range t.of(d.sets.condition) {
			_, hi := t.sentence(s)
			if s.lo < end || t.negated(s, nil) || t.touches(t.d.sets.ago, s.lo, hi) || t.touches(t.d.sets.history, s.lo, hi) {
				continue
			}
			end = s.hi
			first := len(out)
			out = append(out, toks[s.lo:s.hi]...)
			out[first].brk = brkSentence
		}
	}
	return out
}

// endsSentence reports whether what follows the last word of a message closes a sentence.
func endsSentence(tail string) bool {
	for _, r := range tail {
		switch r {
		case '.', '!', '?', ';':
			return true
		}
	}
	return false
}

// answers binds a yes or no to the red-flag questions put to the patient.
func (j *judgment) answers(t *text, recent []Message, now int64, sp *speller) {
	yes, no := t.answer()
	if !yes && !no {
		return
	}
	for i := len(recent) - 1; i >= 0; i-- {
		m := recent[i]
		if now != 0 && m.At != 0 && (now-m.At > answerWindow || m.At-now > answerWindow) {
			continue
		}
		if m.From == FromLedger {
			continue
		}
		if m.From == "patient" {
			if t.changesMind(yes) {
				j.ask(m.Text, i, yes, false, true, sp)
				continue // and what was denied before is open again
			}
			if d := j.d.parseOne(m.Text, sp); yes && d.saysNo() {
				return // the earlier questions have had their answer
			}
			continue
		}
		j.ask(m.Text, i, yes, no, false, sp)
	}
}

func (d *data) parseOne(raw string, sp *speller) *text {
	toks := d.tokenise(raw, 0, sp)
	number(toks)
	return d.parse(toks, sp.room)
}

// ask judges the questions of one message as if the patient had said them.
func (j *judgment) ask(raw string, at int, yes, no, own bool, sp *speller) {
	toks := j.d.tokenise(raw, int32(at+1), sp)
	if !own {
		toks = j.d.questions(toks, raw)
	}
	if len(toks) == 0 {
		return
	}
	number(toks)
	t := j.d.parse(toks, sp.room)
	q := judgment{d: j.d}
	if yes {
		q.read(t, j.d.rules, kindPatient)
		q.read(t, j.d.rules, kindAskYes)
	}
	if no {
		q.read(t, j.d.rules, kindAskNo)
	}
	j.found = append(j.found, q.found...)
	if !yes {
		return
	}
	for _, f := range q.aside {
		// A question for information becomes a report once it is answered yes; so
		// does what the patient had denied and now takes back.
		if f.standing == standsHypothetical || f.standing == standsNegated || f.standing == standsPast {
			f.severity, f.standing = f.rule.severity, standsNow
			j.found = append(j.found, f)
		}
	}
}

// questions keeps the sentences of a message that ask something: those before a
// question mark and those that begin as questions do.
func (d *data) questions(toks []token, raw string) []token {
	var out []token
	for i := 0; i < len(toks); {
		k := i + 1
		for k < len(toks) && toks[k].brk != brkSentence {
			k++
		}
		asked := k < len(toks) && toks[k].asked
		if k == len(toks) {
			asked = hasQuestionMark(raw[toks[k-1].end:])
		}
		for _, id := range toks[i].ids {
			asked = asked || d.wordClass[id].has(d.sets.question)
		}
		if asked {
			s := slices.Clone(toks[i:k])
			s[0].brk = brkSentence
			out = append(out, s...)
		}
		i = k
	}
	return out
}

func hasQuestionMark(tail string) bool {
	for _, r := range tail {
		if r == '?' || r == '？' {
			return true
		}
	}
	return false
}

// Named limits of an answer, in tokens.
const (
	maxAnswerLead = 2  // words of courtesy before a yes or no
	maxAnswer     = 14 // a yes further in counts in a text no longer than this
)

// answer reads a text as yes or no. Fillers and a little courtesy may come
// first, but then only a yes that cannot mean anything else counts: si is also
// "if", 1 is also a number.
func (t *text) answer() (yes, no bool) {
	lead := 0
	for i := range t.toks {
		k := int32(i)
		switch {
		case t.isA(k, t.d.sets.yes) && (lead == 0 || plainYes(t.toks[i].word)):
			return true, false
		case t.isA(k, t.d.sets.no) && lead == 0:
			return t.laterYes(), true
		case t.isA(k, t.d.sets.filler) || t.isA(k, t.d.sets.actually):
		default:
			if lead++; lead > maxAnswerLead {
				return t.laterYes(), false
			}
		}
	}
	return false, false
}

// laterYes finds a yes that comes after other words in a short text ("now that
// I stand, yes both").
func (t *text) laterYes() bool {
	if len(t.toks) > maxAnswer {
		return false
	}
	for i := range t.toks {
		if plainYes(t.toks[i].word) {
			return true
		}
	}
	return false
}

func plainYes(w string) bool { return w == "yes" || w == "yeah" || w == "yep" || w == "yup" }

func (t *text) saysNo() bool {
	_, no := t.answer()
	return no
}

// changesMind reports a yes that takes an earlier denial back.
func (t *text) changesMind(yes bool) bool {
	return yes && len(t.of(t.d.sets.actually)) > 0
}
