package tickets

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// listening hears the news, and returns once it does.
func (h *house) listening(t *testing.T, heard chan store.News) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Listen(ctx, func(news store.News) { heard <- news }, func(error) {})
	}()
	t.Cleanup(func() { cancel(); <-done })
	for { // until the first news arrives nobody can know that the connection listens
		if err := h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.Announce(t.Context(), store.News{Settings: true}) }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			for len(heard) > 0 {
				<-heard
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The canary: a customer never meets another customer's ticket, whatever is asked, and of their own only what is public.
func TestCustomerSeesOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, _ := h.ask(t)
	upload := func(name string) int64 {
		file, err := h.Upload(t.Context(), h.ann, NewFile{Name: name, Size: 5, R: strings.NewReader("hello")})
		if err != nil {
			t.Fatal(err)
		}
		return file.ID
	}
	public, private := upload("public.txt"), upload("private.txt")
	h.reply(t, desk.ReplyRequest{Ticket: mine, Text: "An answer", To: []desk.Address{carol}, Bcc: []desk.Address{{Addr: "boss@other.test"}}, Uploads: []int64{public}})
	note, err := h.Note(t.Context(), h.ann, mine, "canary-note", []int64{private})
	if err != nil {
		t.Fatal(err)
	}
	h.mail(t, inbound{Ticket: mine, From: desk.Address{Addr: "eve@other.test"}, To: []desk.Address{support}, Subject: "x", Text: "canary-stranger", Pending: true})
	theirs, foreign := h.mail(t, inbound{From: dave, To: []desk.Address{support}, Subject: "canary-subject", Text: "canary-text"})
	hidden := upload("hidden.txt")
	h.reply(t, desk.ReplyRequest{Ticket: theirs, Text: "canary-reply", Uploads: []int64{hidden}})
	customer := h.person(t, "carol@customer.test", "Carol", desk.RoleCustomer)
	ctx := t.Context()

	_, err = h.Get(ctx, customer, theirs)
	wantFault(t, err, desk.NotFound)
	_, err = h.Conversation(ctx, customer, theirs, "", 50)
	wantFault(t, err, desk.NotFound)
	_, err = h.Message(ctx, customer, foreign)
	wantFault(t, err, desk.NotFound)
	_, err = h.Message(ctx, customer, note.ID)
	wantFault(t, err, desk.NotFound)
	for _, id := range []int64{hidden, private} {
		_, _, err = h.Attachment(ctx, customer, id)
		wantFault(t, err, desk.NotFound)
	}
	_, err = h.Participants(ctx, customer, theirs)
	wantFault(t, err, desk.NotFound)
	_, err = h.OtherTickets(ctx, customer, theirs)
	wantFault(t, err, desk.NotFound)
	for _, query := range []string{"", "canary", "canary-note", "canary-text", "from:dave", "#" + hash(theirs)[1:], hash(theirs)[1:], "-pump", `"canary-reply"`, "subject:canary", "to:dave"} {
		page, err := h.List(ctx, customer, desk.TicketQuery{Text: query})
		if err != nil {
			t.Fatal(query, err)
		}
		for _, ticket := range page.Items {
			if ticket.ID != mine || strings.Contains(query, "canary") {
				t.Errorf("%q finds #%d %s", query, ticket.ID, ticket.Subject)
			}
		}
	}
	page, err := h.Conversation(ctx, customer, mine, "", 50)
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("the own conversation has %d messages, %v", len(page.Items), err)
	}
	for _, m := range page.Items {
		if len(m.Facts) > 0 || len(m.Deliveries) > 0 || strings.Contains(m.Text, "canary") {
			t.Errorf("message %+v tells too much", m)
		}
	}
	if _, _, err := h.Attachment(ctx, customer, public); err != nil {
		t.Errorf("a file of their own answer: %v", err)
	}
	counts, err := h.Counts(ctx, customer)
	if err != nil || counts != (desk.ViewCounts{Open: 1, Unassigned: 1}) {
		t.Errorf("counts are %+v, %v", counts, err)
	}
	if people, err := h.Participants(ctx, customer, mine); err != nil || len(people) != 0 {
		t.Errorf("people are %+v, %v", people, err)
	}
	for name, err := range map[string]error{
		"note":      second(h.Note(ctx, customer, mine, "x", nil)),
		"update":    second(h.Update(ctx, customer, mine, desk.TicketChange{})),
		"suspended": second(h.Suspended(ctx, customer, desk.SuspendedQuery{Limit: 1})),
		"merge":     h.Merge(ctx, customer, mine, theirs),
		"move":      h.Move(ctx, customer, foreign, mine),
		"original":  third(h.Original(ctx, customer, foreign)),
		"link":      second(h.Link(ctx, customer, public, "")),
		"release":   second(h.Release(ctx, customer, 1, 0)),
		"draft":     h.SaveDraft(ctx, customer, desk.Draft{TicketID: mine, Kind: desk.KindReply}),
		"upload":    second(h.Upload(ctx, customer, NewFile{Name: "x", R: strings.NewReader("x"), Size: 1})),
	} {
		t.Log(name)
		wantFault(t, err, desk.Forbidden)
	}
}

