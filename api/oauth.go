package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// Where clients of OAuth 2 ask. The page on which people agree is the portal's: /oauth/authorize.
const (
	oauthToken      = "/oauth/token"
	oauthRevoke     = "/oauth/revoke"
	oauthIntrospect = "/oauth/introspect"
	oauthMetadata   = "/.well-known/oauth-authorization-server"
	maxOAuthForm    = 16 << 10
)

// OAuthPaths are the paths of the server of OAuth 2 that this package answers.
var OAuthPaths = []string{oauthToken, oauthRevoke, oauthIntrospect, oauthMetadata}

// oauthRequest is what a client asks: a form, and who it is.
type oauthRequest struct {
	*http.Request
	form  url.Values
	proof identity.ClientProof
	basic bool // it proved itself by the Authorization header
}

// from is where it comes from.
func (r oauthRequest) from() identity.Client {
	return identity.Client{IP: remote(r.Request), UserAgent: r.UserAgent()}
}

// oauthError is the body of an answer that is an error (RFC 6749 §5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// oauthCall reads a client's request, lets it be answered, and writes the answer or the error.
func (a *API) oauthCall(call func(oauthRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.permitted(w, r, "oauth/"+identity.PlaceOf(remote(r)), desk.LimitToken) {
			return
		}
		w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1, beside Cache-Control
		asked := oauthRequest{Request: r}
		answer, err := any(nil), asked.read(w)
		if err == nil {
			answer, err = call(asked)
		}
		if err == nil {
			writeJSON(w, http.StatusOK, answer)
			return
		}
		var refused *identity.OAuthError
		if !errors.As(err, &refused) {
			visitOf(r.Context()).err = err
			writeJSON(w, http.StatusInternalServerError, oauthError{"server_error", "the log knows it by the request id " + visitOf(r.Context()).id})
			return
		}
		status := http.StatusBadRequest
		if refused.Code == "invalid_client" {
			if !a.anonymous(w, r) { // guesses at secrets
				return
			}
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="postern"`)
		}
		writeJSON(w, status, oauthError{refused.Code, refused.Description})
	}
}

// read reads the form and who the client is. Nothing is read from the address, which stands in logs; nothing may come twice (RFC 6749 §3.2).
func (r *oauthRequest) read(w http.ResponseWriter) error {
	invalid := func(why string) error { return &identity.OAuthError{Code: "invalid_request", Description: why} }
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || media != "application/x-www-form-urlencoded":
		return invalid("send a form: application/x-www-form-urlencoded")
	case r.URL.RawQuery != "":
		return invalid("send everything in the body: addresses end up in logs")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxOAuthForm)
	if err := r.ParseForm(); err != nil {
		return invalid("the form cannot be read")
	}
	r.form = r.PostForm
	for _, values := range r.form {
		if len(values) > 1 {
			return invalid("a parameter came twice")
		}
	}
	r.proof = identity.ClientProof{Key: r.form.Get("client_id"), Secret: r.form.Get("client_secret")}
	name, password, basic := r.BasicAuth()
	if !basic {
		if r.Header.Get("Authorization") != "" {
			return &identity.OAuthError{Code: "invalid_client", Description: "a client proves itself by Basic or in the form"}
		}
		return nil
	}
	if r.basic = true; r.proof.Secret != "" {
		return invalid("a client proves itself in one way, not two")
	}
	key, err1 := url.QueryUnescape(name)
	plain, err2 := url.QueryUnescape(password) // RFC 6749 §2.3.1
	if err1 != nil || err2 != nil || r.proof.Key != "" && r.proof.Key != key {
		return invalid("client_id and the Authorization header contradict each other")
	}
	r.proof = identity.ClientProof{Key: key, Secret: plain}
	return nil
}

// tokenAnswer is what a client gets (RFC 6749 §5.1).
type tokenAnswer struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope"`
}

// giveToken exchanges a code, a refresh token or a client's secret for tokens.
func (a *API) giveToken(r oauthRequest) (any, error) {
	var issued identity.Issued
	var err error
	who := a.cfg.Identity
	switch grant := r.form.Get("grant_type"); grant {
	case "authorization_code":
		if r.form.Get("code") == "" || r.form.Get("code_verifier") == "" {
			return nil, &identity.OAuthError{Code: "invalid_request", Description: "code, redirect_uri and code_verifier are required"}
		}
		issued, err = who.RedeemCode(r.Context(), r.proof, r.form.Get("code"), r.form.Get("redirect_uri"), r.form.Get("code_verifier"), r.from())
	case "refresh_token":
		issued, err = who.Renew(r.Context(), r.proof, r.form.Get("refresh_token"), r.form.Get("scope"), r.from())
	case "client_credentials":
		issued, err = who.ClientToken(r.Context(), r.proof, r.form.Get("scope"), r.from())
	case "":
		return nil, &identity.OAuthError{Code: "invalid_request", Description: "grant_type is required"}
	default: // password and implicit among them: they are not offered
		return nil, &identity.OAuthError{Code: "unsupported_grant_type", Description: "authorization_code, refresh_token and client_credentials are offered"}
	}
	if err != nil {
		return nil, err
	}
	return tokenAnswer{issued.Access, "Bearer", int64(issued.Life / time.Second), issued.Refresh, spaced(issued.Scopes)}, nil
}

// revokeOAuth ends a token (RFC 7009). Also one that is not known is gone afterwards, so that is no error.
func (a *API) revokeOAuth(r oauthRequest) (any, error) {
	if r.form.Get("token") == "" {
		return nil, &identity.OAuthError{Code: "invalid_request", Description: "token is required"}
	}
	return struct{}{}, a.cfg.Identity.GiveBack(r.Context(), r.proof, r.form.Get("token"), r.from())
}

// inspection is what a client may know of a token (RFC 7662 §2.2).
type inspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Username string `json:"username,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Issued   int64  `json:"iat,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Issuer   string `json:"iss,omitempty"`
}

// introspect says whether a token of the client is good.
func (a *API) introspect(r oauthRequest) (any, error) {
	if r.form.Get("token") == "" {
		return nil, &identity.OAuthError{Code: "invalid_request", Description: "token is required"}
	}
	found, err := a.cfg.Identity.Inspect(r.Context(), r.proof, r.form.Get("token"))
	if err != nil || !found.Active {
		return inspection{}, err
	}
	answer := inspection{
		Active: true, Scope: spaced(found.Scopes), ClientID: r.proof.Key, Username: found.Email, Expires: found.ExpiresAt.Unix(), Issued: found.IssuedAt.Unix(),
		Subject: strconv.FormatInt(found.User, 10), Issuer: a.cfg.Identity.Issuer(),
	}
	if found.Access {
		answer.Type = "Bearer"
	}
	return answer, nil
}

// metadata is what clients find out by themselves (RFC 8414 §2, RFC 9207 §3).
type metadata struct {
	Issuer        string       `json:"issuer"`
	Authorize     string       `json:"authorization_endpoint"`
	Token         string       `json:"token_endpoint"`
	Revoke        string       `json:"revocation_endpoint"`
	Introspect    string       `json:"introspection_endpoint"`
	Scopes        []desk.Scope `json:"scopes_supported"`
	Responses     []string     `json:"response_types_supported"`
	Modes         []string     `json:"response_modes_supported"`
	Grants        []string     `json:"grant_types_supported"`
	TokenAuth     []string     `json:"token_endpoint_auth_methods_supported"`
	RevokeAuth    []string     `json:"revocation_endpoint_auth_methods_supported"`
	InspectAuth   []string     `json:"introspection_endpoint_auth_methods_supported"`
	Challenges    []string     `json:"code_challenge_methods_supported"`
	Names         bool         `json:"authorization_response_iss_parameter_supported"`
	Documentation string       `json:"service_documentation"`
}

// showMetadata needs no sign-in: clients read it before they know anything.
func (a *API) showMetadata(w http.ResponseWriter, r *http.Request) {
	if !a.anonymous(w, r) {
		return
	}
	issuer := a.cfg.Identity.Issuer()
	secrets := []string{"client_secret_basic", "client_secret_post"}
	writeJSON(w, http.StatusOK, metadata{
		Issuer: issuer, Authorize: issuer + "/oauth/authorize", Token: issuer + oauthToken, Revoke: issuer + oauthRevoke, Introspect: issuer + oauthIntrospect,
		Scopes: append(desk.AllScopes(), desk.ScopeOffline), Responses: []string{"code"}, Modes: []string{"query"},
		Grants:    []string{"authorization_code", "refresh_token", "client_credentials"},
		TokenAuth: append(secrets, "none"), RevokeAuth: append(secrets, "none"), InspectAuth: secrets,
		Challenges: []string{"S256"}, Names: true, Documentation: issuer + Base + "/openapi.json",
	})
}

// writeJSON writes an answer outside of huma.
func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone: there is nobody to tell
}

// spaced is a list of scopes as OAuth writes it.
func spaced(scopes []desk.Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, " ")
}
