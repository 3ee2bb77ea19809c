package model

import (
	"errors"
	"fmt"
)

var (
	// ErrDeadline says the provider did not answer in the time it was given.
	ErrDeadline = errors.New("model did not answer in time")
	// ErrUnavailable says the provider could not be reached or would not take
	// the request. Nothing was answered.
	ErrUnavailable = errors.New("model is unavailable")
	// ErrBadAnswer says that something came back which is no answer: empty,
	// unreadable, or against the contract.
	ErrBadAnswer = errors.New("model gave no usable answer")
)

// ErrSetup says that asking again cannot help: there is no such model, or the
// key is wrong. It is an ErrUnavailable.
var ErrSetup = fmt.Errorf("%w for want of setting up", ErrUnavailable)
