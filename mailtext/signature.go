package mailtext

import "strings"

const (
	maxSignature       = 25 // lines below -- that may still be a signature
	maxMobileSignature = 4  // lines below 'Sent from my iPhone'
)

// signatureLine is the line at which the signature begins, or -1. lines are those above the history.
func signatureLine(lines []textLine) int {
	found, below := -1, 0 // below: lines with text under the one that is looked at
	for i := len(lines) - 1; i >= 0 && below <= maxSignature; i-- {
		line := lines[i].text
		if line == "" {
			continue
		}
		if below > 0 && (line == "--" || line == "__") || below <= maxMobileSignature && isMobileSignature(line) {
			found = i
		}
		if below > 0 && isRule(line) && line[0] == '_' && below <= maxSignature/2 { // footers of mailing lists
			found = i
		}
		below++
	}
	if found >= 0 && allBlank(lines[:found]) {
		return -1
	}
	return found
}

// isMobileSignature is what telephones and programs write below a mail: 'Sent from my iPhone'. Sentences that only begin so are longer: 'Sent from my desk, is much easier then …'.
func isMobileSignature(line string) bool {
	if len(line) > 300 {
		return false
	}
	line = strings.ToLower(strings.Trim(line, "*_[]() \u00A0"))
	if link := strings.Index(line, "<http"); link > 0 { // a link to the program leaves no doubt
		line = strings.TrimSpace(line[:link])
		if strings.HasPrefix(line, "sent from ") && len(strings.Fields(line)) <= 5 {
			return true
		}
	}
	line = strings.TrimSuffix(line, ".")
	if len(line) > 90 || strings.ContainsAny(line, ",;!?.") {
		return false
	}
	for _, phrase := range mobilePhrases {
		if !strings.HasPrefix(line, phrase.before) || !strings.HasSuffix(line, phrase.after) || len(line) < len(phrase.before)+len(phrase.after) {
			continue
		}
		device := line[len(phrase.before) : len(line)-len(phrase.after)]
		if !phrase.device && device != "" && device[0] != ' ' {
			continue
		}
		return len(strings.Fields(device)) <= 5
	}
	return false
}
