package portal

import "testing"

func TestSqueezed(t *testing.T) {
	for text, want := range map[string]string{
		"<p>\n    a {{.B}}\n  c</p>":                              "<p>\na {{.B}}\nc</p>",
		"<p>\n  {{if .A}}\n  <b>x</b>\n  {{end}}\n</p>":           "<p>{{if .A}}\n<b>x</b>{{end}}\n</p>",
		"a\n  {{if .A}}{{with .B}}\nb":                            "a{{if .A}}{{with .B}}\nb",
		"a\n  {{if .A}}b{{end}}\nc":                               "a\n{{if .A}}b{{end}}\nc",
		"<textarea>{{range .}}{{.}}\n  {{end}}</textarea>\n  <p>": "<textarea>{{range .}}{{.}}\n  {{end}}</textarea>\n<p>",
		"<pre>\n  a\n</pre>":                                      "<pre>\n  a\n</pre>",
	} {
		if got := squeezed(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
