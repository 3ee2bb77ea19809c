package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidegate/tidegate/gateway/access"
)

// guard lets only requests for our own host in, so that no name a stranger
// points at this machine reads the pages, and tells browsers what to refuse.
func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if c.home.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !c.ours(r.Host) {
			http.Error(w, "this console answers at "+c.home.String()+" only", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody(r))
		next.ServeHTTP(w, r)
	})
}

// ours reports whether a host is the console's: the configured one, or this
// machine by number or by name.
func (c *Console) ours(host string) bool {
	if strings.EqualFold(host, c.home.Host) {
		return true
	}
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// cookie is the session's: bound to this host over https, plain on loopback.
func (c *Console) cookie(value string, maxAge int) *http.Cookie {
	secure := c.home.Scheme == "https"
	return &http.Cookie{
		Name: c.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

func (c *Console) cookieName() string {
	if c.home.Scheme == "https" {
		return "__Host-tidegate"
	}
	return "tidegate"
}

func (c *Console) token(r *http.Request) string {
	k, err := r.Cookie(c.cookieName())
	if err != nil {
		return ""
	}
	return k.Value
}

// open is a page that nobody needs to sign in for.
func (c *Console) open(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			c.fault(w, r, err)
		}
	}
}

// signedIn is a page for those who have signed in and may.
func (c *Console) signedIn(right access.Right, f answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A page that keeps itself fresh is nobody's doing, and keeps nobody in.
		doing := !isLive(r)
		s, ok, err := c.o.Access.Who(r.Context(), c.token(r), doing)
		switch {
		case err != nil:
			c.fault(w, r, err)
		case !ok && r.Method == http.MethodGet && doing:
			http.Redirect(w, r, "/sign-in?to="+url.QueryEscape(goal(r.URL.Path)), http.StatusSeeOther)
		case !ok:
			_ = parse(r) // what was written is given back
			c.fault(w, r, problem(http.StatusUnauthorized, "You are signed out. Sign in again; nothing was done."))
		default:
			r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
			if !s.Role.May(right) {
				_ = parse(r)
				c.fault(w, r, problem(http.StatusForbidden, "Your role, "+string(s.Role)+", may not do that."))
				return
			}
			if err := f(w, r, s); err != nil {
				c.fault(w, r, err)
			}
		}
	}
}

// cached lets browsers keep a file for a while; its name does not change with it.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=300")
		next.ServeHTTP(w, r)
	})
}

// parse reads a form. What is wrong with it is not repeated: it may hold words.
func parse(r *http.Request) error {
	err := r.ParseForm()
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return problem(http.StatusBadRequest, "The form is broken: load the page again.")
}
