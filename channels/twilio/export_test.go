package twilio

import "github.com/tidegate/tidegate/channels"

// FaultOf is the kind of fault an error code stands for.
func FaultOf(code int) channels.FaultKind { return meaningOf(code).kind }

// HintOf is the sentence an admin reads about an error code.
func HintOf(code int) string { return meaningOf(code).hint }
