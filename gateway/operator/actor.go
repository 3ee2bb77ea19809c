package operator

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"github.com/tidegate/tidegate/molt"
)

type actorKey struct{}

// ConnContext is for http.Server: it finds out once a connection who is at its
// other end. Whoever cannot be told is nobody, and nobody is refused.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, err := uidOf(u)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, actorKey{}, actorOf(uid))
}

// actorOf names a user as the record does: "os:" and the login name, or the
// number where it has none.
func actorOf(uid uint32) molt.PersonID {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return molt.PersonID("os:" + u.Username)
	}
	return molt.PersonID("os:" + id)
}

func actor(ctx context.Context) molt.PersonID {
	a, _ := ctx.Value(actorKey{}).(molt.PersonID)
	return a
}
