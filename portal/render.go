package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

//go:embed template
var templateFiles embed.FS

// page is what the frame around every page needs. Page structs embed it.
type page struct {
	Title  string
	User   desk.User
	Rail   *rail  // nil on pages for people who are not signed in
	Notice string // one sentence about what was just done
	Here   string // address of the page, for pages outside of the desk
	Bare   bool   // a card in the middle of nothing, for sign-in and errors
}

// bare is the frame of a page outside of the desk.
func (p *Portal) bare(c *call, title string) page {
	frame := page{Title: c.lang.Say(title), User: c.actor.User, Here: "/", Bare: true}
	if c.r.Method == http.MethodGet {
		frame.Here = c.r.URL.RequestURI()
	}
	return frame
}

// view names what is rendered: a status, a page's file, and the block of it.
type view struct {
	status int
	name   string
	block  string
}

// show renders a whole page with 200.
func (p *Portal) show(c *call, name string, data any) error {
	return p.render(c, view{http.StatusOK, name, "layout"}, data)
}

// part renders one block of a page, for htmx.
func (p *Portal) part(c *call, name, block string, data any) error {
	return p.render(c, view{http.StatusOK, name, block}, data)
}

// render writes into memory first, so that a template that fails half way becomes an error page and not half a page.
func (p *Portal) render(c *call, v view, data any) error {
	var out bytes.Buffer
	if err := p.pages[c.lang].ExecuteTemplate(&out, v.framed(), data); err != nil {
		return fmt.Errorf("portal: page %s: %w", v.name, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Add("Vary", "HX-Request, Cookie")
	c.w.WriteHeader(v.status)
	if _, err := c.w.Write(inZone(out.Bytes(), c.lang, c.zone, p.now())); err != nil {
		return fmt.Errorf("portal: page %s: %w", v.name, err)
	}
	return nil
}

// frames are the blocks that stand around a page, by their names. Each page has a copy of its own, which holds that page's content.
var frames = []string{"layout", "customer-layout"}

// framed names a block of a page: a frame is the page's own, every other block is there once.
func (v view) framed() string {
	if slices.Contains(frames, v.block) {
		return v.block + " " + v.name
	}
	return v.block
}

// parseTemplates makes one set of all templates in one language. A set for each page would be simpler, and keep a copy of every shared part for each of them: 50 MB a language. Broken templates stop the program at start.
func parseTemplates(lang *language.Language, now func() time.Time) *template.Template {
	files, err := templateFiles.ReadDir("template")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	set, around := template.New("").Funcs(functions(lang, now)), ""
	var pages []string
	for _, file := range files {
		text, err := templateFiles.ReadFile(path.Join("template", file.Name()))
		if err != nil {
			panic(err)
		}
		words, name := squeezed(string(text)), strings.TrimSuffix(file.Name(), ".html")
		switch {
		case strings.HasPrefix(name, "layout"):
			around += words
			continue
		case !strings.HasPrefix(name, "part_"):
			words = strings.Replace(words, `{{define "content"}}`, `{{define "content `+name+`"}}`, 1)
			pages = append(pages, name)
		}
		template.Must(set.New(file.Name()).Parse(words))
	}
	for _, name := range pages {
		template.Must(set.New("frames of " + name).Parse(framesOf(around, name)))
	}
	return set
}

// framesOf are the frames around one page.
func framesOf(text, name string) string {
	for _, frame := range frames {
		text = strings.Replace(text, `{{define "`+frame+`"}}`, `{{define "`+frame+" "+name+`"}}`, 1)
	}
	return strings.ReplaceAll(text, `{{template "content" .}}`, `{{template "content `+name+`" .}}`)
}

// functions are the words that templates may use beyond html/template's own.
func functions(lang *language.Language, now func() time.Time) template.FuncMap {
	all := template.FuncMap{
		"t": lang.Say,
		"n": func(count any, one, many string, values ...any) string {
			return lang.Count(wholeNumber(count), one, many, values...)
		},
		"th":        func(text string, values ...any) template.HTML { return markup(lang, text, values) },
		"said":      func(text any) string { return lang.Sentence(fmt.Sprint(text)) },
		"lang":      func() string { return lang.Code },
		"languages": func() []*language.Language { return language.All },
		"asset":     assetURL,
		"icon":      iconOf,
		"ago":       func(t any) string { return ago(lang, t, now()) },
		"since":     func(t any) string { return since(lang, t, now()) },
		"when":      when,
		"date":      func(t time.Time) string { return lang.Date(t.UTC()) },
		"took":      func(d time.Duration) string { return tookWords(lang, d) },
		"bytes":     lang.Size,
		"word":      func(word any) string { return lang.Say(fmt.Sprint(word)) },
		"initials":  initials,
		"label":     func(word any) string { return lang.Say(label(word)) },
		"country":   func(code string) string { return lang.Say(desk.Countries[code]) },
		"sentence":  func(reason string) string { return sentence(lang.Sentence(reason)) },
		"percent":   func(part, of int64) string { return percent(lang, part, of) },
		"placed":    placed,
		"story":     storyPath,
		"anchor":    storyAnchor,
		"policy":    func(name desk.TLSPolicyName) string { return policyWords(lang, name) },
	}
	maps.Copy(all, workFunctions(lang, now))
	return all
}

// iconOf is a drawing from the sheet of icons. The name is a constant in a template; the text beside it says what it means, so it is hidden from screen readers.
func iconOf(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` + assetURL("icons.svg") + `#` + template.HTMLEscapeString(name) + `"></use></svg>`)
}
