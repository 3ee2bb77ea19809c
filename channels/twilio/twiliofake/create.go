package twiliofake

import (
	"net/http"
	"time"
)

// create answers POST Messages.json.
func (c *Carrier) create(w http.ResponseWriter, r *http.Request) {
	req, problem := readCreate(r)
	if problem == nil {
		problem = c.admit()
	}
	if problem != nil {
		c.turnAway(w, req, problem)
		return
	}
	fault := c.strikeAnswer(req)
	if fault != nil && !fault.AfterAccept && c.failBefore(w, req, fault) {
		return
	}
	if !c.hold(BeforeAccept, req, "") {
		c.breakOff(w, req, faultDropped)
		return
	}
	sid, answer, problem := c.accept(req)
	if problem != nil {
		c.turnAway(w, req, problem)
		return
	}
	if !c.hold(AfterAccept, req, sid) {
		c.loseAnswer(w, sid, req, faultDropped, nil)
		return
	}
	if fault != nil && fault.AfterAccept && c.failAfter(w, sid, req, fault) {
		return
	}
	rest(c.life, c.draw(func(b Behavior) Span { return b.AnswerLatency }))
	writeJSON(w, http.StatusCreated, answer)
}

// draw picks a length of time from one of the behavior's spans.
func (c *Carrier) draw(of func(Behavior) Span) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return of(c.behavior).draw(c.chance)
}

// admit counts the request against the rate of the API.
func (c *Carrier) admit() *apiError {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := float64(c.behavior.CreatesPerSecond)
	if limit == 0 {
		return nil
	}
	now := c.opts.Now()
	if c.refilled.IsZero() {
		c.tokens = limit
	} else {
		c.tokens = min(limit, c.tokens+limit*max(0, now.Sub(c.refilled).Seconds()))
	}
	c.refilled = now
	if c.tokens < 1 {
		return refuse(codeTooMany, "")
	}
	c.tokens--
	return nil
}

// turnAway writes the refusal down, then tells the sender.
func (c *Carrier) turnAway(w http.ResponseWriter, req createRequest, problem *apiError) {
	c.mu.Lock()
	err := c.record(Entry{
		Kind: KindRefused, To: req.To, From: req.From, Body: req.Body, MessagingService: req.Service, StatusCallback: req.StatusCallback,
		HTTPStatus: problem.Status, ErrorCode: problem.Code, Error: problem.Message, Fault: problem.Fault,
	})
	c.mu.Unlock()
	if err != nil {
		breakConnection(w)
		return
	}
	problem.write(w)
}

// breakOff ends a request that was never accepted by breaking its connection.
func (c *Carrier) breakOff(w http.ResponseWriter, req createRequest, fault FaultKind) {
	c.mu.Lock()
	_ = c.record(Entry{Kind: KindRefused, To: req.To, From: req.From, Body: req.Body, StatusCallback: req.StatusCallback, Fault: fault, Error: "connection broken"})
	c.mu.Unlock()
	breakConnection(w)
}

// failBefore carries out a fault on a request not yet accepted, and reports whether the request ended by it.
func (c *Carrier) failBefore(w http.ResponseWriter, req createRequest, fault *Fault) bool {
	switch fault.Kind {
	case FaultHang:
		if rest(c.life, time.Duration(fault.Delay)) {
			return false
		}
		breakConnection(w)
	case FaultReset:
		c.breakOff(w, req, fault.Kind)
	default:
		c.turnAway(w, req, fault.refusal())
	}
	return true
}

// failAfter carries out a fault on an accepted request, and reports whether the answer is lost by it.
func (c *Carrier) failAfter(w http.ResponseWriter, sid string, req createRequest, fault *Fault) bool {
	switch fault.Kind {
	case FaultHang:
		return !rest(c.life, time.Duration(fault.Delay))
	case FaultReset, FaultLostAnswer:
		c.loseAnswer(w, sid, req, fault.Kind, nil)
	default:
		c.loseAnswer(w, sid, req, fault.Kind, fault.refusal())
	}
	return true
}

