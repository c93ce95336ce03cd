package tickets

import (
	"slices"
	"testing"

	"postern/desk"
)

var team = []desk.User{
	{ID: 1, Name: "Ann Bianchi", Email: "ann@example.com"}, {ID: 2, Name: "Bob", Email: "bob@example.com"},
	{ID: 3, Name: "Ann Verdi", Email: "verdi@example.com"}, {ID: 4, Name: "Élodie Dupont", Email: "elodie@example.com"},
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text string
		want []int64
	}{
		{"", nil},
		{"nobody", nil},
		{"@Bob please", []int64{2}},
		{"ask @bob, and @Ann Bianchi.", []int64{2, 1}},
		{"@Ann", nil}, // two people could be meant
		{"@verdi: yes", []int64{3}},
		{"@Ann Verdi", []int64{3}},
		{"@élodie et @ÉLODIE DUPONT", []int64{4}},
		{"(@bob)", []int64{2}},
		{"mail bob@example.com", nil},
		{"@bobby", nil},
		{"@ bob", nil},
		{"@bob @bob", []int64{2}},
		{"@@bob", []int64{2}},
		{"@", nil},
	} {
		got := Mentions(c.text, team)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q names %v, want %v", c.text, got, c.want)
		}
	}
}

func TestCautions(t *testing.T) {
	reply := func(text string) desk.Draft { return desk.Draft{Kind: desk.KindReply, Text: text} }
	for _, c := range []struct {
		name string
		at   lookedAt
		want []desk.CautionKind
	}{
		{"nothing", lookedAt{Draft: reply("We will look into it.")}, nil},
		{"a note's words", lookedAt{Draft: reply("Hello,\nthe customer  is a liar."), Notes: []string{"The customer is a liar."}}, []desk.CautionKind{desk.CautionNote}},
		{"a short note is chance", lookedAt{Draft: reply("It is done."), Notes: []string{"done"}}, nil},
		{"internal", lookedAt{Draft: reply("For internal use only: refund.")}, []desk.CautionKind{desk.CautionInternal}},
		{"internal, in Italian", lookedAt{Draft: reply("Nota interna: rimborsare")}, []desk.CautionKind{desk.CautionInternal}},
		{"the tent is internal to nobody", lookedAt{Draft: reply("The internal wall is thick.")}, nil},
		{"do not tell", lookedAt{Draft: reply("Don't tell the customer yet")}, []desk.CautionKind{desk.CautionInternal}},
		{"a file", lookedAt{Draft: reply("Please see the attached form.")}, []desk.CautionKind{desk.CautionFile}},
		{"a file that is there", lookedAt{Draft: reply("Please see the attached form."), Files: 1}, nil},
		{"a file, in Italian", lookedAt{Draft: reply("In allegato la fattura")}, []desk.CautionKind{desk.CautionFile}},
		{"a file in a quoted line", lookedAt{Draft: reply("Thanks.\n> I attached the form")}, nil},
		{"unattached is another word", lookedAt{Draft: reply("The unattached part")}, nil},
		{"a colleague", lookedAt{Draft: reply("@Bob please answer"), Staff: team}, []desk.CautionKind{desk.CautionColleague}},
		{"a placeholder", lookedAt{Draft: reply("Dear {{customer.name}}")}, []desk.CautionKind{desk.CautionBlank}},
		{"a stranger", lookedAt{Draft: reply("Hello"), Strangers: []string{"x@other.test"}}, []desk.CautionKind{desk.CautionStranger}},
		{"a forward may repeat a note", lookedAt{Draft: desk.Draft{Kind: desk.KindForward, Text: "The customer is a liar."}, Notes: []string{"The customer is a liar."}}, nil},
		{"a forward to the customer", lookedAt{Draft: desk.Draft{Kind: desk.KindForward, Text: "x"}, Customers: []string{"c@c.test"}}, []desk.CautionKind{desk.CautionCustomer}},
	} {
		var got []desk.CautionKind
		for _, caution := range cautions(c.at) {
			got = append(got, caution.Kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Who is new among the recipients the database knows; a note names people, and only those are kept.
func TestCautionsOfATicket(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	if _, err := h.Note(t.Context(), h.ann, number, "@Bob: he has paid three times already", nil); err != nil {
		t.Fatal(err)
	}
	var named int64
	h.row(t, &named, `select user_id from mention`)
	if named != h.bob.User.ID {
		t.Errorf("the note names %d", named)
	}
	other := desk.Address{Addr: "other@third.test"}
	kinds := func(d desk.Draft) (kinds []desk.CautionKind) {
		t.Helper()
		d.TicketID = number
		list, err := h.Cautions(t.Context(), h.ann, d)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			kinds = append(kinds, one.Kind)
		}
		return kinds
	}
	reply := desk.Draft{Kind: desk.KindReply, Text: "he has paid three times already?", To: []desk.Address{carol}, Cc: []desk.Address{other, support, {Addr: "bob@example.com"}}}
	if got := kinds(reply); !slices.Equal(got, []desk.CautionKind{desk.CautionStranger}) {
		t.Errorf("cautions are %v", got)
	}
	reply.Text = "@Bob: he has paid three times already"
	if got := kinds(reply); !slices.Equal(got, []desk.CautionKind{desk.CautionNote, desk.CautionColleague, desk.CautionStranger}) {
		t.Errorf("cautions are %v", got)
	}
	if got := kinds(desk.Draft{Kind: desk.KindForward, Text: "x", To: []desk.Address{carol, other}}); !slices.Equal(got, []desk.CautionKind{desk.CautionCustomer}) {
		t.Errorf("cautions of a forward are %v", got)
	}
	h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", To: []desk.Address{carol, other}, Recipients: desk.AsGiven})
	reply.Text = "Again"
	if got := kinds(reply); len(got) != 0 {
		t.Errorf("who was written to is still new: %v", got)
	}
	found, err := h.SuggestPeople(t.Context(), h.ann, number, "CAR")
	if err != nil || len(found) != 1 || found[0].Address != carol.Addr {
		t.Errorf("suggested are %+v, %v", found, err)
	}
	if found, err = h.SuggestPeople(t.Context(), h.ann, 0, "oth%"); err != nil || len(found) != 0 {
		t.Errorf("suggested are %+v, %v", found, err)
	}
	if people, err := h.SuggestColleagues(t.Context(), h.ann, "b"); err != nil || len(people) != 1 || people[0].Name != "Bob" {
		t.Errorf("colleagues are %+v, %v", people, err)
	}
}
