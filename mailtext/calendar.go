package mailtext

import (
	"io"
	"strings"
	"time"
	_ "time/tzdata" // the zones of invitations have to be known on machines without a zone database

	"postern/desk"
)

const (
	maxCalendar = 512 << 10 // bytes of one calendar that are read
	maxEvents   = 50
)

// calendar reads an invitation (RFC 5545, RFC 6047) and keeps it as a file.
func (r *reading) calendar(f File, params map[string]string, content io.Reader) error {
	f.Origin = OriginCalendar
	if r.hand != nil {
		return r.give(content)
	}
	raw, _, err := r.readText(content, maxCalendar)
	if err != nil {
		return err
	}
	events := parseCalendar(readable(decodeCharset(raw, params["charset"])))
	for i := range events {
		if events[i].Method == "" {
			events[i].Method = strings.ToUpper(params["method"])
		}
	}
	if left := maxEvents - len(r.mail.Events); left > 0 {
		r.mail.Events = append(r.mail.Events, events[:min(left, len(events))]...)
	}
	f.Size = int64(len(raw))
	f.MediaType = "text/calendar"
	n, err := io.Copy(io.Discard, content)
	if err != nil {
		return err
	}
	f.Size += n
	r.note(f)
	return nil
}

// calendarLine is one content line (RFC 5545 §3.1).
type calendarLine struct {
	name, value string
	params      map[string]string
}

// parseCalendar finds the events of an iCalendar object. Components that it does not know are skipped, and so are events without a beginning.
func parseCalendar(text string) []desk.CalendarEvent {
	var events []desk.CalendarEvent
	var inside []string // names of the open components
	method := ""
	var event desk.CalendarEvent
	var length time.Duration
	for text != "" && len(events) < maxEvents {
		var line calendarLine
		line, text = nextLine(text)
		within := ""
		if len(inside) > 0 {
			within = inside[len(inside)-1]
		}
		switch {
		case line.name == "BEGIN" && len(inside) < 16:
			inside = append(inside, strings.ToUpper(line.value))
			if strings.EqualFold(line.value, "VEVENT") {
				event, length = desk.CalendarEvent{}, 0
			}
		case line.name == "END" && len(inside) > 0:
			inside = inside[:len(inside)-1]
			if within == "VEVENT" && !event.Start.IsZero() {
				if event.End.IsZero() && length > 0 {
					event.End = event.Start.Add(length)
				}
				events = append(events, event)
			}
		case line.name == "METHOD" && within == "VCALENDAR":
			method = strings.ToUpper(line.value)
		case within == "VEVENT":
			if line.name == "DURATION" {
				length = parseDuration(line.value)
			}
			readProperty(&event, line)
		}
	}
	for i := range events {
		events[i].Method = method
	}
	return events
}

// readProperty takes what is shown of an event (RFC 5545 §3.8).
func readProperty(event *desk.CalendarEvent, line calendarLine) {
	switch line.name {
	case "SUMMARY":
		event.Summary = unescapeCalendar(line.value)
	case "LOCATION":
		event.Location = unescapeCalendar(line.value)
	case "ORGANIZER":
		event.Organizer = line.value
		if len(event.Organizer) > 7 && strings.EqualFold(event.Organizer[:7], "mailto:") {
			event.Organizer = event.Organizer[7:]
		}
		if name := line.params["CN"]; name != "" && !strings.EqualFold(name, event.Organizer) {
			event.Organizer = name + " <" + event.Organizer + ">"
		}
		event.Organizer = oneLine(visible(event.Organizer))
	case "DTSTART":
		event.Start, event.AllDay = parseTime(line)
	case "DTEND":
		event.End, _ = parseTime(line)
	}
}

// nextLine unfolds and splits one content line.
func nextLine(text string) (line calendarLine, rest string) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") {
		var whole strings.Builder
		whole.WriteString(first)
		for strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") {
			var more string
			more, rest, _ = strings.Cut(rest[1:], "\n")
			whole.WriteString(more)
		}
		first = whole.String()
	}
	colon := unquotedIndex(first, ':')
	if colon < 0 {
		return calendarLine{}, rest
	}
	line.value = strings.TrimSpace(first[colon+1:])
	head := first[:colon]
	for part := 0; head != "" && part < 32; part++ {
		one := head
		if cut := unquotedIndex(head, ';'); cut >= 0 {
			one, head = head[:cut], head[cut+1:]
		} else {
			head = ""
		}
		if part == 0 {
			line.name = strings.ToUpper(strings.TrimSpace(one))
			continue
		}
		if name, value, found := strings.Cut(one, "="); found {
			if line.params == nil {
				line.params = make(map[string]string, 2)
			}
			line.params[strings.ToUpper(name)] = strings.Trim(value, `"`)
		}
	}
	return line, rest
}

