package mailtext

import (
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"

	"postern/desk"
)

// maxIDs bounds In-Reply-To and References; more are a broken program's doing, and each is looked up in the database.
const maxIDs = 200

// readFields fills the mail with what its header says.
func (r *reading) readFields(h *textproto.Header) {
	m := r.mail
	m.From = r.addresses(h, "From")
	m.OneFrom = r.oneFrom(h)
	for _, value := range r.fields(h, "From") {
		if strings.Contains(value, "=?") || !isPlain(value) {
			m.Concealed = m.Concealed || strings.ContainsFunc(decodeWords(value), isHidden)
		}
	}
	if sender := r.addresses(h, "Sender"); len(sender) > 0 {
		m.Sender = &sender[0]
	}
	m.ReplyTo = r.addresses(h, "Reply-To")
	m.To = r.addresses(h, "To")
	m.Cc = r.addresses(h, "Cc")
	m.Bcc = r.addresses(h, "Bcc")
	for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To", "X-Rcpt-To"} {
		for _, to := range r.addresses(h, name) {
			m.DeliveredTo = append(m.DeliveredTo, to.Addr)
		}
	}
	m.Subject = oneLine(readable(decodeWords(r.field(h, "Subject"))))
	m.Date = parseDate(r.field(h, "Date"))
	m.MessageID = messageID(r.field(h, "Message-Id"))
	m.InReplyTo = messageIDs(r.fields(h, "In-Reply-To"))
	m.References = messageIDs(r.fields(h, "References"))
	for _, value := range r.fields(h, "X-Postern-Loop") {
		m.Loop = append(m.Loop, oneLine(plainText(value)))
	}
	m.ListID = oneLine(decodeWords(r.field(h, "List-Id")))
	m.AutoSubmitted = oneLine(plainText(r.field(h, "Auto-Submitted")))
	m.Precedence = oneLine(plainText(r.field(h, "Precedence")))
	m.Automatic = r.automatic(h)
}

// field is the first value of a field, cut to what is worth taking apart.
func (r *reading) field(h *textproto.Header, name string) string {
	return r.cut(name, h.Get(name))
}

// fields are all values of a field.
func (r *reading) fields(h *textproto.Header, name string) []string {
	values := h.Values(name)
	for i, value := range values {
		values[i] = r.cut(name, value)
	}
	return values
}

func (r *reading) cut(name, value string) string {
	if strings.IndexByte(value, 0) >= 0 { // RFC 5322 §4 forbids it, and no database takes it
		value = strings.ReplaceAll(value, "\x00", "")
	}
	if int64(len(value)) <= r.lim.FieldBytes {
		return value
	}
	r.problem("The field %s is longer than %d bytes; only its beginning was read.", name, r.lim.FieldBytes)
	return value[:r.lim.FieldBytes]
}

// addresses reads all fields of a name: RFC 5322 §3.6 allows one of each, programs write several.
func (r *reading) addresses(h *textproto.Header, name string) []desk.Address {
	var all []desk.Address
	for _, value := range r.fields(h, name) {
		found, bad := parseAddresses(value)
		if bad > 0 {
			r.problem("The field %s holds something that is no address.", name)
		}
		if all = append(all, found...); len(all) > maxAddresses {
			all = all[:maxAddresses]
			r.problem("The field %s names more than %d addresses; the rest was not read.", name, maxAddresses)
			break
		}
	}
	return all
}

// oneFrom says whether the mail has one author that nobody can read in two ways: one From field, and in it one entry, which is an address. What stands beside the address may be what another program takes for the author.
func (r *reading) oneFrom(h *textproto.Header) bool {
	values := r.fields(h, "From")
	if len(values) != 1 {
		return false
	}
	found, bad := parseAddresses(values[0])
	return len(found) == 1 && bad == 0
}

// messageID is the one identifier of a Message-ID field. Some programs write it without < and >, or with spaces in it; any words are better than none, for the same mail always has the same.
func messageID(value string) string {
	if ids := messageIDs([]string{value}); len(ids) > 0 {
		return ids[0]
	}
	id := oneLine(value)
	if open := strings.IndexByte(id, '<'); open >= 0 {
		id = id[open+1:]
	}
	id, _, _ = strings.Cut(id, ">")
	if id = strings.TrimSpace(id); len(id) > 998 {
		return ""
	}
	return oneLine(plainText(id))
}

