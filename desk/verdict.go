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

// Method is the result of one check, with what it looked at and a reason a person can read.
type Method struct {
	Result    Result `json:"result"`
	Domain    string `json:"domain,omitempty"`    // the domain that the result speaks for
	Selector  string `json:"selector,omitempty"`  // DKIM: s=
	Algorithm string `json:"algorithm,omitempty"` // DKIM: a=
	Bits      int    `json:"bits,omitempty"`      // DKIM: size of the key
	Policy    string `json:"policy,omitempty"`    // DMARC: p= in force
	Aligned   bool   `json:"aligned,omitempty"`   // aligned with the From domain (RFC 9989 §4.4)
	Reason    string `json:"reason,omitempty"`
}

// Verdict is what could be proved about who sent a mail.
type Verdict struct {
	SPF   Method   `json:"spf"`
	DKIM  []Method `json:"dkim"`
	DMARC Method   `json:"dmarc"`
	ARC   Method   `json:"arc"`
	IPRev Method   `json:"iprev"`
}

// Unchecked is the verdict of a mail that nobody checked: 'none' everywhere.
func Unchecked(reason string) Verdict {
	none := Method{Result: ResultNone, Reason: reason}
	return Verdict{SPF: none, DMARC: none, ARC: none, IPRev: none}
}

// Trust is how far the From address may be believed (behaviour §4).
type Trust string

const (
	TrustVerified   Trust = "verified"   // the domain vouches for the sender
	TrustToken      Trust = "token"      // not verified, but it carries a token of ours
	TrustUnverified Trust = "unverified" // neither
)

// Verified says whether the From address is proved: DMARC pass, or, where the domain publishes no DMARC, an aligned SPF or DKIM pass.
// oneFrom is whether the mail has exactly one From with one address; anything else proves nothing.
func (v Verdict) Verified(oneFrom bool) bool {
	if !oneFrom {
		return false
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
