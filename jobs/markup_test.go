package jobs

import "testing"

func TestMarkup(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"one\ntwo\n\nthree":             "<p>one<br>\ntwo</p>\n<p>three</p>\n",
		"a <b> & \"c\"":                 "<p>a &lt;b&gt; &amp; &#34;c&#34;</p>\n",
		"> q\n>> qq\nme":                "<blockquote>\n<p>q</p>\n<blockquote>\n<p>qq</p>\n</blockquote>\n</blockquote>\n<p>me</p>\n",
		"x https://a.test/?b=1&c=\"2 y": `<p>x <a href="https://a.test/?b=1&amp;c=">https://a.test/?b=1&amp;c=</a>&#34;2 y</p>` + "\n",
		"javascript:alert(1)":           "<p>javascript:alert(1)</p>\n",
		"> open":                        "<blockquote>\n<p>open</p>\n</blockquote>\n",
		"a   b":                         "<p>a \u00a0 b</p>\n",
	} {
		if got := markup(text); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", text, got, want)
		}
	}
}
