package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"postern/desk"
	"postern/language"
)

// A rule or a macro is edited in one form that needs no script: its rows are numbered fields, and a button that adds or removes a row sends the form and gets it back with that row.

// ruleRow is one condition or action of the form.
type ruleRow struct {
	N       int        // from 0
	ID      string     // begins the names of its fields
	Kinds   []menuLine // what it looks at, or does
	How     []menuLine // comparisons; none for an action
	Named   bool       // it needs a name
	Name    string
	Names   []menuLine // of fields; none: it is typed
	Options []menuLine // values; none: it is typed
	Span    bool       // the value is a number with a unit
	Number  string
	Units   []menuLine
	Long    bool // the value is a text of several lines
	Plain   bool // there is no value
	Value   string
	Hint    string // what is meant by the value, as a placeholder
}

const (
	mostRows = 20
	// step names the button that was pressed; of a form that was sent by Enter there is none, and it is saved.
	stepSave = "save"
)

// conditionsOf reads the conditions out of a form.
func conditionsOf(form url.Values) (list []desk.Condition) {
	for i := range min(number64(form, "conditions"), mostRows) {
		id := "if" + strconv.FormatInt(i, 10) + "-"
		one := desk.Condition{Of: desk.Subject(form.Get(id + "of")), Is: desk.Comparison(form.Get(id + "is")), Name: form.Get(id + "name"), Value: form.Get(id + "value")}
		if one.Of.Sort() == desk.SortSpan && form.Has(id+"number") {
			one.Value = typedSpan(form, id)
		}
		if allowed := one.Of.Sort().Comparisons(); !slices.Contains(allowed, one.Is) { // what it looks at was changed
			one.Is, one.Value = allowed[0], ""
		}
		list = append(list, one)
	}
	return list
}

// actionsOf reads the actions out of a form.
func actionsOf(form url.Values) (list []desk.Action) {
	for i := range min(number64(form, "actions"), mostRows) {
		id := "do" + strconv.FormatInt(i, 10) + "-"
		one := desk.Action{Do: desk.ActionKind(form.Get(id + "of")), Name: form.Get(id + "name"), Value: form.Get(id + "value")}
		switch one.Do {
		case desk.ActAssign, desk.ActTeam, desk.ActReply, desk.ActNotify, desk.ActNotifyTeam:
			one.ID, one.Value = number64(form, id+"value"), ""
		case desk.ActSnooze:
			one.Value = typedSpan(form, id)
		case desk.ActTake, desk.ActSpam:
			one.Value = ""
		}
		if one.Do != desk.ActField {
			one.Name = ""
		}
		list = append(list, one)
	}
	return list
}

// typedSpan puts a number and its unit together.
func typedSpan(form url.Values, id string) string {
	return strings.TrimSpace(form.Get(id+"number")) + form.Get(id+"unit")
}

// stepped adds or removes the row that a button asks for. done is false where the form is to be saved.
func stepped(form url.Values, conditions *[]desk.Condition, actions *[]desk.Action) (done bool) {
	step := form.Get("step")
	name, at, _ := strings.Cut(step, ":")
	n, err := strconv.Atoi(at)
	switch {
	case step == "" || step == stepSave:
		return false
	case name == "add-condition" && len(*conditions) < mostRows:
		*conditions = append(*conditions, desk.Condition{Of: desk.OfSubject, Is: desk.Contains})
	case name == "add-action" && len(*actions) < mostRows:
		*actions = append(*actions, desk.Action{Do: desk.ActAddTags})
	case name == "drop-condition" && err == nil && n >= 0 && n < len(*conditions):
		*conditions = slices.Delete(*conditions, n, n+1)
	case name == "drop-action" && err == nil && n >= 0 && n < len(*actions):
		*actions = slices.Delete(*actions, n, n+1)
	}
	return true
}

// conditionRows are the rows of a form for conditions.
func (l ruleLists) conditionRows(lang *language.Language, list []desk.Condition) []ruleRow {
	rows := make([]ruleRow, len(list))
	for i, one := range list {
		row := ruleRow{N: i, ID: "if" + strconv.Itoa(i) + "-", Name: one.Name, Value: one.Value, Named: one.Of == desk.OfField || one.Of == desk.OfHeader}
		row.Kinds = chosen(wordChoices(lang, desk.Subjects, subjectWords), string(one.Of))
		row.How = chosen(wordChoices(lang, one.Of.Sort().Comparisons(), comparisonWords), string(one.Is))
		row.Options = chosen(l.optionsOf(lang, one.Of), one.Value)
		if one.Of == desk.OfField {
			row.Names = chosen(l.Fields, one.Name)
		}
		if one.Of.Sort() == desk.SortSpan {
			row.span(lang, one.Value)
		}
		row.Hint = map[desk.Subject]string{desk.OfSender: "anna@customer.example", desk.OfDomain: "customer.example"}[one.Of]
		rows[i] = row
	}
	return rows
}

// actionRows are the rows of a form for actions, with the kinds that make sense there.
func (l ruleLists) actionRows(lang *language.Language, list []desk.Action, kinds []desk.ActionKind) []ruleRow {
	rows := make([]ruleRow, len(list))
	for i, one := range list {
		value := one.Value
		if options := l.optionsFor(lang, one.Do); options != nil && value == "" {
			value = strconv.FormatInt(one.ID, 10)
		}
		row := ruleRow{N: i, ID: "do" + strconv.Itoa(i) + "-", Name: one.Name, Value: one.Value, Named: one.Do == desk.ActField, Long: one.Do == desk.ActNote,
			Plain: one.Do == desk.ActTake || one.Do == desk.ActSpam}
		row.Kinds = chosen(wordChoices(lang, kinds, actionKindWords), string(one.Do))
		row.Options = chosen(l.optionsFor(lang, one.Do), value)
		if one.Do == desk.ActField {
			row.Names = chosen(l.Fields, one.Name)
		}
		if one.Do == desk.ActSnooze {
			row.span(lang, one.Value)
		}
		rows[i] = row
	}
	return rows
}

// span makes the value of a row a number with a unit.
func (r *ruleRow) span(lang *language.Language, value string) {
	unit := "h"
	r.Span, r.Number = true, value
	if n := len(value); n > 0 && strings.Contains("mhd", value[n-1:]) {
		r.Number, unit = value[:n-1], value[n-1:]
	}
	r.Units = chosen([]menuLine{{Value: "m", Title: lang.Say("minutes")}, {Value: "h", Title: lang.Say("hours")}, {Value: "d", Title: lang.Say("days")}}, unit)
}

// chosen marks the line of a menu that is chosen.
func chosen(list []menuLine, value string) []menuLine {
	list = slices.Clone(list)
	for i := range list {
		list[i].Chosen = list[i].Value == value
	}
	return list
}

// placedRow is a row with its place for people.
type placedRow struct {
	Place int
	Row   ruleRow
	Look  string // where the form is sent when what a row looks at changes
}

// placed counts from 1.
func placed(i int, row ruleRow, look string) placedRow { return placedRow{i + 1, row, look} }
