package api

import (
	"context"
	"net/http"

	"postern/audit"
	"postern/desk"
)

// readingRoutes are the calls by which programs read what people wrote or are, and the kind of what they read. The name of it is the last part of the path that has one.
var readingRoutes = map[string]string{
	"GET " + Base + "/tickets/{number}":          "ticket",
	"GET " + Base + "/tickets/{number}/messages": "ticket",
	"GET " + Base + "/messages/{id}/original":    "original",
	"GET " + Base + "/attachments/{id}":          "attachment",
	"GET " + Base + "/suspended/{id}":            "suspended",
	"GET " + Base + "/suspended.csv":             "export",
	"GET " + Base + "/audit/export":              "export",
}

// noted writes down what was read, if that is wanted.
func (a *API) noted(r *http.Request, pattern string, status int) {
	kind, is := readingRoutes[pattern]
	if pattern == "GET "+Base+"/tickets" && r.URL.Query().Get("q") != "" {
		kind, is = "search", true
	}
	actor := visitOf(r.Context()).actor
	if !is || a.cfg.Audit == nil || actor.Person().ID == 0 || status >= http.StatusBadRequest {
		return
	}
	values, err := a.cfg.Identity.Settings(r.Context())
	if err != nil || !values.On(desk.AccessLog) && actor.Behind == nil {
		return
	}
	name := r.PathValue("number")
	if name == "" {
		name = r.PathValue("id")
	}
	entry := desk.AccessEntry{UserID: actor.Person().ID, Via: "api", IP: actor.IP, Kind: kind, Subject: audit.Subject(kind, name), Method: r.Method, Route: pattern, Request: visitOf(r.Context()).id}
	if actor.Token != 0 {
		entry.Token = &actor.Token
	}
	if actor.Behind != nil {
		entry.OnBehalf = actor.User.Email
	}
	a.cfg.Audit.Read(entry)
}

// AlertPage asks for a page of alerts.
type AlertPage struct {
	Page
}

func (a *API) listAlerts(ctx context.Context, actor desk.Actor, in *AlertPage) (list[desk.Alert], error) {
	found, err := a.cfg.Audit.Alerts(ctx, actor, false, in.Cursor, in.Limit)
	return listed(found, func(one desk.Alert) desk.Alert { one.At = one.At.UTC(); return one }), err
}

// ReadingPage asks for a page of who read what.
type ReadingPage struct {
	Page
	User    string `query:"user" maxLength:"320" doc:"An address or a part of one."`
	Kind    string `query:"kind" maxLength:"40"`
	Subject string `query:"subject" maxLength:"400" doc:"What was read: ticket/12."`
	IP      string `query:"ip" maxLength:"50"`
}

func (a *API) listReadings(ctx context.Context, actor desk.Actor, in *ReadingPage) (list[desk.AccessEntry], error) {
	found, err := a.cfg.Audit.Readings(ctx, actor, desk.AccessQuery{User: in.User, Kind: in.Kind, Subject: in.Subject, IP: in.IP, Cursor: in.Cursor, Limit: in.Limit})
	return listed(found, func(one desk.AccessEntry) desk.AccessEntry { one.At = one.At.UTC(); return one }), err
}
