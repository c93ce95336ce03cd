package desk

import (
	"slices"
	"strings"
)

// Scope narrows what a token may do, never widens it. There are two kinds: the broad ones below, and those of one resource of the API, like tickets:read. The words are part of the API.
type Scope string

const (
	ScopeRead        Scope = "read"
	ScopeWrite       Scope = "write"
	ScopeAdmin       Scope = "admin"
	ScopeOffline     Scope = "offline"     // the client of a person gets tokens with which it goes on without them
	ScopeImpersonate Scope = "impersonate" // act for a customer (X-On-Behalf-Of), if the person of the token may
)

// Scopes lists the broad scopes, which cover everything.
var Scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// Verb is what a scope of one resource lets do with it.
type Verb string

const (
	VerbRead   Verb = "read"   // GET, and what changes nothing
	VerbWrite  Verb = "write"  // POST and PATCH
	VerbDelete Verb = "delete" // DELETE
)

// Resource is a part of the API for which there are scopes of its own. A test in the API holds this list to its table of routes.
type Resource struct {
	Name  string // first part of its paths
	Words string // what it holds, for people: the object of 'Read …'
	Verbs []Verb
}

// apart are the resources that decide who may come in and what they may do. What changes them no broad scope covers, and no token without scopes: a token has to name it (decision 0038).
var apart = []string{"addresses", "clients", "providers", "roles", "services", "settings", "sinks"}

// Resources lists every resource of the API.
var Resources = []Resource{
	{"addresses", "the rules of where people come from", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"apps", "their connected programs", []Verb{VerbRead, VerbDelete}},
	{"attachments", "attachments", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"audit", "the audit log", []Verb{VerbRead, VerbWrite}},
	{"certificates", "certificates", []Verb{VerbRead, VerbWrite}},
	{"clients", "the programs that people may connect", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"deliveries", "deliveries", []Verb{VerbRead, VerbWrite}},
	{"destinations", "the rules for destinations", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"domain-alerts", "alerts about domains", []Verb{VerbRead}},
	{"domains", "mail domains", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"factors", "who has which second factors", []Verb{VerbRead}},
	{"mailboxes", "mailboxes", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"me", "their own account, devices and sessions", []Verb{VerbRead, VerbDelete}},
	{"messages", "messages and their originals", []Verb{VerbRead, VerbWrite}},
	{"policy", "how mail is judged", []Verb{VerbRead, VerbWrite}},
	{"providers", "the providers of sign-in", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"roles", "roles", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"sender-rules", "the block and allow lists", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"services", "service accounts", []Verb{VerbRead, VerbWrite}},
	{"settings", "the settings of accounts and access", []Verb{VerbRead, VerbWrite}},
	{"sinks", "where the audit log is sent", []Verb{VerbRead, VerbWrite}},
	{"suppressions", "addresses that get no mail", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"suspended", "mail that is held back", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"tickets", "tickets", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"tokens", "API tokens", []Verb{VerbRead, VerbWrite, VerbDelete}},
	{"uploads", "files to be attached", []Verb{VerbWrite}},
	{"users", "people", []Verb{VerbRead, VerbWrite, VerbDelete}},
}

// ScopeOf is the scope of a resource and a verb.
func ScopeOf(resource string, verb Verb) Scope { return Scope(resource + ":" + string(verb)) }

// AllScopes lists every scope that a token of a person or a service can carry; offline is for clients of OAuth alone.
func AllScopes() []Scope {
	all := append(slices.Clone(Scopes), ScopeImpersonate)
	for _, resource := range Resources {
		for _, verb := range resource.Verbs {
			all = append(all, ScopeOf(resource.Name, verb))
		}
	}
	return all
}

// Known says whether s is a scope at all.
func (s Scope) Known() bool {
	if s == ScopeRead || s == ScopeWrite || s == ScopeAdmin || s == ScopeOffline || s == ScopeImpersonate {
		return true
	}
	name, verb, _ := strings.Cut(string(s), ":")
	return slices.ContainsFunc(Resources, func(r Resource) bool { return r.Name == name && slices.Contains(r.Verbs, Verb(verb)) })
}

// Apart says whether the scope is one that no broad one covers.
func (s Scope) Apart() bool {
	name, verb, _ := strings.Cut(string(s), ":")
	return Verb(verb) != VerbRead && slices.Contains(apart, name)
}

// Words says in English what a scope lets do: a sentence for the catalogue, and its object, which is empty for the broad ones.
func (s Scope) Words() (sentence, object string) {
	switch s {
	case ScopeRead:
		return "Read everything about tickets that you may read", ""
	case ScopeWrite:
		return "Answer, change and move tickets", ""
	case ScopeAdmin:
		return "Change the settings of the desk as far as you may: people, mailboxes, domains, tokens", ""
	case ScopeOffline:
		return "Go on while you are not here, until you disconnect it", ""
	case ScopeImpersonate:
		return "Act for customers", ""
	}
	name, verb, _ := strings.Cut(string(s), ":")
	for _, resource := range Resources {
		if resource.Name == name {
			object = resource.Words
		}
	}
	switch Verb(verb) {
	case VerbRead:
		return "Read: %s", object
	case VerbWrite:
		return "Add and change: %s", object
	case VerbDelete:
		return "Remove: %s", object
	}
	return string(s), ""
}

// Allows says whether a token with these scopes lets its bearer use the right; an empty list means all that the user may. Scopes of one resource allow nothing by themselves: the API, which knows
// what is asked for, turns them into the broad ones for the length of a request (Actor.Reach).
func Allows(scopes []Scope, right Right) bool {
	return len(scopes) == 0 || right == Public || right == SignedIn || slices.Contains(scopes, right.Scope())
}
