package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of one socket.
const (
	HelloWait    = 10 * time.Second // for the first frame
	SeenEvery    = time.Second      // how often what was shown is recorded, of one visitor
	SeenTries    = 60               // in a row, to record it; then it waits for the page to say it again
	writeWait    = 10 * time.Second // for one frame; who reads slower is dropped, and resumes
	pongWait     = 60 * time.Second // without a sign of life
	pingEvery    = 25 * time.Second
	maxFrame     = 32 << 10 // bytes of a client's frame
	maxNumber    = 40       // bytes of a call-back number as it was typed
	bufferBytes  = 1024
	TypingEvery  = 2 * time.Second // what is said of typing more often is not passed on
	waitingTells = 4               // answers to frames that wait for the writer; then reading waits
)

var clientIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// socket is one connection of a visitor. Its reader takes in one frame at a time
// and its writer reads the record: neither holds messages.
type socket struct {
	a      *Adapter
	k      ticket // that opened it
	conn   *websocket.Conn
	peer   molt.Address
	source string
	kicked chan struct{} // of capacity 1: a kick while one waits is the same kick
	tells  chan told
	typed  chan struct{} // of capacity 1: a person types
	ended  chan struct{} // closed when the reader has ended

	evicted func() // ends it: somebody else needs the room
	number  uint64 // the hub's, in the order they came

	// The reader's.
	typedAt  time.Time // when it was last passed on that the visitor types
	lang     string
	callBack molt.Address

	// The writer's.
	read channels.Position
	talk channels.Talk
	said bool // the talk was told
}

func (s *socket) wake() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// serve runs the socket until either side ends it.
func (s *socket) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.conn.Close()
	context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // evicted, it may wait for a frame that never comes
	s.conn.SetReadLimit(maxFrame)
	if !s.hello() {
		return
	}
	s.conn.SetPongHandler(func(string) error { return s.conn.SetReadDeadline(time.Now().Add(pongWait)) })
	written := make(chan struct{})
	go func() { // ends when the reader has, when a write does not succeed, or when all is to end
		defer close(written)
		defer cancel()
		defer s.conn.Close()
		s.write(ctx)
	}()
	s.wake()
	s.hear(ctx)
	close(s.ended)
	<-written
}

// hello reads the first frame: from where on, and whose token where it is no
// cookie. Its cursor is what the page has, not what anybody saw: a tab in the
// background has messages too, and says itself what it showed. A ticket that was taken from somebody's page opens nothing without.
func (s *socket) hello() bool {
	_ = s.conn.SetReadDeadline(time.Now().Add(HelloWait))
	f, err := s.frame()
	if err != nil || f.Type != typeHello {
		s.close(websocket.ClosePolicyViolation, "the first frame is a hello")
		return false
	}
	if !s.k.cookie {
		if v, err := s.a.tokens.read(f.Token, s.a.o.Now()); err != nil || v != s.k.visitor {
			s.close(websocket.ClosePolicyViolation, "the ticket is another visitor's")
			return false
		}
	}
	s.read = f.Cursor
	s.choose(f.Lang)
	return true
}

// hear takes in frames, each wholly before the next: who sends faster than we
// commit, or than a visitor may, waits with the next.
func (s *socket) hear(ctx context.Context) {
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(pongWait))
		f, err := s.frame()
		if err != nil || ctx.Err() != nil {
			return
		}
		switch f.Type {
		case typeText:
			if !s.text(ctx, f) {
				return
			}
		case typeFile:
			if !s.tell(ctx, s.offer(f)) {
				return
			}
		case typeCallBack:
			number, ok := s.a.callBack(f.Number)
			if ok {
				s.callBack = number
			}
			s.tell(ctx, told{Type: typeCallBack, OK: &ok, Number: number.Reveal()})
		case typeLang:
			s.choose(f.Lang)
		case typeSeen:
			s.seen(f.Cursor)
		case typeTyping:
			if now := s.a.o.Now(); now.Sub(s.typedAt) >= TypingEvery {
				s.typedAt = now
				s.a.house.Types(ctx, s.a.account, s.peer)
			}
		}
	}
}

var errFrame = errors.New("no frame of this protocol")

func (s *socket) frame() (f asked, err error) {
	kind, b, err := s.conn.ReadMessage()
	if err != nil {
		return f, err
	}
	if kind != websocket.TextMessage || json.Unmarshal(b, &f) != nil {
		s.close(websocket.CloseUnsupportedData, errFrame.Error())
		return f, errFrame
	}
	return f, nil
}

func (s *socket) choose(lang string) {
	for _, l := range s.a.o.Languages {
		if l == lang {
			s.lang = l
		}
	}
}

// text takes a text in, and says so once it is committed. What cannot be
// committed now ends the connection: the page comes back and sends it again. A
// long one is taken in parts, for its end may be what matters.
func (s *socket) text(ctx context.Context, f asked) bool {
	texts := parts(f.Text, s.a.o.MessageLength)
	switch {
	case !clientIDForm.MatchString(f.ClientID):
		return s.tell(ctx, told{Type: typeRefused, Why: whyClientID})
	case len(texts) == 0:
		return s.tell(ctx, told{Type: typeRefused, ClientID: f.ClientID, Why: whyEmpty})
	}
	var at channels.Position
	for i, words := range texts {
		id := f.ClientID
		if i < len(texts)-1 { // who reads the id itself knows that all of it is committed
			id += "." + strconv.Itoa(i+1)
		}
		var err error
		if at, err = s.take(ctx, id, words); err != nil {
			s.close(websocket.CloseTryAgainLater, "not committed; try again")
			return false
		}
	}
	s.a.hub.talks(s.peer)
	if !s.tell(ctx, told{Type: typeCommitted, ClientID: f.ClientID, Position: at}) {
		return false
	}
	for range texts {
		if !s.pace(ctx) {
			return false
		}
	}
	return true
}

