package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"postern/api"
	"postern/config"
	"postern/desk"
	"postern/portal"
	"postern/tickets"
)

var rightsUpdate = flag.Bool("update-rights", false, "write docs/rights.md anew")

// verbsOf are the commands of the command line that do something.
func verbsOf(t *testing.T) (all []desk.Need) {
	t.Helper()
	var table commands
	parser, err := kong.New(&table, kong.Name("postern"), config.File())
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		var words []string
		for node := leaf; node.Type == kong.CommandNode; node = node.Parent {
			words = append(words, node.Name)
		}
		slices.Reverse(words)
		verb := strings.Join(words, " ")
		all = append(all, desk.Need{Way: verb, Says: leaf.Help, Right: commandRights[verb]})
	}
	return all
}

// heldBy says who holds a right.
func heldBy(right desk.Right) string {
	var roles []string
	for _, role := range desk.BuiltIn {
		if grant, _ := role.Grant(); grant.Has(right) {
			roles = append(roles, string(role))
		}
	}
	switch right {
	case desk.Public:
		return "everybody"
	case desk.SignedIn, desk.Proved:
		return "whoever is signed in"
	case desk.Arriving:
		return "whoever is signing in"
	}
	return strings.Join(roles, ", ")
}

// Every page, call, mail and command stands in docs/rights.md with its right and who holds it; one without a right, and a line for what there is not, fail here.
func TestRightsStandInOneTable(t *testing.T) {
	t.Parallel()
	commandLine := verbsOf(t)
	var page bytes.Buffer
	page.WriteString("# Rights\n\nWhat each way in asks for, and which built-in roles hold it. The program checks by the tables from which this page is made: `desk.Rights` says who holds a right, `portal.Needs`, `api.Needs` and\n" +
		"`tickets.MailNeeds` what each way asks for. A role that was made here holds what it names. Where a ticket is asked for it has to be in sight as well.\n" +
		"`proof` marks what asks a person to prove anew who they are. Regenerate it with `go test ./cmd/postern -run TestRightsStandInOneTable -update-rights`.\n\n" +
		"Commands act as the system, since whoever runs them holds the machine; their right is what a person would need for the same.\n")
	fmt.Fprint(&page, "\n| way | | right | | held by |\n|---|---|---|---|---|\n")
	for _, part := range []struct {
		kind  string
		needs []desk.Need
	}{{"portal", portal.Needs()}, {"API", api.Needs()}, {"mail", tickets.MailNeeds()}, {"postern", commandLine}} {
		seen := map[string]bool{}
		for _, need := range part.needs {
			if !need.Right.Valid() || heldBy(need.Right) == "" || seen[need.Way] || part.kind != "portal" && need.Says == "" {
				t.Errorf("%s: %s declares the right %q, says %q, or stands there twice", part.kind, need.Way, need.Right, need.Says)
			}
			seen[need.Way] = true
			proof := ""
			if need.Right.Sensitive() && part.kind == "portal" {
				proof = "proof"
			}
			fmt.Fprintf(&page, "| %s `%s` | %s | `%s` | %s | %s |\n", part.kind, need.Way, strings.ReplaceAll(need.Says, "|", "\\|"), need.Right, proof, heldBy(need.Right))
		}
		if part.kind == "postern" {
			for verb := range commandRights {
				if !seen[verb] {
					t.Errorf("there is no command %q", verb)
				}
			}
		}
	}
	const file = "../../docs/rights.md"
	if *rightsUpdate {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, page.Bytes()) {
		t.Error("rights have changed: if that was meant, run go test ./cmd/postern -run TestRightsStandInOneTable -update-rights, and read what is different")
	}
}

// A command that nobody gave a right does not run.
func TestCommandWithoutARight(t *testing.T) {
	t.Parallel()
	if err := declared("user promote"); err == nil {
		t.Error("it would run")
	}
}
