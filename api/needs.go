package api

import (
	"net/http"

	"postern/desk"
)

// opening is a call that no token opens: whoever asks proves what it needs by what they send.
type opening struct {
	pattern string // method and path, as the mux reads them
	summary string
	handle  http.HandlerFunc
}

// openings is the map of what stands outside of routes. Nothing else is put on the mux.
func (a *API) openings() []opening {
	return []opening{
		{get + " " + Base + "/openapi.json", "The OpenAPI document", a.showOpenAPI},
		{get + " /a/{token}", "A file, for whoever has its link", a.openLink},
		{post + " " + Base + "/leaks", "Revoke tokens that were found where they do not belong: whoever has one may end it", a.reportLeaks},
		{post + " " + oauthToken, "An access token, for a client that proves itself and has a code, a refresh token or an account", a.oauthCall(a.giveToken)},
		{post + " " + oauthRevoke, "End a token of the client that asks", a.oauthCall(a.revokeOAuth)},
		{post + " " + oauthIntrospect, "What a token of the client that asks is worth", a.oauthCall(a.introspect)},
		{get + " " + oauthMetadata, "Where and how to ask", a.showMetadata},
		{get + " " + SCIMBase + "/ServiceProviderConfig", "What of SCIM is supported, for a provider's program with its token", a.scimCall(a.scimConfig)},
		{get + " " + SCIMBase + "/ResourceTypes", "What there is to keep, for a provider's program", a.scimCall(a.scimTypes)},
		{get + " " + SCIMBase + "/ResourceTypes/{id}", "One of them", a.scimCall(a.scimTypes)},
		{get + " " + SCIMBase + "/Schemas", "What is kept of a person, for a provider's program", a.scimCall(a.scimSchemas)},
		{get + " " + SCIMBase + "/Schemas/{id}", "One schema of it", a.scimCall(a.scimSchemas)},
		{get + " " + SCIMBase + "/Users", "People whom the provider keeps here, for its program", a.scimCall(a.scimList)},
		{post + " " + SCIMBase + "/Users", "Keep somebody here, for a provider's program", a.scimCall(a.scimAdd)},
		{get + " " + SCIMBase + "/Users/{id}", "One of the provider's people, for its program", a.scimCall(a.scimShow)},
		{http.MethodPut + " " + SCIMBase + "/Users/{id}", "Say everything about one of them anew", a.scimCall(a.scimReplace)},
		{patch + " " + SCIMBase + "/Users/{id}", "Change what is said about one of them; one who is not active is out at once", a.scimCall(a.scimPatch)},
		{remove + " " + SCIMBase + "/Users/{id}", "Let go of one of them, who is out at once", a.scimCall(a.scimRemove)},
	}
}

// Needs are all calls, in the order of the map, with the right that each asks for.
func Needs() []desk.Need {
	var a *API // the maps name handlers and call none
	needs := make([]desk.Need, 0, 100)
	for _, route := range a.routes() {
		route.path = Base + route.path
		needs = append(needs, desk.Need{Way: route.pattern(), Says: route.summary, Right: route.right})
	}
	for _, one := range a.openings() {
		needs = append(needs, desk.Need{Way: one.pattern, Says: one.summary, Right: desk.Public})
	}
	return needs
}
