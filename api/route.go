package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"postern/desk"
)

// bearer and basic are the names of the security schemes: the same token, in two ways.
const (
	bearer = "token"
	basic  = "basic"
)

// route is one line of the table: what is called, who may, and what answers.
type route struct {
	method  string
	path    string // below Base
	right   desk.Right
	name    string // the operation's id in the OpenAPI document
	summary string
	bind    binding
}

// binding registers a handler for an operation.
type binding func(huma.API, huma.Operation)

// pattern is the route in the mux's words.
func (r route) pattern() string { return r.method + " " + r.path }

// scope is the broad scope that a token has to carry for this route, when it carries scopes at all and not the one of the resource. What stands apart has none: there it is the one of the resource.
func (r route) scope() desk.Scope {
	if part := r.resourceScope(); part.Apart() {
		return part
	}
	return r.right.Scope()
}

// resource is the part of the API that the route belongs to.
func (r route) resource() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.path, Base+"/"), "/")
	name, _, _ = strings.Cut(name, ".") // suspended.csv is a view of suspended
	return name
}

// resourceScope is the scope of this resource alone that covers the route: what only reads is read, also where it is asked by POST.
func (r route) resourceScope() desk.Scope {
	switch {
	case r.method == http.MethodDelete:
		return desk.ScopeOf(r.resource(), desk.VerbDelete)
	case r.method == http.MethodGet, r.right.Scope() == desk.ScopeRead:
		return desk.ScopeOf(r.resource(), desk.VerbRead)
	}
	return desk.ScopeOf(r.resource(), desk.VerbWrite)
}

// uploads says whether the body is a file rather than JSON.
func (r route) uploads() bool { return r.path == Base+"/uploads" }

// operation describes the route to the OpenAPI document.
func (r route) operation() huma.Operation {
	op := huma.Operation{
		OperationID:     r.name,
		Method:          r.method,
		Path:            r.path,
		Summary:         r.summary,
		Tags:            []string{r.resource()},
		Security:        []map[string][]string{{bearer: {}}, {basic: {}}},
		MaxBodyBytes:    maxBody,
		BodyReadTimeout: bodyTime,
		Extensions:      map[string]any{"x-right": string(r.right), "x-scope": string(r.scope()), "x-resource-scope": string(r.resourceScope())},
	}
	if r.method == http.MethodPost {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: idempotencyHeader, In: "header", Description: "Any string of at most 255 characters: a second request with it gets the answer to the first.",
			Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	return op
}

// content is an answer with a JSON body.
type content[T any] struct{ Body T }

// returns binds a handler whose result is the JSON body of the answer.
func returns[I, O any](status int, call func(context.Context, desk.Actor, *I) (O, error)) binding {
	return func(api huma.API, op huma.Operation) {
		op.DefaultStatus = status
		huma.Register(api, op, func(ctx context.Context, in *I) (*content[O], error) {
			out, err := call(ctx, visitOf(ctx).actor, in)
			if err != nil {
				return nil, problem(ctx, err)
			}
			return &content[O]{out}, nil
		})
	}
}

// does binds a handler that has nothing to tell but that it is done: 204.
func does[I any](call func(context.Context, desk.Actor, *I) error) binding {
	return func(api huma.API, op huma.Operation) {
		op.DefaultStatus = http.StatusNoContent
		huma.Register(api, op, func(ctx context.Context, in *I) (*struct{}, error) {
			if err := call(ctx, visitOf(ctx).actor, in); err != nil {
				return nil, problem(ctx, err)
			}
			return nil, nil
		})
	}
}

// writer writes an answer that is not JSON.
type writer func(http.ResponseWriter, *http.Request)

// streams binds a handler whose answer is bytes of the given media type, as they come.
func streams[I any](mediaType string, call func(context.Context, desk.Actor, *I) (writer, error)) binding {
	return func(api huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "The bytes.",
			Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
		}}
		huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
			write, err := call(ctx, visitOf(ctx).actor, in)
			if err != nil {
				return nil, problem(ctx, err)
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				r, w := humago.Unwrap(hc)
				write(w, r)
			}}, nil
		})
	}
}

// render is the OpenAPI document as it is served. It is made of our own types, so that it always can be written.
func render(document *huma.OpenAPI) []byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic("api: OpenAPI document: " + err.Error())
	}
	return text
}
