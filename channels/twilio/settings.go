package twilio

import "github.com/tidegate/tidegate/channels"

// overrides is the fragment that raises Twilio's webhook retries from one, on a
// failed connect only, to five on any fault: its servers read it, it is not
// sent to us and not signed.
const overrides = "#rc=5&rp=all"

// Settings are what an operator enters in Twilio's console for each number or
// for the messaging service. Receipts are not among it: each text of ours names
// its own callback.
type Settings struct {
	Method      string // of all of them
	MessageURL  string // "a message comes in"
	FallbackURL string // "primary handler fails"; the same door, duplicates are free
	CallURL     string // "a call comes in"
}

// Settings returns what belongs in the console.
func (a *Adapter) Settings() Settings {
	return Settings{
		Method:      "POST",
		MessageURL:  a.hookURL(channels.HookMessage) + overrides,
		FallbackURL: a.hookURL(channels.HookMessage) + overrides,
		CallURL:     a.hookURL(channels.HookVoice) + overrides,
	}
}

func (a *Adapter) hookURL(h channels.Hook) string { return a.public.String() + a.hookPath(h) }

func (a *Adapter) hookPath(h channels.Hook) string { return "/hooks/" + a.id + "/" + string(h) }
