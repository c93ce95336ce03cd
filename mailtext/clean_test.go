package mailtext

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// checkClean judges cleaned HTML as a browser would read it: by the tree that x/net/html makes of it, not by the tokens that Clean saw.
func checkClean(t testing.TB, source, clean string) {
	t.Helper()
	tree, err := html.Parse(strings.NewReader(clean))
	if err != nil {
		t.Errorf("%q: cleaned to %q, which does not parse: %v", source, clean, err)
		return
	}
	for node := range tree.Descendants() {
		switch node.Type {
		case html.CommentNode, html.DoctypeNode:
			t.Errorf("%q: %q holds a comment", source, clean)
		case html.ElementNode:
			if node.Namespace != "" || elements[node.Data] == nil && node.Data != "html" && node.Data != "head" {
				t.Errorf("%q: %q holds <%s>", source, clean, node.Data)
			}
			for _, a := range node.Attr {
				if why := badAttribute(node.Data, a.Key, a.Val); why != "" {
					t.Errorf("%q: %q holds %s=%q: %s", source, clean, a.Key, a.Val, why)
				}
			}
		}
	}
}

func badAttribute(element, key, value string) string {
	lower := strings.ToLower(value)
	switch key {
	case "href":
		for _, scheme := range []string{"http://", "https://", "mailto:", "tel:"} {
			if strings.HasPrefix(lower, scheme) {
				return ""
			}
		}
		return "not a link that is allowed"
	case "src":
		if strings.HasPrefix(lower, "cid:") || isDataImage([]byte(value)) {
			return ""
		}
		return "loads something"
	case "data-src":
		if element == "img" && (strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")) {
			return ""
		}
		return "no address of an image"
	case "style":
		for _, word := range []string{"url", "expression", "import", "behavior", "binding", "position", "\\", "/*", "<", "javascript", "var(", "content"} {
			if strings.Contains(lower, word) {
				return "style with " + word
			}
		}
		return ""
	case "target":
		if value == "_blank" {
			return ""
		}
	case "rel":
		if value == "noopener noreferrer nofollow" {
			return ""
		}
	default:
		if known, ok := attributes[key]; ok && known.valid != nil {
			return ""
		}
	}
	return "not allowed"
}

