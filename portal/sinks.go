package portal

import (
	"net/url"
	"strings"

	"postern/audit"
	"postern/desk"
)

// sinksPage lists where the audit log is sent, and takes new places.
type sinksPage struct {
	page
	Sinks   []desk.Sink
	Kinds   []desk.SinkKind
	Typed   audit.WantedSink
	Problem string
	Change  bool   // the reader may change them
	Owner   bool   // and stop them
	Secret  string // of a webhook that was just made: shown once
}

// sinkKinds are those to choose from.
var sinkKinds = []desk.SinkKind{desk.SinkSyslog, desk.SinkWebhook, desk.SinkFile}

// sinkList shows where the log is sent.
func (p *Portal) sinkList(c *call) error {
	return p.sinksPage(c, sinksPage{Typed: audit.WantedSink{Kind: desk.SinkSyslog, Enabled: true}}, nil)
}

func (p *Portal) sinksPage(c *call, answer sinksPage, fault *desk.Fault) (err error) {
	if answer.Sinks, err = p.audit.Sinks(c.r.Context(), c.actor); err != nil {
		return err
	}
	answer.Kinds, answer.Change, answer.Owner = sinkKinds, c.actor.Can(desk.MayManageSecurity), c.actor.User.Role == desk.RoleOwner
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, "Where the log is sent", "/security"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "sinks", "layout"}, answer)
}

func sinkOf(form url.Values) audit.WantedSink {
	return audit.WantedSink{Name: strings.TrimSpace(form.Get("name")), Kind: desk.SinkKind(form.Get("kind")), Address: form.Get("address"), Authority: form.Get("authority"),
		Enabled: form.Get("enabled") != "", Whole: form.Get("whole") != ""}
}

// sinkAdd makes a sink. The secret of a webhook is shown on the answer and never again.
func (p *Portal) sinkAdd(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := sinkOf(form)
	wanted.Enabled = true
	_, shown, err := p.audit.SetSink(c.r.Context(), c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned {
		return p.sinksPage(c, sinksPage{Typed: wanted}, fault)
	}
	if err != nil {
		return err
	}
	if shown == "" {
		return c.seeOther("/audit/sinks?done=saved")
	}
	return p.sinksPage(c, sinksPage{Typed: audit.WantedSink{Kind: desk.SinkSyslog, Enabled: true}, Secret: shown}, nil)
}

// sinkSave changes where a sink is, and whether it is used.
func (p *Portal) sinkSave(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	wanted := sinkOf(form)
	if wanted.ID, err = c.id64("id"); err != nil {
		return err
	}
	_, _, err = p.audit.SetSink(c.r.Context(), c.actor, wanted)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Unsigned && fault.Kind != desk.NotFound {
		return p.sinksPage(c, sinksPage{Typed: audit.WantedSink{Kind: desk.SinkSyslog, Enabled: true}}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/audit/sinks?done=saved")
}

// sinkRemove ends a stream.
func (p *Portal) sinkRemove(c *call) error {
	id, err := c.id64("id")
	if err == nil {
		err = p.audit.RemoveSink(c.r.Context(), c.actor, id)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/audit/sinks")
}
