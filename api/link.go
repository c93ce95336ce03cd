package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"postern/attachments"
	"postern/desk"
)

// guessesPerMinute is how many wrong links one address may try. A token has 256 bits: the limit is against the noise, not against luck.
const guessesPerMinute = 10

// openLink serves an attachment to whoever holds its link (behaviour §7). A wrong, an expired and a revoked link look the same.
func (a *API) openLink(w http.ResponseWriter, r *http.Request) {
	ip := remote(r)
	if wait := a.guesses.wait(ip, a.now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		writeProblem(w, &huma.ErrorModel{Status: http.StatusTooManyRequests, Detail: "too many links that do not exist; try again later"})
		return
	}
	object, file, err := a.cfg.Tickets.OpenLink(r.Context(), r.PathValue("token"), ip, r.UserAgent())
	if err != nil {
		var fault *desk.Fault
		if errors.As(err, &fault) && fault.Kind == desk.NotFound {
			a.guesses.failed(ip, a.now())
			err = desk.Faultf(desk.NotFound, "this link does not exist, or is over")
		}
		writeProblem(w, problem(r.Context(), err))
		return
	}
	attachments.Serve(w, r, a.cfg.Bucket, object, attachments.FileMeta{Name: file.Name, MediaType: file.MediaType})
}
