package mailout

import (
	"html"

	"postern/language"
)

// VisitText is the line under a mail by which its reader finds the conversation on our pages.
func VisitText(lang *language.Language, link string) string {
	return lang.Say("See this conversation on the web, add files or close it: %s", link) + "\n"
}

// VisitHTML is the same line in HTML.
func VisitHTML(lang *language.Language, link string) string {
	return `<p style="margin-top:24px;font-size:12px;color:#57606a"><a href="` + html.EscapeString(link) + `" style="color:#57606a">` +
		html.EscapeString(lang.Say("See this conversation on the web, add files or close it")) + "</a></p>\n"
}
