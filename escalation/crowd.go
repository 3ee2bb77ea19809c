package escalation

// crowded reports whether an urgent case waits for its turn to ring: as many
// anonymous chats as may ring at once do, each at least as grave. Who has many
// addresses must not be able to page nurses at will.
func (m *machine) crowded(e Event) bool { return e.Crowd != "" && m.c.Severity.Rank() <= 2 }

// queue puts such a case on the work list behind the case that leads the others,
// whose pages say how many wait. The patient was told what its severity asks for;
// of a nurse nothing is promised. It is looked at again as soon as a step would be
// over: it rings once one of the others was taken, and is never left.
func (m *machine) queue(e Event) {
	m.forgetRounds()
	m.c.State, m.c.Step, m.c.Round, m.c.Crowd = StateListed, 0, 0, e.Crowd
	m.c.Due = m.after(m.terms().Ack)
}

// crowdOf says behind whose case this one waits; "" once it rings or somebody has it.
func (c Case) crowdOf() string {
	if c.State == StateListed && c.Severity.Rank() <= 2 {
		return c.Crowd
	}
	return ""
}

// Asks reports whether people are being asked to take an urgent case.
func (c Case) Asks() bool {
	return c.Unclaimed() && c.State != StateListed && c.Severity.Rank() <= 2
}
