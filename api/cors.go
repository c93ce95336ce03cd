package api

import (
	"net/http"
	"slices"

	"postern/desk"
)

// Headers that a page of another site may send and read.
const (
	corsSent = "Authorization, Content-Type, Idempotency-Key, X-On-Behalf-Of"
	corsRead = "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, Retry-After, Idempotent-Replayed, WWW-Authenticate"
)

// cross lets pages of other sites ask, where their origins are on the list of the settings: none by default. Cookies open nothing here, so that such a page can do no more than the token that it brings.
// It says whether the request is answered: a browser's question before the real one (Fetch §3.3.5).
func (a *API) cross(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	w.Header().Add("Vary", "Origin")
	if !slices.Contains(a.settings(r.Context()).List(desk.APIOrigins), origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Expose-Headers", corsRead)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", corsSent)
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
