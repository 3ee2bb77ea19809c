// Package escalation decides who is asked, when, and what happens if nobody
// answers.
package escalation
