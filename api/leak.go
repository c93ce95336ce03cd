package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"postern/identity"
)

const (
	maxLeaks    = 256 << 10 // bytes of a report
	leaksAtOnce = 100
)

// leak is one secret that somebody found where everybody can read it, as scanners of source code report them.
type leak struct {
	Token  string `json:"token"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Source string `json:"source"`
}

// judged is what became of it.
type judged struct {
	Hash  string `json:"token_hash"` // SHA-256, base64: the token itself is not said again
	Type  string `json:"token_type"`
	Label string `json:"label"` // true_positive: it opened something until now
}

// reportLeaks takes reports of tokens that were found somewhere (T-42), in the form that scanners of source code send: a list of token, type, url and source. Each that opened something is revoked, and its keeper told.
// Nobody has to prove who they are: who has a token could do worse with it, and who has none can do nothing here.
func (a *API) reportLeaks(w http.ResponseWriter, r *http.Request) {
	if !a.anonymous(w, r) {
		return
	}
	var found []leak
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLeaks))
	if err := decoder.Decode(&found); err != nil || len(found) > leaksAtOnce {
		writeProblem(w, &huma.ErrorModel{Status: http.StatusUnprocessableEntity, Detail: "send a JSON list of at most 100 objects with token, type, url and source"})
		return
	}
	answer := make([]judged, 0, len(found))
	for _, one := range found {
		where := ""
		if u, err := url.Parse(one.URL); err == nil { // its host alone: the rest may hold anything, the token too
			where = u.Hostname()
		}
		where = where[:min(len(where), 255)]
		ended, err := a.cfg.Identity.Exposed(r.Context(), one.Token, identity.ExposedLeak, where, identity.Client{IP: remote(r), UserAgent: r.UserAgent()})
		if err != nil {
			writeProblem(w, problem(r.Context(), err))
			return
		}
		sum := sha256.Sum256([]byte(one.Token))
		label := "false_positive"
		if ended {
			label = "true_positive"
		}
		answer = append(answer, judged{base64.StdEncoding.EncodeToString(sum[:]), one.Type, label})
	}
	writeJSON(w, http.StatusOK, answer)
}
