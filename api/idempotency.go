package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"postern/desk"
)

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotent-Replayed"
	longestKey        = 255
)

// kept is the answer to a request, as it is stored for those who send the request again. It is sealed, since it may hold a new token.
type kept struct {
	Digest []byte `json:"digest"` // SHA-256 of the request's body: an upload's is known only when it has passed
	Type   string `json:"type"`
	Body   []byte `json:"body"`
}

// once makes a POST with an Idempotency-Key happen once. The answer is stored before it is sent; an answer that is no success changed nothing, so that the key stays free.
// A request that was cut down together with its server keeps the key for a day (409): whether it happened, only the ticket can tell.
func (a *API) once(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(idempotencyHeader)
		if key == "" {
			next(w, r)
			return
		}
		if len(key) > longestKey {
			writeProblem(w, problem(r.Context(), desk.Wrong(idempotencyHeader, "the key is longer than %d characters", longestKey)))
			return
		}
		claim := claim{api: a, user: visitOf(r.Context()).actor.Person().ID, key: key}
		status, sealed, fresh, err := a.cfg.Store.BeginIdempotent(r.Context(), claim.user, key, fingerprint(r))
		switch {
		case err != nil:
			writeProblem(w, problem(r.Context(), err))
		case fresh:
			claim.run(w, r, next)
		default:
			claim.replay(w, r, status, sealed)
		}
	}
}

// fingerprint is what two requests with one key must have in common before their bodies are read.
func fingerprint(r *http.Request) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s\n%d", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.ContentLength))
	return sum[:]
}

// claim is one user's use of one key.
type claim struct {
	api  *API
	user int64
	key  string
}

// context binds the sealed answer to its row.
func (c claim) context() string { return fmt.Sprintf("idempotency/%d/%s", c.user, c.key) }

// run lets the request happen, keeps its answer if it is a success, and then sends it.
func (c claim) run(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	body := &digested{ReadCloser: r.Body, sum: sha256.New()}
	r.Body = body
	held := &held{recorder: recorder{ResponseWriter: w}}
	settled := false
	defer func() {
		if !settled { // a panic: what was changed, was rolled back
			c.free(r)
		}
	}()
	next(held, r)
	if status := held.code(); status/100 == 2 {
		_, err := io.Copy(io.Discard, body) // whatever the handler left belongs to the request all the same
		if err == nil {
			err = c.keep(r, status, kept{Digest: body.sum.Sum(nil), Type: w.Header().Get("Content-Type"), Body: held.body.Bytes()})
		}
		if err != nil {
			visitOf(r.Context()).err = err // the change is made and the caller must hear of it: the key alone stays taken
		}
	} else {
		c.free(r) // before the answer leaves: the next attempt may come at once
	}
	settled = true
	held.send()
}

// keep stores the answer. It is not given up when the client goes away: the change is made.
func (c claim) keep(r *http.Request, status int, answer kept) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("api: keep an answer: %w", err)
	}
	sealed, _ := c.api.cfg.Keys.Seal(c.context(), text)
	return c.api.cfg.Store.FinishIdempotent(context.WithoutCancel(r.Context()), c.user, c.key, status, sealed)
}

// free gives the key back after a request that changed nothing.
func (c claim) free(r *http.Request) {
	if err := c.api.cfg.Store.DropIdempotent(context.WithoutCancel(r.Context()), c.user, c.key); err != nil {
		visit := visitOf(r.Context())
		visit.err = errors.Join(visit.err, err)
	}
}

// replay sends the stored answer again, if the body is the same as then.
func (c claim) replay(w http.ResponseWriter, r *http.Request, status int, sealed []byte) {
	text, err := c.api.cfg.Keys.Open(c.context(), sealed)
	if err != nil {
		writeProblem(w, problem(r.Context(), fmt.Errorf("api: open a kept answer: %w", err)))
		return
	}
	var answer kept
	if err := json.Unmarshal(text, &answer); err != nil {
		writeProblem(w, problem(r.Context(), fmt.Errorf("api: read a kept answer: %w", err)))
		return
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r.Body); err != nil {
		writeProblem(w, problem(r.Context(), unreadable(err)))
		return
	}
	if !bytes.Equal(sum.Sum(nil), answer.Digest) {
		writeProblem(w, problem(r.Context(), desk.Wrong(idempotencyHeader, "this key was used for another request")))
		return
	}
	if answer.Type != "" {
		w.Header().Set("Content-Type", answer.Type)
	}
	w.Header().Set(replayedHeader, "true")
	w.WriteHeader(status)
	_, _ = w.Write(answer.Body) // the client has gone: there is nobody to tell
}

// digested sums a body up while it is read.
type digested struct {
	io.ReadCloser
	sum hash.Hash
}

func (d *digested) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.sum.Write(p[:n])
	return n, err
}

// held keeps an answer back until it is stored. The answers to POST are small JSON.
type held struct {
	recorder
	body bytes.Buffer
}

// WriteHeader keeps the status.
func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// Write keeps the bytes.
func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}

// send lets the answer go.
func (h *held) send() {
	h.ResponseWriter.WriteHeader(h.code())
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // the client has gone: there is nobody to tell
}
