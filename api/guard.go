package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/desk"
	"postern/identity"
)

// visit is what is known of a request while it runs.
type visit struct {
	id     string
	actor  desk.Actor
	origin *desk.Origin
	err    error // an internal error, for the log
}

type visitKey struct{}

// visitOf is the request's visit. Every handler runs inside observed, which makes it.
func visitOf(ctx context.Context) *visit { return ctx.Value(visitKey{}).(*visit) }

// observed gives each request an id, catches a panic at the request, and writes one line to the log.
func (a *API) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := a.now()
		visit := &visit{id: rand.Text(), actor: desk.Actor{Via: "api", IP: remote(r)}}
		visit.origin = &desk.Origin{IP: visit.actor.IP, Request: visit.id}
		r = r.WithContext(desk.WithOrigin(context.WithValue(r.Context(), visitKey{}, visit), visit.origin))
		recorder := &recorder{ResponseWriter: w}
		header := recorder.Header()
		header.Set("X-Request-Id", visit.id)
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		defer func() {
			cut := a.recovered(recorder, visit, recover())
			a.finished(r, recorder.code(), a.now().Sub(begun))
			if cut != nil {
				panic(cut) // the server closes the connection: the client sees that the answer is not whole
			}
		}()
		next.ServeHTTP(recorder, r)
	})
}

// recovered turns a panic into a 500, or returns what to panic with again when the answer has begun already.
func (a *API) recovered(w *recorder, visit *visit, cause any) any {
	if cause == nil {
		return nil
	}
	if cause != http.ErrAbortHandler {
		visit.err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
	}
	if w.status != 0 {
		return http.ErrAbortHandler
	}
	writeProblem(w, &huma.ErrorModel{Status: http.StatusInternalServerError, Detail: "something went wrong on our side; the log knows it by the request id " + visit.id})
	return nil
}

// finished writes the line about a request: its route, never its path, which may hold a token.
func (a *API) finished(r *http.Request, status int, took time.Duration) {
	visit := visitOf(r.Context())
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	if a.cfg.Observe != nil {
		a.cfg.Observe(route, status, took)
	}
	a.noted(r, route, status)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("id", visit.id), slog.String("method", r.Method), slog.String("route", route),
		slog.Int("status", status), slog.Int64("ms", took.Milliseconds()), slog.Int64("user", visit.actor.Person().ID),
	}
	if visit.err != nil && !errors.Is(visit.err, context.Canceled) {
		level, attrs = slog.LevelError, append(attrs, slog.Any("error", visit.err))
	}
	a.cfg.Log.LogAttrs(r.Context(), level, "api request", attrs...)
}

