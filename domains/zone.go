package domains

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/store"
)

// OperatorZone is the zone in which the keys of delegated domains are published.
type OperatorZone struct {
	Name string // lower case, without the final dot; empty: there is none
}

// labelText writes random octets in letters and digits that the DNS compares without regard to case.
var labelText = base32.HexEncoding.WithPadding(base32.NoPadding)

// randomLabel is 128 random bits as one label of a name.
func randomLabel(random io.Reader) (string, error) {
	var bits [16]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", fmt.Errorf("reading randomness for a label: %w", err)
	}
	return strings.ToLower(labelText.EncodeToString(bits[:])), nil
}

// newLabels makes the four names in the operator's zone to which a domain's CNAMEs lead. Nobody can guess them, and no other domain will ever have them (T-31).
func newLabels(domain, zone string, now time.Time, random io.Reader) ([]store.DomainLabel, error) {
	var labels []store.DomainLabel
	for _, slot := range []int16{1, 2} {
		for _, algorithm := range []Algorithm{RSA, Ed25519} {
			label, err := randomLabel(random)
			if err != nil {
				return nil, err
			}
			labels = append(labels, store.DomainLabel{Label: label, Domain: domain, Zone: zone, Slot: slot, Algorithm: string(algorithm), CreatedAt: now})
		}
	}
	return labels, nil
}
