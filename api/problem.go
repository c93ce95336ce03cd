package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"postern/desk"
)

// statusOf is the HTTP status of each kind of fault. An object that the actor may not see is NotFound already in the services: 403 is only for actions.
func statusOf(kind desk.FaultKind) int {
	switch kind {
	case desk.NotFound:
		return http.StatusNotFound
	case desk.Forbidden:
		return http.StatusForbidden
	case desk.Invalid:
		return http.StatusUnprocessableEntity
	case desk.Conflict:
		return http.StatusConflict
	case desk.Unsigned:
		return http.StatusUnauthorized
	case desk.TooLarge:
		return http.StatusRequestEntityTooLarge
	case desk.TooOften:
		return http.StatusTooManyRequests
	case desk.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// problem turns an error into a problem document (RFC 9457). A fault's sentence is for the caller; of any other error the caller learns only that it happened, and the log the rest.
func problem(ctx context.Context, err error) *huma.ErrorModel {
	visit := visitOf(ctx)
	var fault *desk.Fault
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return titled(&huma.ErrorModel{Status: http.StatusRequestEntityTooLarge, Detail: "the body is larger than allowed"})
	case !errors.As(err, &fault):
		visit.err = err
		return titled(&huma.ErrorModel{Status: http.StatusInternalServerError, Detail: "something went wrong on our side; the log knows it by the request id " + visit.id})
	}
	model := &huma.ErrorModel{Status: statusOf(fault.Kind), Detail: fault.Reason}
	if fault.Field != "" {
		model.Errors = []*huma.ErrorDetail{{Message: fault.Reason, Location: fault.Field}}
	}
	return titled(model)
}

// statusOfError is the status that an error leads to.
func statusOfError(err error) int {
	var fault *desk.Fault
	if errors.As(err, &fault) {
		return statusOf(fault.Kind)
	}
	return http.StatusInternalServerError
}

// titled fills in the title, which for problems of type about:blank is the status in words (RFC 9457 §4.2.1).
func titled(model *huma.ErrorModel) *huma.ErrorModel {
	model.Title = http.StatusText(model.Status)
	return model
}

// writeProblem writes a problem document outside of huma.
func writeProblem(w http.ResponseWriter, model *huma.ErrorModel) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(model.Status)
	_ = json.NewEncoder(w).Encode(titled(model)) // the client has gone: there is nobody to tell
}

// withoutEcho takes the refused values out of huma's validation errors: they may be a password, and they may be a megabyte.
func withoutEcho(_ huma.Context, _ string, body any) (any, error) {
	if model, ok := body.(*huma.ErrorModel); ok {
		for _, detail := range model.Errors {
			detail.Value = nil
		}
	}
	return body, nil
}
