package reports

import (
	"encoding/json"
	"strings"

	"postern/desk"
)

// sesNotice is what Amazon SES tells of a mail, as SNS sends it by mail: JSON in the text.
type sesNotice struct {
	NotificationType string `json:"notificationType"`
	Message          string `json:"Message"` // the notice, once more as a string
	Bounce           struct {
		BounceType string `json:"bounceType"`
		Recipients []struct {
			Email      string `json:"emailAddress"`
			Action     string `json:"action"`
			Status     string `json:"status"`
			Diagnostic string `json:"diagnosticCode"`
		} `json:"bouncedRecipients"`
		Reporter string `json:"reportingMTA"`
	} `json:"bounce"`
	Complaint struct {
		Recipients []struct {
			Email string `json:"emailAddress"`
		} `json:"complainedRecipients"`
		Type  string `json:"complaintFeedbackType"`
		Agent string `json:"userAgent"`
	} `json:"complaint"`
	Delivery struct {
		Recipients []string `json:"recipients"`
		Response   string   `json:"smtpResponse"`
		Reporter   string   `json:"reportingMTA"`
	} `json:"delivery"`
	Mail struct {
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
		Common struct {
			From      []string `json:"from"`
			To        []string `json:"to"`
			Subject   string   `json:"subject"`
			MessageID string   `json:"messageId"`
		} `json:"commonHeaders"`
	} `json:"mail"`
}

// amazon reads a notice of Amazon SES.
func amazon(n *notice) (Report, bool) {
	if !strings.Contains(strings.ToLower(n.header.get("from")), "sns.amazonaws.com") {
		return Report{}, false
	}
	var note sesNotice
	if !decodeJSON(n.text, &note) || note.Message != "" && !decodeJSON(note.Message, &note) {
		return Report{}, false
	}
	common := note.Mail.Common
	report := Report{Returned: Returned{MessageID: strings.Trim(short(common.MessageID), "<> "), Subject: short(common.Subject)}}
	for _, header := range note.Mail.Headers {
		if report.Returned.MessageID == "" && strings.EqualFold(header.Name, "Message-ID") {
			report.Returned.MessageID = strings.Trim(short(header.Value), "<> ")
		}
	}
	if len(common.From) > 0 {
		report.Returned.From = addressIn(common.From[0])
	}
	for _, to := range common.To[:min(len(common.To), maxRecipients)] {
		report.Returned.To = append(report.Returned.To, addressIn(to))
	}
	switch note.NotificationType {
	case "Bounce":
		report.Kind, report.Reporter = Delivery, short(typed(note.Bounce.Reporter))
		for _, one := range note.Bounce.Recipients[:min(len(note.Bounce.Recipients), maxRecipients)] {
			r := readReply(typed(one.Diagnostic))
			if isStatus(one.Status) {
				r.told = one.Status
			}
			if r.told == "" && r.said == "" && note.Bounce.BounceType == "Transient" {
				r.told = "4.0.0"
			}
			entry := desk.DeliveryReport{Final: short(one.Email), Action: actionOf(one.Action, r)}
			r.judge(&entry, typed(one.Diagnostic), "")
			report.Recipients = append(report.Recipients, entry)
		}
	case "Delivery":
		report.Kind, report.Reporter = Delivery, short(note.Delivery.Reporter)
		for _, addr := range note.Delivery.Recipients[:min(len(note.Delivery.Recipients), maxRecipients)] {
			r := readReply(note.Delivery.Response)
			entry := desk.DeliveryReport{Final: short(addr), Action: desk.ActionDelivered}
			r.judge(&entry, note.Delivery.Response, "")
			report.Recipients = append(report.Recipients, entry)
		}
	case "Complaint":
		report.Kind = Feedback
		report.Complaint = &desk.Complaint{Type: short(strings.ToLower(note.Complaint.Type)), Agent: short(note.Complaint.Agent), Incidents: 1}
		if report.Complaint.Type == "" {
			report.Complaint.Type = "abuse"
		}
		for _, one := range note.Complaint.Recipients[:min(len(note.Complaint.Recipients), maxRecipients)] {
			report.Complaint.Recipients = append(report.Complaint.Recipients, short(one.Email))
		}
	default:
		return Report{}, false
	}
	return report, true
}

// decodeJSON reads the first object in a text. Lines that a mail program broke are joined, which JSON allows between values only.
func decodeJSON(text string, into *sesNotice) bool {
	start := strings.IndexByte(text, '{')
	if start < 0 {
		return false
	}
	text = strings.NewReplacer("\r", "", "\n ", "", "\n", "").Replace(text[start:])
	return json.NewDecoder(strings.NewReader(text)).Decode(into) == nil
}
