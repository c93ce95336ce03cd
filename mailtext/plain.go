package mailtext

// TextOf is what a person reads in HTML when it is shown without any formatting: the text part beside an answer that was written as HTML alone.
func TextOf(html string) string { return textOfHTML(html) }
