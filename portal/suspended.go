package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// suspendedPage lists the mails that are held back.
type suspendedPage struct {
	page
	At      heldList
	Causes  []causeChip
	Rows    []heldMail
	Next    string
	Problem string // what a bulk action left undone, and why
	Days    int    // how long an entry is kept
}

// causeChip narrows the list to one cause.
type causeChip struct {
	Title, URL string
	Count      int64
	Here       bool
}

// heldList is what the list is narrowed to, as the address bar holds it: everything that a way back to the same list needs.
type heldList struct {
	Cause  desk.Cause
	Query  string
	Cursor string
}

// heldListOf reads the list out of an address.
func heldListOf(values url.Values) heldList {
	return heldList{Cause: desk.Cause(values.Get("cause")), Query: strings.TrimSpace(values.Get("q")), Cursor: values.Get("cursor")}
}

// suffix is the list after a path: ?cause=… or nothing.
func (l heldList) suffix() string {
	v := url.Values{}
	for name, value := range map[string]string{"cause": string(l.Cause), "q": l.Query, "cursor": l.Cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// URL is the address of the list.
func (l heldList) URL() string { return "/suspended" + l.suffix() }

// Entry is the address of one mail seen from this list.
func (l heldList) Entry(id int64) string { return fmt.Sprintf("/suspended/%d%s", id, l.suffix()) }

// More is the address of the next page of the list.
func (l heldList) More(cursor string) string {
	l.Cursor = cursor
	return l.URL()
}

// done is the address of the list with a notice about what was just done to so many mails.
func (l heldList) done(word string, count int) string {
	l.Cursor = "" // what was acted on may have been all of that page
	sep := "?"
	if l.suffix() != "" {
		sep = "&"
	}
	return l.URL() + sep + url.Values{"done": {word}, "n": {strconv.Itoa(count)}}.Encode()
}

// pageLimit is how many rows the plain lists show at once.
const pageLimit = 50

// suspendedList shows what is held back.
func (p *Portal) suspendedList(c *call) error {
	return p.suspendedPage(c, heldListOf(c.r.URL.Query()), nil)
}

// suspendedPage renders the list, with the mails to which a bulk action could not be done.
func (p *Portal) suspendedPage(c *call, at heldList, failed map[int64]string) error {
	ctx := c.r.Context()
	found, err := p.tickets.Suspended(ctx, c.actor, desk.SuspendedQuery{Cause: at.Cause, Text: at.Query, Cursor: at.Cursor, Limit: pageLimit})
	if err != nil {
		return err
	}
	counts, err := p.tickets.SuspendedCauses(ctx, c.actor)
	if err != nil {
		return err
	}
	around, err := p.aroundHeld(c, at)
	if err != nil {
		return err
	}
	answer := suspendedPage{At: at, Causes: causeChips(c.lang, at, counts), Next: found.Next, Days: around.policy.SuspendedDays}
	for _, mail := range found.Items {
		row, err := p.heldMail(mail, around)
		if err != nil {
			return err
		}
		row.Problem = failed[mail.ID]
		answer.Rows = append(answer.Rows, row)
	}
	status := http.StatusOK
	if len(failed) > 0 {
		reasons := slices.Compact(slices.Sorted(maps.Values(failed)))
		answer.Problem = c.lang.Count(int64(len(failed)), "One mail was left as it was: %[2]s", "%d mails were left as they were: %s", strings.Join(reasons, " "))
		status = http.StatusConflict
	}
	if answer.page, err = p.framed(c, "Suspended mail", "/suspended"); err != nil {
		return err
	}
	return p.render(c, view{status, "suspended", "layout"}, answer)
}

// causeChips are the causes of which there is mail, in the order in which people meet them, and the one that is chosen.
func causeChips(lang *language.Language, at heldList, counts []desk.CauseCount) []causeChip {
	count, all := map[desk.Cause]int64{}, int64(0)
	for _, one := range counts {
		count[one.Cause] = one.Count
		all += one.Count
	}
	chips := []causeChip{{Title: lang.Say("All"), URL: heldList{Query: at.Query}.URL(), Count: all, Here: at.Cause == ""}}
	for _, cause := range desk.CauseList {
		if count[cause] > 0 || at.Cause == cause {
			chips = append(chips, causeChip{Title: lang.Say(label(cause)), URL: heldList{Cause: cause, Query: at.Query}.URL(), Count: count[cause], Here: at.Cause == cause})
		}
	}
	return chips
}

// heldMail is one mail that is held back, in words.
type heldMail struct {
	desk.SuspendedMail
	Words    string // the cause, explained
	Envelope desk.Envelope
	For      []string // mailboxes of ours that it is for
	Purge    string   // when it goes, in words
	Facts    []fact   // who wrote it and what the filters say
	Verified bool     // its sender was proved when it came
	At       heldList
	Problem  string // why the last action was not done to it
	Open     bool   // with all that is known of it
	Ticket   string // as typed into the form that releases it into one
}

// around is what every held mail is shown with.
type around struct {
	policy    desk.Policy
	mailboxes map[int64]string
	at        heldList
	lang      *language.Language
}

// aroundHeld asks for it once a page.
func (p *Portal) aroundHeld(c *call, at heldList) (around, error) {
	policy, err := p.tickets.Policy(c.r.Context(), c.actor)
	if err != nil {
		return around{}, err
	}
	mailboxes, err := p.domains.Mailboxes(c.r.Context())
	if err != nil {
		return around{}, err
	}
	all := around{policy: policy, mailboxes: map[int64]string{}, at: at, lang: c.lang}
	for _, box := range mailboxes {
		all.mailboxes[box.ID] = box.Address
	}
	return all, nil
}

// heldMail puts one mail into words.
func (p *Portal) heldMail(mail desk.SuspendedMail, around around) (heldMail, error) {
	one := heldMail{SuspendedMail: mail, Words: around.lang.Say(desk.Causes[mail.Cause]), At: around.at, Purge: purged(around.lang, mail.ReceivedAt.Add(around.policy.Keep()), p.now())}
	var verdict desk.Verdict
	var opinion desk.Opinion
	for _, part := range []struct {
		name  string
		bytes json.RawMessage
		into  any
	}{{"envelope", mail.Envelope, &one.Envelope}, {"verdict", mail.Verdict, &verdict}, {"opinion", mail.Opinion, &opinion}} {
		if err := json.Unmarshal(part.bytes, part.into); err != nil && len(part.bytes) > 0 {
			return one, fmt.Errorf("portal: suspended mail %d: %s: %w", mail.ID, part.name, err)
		}
	}
	for _, id := range mail.Mailboxes {
		if address := around.mailboxes[id]; address != "" {
			one.For = append(one.For, address)
		}
	}
	if len(one.For) == 0 {
		one.For = one.Envelope.Recipients
	}
	one.Facts = append(proofs(around.lang, &verdict), opinions(around.lang, &opinion)...)
	one.Verified = verdict.Verified(verdict.From != "")
	return one, nil
}

// purged says in how long a mail that is held back goes, rounded up.
func purged(lang *language.Language, until, now time.Time) string {
	switch days, hours := left(until, now); {
	case days > 0:
		return lang.Count(days, "purged in a day", "purged in %d days")
	case hours > 0:
		return lang.Count(hours, "purged in an hour", "purged in %d hours")
	}
	return lang.Say("purged soon")
}

// noLonger says in how long a rule ends, rounded up.
func noLonger(lang *language.Language, until, now time.Time) string {
	switch days, hours := left(until, now); {
	case days > 0:
		return lang.Count(days, "in a day no longer", "in %d days no longer")
	case hours > 0:
		return lang.Count(hours, "in an hour no longer", "in %d hours no longer")
	}
	return lang.Say("soon no longer")
}

// left is how long it is until a time, rounded up: in days where there are more than two, else in hours where there are more than two. Both are 0 where it is less.
func left(until, now time.Time) (days, hours int64) {
	switch left := until.Sub(now); {
	case left > 48*time.Hour:
		return int64(math.Ceil(left.Hours() / 24)), 0
	case left > 2*time.Hour:
		return 0, int64(math.Ceil(left.Hours()))
	}
	return 0, 0
}
