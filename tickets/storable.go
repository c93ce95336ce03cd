package tickets

import "strings"

// storable makes text that PostgreSQL can keep of whatever a client sends: valid UTF-8 without NUL.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// oneLine is a subject as it is kept: words with one space between them.
func oneLine(text string) string { return strings.Join(strings.Fields(storable(text)), " ") }