// unquotedIndex finds c outside of quotation marks.
func unquotedIndex(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			quoted = !quoted
		} else if s[i] == c && !quoted {
			return i
		}
	}
	return -1
}

// unescapeCalendar undoes the escapes of TEXT (RFC 5545 §3.3.11) and makes one line of it.
func unescapeCalendar(s string) string {
	s = strings.NewReplacer(`\\`, `\`, `\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";").Replace(s)
	return oneLine(visible(s))
}

// parseTime reads DATE and DATE-TIME (RFC 5545 §3.3.4, §3.3.5): in UTC with a Z, in a zone with TZID, else floating, which is taken as UTC because nobody knows better.
func parseTime(line calendarLine) (at time.Time, allDay bool) {
	value := line.value
	if len(value) == len("20060102") {
		at, err := time.Parse("20060102", value)
		return at, err == nil
	}
	zone := time.UTC
	if id := line.params["TZID"]; id != "" && !strings.HasSuffix(value, "Z") {
		zone = findZone(id)
	}
	at, err := time.ParseInLocation("20060102T150405", strings.TrimSuffix(value, "Z"), zone)
	if err != nil {
		at, err = time.ParseInLocation("20060102T1504", strings.TrimSuffix(value, "Z"), zone)
	}
	if err != nil {
		return time.Time{}, false
	}
	return at.UTC(), false
}

// findZone knows the names of the IANA database, also behind a prefix as in /mozilla.org/20050126_1/Europe/Berlin, and the common ones of Windows.
func findZone(id string) *time.Location {
	id = strings.Trim(id, "/")
	if name, known := windowsZones[id]; known {
		id = name
	}
	for id != "" && len(id) < 128 {
		if zone, err := time.LoadLocation(id); err == nil && id != "Local" {
			return zone
		}
		var found bool
		if _, id, found = strings.Cut(id, "/"); !found {
			break
		}
	}
	return time.UTC
}

// windowsZones are what Outlook and Exchange call the zones where most of their users live (Unicode CLDR, windowsZones.xml).
var windowsZones = map[string]string{
	"GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik",
	"W. Europe Standard Time": "Europe/Berlin", "Central Europe Standard Time": "Europe/Budapest", "Romance Standard Time": "Europe/Paris", "Central European Standard Time": "Europe/Warsaw",
	"E. Europe Standard Time": "Europe/Chisinau", "FLE Standard Time": "Europe/Kiev", "GTB Standard Time": "Europe/Bucharest", "Turkey Standard Time": "Europe/Istanbul", "Russian Standard Time": "Europe/Moscow",
	"Eastern Standard Time": "America/New_York", "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver", "US Mountain Standard Time": "America/Phoenix", "Pacific Standard Time": "America/Los_Angeles",
	"Alaskan Standard Time": "America/Anchorage", "Hawaiian Standard Time": "Pacific/Honolulu", "Atlantic Standard Time": "America/Halifax", "E. South America Standard Time": "America/Sao_Paulo",
	"Israel Standard Time": "Asia/Jerusalem", "Arab Standard Time": "Asia/Riyadh", "Arabian Standard Time": "Asia/Dubai", "India Standard Time": "Asia/Kolkata", "China Standard Time": "Asia/Shanghai",
	"Singapore Standard Time": "Asia/Singapore", "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "AUS Eastern Standard Time": "Australia/Sydney", "New Zealand Standard Time": "Pacific/Auckland",
	"South Africa Standard Time": "Africa/Johannesburg", "Egypt Standard Time": "Africa/Cairo",
}

// parseDuration reads a DURATION (RFC 5545 §3.3.6): P1W, PT1H30M, P1DT12H.
func parseDuration(s string) time.Duration {
	s, found := strings.CutPrefix(strings.TrimPrefix(s, "+"), "P")
	if !found {
		return 0
	}
	units := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}
	var total time.Duration
	number := time.Duration(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' && number < 1e6:
			number = number*10 + time.Duration(c-'0')
		case c == 'T':
		default:
			total += number * units[c]
			number = 0
		}
	}
	return total
}