// messageIDs finds identifiers wherever they stand: what RFC 5322 §3.6.4 asks for is not met by a tenth of real In-Reply-To fields ('Your message of Monday <x@y>'). Each is kept once, in order.
func messageIDs(values []string) []string {
	var ids []string
	for _, value := range values {
		for value != "" && len(ids) < maxIDs {
			at := strings.IndexByte(value, '@')
			if at < 0 {
				break
			}
			start := strings.LastIndexAny(value[:at], idDelimiters) + 1
			end := at + 1
			if more := strings.IndexAny(value[end:], idDelimiters); more >= 0 {
				end += more
			} else {
				end = len(value)
			}
			if id := value[start:end]; start < at && at+1 < end && len(id) <= 998 && !contains(ids, id) {
				ids = append(ids, oneLine(plainText(id)))
			}
			value = value[end:]
		}
	}
	return ids
}

// idDelimiters cannot be part of a message identifier. A NUL could not even be stored.
const idDelimiters = "\x00 \t\r\n<>,\";"

func contains(list []string, one string) bool {
	for _, each := range list {
		if each == one {
			return true
		}
	}
	return false
}

// dateLayouts are dates that net/mail does not read and that mail holds nevertheless.
var dateLayouts = []string{
	time.ANSIC, time.UnixDate, time.RFC3339, time.RFC850,
	"Mon Jan _2 15:04:05 2006 -0700", "Mon, 2 Jan 2006 15:04:05", "2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05",
	"Mon, 2 Jan 2006 15.04.05 -0700", "Mon, 2-Jan-2006 15:04:05 -0700", "Monday, January 2, 2006 15:04:05", "Jan 2 2006 15:04:05",
}

// parseDate reads a Date field (RFC 5322 §3.3). The zero time stands for a date that is missing, cannot be read, or names a year in which nobody sent mail.
func parseDate(value string) time.Time {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > 200 {
		return time.Time{}
	}
	// Nearly every mail writes the date like this; net/mail tries many forms before.
	plain, _, _ := strings.Cut(value, " (")
	date, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", plain)
	if err != nil {
		date, err = mail.ParseDate(value)
	}
	if err != nil {
		date, err = looseDate(strings.Join(strings.Fields(stripComments(value)), " "))
	}
	if err != nil || date.Year() < 1970 || date.Year() > 2199 {
		return time.Time{}
	}
	return date.UTC()
}

func looseDate(value string) (date time.Time, err error) {
	value = strings.ReplaceAll(value, " ,", ",")
	for _, layout := range dateLayouts {
		if date, err = time.Parse(layout, value); err == nil {
			return date, nil
		}
	}
	// A zone that cannot be read is better lost than the date: 'Mon, 2 Jan 2006 15:04:05 Etc/GMT'.
	if cut := strings.LastIndexByte(value, ' '); cut > 0 {
		if date, err := mail.ParseDate(value[:cut] + " +0000"); err == nil {
			return date, nil
		}
	}
	return time.Time{}, err
}

// automatic says in words for people why the mail was written by no person; empty when nothing says so. RFC 3834 §2 and what programs wrote before and beside it.
func (r *reading) automatic(h *textproto.Header) string {
	first := func(value string) string { // the keyword before parameters and comments
		value, _, _ = strings.Cut(stripComments(value), ";")
		return strings.ToLower(strings.TrimSpace(value))
	}
	if auto := first(r.mail.AutoSubmitted); auto != "" && auto != "no" {
		return "Auto-Submitted: " + auto
	}
	if r.mail.ListID != "" {
		return "List-Id: " + r.mail.ListID
	}
	switch precedence := first(r.mail.Precedence); precedence {
	case "bulk", "junk", "list", "auto_reply":
		return "Precedence: " + precedence
	}
	// Exchange writes 'All' or a list of what it wants no answer to; mail of people carries 'None' or nothing.
	if suppress := oneLine(plainText(r.field(h, "X-Auto-Response-Suppress"))); suppress != "" && !strings.EqualFold(suppress, "none") {
		return "X-Auto-Response-Suppress: " + suppress
	}
	for _, name := range []string{"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From", "X-Mail-Autoreply", "X-Failed-Recipients", "X-Fc-Machinegenerated", "X-Facebook-Notify"} {
		if value := first(plainText(r.field(h, name))); value != "" && value != "no" && value != "false" {
			return name + ": " + oneLine(value)
		}
	}
	return ""
}
