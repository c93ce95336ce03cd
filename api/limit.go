package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/desk"
	"postern/identity"
)

// Limits of requests (security row 13). Each is counted over all machines and within any 60 seconds; what they are is a setting.
// A token has its own count, so that one program does not stop another; who has none is counted by their network. Searches and exports are counted for the person as well: they cost the most.

// permitted counts a request and says whether it may go on. Where it may not, the answer is written: 429 with Retry-After (RFC 6585 §4).
func (a *API) permitted(w http.ResponseWriter, r *http.Request, key string, setting *desk.Setting) bool {
	values, err := a.cfg.Identity.Settings(r.Context())
	var permission identity.Permission
	if err == nil {
		permission, err = a.cfg.Identity.Permit(r.Context(), key, int(values.Number(setting)))
	}
	if err != nil { // a count that fails must not stop what would work
		a.cfg.Log.WarnContext(r.Context(), "requests are not counted", "error", err)
		return true
	}
	limitHeaders(w.Header(), permission)
	if permission.Granted {
		return true
	}
	w.Header().Set("Retry-After", seconds(permission.Again))
	writeProblem(w, &huma.ErrorModel{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("more than %d requests came within a minute: wait as long as Retry-After says", permission.Limit)})
	return false
}

// slowed says whether somebody may go on who may ask for little because of an alert.
func (a *API) slowed(w http.ResponseWriter, r *http.Request, actor desk.Actor) bool {
	key, _, err := a.cfg.Identity.Throttled(r.Context(), actor)
	if err != nil {
		a.cfg.Log.WarnContext(r.Context(), "requests are not counted", "error", err)
		return true
	}
	return key == "" || a.permitted(w, r, key, desk.AlertRate)
}

// limitHeaders tell a program how far it may go, before it goes too far (draft-polli-ratelimit-headers-03, and the fields of the RFC to be beside it).
func limitHeaders(h http.Header, p identity.Permission) {
	if p.Limit == 0 {
		return
	}
	if left := h.Get("RateLimit-Remaining"); left != "" { // counted twice: the tighter one is told
		if before, err := strconv.Atoi(left); err == nil && before <= p.Left {
			return
		}
	}
	h.Set("RateLimit-Limit", strconv.Itoa(p.Limit))
	h.Set("RateLimit-Remaining", strconv.Itoa(p.Left))
	h.Set("RateLimit-Reset", seconds(p.Reset))
	h.Set("RateLimit-Policy", strconv.Itoa(p.Limit)+";w=60")
}

// seconds are whole ones, at least one.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}

// costly says whether a request is a search or an export.
func costly(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, ".csv") || r.URL.Query().Get("q") != ""
}

// keyOf is under what a caller is counted.
func keyOf(actor desk.Actor) string {
	if actor.Token != 0 {
		return fmt.Sprintf("token/%d", actor.Token)
	}
	return fmt.Sprintf("user/%d", actor.User.ID)
}

// anonymous counts a request of which nobody is known but its network.
func (a *API) anonymous(w http.ResponseWriter, r *http.Request) bool {
	return a.permitted(w, r, "anonymous/"+identity.PlaceOf(remote(r)), desk.LimitAnonymous)
}

// settings are those of now; where they cannot be read, what was there before them: the defaults.
func (a *API) settings(ctx context.Context) desk.Values {
	values, err := a.cfg.Identity.Settings(ctx)
	if err != nil {
		a.cfg.Log.WarnContext(ctx, "settings cannot be read", "error", err)
	}
	return values
}
