package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"postern/domains"
)

// Plain answers what came without TLS to a site that is reached over HTTPS (security row 16). Who reads pages is sent to publicURL. Programs are refused, with nothing to follow: one that were redirected
// would go on sending its token in the clear for ever. A token that came so is noted in the audit log, since whoever was on the way has it now.
func (a *API) Plain(publicURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			a.noteExposed(r)
			writeProblem(w, &huma.ErrorModel{Status: http.StatusForbidden, Detail: "the API answers over HTTPS only: use " + publicURL + "; a token that was sent without TLS should be revoked"})
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "This site is reached over HTTPS: "+publicURL, http.StatusForbidden)
			return
		}
		target := publicURL
		if host := hostOf(r); a.servesPolicy(r, host) { // not where anybody fetches a policy, but a person may look
			target = "https://" + host
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, target+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}

// servesPolicy says whether a host is the policy host of one of our domains.
func (a *API) servesPolicy(r *http.Request, host string) bool {
	domain, is := domains.STSDomain(host)
	if !is {
		return false
	}
	policies, err := a.cfg.Domains.Policies(r.Context())
	_, ours := policies[domain]
	return err == nil && ours
}

// noteExposed notes a token that came without TLS, if it is one.
func (a *API) noteExposed(r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return
	}
	if err := a.cfg.Identity.Exposed(r.Context(), strings.TrimSpace(token), remote(r)); err != nil {
		a.cfg.Log.Error("a token that came without TLS could not be noted", "error", err)
	}
}
