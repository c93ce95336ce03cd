package mailtext

const (
	// HeaderBytes is as much of a mail as Header looks at.
	HeaderBytes = 256 << 10
	// headerFields bounds how many fields Header returns.
	headerFields = 1000
)

// Header is the header of a mail, or of its beginning, for those who look for a field by its name: values on one line, decoded (RFC 2047), by canonical name and in their order. It reads what can be
// read of a header that is broken.
func Header(raw []byte) map[string][]string {
	if len(raw) > HeaderBytes {
		raw = raw[:HeaderBytes]
	}
	read, _ := parseLoose(raw, headerFields)
	fields := map[string][]string{}
	for all := read.Fields(); all.Next(); {
		fields[all.Key()] = append(fields[all.Key()], oneLine(readable(decodeWords(all.Value()))))
	}
	return fields
}
