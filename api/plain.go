package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"postern/domains"
	"postern/identity"
)

// Plain answers what came without TLS to a site that is reached over HTTPS (security row 16). Who reads pages is sent to publicURL. Programs are refused, with nothing to follow: one that were redirected
// would go on sending its token in the clear for ever. A token that came so is revoked, since whoever was on the way has it now, and who keeps it is told by mail (security row 35).
func (a *API) Plain(publicURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, SCIMBase+"/") || slices.Contains(OAuthPaths, r.URL.Path) {
			a.burn(w, r)
			writeProblem(w, &huma.ErrorModel{Status: http.StatusForbidden, Detail: "the API answers over HTTPS only: use " + publicURL + "; a token or secret that came without TLS is worth nothing any more"})
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

// burn ends the secrets that a request without TLS holds: in its header, or in the form of a client of OAuth.
func (a *API) burn(w http.ResponseWriter, r *http.Request) {
	secrets := []string{}
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		secrets = append(secrets, strings.TrimSpace(token))
	}
	if _, password, basic := r.BasicAuth(); basic {
		secrets = append(secrets, password)
	}
	if slices.Contains(OAuthPaths, r.URL.Path) && r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxOAuthForm)
		if r.ParseForm() == nil {
			secrets = append(secrets, r.PostForm.Get("client_secret"), r.PostForm.Get("refresh_token"), r.PostForm.Get("token"))
		}
	}
	for _, secret := range secrets {
		if _, err := a.cfg.Identity.Exposed(r.Context(), secret, identity.ExposedPlain, "", identity.Client{IP: remote(r), UserAgent: r.UserAgent()}); err != nil {
			a.cfg.Log.Error("a token that came without TLS could not be revoked", "error", err)
		}
	}
}
