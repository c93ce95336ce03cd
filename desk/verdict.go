package desk

// Result is the outcome of one authentication method, in the words of RFC 8601 §2.7.
type Result string

const (
	ResultNone      Result = "none"      // nothing to check, or not checked
	ResultPass      Result = "pass"      // checked and true
	ResultFail      Result = "fail"      // checked and false
	ResultSoftFail  Result = "softfail"  // SPF: probably false
	ResultNeutral   Result = "neutral"   // the domain says nothing either way
	ResultTempError Result = "temperror" // could not be checked now
	ResultPermError Result = "permerror" // can never be checked: a broken record or signature
	ResultPolicy    Result = "policy"    // true, but refused by our own rules
)

// Method is the result of one check, with what it looked at and a reason a person can read. Domains and identities are in lower case ASCII (A-labels).
type Method struct {
	Result    Result `json:"result"`
	Domain    string `json:"domain,omitempty"`    // the domain that the result speaks for
	Identity  string `json:"identity,omitempty"`  // SPF: the address or HELO name that was checked; DKIM: i=; iprev: the address of the client
	Selector  string `json:"selector,omitempty"`  // DKIM, ARC: s=
	Algorithm string `json:"algorithm,omitempty"` // DKIM, ARC: a=
	Bits      int    `json:"bits,omitempty"`      // DKIM, ARC: size of the key
	Policy    string `json:"policy,omitempty"`    // DMARC: what the From domain asks to do with this mail if it fails: none, quarantine, reject
	Aligned   bool   `json:"aligned,omitempty"`   // SPF, DKIM: aligned with the From domain (RFC 9989 §4.4)
	Testing   bool   `json:"testing,omitempty"`   // DKIM t=y, DMARC t=y: the domain is still trying things out
	Reason    string `json:"reason,omitempty"`    // one sentence in our words
	Told      string `json:"told,omitempty"`      // SPF exp=: the domain's own words, from a stranger (RFC 7208 §6.2)
}

// Verdict is what could be proved about who sent a mail.
type Verdict struct {
	From    string   `json:"from,omitempty"` // the domain of From that was judged; empty when there is not exactly one From with one address
	Org     string   `json:"org,omitempty"`  // its organizational domain (RFC 9989 §4.10)
	IPRev   Method   `json:"iprev"`          // RFC 8601 §3
	Helo    Method   `json:"helo"`           // SPF of the HELO name (RFC 7208 §2.3)
	SPF     Method   `json:"spf"`            // SPF of MAIL FROM, or of postmaster@ the HELO name for the null sender (§2.4)
	DKIM    []Method `json:"dkim"`           // one a signature, in the order of the header; at most 10
	DMARC   Method   `json:"dmarc"`
	ARC     Method   `json:"arc"`               // of the whole chain; Domain and Selector are those of its last sealer
	Rescued string   `json:"rescued,omitempty"` // the trusted ARC sealer whose word makes up for what forwarding broke (RFC 8617 §5.2)
	Visitor string   `json:"visitor,omitempty"` // it was written on our pages, by somebody who had proved that this address is theirs
}

// Unchecked is the verdict of a mail that nobody checked: 'none' everywhere.
func Unchecked(reason string) Verdict {
	none := Method{Result: ResultNone, Reason: reason}
	return Verdict{IPRev: none, Helo: none, SPF: none, DMARC: none, ARC: none}
}

// Trust is how far the From address may be believed (behaviour §4).
type Trust string

const (
	TrustVerified   Trust = "verified"   // the domain vouches for the sender
	TrustToken      Trust = "token"      // not verified, but it carries a token of ours
	TrustUnverified Trust = "unverified" // neither
)

// Verified says whether the From address is proved: DMARC pass, the word of a trusted ARC sealer, a code that was mailed to it, or, where the domain publishes no DMARC, an aligned SPF or DKIM pass.
// oneFrom is whether the mail has exactly one From with one address; anything else proves nothing.
func (v Verdict) Verified(oneFrom bool) bool {
	if !oneFrom {
		return false
	}
	if v.Rescued != "" || v.Visitor != "" {
		return true
	}
	if v.DMARC.Result != ResultNone {
		return v.DMARC.Result == ResultPass
	}
	if v.SPF.Result == ResultPass && v.SPF.Aligned {
		return true
	}
	for _, signature := range v.DKIM {
		if signature.Result == ResultPass && signature.Aligned {
			return true
		}
	}
	return false
}