// loseAnswer tells the sender of an accepted message something else, or nothing.
func (c *Carrier) loseAnswer(w http.ResponseWriter, sid string, req createRequest, fault FaultKind, instead *apiError) {
	e := Entry{Kind: KindLostAnswer, SID: sid, To: req.To, From: req.From, Fault: fault}
	if instead != nil {
		e.HTTPStatus, e.ErrorCode = instead.Status, instead.Code
	}
	c.mu.Lock()
	err := c.record(e)
	c.mu.Unlock()
	if err != nil || instead == nil {
		breakConnection(w)
		return
	}
	instead.write(w)
}

// breakConnection resets the TCP connection, so that the peer sees neither an answer nor an orderly end.
func breakConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http ends the connection without an answer, and says nothing
	}
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// accept takes a message on: it is in the ledger and on its way when this returns.
func (c *Carrier) accept(req createRequest) (sid string, answer map[string]any, problem *apiError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, problem := c.sender(req)
	if problem != nil {
		return "", nil, problem
	}
	count := segments(req.Body)
	switch {
	case c.state.blocked(req.To, from):
		return "", nil, refuse(codeOptedOut, "")
	case c.stopping || c.running >= maxJobs || len(c.state.order) >= maxMessages || c.backlog(from)+count > c.queueLimit():
		return "", nil, refuse(codeQueueFull, "")
	}
	m, err := c.take(outbound{
		from: from, to: req.To, body: req.Body, media: outboundMedia(req.MediaURLs), service: req.Service, mms: req.AsMMS,
		callback: firstOf(req.StatusCallback, c.state.numbers[from].StatusCallback), validity: req.Validity, origin: OriginAPI,
	}, c.strikeFate(req.To, from, req.Body))
	if err != nil {
		return "", nil, refuse(codeInternal, "")
	}
	return m.SID, c.messageJSON(m), nil
}

// sender finds the number a message leaves from. The caller holds the lock.
func (c *Carrier) sender(req createRequest) (string, *apiError) {
	if req.From != "" {
		n, ours := c.state.numbers[req.From]
		if !ours || (req.Service != "" && n.MessagingService != req.Service) {
			return "", refuse(codeNotOurs, req.From)
		}
		return req.From, nil
	}
	number, known := c.state.senderOf(req.Service, req.To)
	switch {
	case !known:
		return "", refuse(codeNoService, req.Service)
	case number == "":
		return "", refuse(codeNoSenders, "")
	case number == req.To:
		return "", refuse(codeSameNumber, "")
	}
	return number, nil
}

// outbound is a message about to be taken on.
type outbound struct {
	from, to, body, service, callback string
	media                             []Media
	mms                               bool
	validity                          int
	origin                            Origin
}

// take writes an outbound message down and starts it on its way. The caller holds the lock.
func (c *Carrier) take(o outbound, f fate) (*message, error) {
	status := statusQueued
	if o.service != "" {
		status = statusAccepted
	}
	seq := c.ledger.next()
	for i := range o.media {
		o.media[i].SID = newSID("ME", c.opts.AccountSID, c.opts.Seed, seq, i+1)
	}
	sid := newSID(sidPrefix(o.mms || len(o.media) > 0), c.opts.AccountSID, c.opts.Seed, seq, 0)
	err := c.record(Entry{
		Kind: KindCreate, SID: sid, From: o.from, To: o.to, Body: o.body, Media: o.media, Origin: o.origin, MessagingService: o.service,
		StatusCallback: o.callback, Validity: o.validity, Segments: segments(o.body), Status: status,
	})
	if err != nil {
		return nil, err
	}
	m := c.state.messages[sid]
	c.carry(m, f)
	return m, nil
}

func outboundMedia(urls []string) []Media {
	var media []Media
	for _, u := range urls {
		media = append(media, Media{URL: u})
	}
	return media
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// queueLimit is how many segments of one number may wait. The caller holds the lock.
func (c *Carrier) queueLimit() int {
	if c.behavior.SegmentsPerSecond == 0 {
		return maxMessages
	}
	return c.behavior.QueueSegments
}

// backlog is how many segments of a number wait for its rate. The caller holds the lock.
func (c *Carrier) backlog(from string) int {
	rate := c.behavior.SegmentsPerSecond
	wait := c.slots[from].Sub(c.opts.Now())
	if rate == 0 || wait <= 0 {
		return 0
	}
	return int(wait.Seconds() * float64(rate))
}
