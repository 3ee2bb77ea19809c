package access

// Role is what a member of staff is to the gateway.
type Role string

// The roles.
const (
	RoleNurse   Role = "nurse"
	RoleLead    Role = "lead"
	RoleAdmin   Role = "admin"
	RoleAuditor Role = "auditor"
)

// Right is something a role may do.
type Right string

// The rights.
const (
	Read      Right = "read"      // patients' records; each look is an event
	Work      Right = "work"      // cases: take, reply, resolve, …
	Pause     Right = "pause"     // the agent
	Configure Right = "configure" // the configuration, channels, test texts
)

// May reports whether a role holds a right. An unknown role holds none.
func (r Role) May(what Right) bool {
	switch r {
	case RoleAuditor:
		return what == Read
	case RoleNurse:
		return what == Read || what == Work
	case RoleLead:
		return what == Read || what == Work || what == Pause
	case RoleAdmin:
		return what == Read || what == Work || what == Pause || what == Configure
	}
	return false
}
