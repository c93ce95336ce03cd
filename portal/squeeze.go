package portal

import "regexp"

var (
	// kept is what shows its white space: nothing is taken out of it.
	kept = regexp.MustCompile(`(?s)<(?:textarea|pre)\b.*?</(?:textarea|pre)>`)
	// onlyActions is a line that stands in a template for its reader alone: nothing but conditions and loops.
	onlyActions = regexp.MustCompile(`\n[ \t]*((?:\{\{(?:if|with|range|else|end)\b[^{}\n]*\}\})+)[ \t]*(\n|\z)`)
	indentation = regexp.MustCompile(`\n[ \t]+`)
)

// squeezed is a template without the white space that only its readers need: a page goes to phones, too. What stands between two words or two elements stays one line break.
func squeezed(text string) string {
	out, at := "", 0
	for _, place := range append(kept.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		part := text[at:place[0]]
		for range 2 { // a line break is looked at once, for one of the lines beside it
			part = onlyActions.ReplaceAllString(part, "$1$2")
		}
		out += indentation.ReplaceAllString(part, "\n") + text[place[0]:place[1]]
		at = place[1]
	}
	return out
}
