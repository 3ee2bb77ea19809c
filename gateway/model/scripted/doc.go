// Package scripted is the agent that needs no model: a fixed intake in English
// and Spanish that asks for what its persona may collect, one question at a
// time.
//
// It owns the flow (flow.yaml: every text it says and every word it knows) and
// the reading of short texts: names, dates, choices, corrections, questions in
// between. It is a pure function of the request. What it must remember between
// two texts is in the ledger and in the id of the open question.
//
// It must never give medical advice, judge how urgent something is, promise
// when somebody answers, repeat a patient's words where they could carry more
// than a value, or ask what is naturally answered by a word carriers act on.
// What it does not understand twice, and whatever belongs to a clinician, it
// hands to a person.
package scripted
