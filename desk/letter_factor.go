package desk

// Letters about second factors.
const (
	LetterFactorAdded    LetterKind = "factor-added"
	LetterFactorRemoved  LetterKind = "factor-removed"
	LetterFactorGuessed  LetterKind = "factor-guessed"  // five wrong codes after the right password
	LetterPasskeyCopied  LetterKind = "passkey-copied"  // its counter went back
	LetterRecoveryMade   LetterKind = "recovery-made"   // new recovery codes
	LetterRecoveryUsed   LetterKind = "recovery-used"   // one of them, or of an admin's
	LetterRecoveryIssued LetterKind = "recovery-issued" // an admin has made one for the person
	LetterOwnersRecovery LetterKind = "owners-recovery" // the same, to owners
	LetterSignInCode     LetterKind = "sign-in-code"    // the code for an unknown browser; Secret holds it
)
