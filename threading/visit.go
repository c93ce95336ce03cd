package threading

// Links in our mails lead customers to pages of ours. They name a message or a ticket, and only we can make them.

const (
	visitLink  purpose = "visit link"
	ratingLink purpose = "rating link"
)

// VisitToken names a message of ours in the link to its conversation. It opens nothing by itself: whoever follows it has still to prove their address.
func (c *Codec) VisitToken(message int64) string { return c.token(visitLink, encode(message)) }

// ParseVisitToken says which message the token names. It is false for every token that we did not make for this.
func (c *Codec) ParseVisitToken(token string) (message int64, ok bool) {
	what, ok := c.read(visitLink, token)
	if !ok {
		return 0, false
	}
	return decode(what)
}

// RatingToken names a ticket in the link by which its customer says whether they were helped. It stands in one mail to them and allows that and nothing else.
func (c *Codec) RatingToken(ticket int64) string { return c.token(ratingLink, encode(ticket)) }

// ParseRatingToken says which ticket the token names. It is false for every token that we did not make for this.
func (c *Codec) ParseRatingToken(token string) (ticket int64, ok bool) {
	what, ok := c.read(ratingLink, token)
	if !ok {
		return 0, false
	}
	return decode(what)
}
