package reload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/molt"
)

// Ways in which a content comes in force.
const (
	ViaStart   = "start"
	ViaFile    = "file"
	ViaConsole = "console"
)

// Built is a content that was built whole.
type Built struct {
	// Swap puts it in force, or leaves all as it was.
	Swap func(ctx context.Context) error
	// Says is what there is to say of it, as `tidegate check` does.
	Says string
}

// Options make a Keeper. Everything is required but what says its default.
type Options struct {
	Path  string
	Start []byte // the content in force
	// Load checks a content and builds all it makes. beside are the files it was
	// read with, as far as they are known even where it has faults.
	Load  func(text []byte) (b Built, beside []string, err error)
	Store molt.Store
	Again <-chan os.Signal // each asks for the file to be tried anew; nil: none
	// Tried hears how each try came out; nil: nobody.
	Tried func(s State)
	Now   func() time.Time // default time.Now
	Log   zerolog.Logger
}

// State is how the file stands to what is in force.
type State struct {
	Digest string    // of the content in force
	Since  molt.Time // since when it is
	At     molt.Time // when a content was last tried; 0: not since the start
	Faults []config.Fault
}

// Failed reports whether the file is not what is in force.
func (s State) Failed() bool { return len(s.Faults) > 0 }

// Keeper keeps one configuration file.
type Keeper struct {
	o Options

	mu      sync.Mutex // held through a try: one at a time
	inForce []byte
	tried   string   // the digest of what was tried last, files beside it included
	beside  []string // of what was tried last

	show  sync.Mutex // guards state, so that nobody who looks waits for a try
	state State
}

// New checks the options and starts nothing.
func New(o Options) (*Keeper, error) {
	if o.Path == "" || o.Load == nil || o.Store == nil {
		return nil, errors.New("reload: Path, Load and Store are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tried == nil {
		o.Tried = func(State) {}
	}
	k := &Keeper{o: o, inForce: o.Start, state: State{Digest: DigestOf(o.Start), Since: molt.TimeOf(o.Now())}}
	_, k.beside, _ = k.load(o.Start) // for the files beside it: it is in force already
	k.tried = k.sum(o.Start)
	return k, nil
}

// DigestOf names a content.
func DigestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// State is how things stand.
func (k *Keeper) State() State {
	k.show.Lock()
	defer k.show.Unlock()
	return k.state
}

// InForce is the content in force.
func (k *Keeper) InForce() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inForce
}

// Check says what is wrong with a content, or what there is to say of it. It
// changes nothing.
func (k *Keeper) Check(text []byte) (says string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, _, err := k.load(text)
	return b.Says, err
}

// look reads the file and tries what is new in it, or anew what has faults.
func (k *Keeper) look(ctx context.Context, anyway bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, err := read(k.o.Path)
	if err != nil {
		k.tried = ""
		k.failed(err)
		return
	}
	if k.sum(text) == k.tried && !anyway && !k.State().Failed() {
		return
	}
	b, err := k.try(text)
	if err == nil {
		err = b.Swap(ctx)
	}
	if ctx.Err() != nil {
		return // stopping: the next start reads the file
	}
	if err != nil {
		k.failed(err)
		return
	}
	k.swapped(ctx, text, "", ViaFile)
}

// try builds a content and remembers that it was tried.
func (k *Keeper) try(text []byte) (Built, error) {
	b, beside, err := k.load(text)
	k.beside = beside
	k.tried = k.sum(text)
	return b, err
}

// load builds a content. Whatever a content brings about in a part, the one in
// force goes on.
func (k *Keeper) load(text []byte) (b Built, beside []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = config.Faults{{File: k.o.Path, Rule: "must not bring a part down", Got: fmt.Sprintf("%T", p), Hint: "this is a fault of the gateway's own: report it"}}
		}
	}()
	return k.o.Load(text)
}

// sum names a content with the files beside it.
func (k *Keeper) sum(text []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:", len(text))
	h.Write(text)
	for _, path := range k.beside {
		b, err := read(path)
		fmt.Fprintf(h, "%s %t %d:", path, err == nil, len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// failed says that what is in force stays, once for the same reason.
func (k *Keeper) failed(err error) {
	faults := FaultsOf(k.o.Path, err)
	k.show.Lock()
	again := slices.Equal(k.state.Faults, faults)
	k.state.At, k.state.Faults = molt.TimeOf(k.o.Now()), faults
	k.show.Unlock()
	if again {
		return
	}
	k.o.Log.Error().Int("faults", len(faults)).Str("reason", faults[0].Rule).Str("field", faults[0].Field).Int("line", faults[0].Line).
		Msg("the configuration file is not taken: what was in force stays")
	k.o.Tried(k.State())
}

// FaultsOf are the faults that an error stands for.
func FaultsOf(path string, err error) []config.Fault {
	var faults config.Faults
	if errors.As(err, &faults) && len(faults) > 0 {
		return faults
	}
	return []config.Fault{{File: path, Rule: err.Error()}}
}

// swapped says what is in force now, and keeps it.
func (k *Keeper) swapped(ctx context.Context, text []byte, by molt.PersonID, via string) {
	now := molt.TimeOf(k.o.Now())
	if !bytes.Equal(text, k.inForce) {
		k.keep(ctx, Version{At: now, By: by, Via: via, Text: text})
	}
	k.inForce = text
	k.show.Lock()
	k.state = State{Digest: DigestOf(text), Since: now, At: now}
	k.show.Unlock()
	k.o.Log.Info().Str("digest", DigestOf(text)).Str("via", via).Str("person", string(by)).Msg("configuration in force")
	k.o.Tried(k.State())
}
