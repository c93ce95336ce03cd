package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed phrases.txt
var script string

// language is how people of one language write to a desk.
type language struct {
	code                                   string
	weight                                 int // of a hundred mails, how many are in it
	first, last, city, domains, greet, bye []string
	wrote                                  string // the line over what is quoted
	any                                    topic  // what fits every subject
	topics                                 []topic
}

// topic is one reason to write.
type topic struct {
	name, tag            string
	subject, ask, answer []string
	note                 []string
}

// languages reads the phrases.
func languages(text string) ([]language, error) {
	var all []language
	var at *topic
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		wrong := func(why string) error { return fmt.Errorf("phrases, line %d: %s", i+1, why) }
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			code, weight, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
			n, err := strconv.Atoi(strings.TrimSpace(weight))
			if err != nil || n < 1 {
				return nil, wrong("a language has a weight")
			}
			all, at = append(all, language{code: code, weight: n}), nil
		case len(all) == 0:
			return nil, wrong("no language yet")
		case strings.HasPrefix(line, "=="):
			l := &all[len(all)-1]
			name, tag, _ := strings.Cut(strings.TrimSpace(line[2:]), " ")
			if name == "any" {
				at = &l.any
				continue
			}
			l.topics = append(l.topics, topic{name: name, tag: tag})
			at = &l.topics[len(l.topics)-1]
		default:
			name, value, _ := strings.Cut(line, ":")
			if !all[len(all)-1].take(at, name, strings.TrimSpace(value)) {
				return nil, wrong(fmt.Sprintf("nothing is called %q here", name))
			}
		}
	}
	return all, nil
}

// take puts one line where it belongs.
func (l *language) take(at *topic, name, value string) bool {
	lists := map[string]*[]string{"first": &l.first, "last": &l.last, "city": &l.city, "domains": &l.domains, "greet": &l.greet, "bye": &l.bye}
	if list, is := lists[name]; is && at == nil {
		*list = strings.Split(value, "|")
		return true
	}
	if name == "wrote" && at == nil {
		l.wrote = value
		return true
	}
	if at == nil {
		return false
	}
	list, is := map[string]*[]string{"subject": &at.subject, "ask": &at.ask, "answer": &at.answer, "note": &at.note}[name]
	if is {
		*list = append(*list, value)
	}
	return is
}
