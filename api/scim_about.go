package api

import (
	"net/http"
	"strings"

	"postern/identity"
)

// What there is to keep, and how, for programs that ask first (RFC 7644 §4, RFC 7643 §5 to §7). Like everything else here it needs a token: nobody else has any use for it.

// scimConfig answers with what is supported.
func (a *API) scimConfig(*http.Request, identity.Provisioner) (scimAnswer, error) {
	not := map[string]any{"supported": false}
	return scimAnswer{Status: http.StatusOK, Body: map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"}, "documentationUri": "https://www.rfc-editor.org/rfc/rfc7644",
		"patch": map[string]any{"supported": true}, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": scimAtOnce}, "changePassword": not, "sort": not, "etag": not,
		"authenticationSchemes": []any{map[string]any{"type": "oauthbearertoken", "name": "Bearer token", "description": "A token for provisioning, from the page of the provider", "primary": true}},
		"meta":                  map[string]any{"resourceType": "ServiceProviderConfig", "location": a.cfg.Identity.PublicURL() + SCIMBase + "/ServiceProviderConfig"},
	}}, nil
}

// scimTypes answers with what there is: users.
func (a *API) scimTypes(r *http.Request, _ identity.Provisioner) (scimAnswer, error) {
	return scimOneOrAll(r, []any{map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, "id": "User", "name": "User", "endpoint": "/Users", "description": "A person who signs in by the provider", "schema": scimUserURN,
		"schemaExtensions": []any{map[string]any{"schema": scimEnterpriseURN, "required": false}},
		"meta":             map[string]any{"resourceType": "ResourceType", "location": a.cfg.Identity.PublicURL() + SCIMBase + "/ResourceTypes/User"},
	}})
}

// scimSchemas answers with the attributes that are kept.
func (a *API) scimSchemas(r *http.Request, _ identity.Provisioner) (scimAnswer, error) {
	text := func(name string, more ...string) map[string]any {
		made := map[string]any{"name": name, "type": "string", "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
		for _, word := range more {
			switch word {
			case "required":
				made["required"] = true
			case "unique":
				made["uniqueness"] = "server"
			case "exact":
				made["caseExact"] = true
			case "boolean":
				made["type"] = "boolean"
			}
		}
		return made
	}
	of := func(name string, many bool, parts ...any) map[string]any {
		return map[string]any{"name": name, "type": "complex", "multiValued": many, "required": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none", "subAttributes": parts}
	}
	several := func(name string) map[string]any {
		return of(name, true, text("value"), text("type"), text("primary", "boolean"))
	}
	schema := func(urn, name string, attributes ...any) any {
		return map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": urn, "name": name, "attributes": attributes,
			"meta": map[string]any{"resourceType": "Schema", "location": a.cfg.Identity.PublicURL() + SCIMBase + "/Schemas/" + urn},
		}
	}
	return scimOneOrAll(r, []any{
		schema(scimUserURN, "User", text("userName", "required", "unique"), of("name", false, text("formatted"), text("familyName"), text("givenName")), text("displayName"), text("title"),
			text("preferredLanguage"), text("locale"), text("active", "boolean"), several("emails"), several("phoneNumbers"), several("roles"), text("externalId", "exact")),
		schema(scimEnterpriseURN, "EnterpriseUser", text("organization"), text("department")),
	})
}

// scimOneOrAll answers with the one that the path names, or with all.
func scimOneOrAll(r *http.Request, all []any) (scimAnswer, error) {
	wanted := r.PathValue("id")
	if wanted == "" {
		return scimAnswer{Status: http.StatusOK, Body: scimListing(all, len(all), 1)}, nil
	}
	for _, one := range all {
		made, _ := one.(map[string]any)
		if id, _ := made["id"].(string); strings.EqualFold(wanted, id) {
			return scimAnswer{Status: http.StatusOK, Body: made}, nil
		}
	}
	return scimAnswer{}, &scimFault{Status: http.StatusNotFound, Detail: "there is nothing of this name"}
}
