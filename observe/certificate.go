package observe

import "time"

// Certificate is how a name fares for which there shall be a certificate.
type Certificate struct {
	Name     string
	Expires  time.Time // zero: it has none
	Failures int       // in a row
}

// Certificates is told how all names fare; those that are not among them any more vanish from the figures.
func (m *Metrics) Certificates(list []Certificate) {
	m.expires.Reset()
	m.missed.Reset()
	for _, one := range list {
		expires := 0.0
		if !one.Expires.IsZero() {
			expires = float64(one.Expires.Unix())
		}
		m.expires.WithLabelValues(one.Name).Set(expires)
		m.missed.WithLabelValues(one.Name).Set(float64(one.Failures))
	}
}