func second[T any](_ T, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

// Those who wait come first, the longest waiting at the top; then the rest by their last change; and no page loses or doubles any.
func TestListOrders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var numbers []int64
	for i := range 12 {
		number, _ := h.ask(t)
		numbers = append(numbers, number)
		if i%4 != 0 || i == 0 {
			h.clock.wait(time.Minute) // some came at the same moment
		}
		if i%3 == 0 {
			h.reply(t, desk.ReplyRequest{Ticket: number, Text: "x"})
		}
	}
	walk := func(q desk.TicketQuery) (found []int64) {
		t.Helper()
		for {
			page, err := h.List(t.Context(), h.ann, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, ticket := range page.Items {
				found = append(found, ticket.ID)
			}
			if q.Cursor = page.Next; page.Next == "" {
				return found
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 5, 8, 12, 100} {
		if got, want := walk(desk.TicketQuery{Limit: limit}), []int64{2, 3, 5, 6, 8, 9, 11, 12, 10, 7, 4, 1}; !slices.Equal(got, want) {
			t.Errorf("waiting, %d a page: %v, want %v", limit, got, want)
		}
		if got, want := walk(desk.TicketQuery{Limit: limit, Order: desk.OrderNewest}), []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("newest, %d a page: %v, want %v", limit, got, want)
		}
		if got := walk(desk.TicketQuery{Limit: limit, Order: desk.OrderUpdated}); len(got) != len(numbers) {
			t.Errorf("updated, %d a page: %v", limit, got)
		}
		if got, want := walk(desk.TicketQuery{Limit: limit, Statuses: []desk.Status{desk.StatusPending}}), []int64{10, 7, 4, 1}; !slices.Equal(got, want) {
			t.Errorf("pending, %d a page: %v, want %v", limit, got, want)
		}
	}
	for _, bad := range []desk.TicketQuery{{Cursor: "x"}, {Order: "sideways"}, {Statuses: []desk.Status{"gone"}}, {Text: "status:gone"}, {Text: "before:soon"}, {Text: "has:wings"},
		{Text: "from:"}, {Text: "priority:huge"}, {Text: "is:blue"}, {Text: "field:=x"}, {Text: "-status:gone"}, {Priorities: []desk.Priority{"huge"}}} {
		_, err := h.List(t.Context(), h.ann, bad)
		wantFault(t, err, desk.Invalid)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	pump, _ := h.mail(t, inbound{From: carol, To: []desk.Address{support, dave}, Subject: "Broken pump", Text: "My Größe XL pump, order 4711, is 100% broken and_so on."})
	h.clock.wait(48 * time.Hour)
	bill, _ := h.mail(t, inbound{From: dave, To: []desk.Address{{Addr: "sales@example.com"}}, Subject: "Invoice", Text: "The order of words is not pump 4711."})
	if _, err := h.Update(t.Context(), h.ann, bill, desk.TicketChange{Assignee: &h.bob.User.ID, AddTags: []string{"money"}}); err != nil {
		t.Fatal(err)
	}
	file, err := h.Upload(t.Context(), h.ann, NewFile{Name: "a", Size: 1, R: strings.NewReader("a")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Note(t.Context(), h.ann, bill, "secret thought", []int64{file.ID}); err != nil {
		t.Fatal(err)
	}
	h.sql(t, `with team as (insert into team (name) values ('Repairs') returning id), member as (insert into team_member select id, $1 from team)
		update ticket set priority = 'high', team_id = (select id from team), fields = '{"plan": "Gold"}', answer_due_at = $2 where id = $3`, h.ann.User.ID, h.clock.now().Add(-time.Hour), bill)
	h.sql(t, `update ticket set snoozed_until = $1 where id = $2`, h.clock.now().Add(time.Hour), pump)
	for query, want := range map[string][]int64{
		"":                              {pump, bill},
		"pump":                          {pump, bill},
		"PUM":                           {pump, bill},
		"grosse":                        {pump},
		"groß":                          {pump},
		`"broken and"`:                  {pump},
		`"broken pump"`:                 {pump},
		`"100% broken and_so"`:          {pump},
		`"100% broken andxso"`:          {},
		`"order of"`:                    {bill},
		"pump -invoice":                 {pump},
		"from:carol":                    {pump},
		"from:car":                      {pump},
		"from:customer.test":            {pump, bill},
		"-from:carol":                   {bill},
		"to:dave":                       {},
		"subject:inv":                   {bill},
		"status:new":                    {pump},
		"is:open":                       {bill},
		"status:new status:open":        {pump, bill},
		"assignee:me":                   {},
		"assignee:bob":                  {bill},
		"assignee:none":                 {pump},
		"is:unassigned":                 {pump},
		"tag:Money":                     {bill},
		"mailbox:support":               {pump, bill},
		"mailbox:sales":                 {},
		"has:attachment":                {bill},
		"before:2026-11-23":             {pump},
		"after:2026-11-23":              {bill},
		"secret":                        {bill},
		"4711":                          {pump, bill},
		"2":                             {bill},
		"#1":                            {pump},
		"carol@customer.test":           {pump},
		"':* | ! \\":                    {pump, bill},
		"no:operator":                   {},
		"nothing":                       {},
		"-tag:money":                    {pump},
		"-status:new":                   {bill},
		"-assignee:bob":                 {pump},
		"-is:unassigned":                {bill},
		"-has:attachment":               {pump},
		"-subject:invoice":              {pump},
		"priority:high":                 {bill},
		"-priority:high":                {pump},
		"priority:high priority:normal": {pump, bill},
		"team:mine":                     {bill},
		"team:repair":                   {bill},
		"team:none":                     {pump},
		"is:snoozed":                    {pump},
		"-is:snoozed":                   {bill},
		"is:overdue":                    {bill},
		"field:plan=Gold":               {bill},
		"field:plan":                    {bill},
		"field:plan=gold":               {},
		"-field:plan=Gold":              {pump},
		`field:plan="not so"`:           {},
		"pump\x00 \xff":                 {pump, bill},
	} {
		page, err := h.List(t.Context(), h.ann, desk.TicketQuery{Text: query, Order: desk.OrderNewest})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		got := []int64{}
		for _, ticket := range page.Items {
			got = append(got, ticket.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
	for _, q := range []desk.TicketQuery{{Requester: "Carol@customer.test"}, {MailboxID: h.support, Statuses: []desk.Status{desk.StatusNew}}, {Unassigned: true}} {
		if page, err := h.List(t.Context(), h.ann, q); err != nil || len(page.Items) != 1 || page.Items[0].ID != pump {
			t.Errorf("%+v: %v, %v", q, page.Items, err)
		}
	}
}

func TestParseTerms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]term{
		"":                          nil,
		"  two  words ":             {{Value: "two"}, {Value: "words"}},
		`from:"Bob Miller" x`:       {{Name: "from", Value: "Bob Miller", Quoted: true}, {Value: "x"}},
		`-from:bob -"a b" -c`:       {{Name: "from", Value: "bob", Absent: true}, {Value: "a b", Quoted: true, Absent: true}, {Value: "c", Absent: true}},
		`"not closed`:               {{Value: "not closed", Quoted: true}},
		"TAG:Money":                 {{Name: "tag", Value: "Money"}},
		"http://x.test/a:b":         {{Value: "http://x.test/a:b"}},
		"from: x":                   {{Name: "from", Value: "x"}},
		"from:":                     {{Name: "from"}},
		`field:plan="very large" y`: {{Name: "field", Value: "plan=very large"}, {Value: "y"}},
		`field:plan=gold`:           {{Name: "field", Value: "plan=gold"}},
		`"" - -`:                    nil,
		"before:2026-01-02":         {{Name: "before", Value: "2026-01-02"}},
		strings.Repeat("a ", 30):    slices.Repeat([]term{{Value: "a"}}, mostTerms),
		"x:from:y":                  {{Value: "x:from:y"}},
		"\u00a0wide\u2003space\t\n": {{Value: "wide"}, {Value: "space"}},
	} {
		if got := parseTerms(text); !slices.Equal(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 6 {
		number, _ := h.ask(t)
		status := desk.Statuses[i]
		if _, err := h.Update(t.Context(), h.ann, number, desk.TicketChange{Assignee: &h.ann.User.ID, Status: &status}); err != nil {
			t.Fatal(err)
		}
	}
	h.ask(t)
	gone, _ := h.ask(t)
	if err := h.Merge(t.Context(), h.ann, gone, 1); err != nil {
		t.Fatal(err)
	}
	counts, err := h.Counts(t.Context(), h.ann)
	if want := (desk.ViewCounts{Unassigned: 1, Mine: 3, Open: 3, Pending: 1, Hold: 1, Solved: 1}); err != nil || counts != want {
		t.Errorf("counts are %+v, %v, want %+v", counts, err, want)
	}
}
