package portal

// The pages to which SAML identity providers send browsers. What a document says, and whether it is believed, is for identity.

// samlMetadata describes us to a provider.
func (p *Portal) samlMetadata(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	text, err := p.identity.SAMLMetadata(c.r.Context(), id)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/samlmetadata+xml") // SAML Metadata, appendix A
	_, err = c.w.Write(text)
	return err
}
