package mailtext

import "strings"

// reflow joins the lines of format=flowed text (RFC 3676 §4.4) into paragraphs. Quoted paragraphs keep one run of > before each. delSp: the space that marks a soft break is no part of the text.
func reflow(text string, delSp bool) string {
	var out strings.Builder
	out.Grow(len(text))
	open, openDepth := false, 0 // the last line written ended softly, at this depth of quoting
	for rest := text; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		depth := 0
		for depth < len(line) && line[depth] == '>' {
			depth++
		}
		line = line[depth:]
		line = strings.TrimPrefix(line, " ") // stuffed (§4.4)
		signature := line == "-- "
		if open && (depth != openDepth || signature) { // §4.5: a change of depth, or a signature, ends the paragraph whatever the space says
			out.WriteByte('\n')
			open = false
		}
		if !open && depth > 0 {
			out.WriteString(strings.Repeat(">", min(depth, 100)))
			out.WriteByte(' ')
		}
		soft := strings.HasSuffix(line, " ") && !signature
		if soft && delSp {
			line = line[:len(line)-1]
		}
		out.WriteString(line)
		if !soft {
			out.WriteByte('\n')
		}
		open, openDepth = soft, depth
	}
	if open {
		out.WriteByte('\n')
	}
	return out.String()
}
