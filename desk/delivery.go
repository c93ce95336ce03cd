package desk

import "time"

// DeliveryState is what is known of one recipient of one message. The words are part of the API.
type DeliveryState string

const (
	DeliveryQueued    DeliveryState = "queued"    // waiting for its first attempt
	DeliverySent      DeliveryState = "sent"      // the remote server took responsibility
	DeliveryDeferred  DeliveryState = "deferred"  // refused for now; tried again at NextAt
	DeliveryBounced   DeliveryState = "bounced"   // refused for good, or given up
	DeliveryCancelled DeliveryState = "cancelled" // an agent undid or cancelled it
)

// Final says whether nothing more will be tried.
func (s DeliveryState) Final() bool {
	return s == DeliverySent || s == DeliveryBounced || s == DeliveryCancelled
}

// Delivery is the state of one recipient of one outgoing message.
type Delivery struct {
	Recipient string        `json:"recipient"`
	State     DeliveryState `json:"state"`
	Host      string        `json:"host,omitempty"`       // the MX or smarthost that answered last
	TLS       string        `json:"tls,omitempty"`        // version of that connection; empty in clear text
	Reply     string        `json:"last_reply,omitempty"` // the remote's last words, code first
	Attempts  int           `json:"attempts"`
	NextAt    time.Time     `json:"next_attempt_at,omitzero"`
	UpdatedAt time.Time     `json:"updated_at"`
}
