package testkit

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/net/html"
)

// Form is the first form of a page, as a browser would send it.
type Form struct {
	Action string // whole address
	Method string
	Fields url.Values
}

// FirstForm reads it out of an answer, which it closes. A page without one fails the test and is shown.
func FirstForm(t testing.TB, answer *http.Response) Form {
	t.Helper()
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	form := Form{Fields: url.Values{}}
	found := false
	tree := html.NewTokenizer(bytes.NewReader(page))
	for kind := tree.Next(); kind != html.ErrorToken; kind = tree.Next() {
		token := tree.Token()
		given := map[string]string{}
		for _, each := range token.Attr {
			given[each.Key] = each.Val
		}
		switch {
		case token.Data == "form" && kind == html.StartTagToken && !found:
			found = true
			at, err := answer.Request.URL.Parse(given["action"])
			if err != nil {
				t.Fatal(err)
			}
			form.Action, form.Method = at.String(), given["method"]
		case token.Data == "form" && kind == html.EndTagToken && found:
			return form
		case token.Data == "input" && found && given["name"] != "":
			form.Fields.Set(given["name"], given["value"])
		}
	}
	if !found {
		t.Fatalf("%s %s has no form:\n%s", answer.Status, answer.Request.URL, page[:min(len(page), 3000)])
	}
	return form
}
