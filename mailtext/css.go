package mailtext

import (
	"bytes"
	"strings"
)

// maxStyle bounds one style attribute.
const maxStyle = 8 << 10

// styleProperties may be set. What could leave the mail's frame (position, z-index), load something (background-image, content, cursor) or run something (behavior, -moz-binding) is not among them.
var styleProperties = func() map[string]bool {
	allowed := make(map[string]bool, 80)
	for _, name := range strings.Fields(`
		color background background-color opacity
		font font-family font-size font-style font-variant font-weight line-height letter-spacing word-spacing
		text-align text-decoration text-decoration-line text-decoration-color text-indent text-transform vertical-align white-space word-break word-wrap overflow-wrap hyphens direction
		width min-width max-width height min-height max-height box-sizing overflow
		margin margin-top margin-right margin-bottom margin-left
		padding padding-top padding-right padding-bottom padding-left
		border border-top border-right border-bottom border-left border-color border-style border-width border-radius border-collapse border-spacing
		border-top-color border-right-color border-bottom-color border-left-color border-top-style border-right-style border-bottom-style border-left-style
		border-top-width border-right-width border-bottom-width border-left-width
		list-style list-style-type table-layout caption-side empty-cells display float clear`) {
		allowed[name] = true
	}
	return allowed
}()

// style writes those declarations of a style attribute (CSS Style Attributes §3) that are allowed.
func (c *cleaner) style(value []byte) {
	if len(value) > maxStyle {
		return
	}
	begun := false
	for len(value) > 0 {
		var one []byte
		one, value = cutDeclaration(value)
		name, setting, found := bytes.Cut(one, []byte(":"))
		name, setting = lowerInPlace(bytes.TrimSpace(name)), bytes.TrimSpace(setting)
		if !found || !styleProperties[string(name)] || !isSafeStyle(setting) {
			continue
		}
		if string(name) == "display" && !isSafeDisplay(setting) {
			continue
		}
		if !begun {
			c.out.WriteString(` style="`)
			begun = true
		} else {
			c.out.WriteByte(';')
		}
		c.out.Write(name)
		c.out.WriteByte(':')
		escapeText(&c.out, setting)
	}
	if begun {
		c.out.WriteByte('"')
	}
}

// lowerInPlace changes ASCII letters; names of properties have no others.
func lowerInPlace(s []byte) []byte {
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			s[i] = c + 'a' - 'A'
		}
	}
	return s
}

// cutDeclaration cuts at the first semicolon outside of quotation marks. A mark that is never closed makes the rest one declaration, which isSafeStyle then refuses.
func cutDeclaration(style []byte) (one, rest []byte) {
	var quote byte
	for i, c := range style {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == ';':
			return style[:i], style[i+1:]
		}
	}
	return style, nil
}

// isSafeStyle allows the characters of sizes, colours and names. Without \ there is no escape, without * no comment, without @ no rule, and parentheses belong to colours only, so there is no url(), no expression() and no var().
func isSafeStyle(setting []byte) bool {
	if len(setting) == 0 || len(setting) > 512 {
		return false
	}
	marks := 0
	for i, c := range setting {
		switch {
		case isAlnum(c) || strings.IndexByte(" #%.,+-/!_)", c) >= 0:
		case c == '"' || c == '\'':
			marks++
		case c == '(':
			if !isColourFunction(setting[:i]) {
				return false
			}
		default:
			return false
		}
	}
	return marks%2 == 0
}

// isColourFunction says whether before a parenthesis stands rgb, rgba, hsl or hsla.
func isColourFunction(before []byte) bool {
	start := len(before)
	for start > 0 && (isAlnum(before[start-1]) || before[start-1] == '-' || before[start-1] == '_') {
		start--
	}
	switch strings.ToLower(string(before[start:])) {
	case "rgb", "rgba", "hsl", "hsla":
		return true
	}
	return false
}

func isSafeDisplay(setting []byte) bool {
	setting = bytes.ToLower(setting)
	setting = bytes.TrimSpace(bytes.TrimSuffix(setting, []byte("!important")))
	switch string(setting) {
	case "block", "inline", "inline-block", "none", "table", "inline-table", "table-row", "table-cell", "list-item":
		return true
	}
	return false
}