// Every vector of testdata/xss.txt, one a line, alone, within a table and after an open quotation mark.
func TestCleanXSS(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/xss.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	count := 0
	for lines.Scan() {
		vector := lines.Text()
		if vector == "" || strings.HasPrefix(vector, "#") {
			continue
		}
		vector = strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\0`, "\x00", `\u0001`, "\x01").Replace(vector)
		count++
		for _, source := range []string{vector, "<table><tr><td>" + vector + "</table>", `<a href="x` + vector, "<svg>" + vector, "<math><mtext>" + vector, "<style>" + vector + "</style>" + vector, "<title>" + vector, "<!--" + vector} {
			clean, _, err := Clean(source)
			if err != nil {
				t.Errorf("%q: %v", source, err)
			}
			checkClean(t, source, clean)
			again, _, err := Clean(strings.ReplaceAll(clean, "data-src", "src"))
			if err != nil || again != clean {
				t.Errorf("%q: cleaned once %q, twice %q, %v", source, clean, again, err)
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d vectors", count)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	const rel = ` target="_blank" rel="noopener noreferrer nofollow"`
	cases := []struct {
		name, source, want string
		remote             bool
	}{
		{"text", `a < b & "c"`, `a &lt; b &amp; &#34;c&#34;`, false},
		{"entities", `&lt;b&gt; &copy; &#x2014;`, `&lt;b&gt; © —`, false},
		{"link", `<a href="https://example.com/?a=1&amp;b=2" onclick="x">go</a>`, `<a href="https://example.com/?a=1&amp;b=2"` + rel + `>go</a>`, false},
		{"link in pieces", "<a href=\" ht\ntps://exa\tmple.com/\x01x \">go</a>", `<a href="https://example.com/x"` + rel + `>go</a>`, false},
		{"script", `a<script>alert("b")</script>c<SCRIPT>d`, `ac`, false},
		{"relative link", `<a href="/login">go</a>`, `<a>go</a>`, false},
		{"remote image", `<img src="http://t.example/p.gif" width=1 height=1>`, `<img data-src="http://t.example/p.gif" width="1" height="1">`, true},
		{"image without scheme", `<img src="//t.example/p.gif">`, `<img data-src="https://t.example/p.gif">`, true},
		{"image of the mail", `<img src="cid:a@b" alt="x">`, `<img src="cid:a@b" alt="x">`, false},
		{"image in the text", `<img src="data:image/png;base64,iVBO">`, `<img src="data:image/png;base64,iVBO">`, false},
		{"svg in the text", `<img src="data:image/svg+xml;base64,iVBO">`, `<img>`, false},
		{"style", `<p style="color:red;position:fixed;background:url(x);MARGIN : 1px">a</p>`, `<p style="color:red;margin:1px">a</p>`, false},
		{"style sheet", `<style>p{color:red}</style><p>a`, `<p>a</p>`, false},
		{"paragraphs close each other", `<p>a<p>b<div>c</div>`, `<p>a</p><p>b</p><div>c</div>`, false},
		{"items close each other", `<ul><li>a<li>b<ul><li>c</ul><li>d</ul>`, `<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>`, false},
		{"cells close each other", `<table><tr><td>a<td>b<tr><td>c</table>d`, `<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d`, false},
		{"open at the end", `<table><tr><td><b>a`, `<table><tr><td><b>a</b></td></tr></table>`, false},
		{"closed too often", `a</div></table></b>b`, `ab`, false},
		{"body", `<html><head><title>t</title></head><body bgcolor="#000000"><p>a</body></html>`, `<div bgcolor="#000000"><p>a</p></div>`, false},
		{"outlook", `<!--[if mso]><xml>x</xml><![endif]--><o:p>&nbsp;</o:p>`, "\u00a0", false},
		{"form", `<form action="https://evil"><input name=p><button>go</button></form>`, `go`, false},
		{"first of two", `<p title="a" title="b">x</p>`, `<p title="a">x</p>`, false},
	}
	for _, c := range cases {
		clean, remote, err := Clean(c.source)
		if err != nil || clean != c.want || remote != c.remote {
			t.Errorf("%s: %v, remote %v\n got %s\nwant %s", c.name, err, remote, clean, c.want)
		}
	}
}

// What is too long or too deep is an error, soon, and never content (behaviour §8).
func TestCleanBombs(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"b and i":        strings.Repeat("<b><i>", 300000),
		"div":            strings.Repeat("<div>", 200000),
		"long":           strings.Repeat("x", maxHTML+1),
		"font":           strings.Repeat("<font>", 200000),
		"nested tables":  strings.Repeat("<table><tr><td>", 100000),
		"nested lists":   strings.Repeat("<ul><li>", 100000),
		"nested quoting": strings.Repeat("<blockquote>", 100000),
	} {
		begin := time.Now()
		clean, _, err := Clean(source)
		if err == nil || clean != "" {
			t.Errorf("%s: no error, %d bytes", name, len(clean))
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
	for name, source := range map[string]string{
		"attributes":   "<p " + strings.Repeat("a=b ", 400000) + ">x</p>",
		"styles":       strings.Repeat(`<p style="color:red;color:red">`, 40000),
		"stray ends":   strings.Repeat("<b>", 500) + strings.Repeat("</i></p>", 200000),
		"paragraphs":   strings.Repeat("<p>", 500000),
		"cells":        "<table>" + strings.Repeat("<tr><td>", 200000),
		"ampersands":   strings.Repeat("&", maxHTML),
		"angle":        strings.Repeat("<", maxHTML),
		"comments":     strings.Repeat("<!--", maxHTML/4),
		"one long tag": "<a href=\"" + strings.Repeat("x", maxHTML-20),
	} {
		begin := time.Now()
		if _, _, err := Clean(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// A mail whose HTML cannot be cleaned is shown as text.
func TestHTMLFallsBackToText(t *testing.T) {
	t.Parallel()
	m := mustRead(t, []byte("From: a@example.com\nContent-Type: text/html\n\nHello <b>you</b>"+strings.Repeat("<div>", 2000)+"deep"))
	if m.HTML != "" || len(m.Problems) == 0 || !strings.HasPrefix(m.Text, "Hello you") || !strings.Contains(m.Text, "deep") {
		t.Errorf("html %.50q, text %.50q, problems %q", m.HTML, m.Text, m.Problems)
	}
}
