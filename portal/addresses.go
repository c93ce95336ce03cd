package portal

import (
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// addressesPage is where people may come from.
type addressesPage struct {
	page
	Rules   identity.Addresses
	Groups  []rangeGroup
	Yours   string    // where the reader comes from
	Waits   time.Time // until when the last change waits for its confirmation; zero: it does not
	Locked  bool      // the reader may look and not change
	Problem string
	Risky   bool // what was asked for locks the reader out: it goes on only with their address typed
	Typed   typedRange
}

// rangeGroup are the ranges of one list.
type rangeGroup struct {
	List   desk.RangeList
	Ranges []desk.AddressRange
}

// typedRange is a form of the page as it was typed.
type typedRange struct {
	Do                         string
	On, Customers, ByMail      bool
	List                       desk.RangeList
	Range, Name, Until, Remove string
}

const addressesPath = "/security/addresses"

// addressesShow shows the rules.
func (p *Portal) addressesShow(c *call) error {
	return p.addressesPage(c, addressesPage{Typed: typedRange{List: desk.RangesAll}}, nil)
}

func (p *Portal) addressesPage(c *call, answer addressesPage, fault *desk.Fault) (err error) {
	if answer.Rules, answer.Waits, err = p.identity.ShownAddresses(c.r.Context(), c.actor); err != nil {
		return err
	}
	if answer.page, err = p.framed(c, "Where people come from", "/security"); err != nil {
		return err
	}
	answer.Yours, answer.Locked = c.actor.IP, !c.actor.Can(desk.MayManageSecurity)
	for _, list := range desk.RangeLists {
		group := rangeGroup{List: list}
		for _, one := range answer.Rules.Ranges {
			if one.List == list {
				group.Ranges = append(group.Ranges, one)
			}
		}
		answer.Groups = append(answer.Groups, group)
	}
	if fault != nil {
		answer.Problem, answer.Risky = c.sentence(fault.Reason), fault.Field == "address"
	}
	return p.render(c, view{statusOf(fault), "addresses", "layout"}, answer)
}

// addressesPost changes the rules: one form of the page at a time.
func (p *Portal) addressesPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := typedRange{
		Do: form.Get("do"), On: form.Has("on"), Customers: form.Has("customers"), ByMail: form.Has("by_mail"),
		List: desk.RangeList(form.Get("list")), Range: form.Get("range"), Name: strings.TrimSpace(form.Get("name")), Until: form.Get("until"), Remove: form.Get("id"),
	}
	_, err = p.identity.SetAddresses(c.r.Context(), c.actor, strings.TrimSpace(form.Get("address")), func(rules *identity.Addresses) error {
		switch typed.Do {
		case "add":
			return p.addRange(c, rules, typed)
		case "remove":
			id := number64(form, "id")
			rules.Ranges = slices.DeleteFunc(rules.Ranges, func(one desk.AddressRange) bool { return one.ID == id })
			return nil
		case "rules":
			rules.On, rules.Customers, rules.ByMail = typed.On, typed.Customers, typed.ByMail
			return nil
		}
		return desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	})
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.addressesPage(c, addressesPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(addressesPath + "?done=saved")
}

// addRange adds what was typed.
func (p *Portal) addRange(c *call, rules *identity.Addresses, typed typedRange) error {
	found, err := desk.ParseRange(typed.Range)
	if err != nil {
		return err
	}
	add := desk.AddressRange{List: typed.List, Range: found, Name: typed.Name, CreatedAt: p.now(), CreatedBy: c.actor.User.Email}
	if typed.Until != "" {
		day, err := time.ParseInLocation(time.DateOnly, typed.Until, c.zone)
		if err != nil {
			return desk.Wrong("until", "%q is no date", typed.Until)
		}
		add.ExpiresAt = new(day.AddDate(0, 0, 1))
	}
	if slices.ContainsFunc(rules.Ranges, func(one desk.AddressRange) bool { return one.List == add.List && one.Range == add.Range }) {
		return desk.Faultf(desk.Conflict, "%s is in that list already", add.Range)
	}
	rules.Ranges = append(rules.Ranges, add)
	return nil
}

// addressesConfirm keeps a change that would go back by itself, or takes it back.
func (p *Portal) addressesConfirm(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	end := p.identity.ConfirmAddresses
	if form.Get("do") == "back" {
		end = p.identity.TakeBackAddresses
	}
	err = end(c.r.Context(), c.actor)
	if fault := asFault(err); fault != nil {
		return p.addressesPage(c, addressesPage{Typed: typedRange{List: desk.RangesAll}}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(addressesPath + "?done=saved")
}
