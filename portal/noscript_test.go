package portal

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"
)

// comforts are what the script does beyond pressing the buttons that are there: nothing is lost without it.
var comforts = []string{
	"/draft",         // saves while somebody writes; a button does it as well
	"/uploads",       // sends files as soon as they are chosen; the form takes them along as well
	"/news",          // says that something has come; loading the page shows it
	"/rail",          // counts
	"/here",          // who else is there
	"/sent",          // ends a countdown
	"/notifications", // the bell's count; it is a link as well
	"/suggest",       // offers addresses and names; they can be typed
	"/names",         // the same
	"-strength",      // how hard a password is to guess; what is too easy is refused with a sentence
}

func comfort(target string) bool {
	return slices.ContainsFunc(comforts, func(end string) bool {
		path, _, _ := strings.Cut(target, "?")
		return strings.HasSuffix(path, end) || strings.Contains(path, end+"/")
	})
}

// attribute is the value of an attribute, and whether it is there.
func attribute(n *nethtml.Node, name string) (string, bool) {
	for _, attr := range n.Attr {
		if attr.Key == name {
			return attr.Val, true
		}
	}
	return "", false
}

// elements are all elements below a node.
func elements(n *nethtml.Node) []*nethtml.Node {
	var all []*nethtml.Node
	for child := range n.Descendants() {
		if child.Type == nethtml.ElementNode {
			all = append(all, child)
		}
	}
	return all
}

// within says whether a node stands in an element of that name.
func within(n *nethtml.Node, name string) bool {
	for up := n.Parent; up != nil; up = up.Parent {
		if up.Data == name {
			return true
		}
	}
	return false
}

// TestEveryActionWorksWithoutAScript reads every page as a browser without JavaScript does: what a script asks for is a form or a link as well, every form has a button, and every button that needs the script is
// not shown without it. And every page is light (60 kB), has a language, a title and one heading.
func TestEveryActionWorksWithoutAScript(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	readers := g.readers()
	for _, pattern := range slices.Sorted(maps.Keys(places)) {
		for _, place := range places[pattern] {
			who, known := readers[place.who]
			if !known {
				continue // a customer's pages load no script at all; their test looks at them
			}
			where, err := url.Parse(g.at(place))
			check(t, err)
			page := who.get(where.RequestURI())
			for _, fault := range faultsOf(t, page) {
				t.Errorf("%s as %q: %s", place.path, place.who, fault)
			}
			if len(page.body) > 60_000 && !strings.Contains(place.path, "open=all") { // who unfolds a whole conversation gets it
				t.Errorf("%s as %q is %d bytes", place.path, place.who, len(page.body))
			}
			if page.status >= http.StatusInternalServerError {
				t.Errorf("%s as %q: %d", place.path, place.who, page.status)
			}
		}
	}
}

// faultsOf says what of a page would not work without a script.
func faultsOf(t *testing.T, page answer) []string {
	t.Helper()
	doc, err := nethtml.Parse(strings.NewReader(page.body))
	check(t, err)
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	headings := 0
	for _, n := range elements(doc) {
		switch n.Data {
		case "html":
			if lang, _ := attribute(n, "lang"); lang == "" {
				fault("no language")
			}
		case "h1":
			headings++
		case "form":
			if !slices.ContainsFunc(elements(n), submits) && !implicit(n) {
				fault("a form has no button: %s", outer(n))
			}
		case "button":
			if inert(n) {
				text, _ := attribute(n, "class")
				fault("a button (class %q) does nothing without a script, and is shown: %s", text, outer(n))
			}
		case "script":
			if src, _ := attribute(n, "src"); src == "" {
				fault("a script stands in the page")
			}
		}
		if _, styled := attribute(n, "style"); styled {
			fault("a style stands in the page: %s", outer(n))
		}
		if target, asks := attribute(n, "hx-post"); asks {
			if action, _ := attribute(n, "action"); (n.Data != "form" || action != target) && !comfort(target) && !inFormTo(n, target) {
				fault("%s posts to %s by script alone", outer(n), target)
			}
		}
		if target, asks := attribute(n, "hx-get"); asks {
			href, link := attribute(n, "href")
			if !(link && href != "" || n.Data == "form" || inside(n)) && !comfort(target) {
				if trigger, _ := attribute(n, "hx-trigger"); trigger != "refresh" && !strings.HasPrefix(trigger, "ticket-news") && !strings.HasPrefix(trigger, "load") {
					fault("%s asks for %s by script alone", outer(n), target)
				}
			}
		}
	}
	if headings == 0 || headings > 2 { // a ticket beside its list: one each
		fault("%d headings of the first level", headings)
	}
	return faults
}

// implicit says whether a form is sent by Enter in its only field, also where it has no button (HTML, implicit submission).
func implicit(form *nethtml.Node) bool {
	fields := 0
	for _, n := range elements(form) {
		if kind, _ := attribute(n, "type"); n.Data == "input" && kind != "hidden" && kind != "checkbox" && kind != "radio" {
			fields++
		}
		if n.Data == "select" || n.Data == "textarea" {
			return false
		}
	}
	return fields == 1
}

// inFormTo says whether a field stands in a form that its button sends to the same place.
func inFormTo(n *nethtml.Node, target string) bool {
	for up := n.Parent; up != nil; up = up.Parent {
		if up.Data == "form" {
			action, _ := attribute(up, "action")
			return action == target && slices.ContainsFunc(elements(up), submits)
		}
	}
	return false
}

// submits says whether an element sends its form.
func submits(n *nethtml.Node) bool {
	kind, typed := attribute(n, "type")
	return n.Data == "button" && (!typed || kind == "submit") || n.Data == "input" && (kind == "submit" || kind == "image")
}

// inert says whether a button does nothing by itself: it sends no form, opens no popover, and is not hidden until a script shows it.
func inert(n *nethtml.Node) bool {
	kind, _ := attribute(n, "type")
	_, opens := attribute(n, "popovertarget")
	hidden := false // it, or what it stands in
	for up := n; up != nil && !hidden; up = up.Parent {
		_, hidden = attribute(up, "hidden")
	}
	class, _ := attribute(n, "class")
	if opens || hidden || strings.Contains(class, "with-script") {
		return false
	}
	_, form := attribute(n, "form")
	return kind == "button" || !form && !within(n, "form")
}

// inside says whether an element that asks by script holds a link that does the same.
func inside(n *nethtml.Node) bool {
	return slices.ContainsFunc(elements(n), func(child *nethtml.Node) bool { return child.Data == "a" })
}

// outer is the beginning of an element, for a message.
func outer(n *nethtml.Node) string {
	var out strings.Builder
	if err := nethtml.Render(&out, n); err != nil {
		return n.Data
	}
	return clip(out.String(), 400)
}
