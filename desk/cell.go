package desk

import (
	"strings"
	"unicode"
)

// Cell makes a stranger's text harmless where a spreadsheet opens it: what would be read as a formula gets an apostrophe in front, by which it is text. Programs look past white space,
// invisible characters and full width when they look for the sign of a formula, so this does as well.
func Cell(text string) string {
	bare := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
	if strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") || strings.HasPrefix(text, "\n") || bare != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(bare)[0]) {
		return "'" + text
	}
	return text
}

// Cells is a line of a table of which no cell is read as a formula, whoever chose its words: numbers of ours, times and closed words stay as they are.
func Cells(cells ...string) []string {
	line := make([]string, len(cells))
	for i, cell := range cells {
		line[i] = Cell(cell)
	}
	return line
}
