package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	o := open(t)
	number := o.started(t, customerEmail, "Problems")
	long := strings.Repeat("a", 2<<20)
	plain := map[string]string{"Content-Type": "application/json"}
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		says   string // in the answer
	}{
		{"no such path", ask{method: "GET", path: "/nothing"}, http.StatusNotFound, "nothing at this path"},
		{"no such path outside", ask{method: "GET", path: "/api/v2/tickets"}, http.StatusNotFound, "nothing at this path"},
		{"another method", ask{as: "agent", method: "PUT", path: "/tickets"}, http.StatusMethodNotAllowed, "GET"},
		{"no such ticket", ask{as: "agent", method: "GET", path: "/tickets/987654"}, http.StatusNotFound, ""},
		{"a number that is none", ask{as: "agent", method: "GET", path: "/tickets/abc"}, http.StatusUnprocessableEntity, "path.number"},
		{"a number too small", ask{as: "agent", method: "GET", path: "/tickets/0"}, http.StatusUnprocessableEntity, "path.number"},
		{"too long a page", ask{as: "agent", method: "GET", path: "/tickets?limit=101"}, http.StatusUnprocessableEntity, "query.limit"},
		{"an unknown status", ask{as: "agent", method: "GET", path: "/tickets?status=open,odd"}, http.StatusUnprocessableEntity, "query.status"},
		{"a broken cursor", ask{as: "agent", method: "GET", path: "/tickets?cursor=%21%21"}, http.StatusUnprocessableEntity, ""},
		{"no JSON", ask{as: "agent", method: "POST", path: "/tickets", body: strings.NewReader(`{"text": `), header: plain}, http.StatusBadRequest, "body"},
		{"no body", ask{as: "agent", method: "POST", path: "/tickets", header: plain}, http.StatusBadRequest, "body"},
		{"an unknown field", ask{as: "agent", method: "POST", path: "/tickets/1/notes", json: map[string]any{"text": "x", "colour": "red"}}, http.StatusUnprocessableEntity, "colour"},
		{"no address", ask{as: "agent", method: "POST", path: "/tickets", json: map[string]any{"mailbox": supportAddress, "to": []string{"nobody"}, "subject": "s", "text": "t"}}, http.StatusUnprocessableEntity, ""},
		{"an object that is no address", ask{as: "agent", method: "POST", path: "/tickets", json: map[string]any{"mailbox": supportAddress, "to": []any{map[string]any{"address": "nobody"}}, "subject": "s", "text": "t"}}, http.StatusUnprocessableEntity, "nobody"},
		{"a header in a name", ask{as: "agent", method: "POST", path: "/tickets", json: map[string]any{"mailbox": supportAddress, "to": []any{map[string]any{"address": "a@b.test", "name": "A\r\nBcc: c@d.test"}}, "subject": "s", "text": "t"}}, http.StatusUnprocessableEntity, ""},
		{"a header in an encoded name", ask{as: "agent", method: "POST", path: "/tickets", json: map[string]any{"mailbox": supportAddress, "to": []any{"=?utf-8?q?A=0D=0ABcc=3A?= <a@b.test>"}, "subject": "s", "text": "t"}}, http.StatusUnprocessableEntity, ""},
		{"a form", ask{as: "agent", method: "POST", path: "/tickets", body: strings.NewReader("text=x"), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, http.StatusUnsupportedMediaType, ""},
		{"too long a body", ask{as: "agent", method: "POST", path: "/tickets/1/notes", json: map[string]any{"text": long}}, http.StatusRequestEntityTooLarge, ""},
		{"an unknown priority", ask{as: "agent", method: "PATCH", path: at("/tickets/%d", number), json: map[string]any{"priority": "odd"}}, http.StatusUnprocessableEntity, "body.priority"},
		{"an unknown assignee", ask{as: "agent", method: "PATCH", path: at("/tickets/%d", number), json: map[string]any{"assignee": "nobody@example.com"}}, http.StatusUnprocessableEntity, "assignee"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := o.do(t, c.ask).want(c.status)
			var problem struct {
				Title  string `json:"title"`
				Status int    `json:"status"`
				Detail string `json:"detail"`
			}
			got.into(&problem)
			if problem.Status != c.status || problem.Title != http.StatusText(c.status) || problem.Detail == "" {
				t.Errorf("the document is %s", got.body)
			}
			if !strings.Contains(string(got.body), c.says) {
				t.Errorf("%q is not in %s", c.says, got.body)
			}
		})
	}
}

// What was refused is not sent back: it may be a password.
func TestProblemsDoNotEcho(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, body := range []string{
		`{"email": "x@example.com", "name": "X", "role": "odd", "password": "hunter2-hunter2"}`,
		`{"email": "x@example.com", "password": "hunter2-hunter2"`,
		`{"email": "x@example.com", "pasword": "hunter2-hunter2"}`,
	} {
		got := o.do(t, ask{as: "admin", method: "POST", path: "/users", body: strings.NewReader(body), header: map[string]string{"Content-Type": "application/json"}})
		if got.status < 400 || strings.Contains(string(got.body), "hunter2") || strings.Contains(o.log.String(), "hunter2") {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	}
}

// line is what the log says of a request: one line, which is written after the answer.
func (o *office) line(t *testing.T, id string) string {
	t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
		var found []string
		for each := range strings.Lines(o.log.String()) {
			if strings.Contains(each, id) {
				found = append(found, each)
			}
		}
		if len(found) > 1 {
			t.Fatalf("%d lines about one request: %v", len(found), found)
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	t.Fatalf("no line for request %q in\n%s", id, o.log)
	return ""
}

func TestOneLineARequest(t *testing.T) {
	t.Parallel()
	o := open(t)
	got := o.get(t, "agent", "/tickets/4711").want(http.StatusNotFound)
	id := got.header.Get("X-Request-Id")
	var line struct {
		ID, Method, Route string
		Status            int
		User              int64
	}
	must(t, json.Unmarshal([]byte(o.line(t, id)), &line))
	if line.Route != "GET /api/v1/tickets/{number}" || line.Status != 404 || line.User != o.users["agent"].ID || line.Method != "GET" {
		t.Errorf("the line says %+v", line)
	}
}

// What failed on our side is in the log, under the id that the caller is told, and nowhere else.
func TestInternalErrorsAreNotTold(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.store.Close()
	got := o.get(t, "agent", "/tickets").want(http.StatusInternalServerError)
	if id := got.header.Get("X-Request-Id"); !strings.Contains(string(got.body), id) || strings.Contains(string(got.body), "store") || strings.Contains(string(got.body), "pool") {
		t.Errorf("the caller is told %s", got.body)
	}
	line := o.line(t, got.header.Get("X-Request-Id"))
	if !strings.Contains(line, "closed pool") || !strings.Contains(line, `"level":"ERROR"`) {
		t.Errorf("the log says %s", line)
	}
}
