package portal

import (
	"fmt"
	"net/url"
	"strings"

	"postern/desk"
	"postern/store"
)

// tagsPage lists the tags.
type tagsPage struct {
	page
	Tags    []store.Tag
	Part    string // that is looked for
	Next    string
	Problem string
	Typed   string
	Counted int
}

// tagList shows the tags by name.
func (p *Portal) tagList(c *call) error { return p.tagsPage(c, tagsPage{}, nil) }

// tagsPage renders the list, with what was wrong.
func (p *Portal) tagsPage(c *call, answer tagsPage, fault *desk.Fault) error {
	query := c.r.URL.Query()
	answer.Part, answer.Counted = strings.TrimSpace(query.Get("q")), store.CountedTags
	tags, next, err := p.tickets.Tags(c.r.Context(), c.actor, query.Get("after"), answer.Part, 50)
	if err != nil {
		return err
	}
	answer.Tags = tags
	if next != "" {
		answer.Next = "/tags?" + url.Values{"q": {answer.Part}, "after": {next}}.Encode()
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.page, err = p.framed(c, c.lang.Say("Tags"), "/tags"); err != nil {
		return err
	}
	if n := number64(query, "n"); query.Has("n") && answer.Notice != "" {
		answer.Notice += " " + c.lang.Count(n, "One ticket was changed.", "%d tickets were changed.")
	}
	return p.render(c, view{statusOf(fault), "tags", "layout"}, answer)
}

// tagNames are the names of tags as a field offers them.
func (p *Portal) tagNames(c *call) error {
	names, err := p.tickets.TagNames(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return p.part(c, "tags", "tag-names", names)
}

// tagDo adds, renames or removes a tag.
func (p *Portal) tagDo(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	ctx, name, to, n := c.r.Context(), form.Get("name"), strings.TrimSpace(form.Get("to")), 0
	done := "saved"
	switch form.Get("do") {
	case "rename":
		n, err = p.tickets.RenameTag(ctx, c.actor, name, to)
	case "remove":
		done = "removed"
		n, err = p.tickets.DropTag(ctx, c.actor, name)
	default:
		done = "added"
		err = p.tickets.AddTag(ctx, c.actor, name)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.tagsPage(c, tagsPage{Typed: name}, fault)
	}
	if err != nil {
		return err
	}
	if done == "added" {
		return c.seeOther("/tags?done=added")
	}
	return c.seeOther(fmt.Sprintf("/tags?done=%s&n=%d", done, n))
}