func (s *socket) take(ctx context.Context, id, words string) (channels.Position, error) {
	return s.a.house.Take(ctx, channels.Inbound{
		Account: s.a.account, Peer: s.peer, ProviderID: providerID(s.peer, id), Words: molt.Words(words),
		Lang: s.lang, CallBack: s.callBack, Source: s.source,
	})
}

// pace waits until the visitor may send one more: nothing is refused for coming
// too fast, the next one only takes longer. What has come is on the disk and
// screened by then: an emergency must not wait, nor go when the page is closed.
func (s *socket) pace(ctx context.Context) bool {
	for {
		wait := s.a.texts.take(s.peer.Reveal(), s.a.o.Now())
		if wait <= 0 {
			return true
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// parts makes a text valid and splits it into texts of at most so many letters;
// blank ones are left out. A frame's size bounds how many there are.
func parts(text string, most int) (texts []string) {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	for text != "" {
		first := head(text, most)
		if strings.TrimSpace(first) != "" {
			texts = append(texts, first)
		}
		text = text[len(first):]
	}
	return texts
}

// head is the beginning of a text, so many letters or a little less: what tells
// of an emergency is not to be torn where a line, a sentence or a word can end.
func head(text string, most int) string {
	end, letters := len(text), 0
	for i := range text {
		if letters == most {
			end = i
			break
		}
		letters++
	}
	if end == len(text) {
		return text
	}
	for _, gap := range []string{"\n", ". ", "? ", "! ", " "} {
		if i := strings.LastIndex(text[:end], gap); i >= end/2 {
			return text[:i+len(gap)]
		}
	}
	return text[:end]
}

// providerID binds a client's id to who uses it: nobody's id can hide another's
// text.
func providerID(peer molt.Address, client string) string {
	return strings.TrimPrefix(peer.Reveal(), peerPrefix) + "." + client
}

// seen has it recorded how far the visitor was shown the talk, at most once in
// SeenEvery.
func (s *socket) seen(upto channels.Position) {
	if upto == 0 || !s.a.hub.note(s.peer, upto) {
		return
	}
	go s.a.record(s.peer) // ends when nothing is left to record, or when all is to end
}

// record records what was seen until nothing new is. What does not succeed is
// tried again: a page that shows nothing new says nothing new, and staff would be
// told that nobody saw what was read.
func (a *Adapter) record(peer molt.Address) {
	for failed := 0; ; {
		upto, ok := a.hub.next(peer, failed < SeenTries)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), writeWait)
		err := a.house.Seen(ctx, a.account, peer, upto)
		cancel()
		if failed++; err == nil {
			a.hub.recorded(peer, upto)
			failed = 0
		}
		t := time.NewTimer(SeenEvery)
		select {
		case <-t.C:
		case <-a.hub.stop:
			t.Stop()
		}
	}
}

// tell gives the writer a frame, and waits while it has too many.
func (s *socket) tell(ctx context.Context, f told) bool {
	select {
	case s.tells <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

// write sends what there is until the socket ends.
func (s *socket) write(ctx context.Context) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-s.kicked:
			err = s.publish(ctx)
		case <-s.typed:
			err = s.send(told{Type: typeTyping})
		case f := <-s.tells:
			err = s.send(f)
		case <-ping.C:
			err = s.alive()
		case <-s.ended:
			return
		case <-s.a.hub.stop:
			s.close(websocket.CloseGoingAway, "restarting")
			return
		}
		if err != nil {
			return
		}
	}
}

// alive asks for a sign of life and gives one that a page's script can see:
// browsers answer pings without telling it.
func (s *socket) alive() error {
	if err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)); err != nil || !s.said {
		return err
	}
	return s.stand()
}

// stand says how the talk stands.
func (s *socket) stand() error {
	return s.send(told{Type: typeState, Who: s.talk.Who, Typing: s.talk.Typing, CallBack: s.talk.CallBack})
}

// publish reads the record from where this socket is, a bounded part at a time,
// and sends what it shows.
func (s *socket) publish(ctx context.Context) error {
	for {
		v, err := s.a.house.Look(ctx, s.a.account, s.peer, s.read)
		if err != nil {
			s.close(websocket.CloseTryAgainLater, "not readable now; try again")
			return err
		}
		if len(v.Shown) > 0 {
			s.a.hub.talks(s.peer)
		}
		for _, m := range v.Shown {
			if err := s.send(frameOf(m)); err != nil {
				return err
			}
		}
		if s.read = v.Next; v.More {
			continue
		}
		if s.said && s.talk == v.Talk {
			return nil
		}
		s.talk, s.said = v.Talk, true
		return s.stand()
	}
}

func frameOf(m channels.Shown) told {
	f := told{Type: typeMessage, Position: m.At, Kind: m.Kind, Text: m.Words.Reveal(), Files: m.Files, At: int64(m.Time)}
	_, f.ClientID, _ = strings.Cut(m.ProviderID, ".")
	return f
}

func (s *socket) send(f told) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return s.conn.WriteJSON(f)
}

// close says why, in words that repeat nothing of the visitor's.
func (s *socket) close(code int, why string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(writeWait))
}
