package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/desk"
)

var update = flag.Bool("update", false, "write testdata/routes.golden anew")

// operation is one call in the OpenAPI document.
type operation struct {
	method, path string
	ID           string                `json:"operationId"`
	Right        desk.Right            `json:"x-right"`
	Scope        desk.Scope            `json:"x-scope"`
	Part         desk.Scope            `json:"x-resource-scope"`
	Summary      string                `json:"summary"`
	Security     []map[string][]string `json:"security"`
	Parameters   []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	Responses map[string]any `json:"responses"`
}

// operations reads the document as a tool would, over HTTP and without a token.
func operations(t *testing.T, o *office) (all []operation, document map[string]any) {
	t.Helper()
	served := o.get(t, "", "/openapi.json").want(http.StatusOK)
	served.into(&document)
	var paths struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	served.into(&paths)
	for path, methods := range paths.Paths {
		for method, text := range methods {
			op := operation{method: strings.ToUpper(method), path: path}
			must(t, json.Unmarshal(text, &op))
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method)) })
	return all, document
}

// A route without a right, or a right that changed unnoticed, fails here.
func TestEveryRouteDeclaresItsRight(t *testing.T) {
	t.Parallel()
	all, _ := operations(t, open(t))
	var golden bytes.Buffer
	for _, op := range all {
		if !op.Right.Valid() || op.Scope == "" || len(op.Security) != 2 || !op.Part.Known() {
			t.Errorf("%s %s declares the right %q, the scope %q and the security %v", op.method, op.path, op.Right, op.Scope, op.Security)
		}
		fmt.Fprintf(&golden, "%-6s %-62s %-18s %-6s %s\n", op.method, op.path, op.Right, op.Scope, op.Part)
	}
	const file = "testdata/routes.golden"
	if *update {
		must(t, os.WriteFile(file, golden.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if golden.String() != string(want) {
		t.Errorf("the routes and rights have changed: if that was meant, run go test ./api -run TestEveryRoute -update\n%s", golden.String())
	}
}

func TestOpenAPIDocumentIsWellFormed(t *testing.T) {
	t.Parallel()
	all, document := operations(t, open(t))
	if version, _ := document["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("openapi is %q", version)
	}
	ids := map[string]bool{}
	inPath := regexp.MustCompile(`\{([a-z]+)\}`)
	for _, op := range all {
		name := op.method + " " + op.path
		if op.ID == "" || ids[op.ID] || op.Summary == "" || len(op.Responses) == 0 {
			t.Errorf("%s: id %q is empty or not its own, or summary or responses are missing", name, op.ID)
		}
		ids[op.ID] = true
		for _, found := range inPath.FindAllStringSubmatch(op.path, -1) {
			if !slices.ContainsFunc(op.Parameters, func(p struct {
				Name string `json:"name"`
				In   string `json:"in"`
			}) bool {
				return p.Name == found[1] && p.In == "path"
			}) {
				t.Errorf("%s does not declare its path parameter %s", name, found[1])
			}
		}
	}
	checkSchemas(t, document, document, "#")
}

// checkSchemas follows every reference and looks at every type.
func checkSchemas(t *testing.T, document map[string]any, node any, at string) {
	t.Helper()
	types := []string{"string", "integer", "number", "boolean", "array", "object", "null"}
	switch node := node.(type) {
	case []any:
		for i, each := range node {
			checkSchemas(t, document, each, fmt.Sprintf("%s/%d", at, i))
		}
	case map[string]any:
		if ref, isRef := node["$ref"].(string); isRef {
			if resolve(document, ref) == nil {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
		if list, isList := node["type"].([]any); isList {
			for _, each := range list {
				if word, _ := each.(string); !slices.Contains(types, word) {
					t.Errorf("%s: %q is no type of JSON Schema 2020-12", at, each)
				}
			}
		}
		for key, each := range node {
			checkSchemas(t, document, each, at+"/"+key)
		}
	}
}

func resolve(document map[string]any, ref string) any {
	var at any = document
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		object, _ := at.(map[string]any)
		at = object[step]
	}
	return at
}

// Every route × every kind of caller: who lacks the right gets 401 or 403, and who has it gets past the guard.
func TestEachRouteAsksForItsRight(t *testing.T) {
	t.Parallel()
	o := open(t)
	all, _ := operations(t, o)
	callers := []struct {
		as     string
		user   desk.User
		scopes []desk.Scope
	}{
		{as: "owner", user: o.users["owner"]}, {as: "admin", user: o.users["admin"]}, {as: "agent", user: o.users["agent"]}, {as: "customer", user: o.users["customer"]},
		{as: "reader", user: o.users["admin"], scopes: []desk.Scope{desk.ScopeRead}},
		{as: o.token(t, "adam@example.com", desk.AllScopes()...), user: o.users["admin"], scopes: desk.AllScopes()}, // names what no broad scope covers
	}
	numbers := regexp.MustCompile(`\{[a-z]+\}`)
	for _, op := range all {
		path := numbers.ReplaceAllString(op.path, "987654321")
		unsigned := o.do(t, ask{method: op.method, path: path, header: map[string]string{"Content-Type": "application/json"}}).want(http.StatusUnauthorized)
		if challenge := unsigned.header.Get("WWW-Authenticate"); challenge != `Bearer realm="postern"` {
			t.Errorf("%s %s: WWW-Authenticate %q", op.method, path, challenge)
		}
		for _, caller := range callers {
			actor := desk.Actor{User: caller.user, Scopes: caller.scopes}
			may := actor.Can(op.Right) && (!op.Part.Apart() || slices.Contains(caller.scopes, op.Part))
			got := o.do(t, ask{as: caller.as, method: op.method, path: path, json: map[string]any{}})
			if may && (got.status == http.StatusUnauthorized || got.status == http.StatusForbidden || got.status >= 500) {
				t.Errorf("%s: status %d for somebody with the right\n%s", got.asked, got.status, got.body)
			}
			if !may && got.status != http.StatusForbidden {
				t.Errorf("%s: status %d for somebody without the right %s\n%s", got.asked, got.status, op.Right, got.body)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	o := open(t)
	wrong := o.get(t, "pst_this-is-no-token", "/tickets").want(http.StatusUnauthorized)
	if challenge := wrong.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `error="invalid_token"`) {
		t.Errorf("a wrong token: WWW-Authenticate %q", challenge)
	}
	narrow := o.post(t, "reader", "/tickets/1/notes", map[string]any{"text": "x"}).want(http.StatusForbidden)
	if challenge := narrow.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `error="insufficient_scope", scope="tickets:write"`) {
		t.Errorf("a token without the scope: WWW-Authenticate %q", challenge)
	}
	basic := o.do(t, ask{method: "GET", path: "/tickets", header: map[string]string{"Authorization": "Basic " + o.tokens["admin"]}})
	basic.want(http.StatusUnauthorized)
	for _, path := range []string{"/tickets?access_token=" + o.tokens["admin"], "/tickets?access_token=x", "/tickets?q=" + o.tokens["admin"], "/tickets/" + o.tokens["admin"]} {
		for _, as := range []string{"", "admin"} {
			if got := o.get(t, as, path).want(http.StatusBadRequest); !strings.Contains(got.header.Get("WWW-Authenticate"), "invalid_request") || strings.Contains(string(got.body), o.tokens["admin"]) {
				t.Errorf("a token in the address: %v %s", got.header, got.body)
			}
		}
	}
	for role, token := range o.tokens {
		if strings.Contains(o.log.String(), token) {
			t.Errorf("the log holds the token of the %s", role)
		}
	}
}
