package mailauth

import (
	"slices"
	"strings"

	"postern/desk"
	"postern/mailauth/arc"
	"postern/mailauth/authres"
	"postern/mailauth/dmarc"
)

// claim is what a forwarder has to confirm.
type claim struct {
	from         string // the domain of From
	organization string // its organizational domain
	strict       dmarc.Modes
}

// rescuer is the trusted sealer whose word makes up for what forwarding broke (RFC 8617 §5.2), or nothing. A chain has to hold, and is read from its newest set to older ones for as long as
// their sealers are trusted: what somebody else handed on says nothing, whoever had the mail before him.
func rescuer(chain arc.Chain, sealers []string, claim claim) string {
	if chain.Method.Result != desk.ResultPass {
		return ""
	}
	for _, set := range slices.Backward(chain.Sets) {
		if !slices.ContainsFunc(sealers, func(sealer string) bool { return aLabels(strings.TrimSpace(sealer)) == set.Sealer }) {
			return ""
		}
		if field, err := authres.Parse(set.Results); err == nil && claim.confirmed(field) {
			return set.Sealer
		}
	}
	return ""
}

// confirmed says whether a forwarder found the claim to be true: DMARC passed for the very From domain, or, where he says nothing of DMARC, SPF or DKIM for a domain that is aligned with it.
// One word against it outweighs all for it.
func (c claim) confirmed(field authres.Field) bool {
	passed, aligned := false, false
	for _, result := range field.Results {
		switch result.Method {
		case "dmarc":
			from, named := result.Prop("header", "from")
			switch {
			case named && aLabels(domainOf(from)) != c.from:
				return false // another author: From was rewritten since, or is made up
			case result.Value == desk.ResultPass:
				passed = passed || named
			case result.Value != desk.ResultNone && result.Value != desk.ResultTempError:
				return false
			}
		case "spf":
			sender, named := result.Prop("smtp", "mailfrom")
			aligned = aligned || named && result.Value == desk.ResultPass && c.aligned(sender, c.strict.SPF)
		case "dkim":
			signer, named := result.Prop("header", "d")
			if !named {
				signer, named = result.Prop("header", "i")
			}
			aligned = aligned || named && result.Value == desk.ResultPass && c.aligned(signer, c.strict.DKIM)
		}
	}
	return passed || aligned
}

// aligned compares a domain, or that of an address, with the From domain. The forwarder's own DMARC would know psd=n between the two; where he has none, that is as much as can be said.
func (c claim) aligned(identity string, strict bool) bool {
	domain := aLabels(domainOf(identity))
	if domain == c.from || domain == "" || strict {
		return domain == c.from && domain != ""
	}
	return domain == c.organization || strings.HasSuffix(domain, "."+c.organization)
}

// domainOf is what stands after the last @, or everything where there is none.
func domainOf(identity string) string { return identity[strings.LastIndexByte(identity, '@')+1:] }
