package desk

// Letters about handing the installation over.
const (
	LetterOwnershipOffered   LetterKind = "ownership-offered"   // to whom it is offered; Facts: from
	LetterOwnersOffered      LetterKind = "owners-offered"      // the same, to owners; Facts: from, to, becomes
	LetterOwnershipWithdrawn LetterKind = "ownership-withdrawn" // to whom it was offered, and whose offer it was; Facts: from, to
	LetterOwnershipDeclined  LetterKind = "ownership-declined"  // to whose offer it was; Facts: to
	LetterOwnershipAccepted  LetterKind = "ownership-accepted"  // to all owners and whoever was one until then; Facts: from, to, becomes
)
