package desk

import "testing"

func TestFillGoesOverATextOnce(t *testing.T) {
	t.Parallel()
	values := map[Placeholder]string{
		PlaceCustomerName: "{{agent.email}}", PlaceCustomerFirst: "Ann", PlaceTicketNumber: "12", PlaceTicketSubject: "$1 and \\1", "field.order": "A-7",
	}
	for text, want := range map[string]string{
		"Dear {{customer.first_name}},":              "Dear Ann,",
		"Dear {{ Customer.First_Name }},":            "Dear Ann,",
		"#{{ticket.number}}{{ticket.number}}":        "#1212",
		"Dear {{customer.name}},":                    "Dear {{agent.email}},", // a customer's name is text, whatever it looks like
		"{{ticket.subject}}":                         "$1 and \\1",
		"{{agent.name|your support team}}":           "your support team",
		"{{customer.first_name|friend}}":             "Ann",
		"by {{agent.name}}.":                         "by .",
		"Order {{field.order}}, size {{field.size}}": "Order A-7, size ",
		"no braces { } {x} }":                        "no braces { } {x} }",
	} {
		if got := Fill(text, values); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestUnknownPlaceholdersAreRefused(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"":                                     true,
		"Hello {{customer.name}}":              true,
		"Hello {{ CUSTOMER.NAME }}":            true,
		"{{field.order number}}":               true,
		"{{agent.name|us}}":                    true,
		"{{customer.nmae}}":                    false,
		"{{}}":                                 false,
		"{{field.}}":                           false,
		"{{customer.name}":                     false,
		"{{customer.name":                      false,
		"customer.name}}":                      false,
		"{{ {{customer.name}} }}":              false,
		"{{customer.password}}":                false,
		"{{customer.name|{{customer.address}}": false,
	} {
		if _, err := PlaceholdersIn(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFirstName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Ann Smith": "Ann", "Miller, Bob": "Bob", "Cher": "Cher", "": "", " , ": ",", "ann@example.com": "ann@example.com"} {
		if got := FirstName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