// guard stands before every route of the table: who asks, whether they may, how much they may send, and whether it was asked before.
func (a *API) guard(pattern string, next http.HandlerFunc) http.HandlerFunc {
	route, known := a.rights[pattern]
	if !known {
		panic("api: no right is declared for " + pattern)
	}
	limit := int64(maxBody)
	if route.uploads() {
		limit = a.cfg.MaxUpload + multipartOverhead
	}
	if route.method == http.MethodPost {
		next = a.once(next)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		actor, err := a.signedIn(r)
		if err != nil {
			if r.Header.Get("Authorization") != "" && statusOfError(err) == http.StatusUnauthorized {
				a.cfg.Log.Warn("sign-in refused", "ip", remote(r), "door", "api") // deploy/fail2ban reads this line
			}
			if statusOfError(err) == http.StatusUnauthorized && !a.anonymous(w, r) {
				return
			}
			refuse(w, r, err)
			return
		}
		visit := visitOf(r.Context())
		actor.Request = visit.id
		visit.actor = actor
		visit.origin.User, visit.origin.Token = actor.User.ID, actor.Token
		if !a.slowed(w, r, actor) || !a.permitted(w, r, keyOf(actor), desk.LimitToken) || costly(r) && !a.permitted(w, r, fmt.Sprintf("costly/%d", actor.User.ID), desk.LimitSearch) {
			return
		}
		reached, covered := reaching(actor, route)
		if !covered || !reached.Can(route.right) {
			a.cfg.Identity.Denied(r.Context(), actor, route.right)
			if err := a.cfg.Identity.Refused(r.Context(), actor, route.right, pattern); err != nil {
				a.cfg.Log.WarnContext(r.Context(), "a refusal is not noted", "id", visit.id, "error", err)
			}
			forbid(w, route, actor)
			return
		}
		if err := a.cfg.Identity.AdmitsPlace(r.Context(), reached, route.right); err != nil {
			refuse(w, r, err)
			return
		}
		if visit.actor = reached; r.Header.Get(onBehalfHeader) != "" {
			if route.right != desk.MayOwnRead && route.right != desk.MayOwnWrite { // what customers do with their questions, and nothing about their account
				forbid(w, route, desk.Actor{User: desk.User{Role: desk.RoleCustomer}})
				return
			}
			if visit.actor, err = a.cfg.Identity.OnBehalf(r.Context(), reached, r.Header.Get(onBehalfHeader)); err != nil {
				refuse(w, r, err)
				return
			}
			if !visit.actor.Can(route.right) {
				forbid(w, route, visit.actor)
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		if !route.uploads() && !a.plainJSON(w, r) {
			return
		}
		next(w, r)
	}
}

// onBehalfHeader names the customer for whom a token acts.
const onBehalfHeader = "X-On-Behalf-Of"

// reaching says whether the scopes of a token cover a route: the broad scope of its right, or the one of its resource, which then stands for the broad one as long as the request lasts.
func reaching(actor desk.Actor, route route) (desk.Actor, bool) {
	if desk.Allows(actor.Scopes, route.right) && !route.resourceScope().Apart() {
		if len(actor.Scopes) > 0 && route.method != http.MethodGet { // whoever may change it is answered with what has become of it
			actor.Reach = []desk.Scope{desk.ScopeRead}
		}
		return actor, true
	}
	if !slices.Contains(actor.Scopes, route.resourceScope()) {
		return actor, false
	}
	actor.Reach = []desk.Scope{desk.ScopeRead, route.right.Scope()}
	return actor, true
}

// signedIn finds out who asks, by the token in the Authorization header (RFC 6750 §2.1), or by Basic with ADDRESS/token and the token (RFC 7617). Tokens in the URL or the body are not looked for: they end up in logs.
func (a *API) signedIn(r *http.Request) (desk.Actor, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	from := identity.Client{IP: remote(r), UserAgent: r.UserAgent()}
	name, password, basic := r.BasicAuth()
	switch {
	case basic:
		return a.cfg.Identity.Basic(r.Context(), name, password, from)
	case strings.EqualFold(scheme, "Bearer") && token != "":
		return a.cfg.Identity.Bearer(r.Context(), strings.TrimSpace(token), from)
	}
	return desk.Actor{}, desk.Faultf(desk.Unsigned, "send an API token: Authorization: Bearer TOKEN")
}

// secretShape is what a secret of ours looks like, whole or nearly so.
var secretShape = regexp.MustCompile(`pst_[A-Za-z0-9_-]{40}`)

// inAddress says whether a secret of ours stands in the address of a request, or something stands where others send theirs (RFC 6750 §2.3).
func inAddress(r *http.Request) bool {
	query, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		query = r.URL.RawQuery
	}
	return strings.Contains(query, "access_token=") || secretShape.MatchString(query) || secretShape.MatchString(r.URL.Path)
}

// plainJSON says whether a body is JSON and says each thing once. Readers differ in which of two values of one name counts, so that what one of them has checked is not what the other does (RFC 8259 §4).
func (a *API) plainJSON(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return true
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !(strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		writeProblem(w, &huma.ErrorModel{Status: http.StatusUnsupportedMediaType, Detail: "the body is JSON: Content-Type: application/json"})
		return false
	}
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(a.now().Add(bodyTime)) // where the connection knows no deadlines, the server's own holds
	body, err := io.ReadAll(r.Body)
	if err != nil {
		writeProblem(w, problem(r.Context(), unreadable(err)))
		return false
	}
	if name, twice := saidTwice(body); twice {
		writeProblem(w, &huma.ErrorModel{Status: http.StatusBadRequest, Detail: fmt.Sprintf("the body says %q twice", name)})
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// saidTwice finds a name that stands twice in one object. What is no JSON at all is for others to say.
func saidTwice(body []byte) (name string, twice bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var open []map[string]bool // of each object around the place; nil for a list
	named := false             // the next string is a name
	for {
		word, err := decoder.Token()
		if err != nil {
			return "", false
		}
		switch word := word.(type) {
		case json.Delim:
			switch word {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			named = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if named {
				names := open[len(open)-1]
				if names[word] {
					return word[:min(len(word), 100)], true
				}
				names[word], named = true, false
				continue
			}
		}
		named = len(open) > 0 && open[len(open)-1] != nil
	}
}

// refuse answers a request whose sender is not known.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	model := problem(r.Context(), err)
	if model.Status == http.StatusUnauthorized {
		challenge := `Bearer realm="postern"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"` // RFC 6750 §3.1; without any credentials there is no error code
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	writeProblem(w, model)
}

// forbid answers a request whose sender may not do this, and says whether it is for their role or for the token's scopes.
func forbid(w http.ResponseWriter, route route, actor desk.Actor) {
	detail := fmt.Sprintf("a person with the role %q may not do this", actor.User.Role)
	if actor.User.Can(route.right) {
		detail = fmt.Sprintf("this token lacks the scope %q or %q", route.resourceScope(), route.scope())
		if route.resourceScope().Apart() {
			detail = fmt.Sprintf("this changes who may come in: the token has to name the scope %q, which no other covers", route.resourceScope())
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="postern", error="insufficient_scope", scope=%q`, route.resourceScope()))
	}
	writeProblem(w, &huma.ErrorModel{Status: http.StatusForbidden, Detail: detail})
}

// remote is the address of the other end of the connection, without its port.
func remote(r *http.Request) string {
	if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return address.Addr().Unmap().String()
	}
	return r.RemoteAddr
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first status that is not informational.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is a 200 unless a status was set.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code is the status of the answer.
func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
