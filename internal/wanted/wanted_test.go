package wanted

import (
	_ "github.com/ccojocar/zxcvbn-go"
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "github.com/crewjam/saml/samlidp"
	_ "github.com/crewjam/saml/samlsp"
	_ "github.com/descope/virtualwebauthn"
	_ "github.com/go-webauthn/webauthn/webauthn"
	_ "github.com/golang-jwt/jwt/v5"
	_ "github.com/mileusna/useragent"
	_ "github.com/oauth2-proxy/mockoidc"
	_ "github.com/pquerna/otp/totp"
	_ "github.com/russellhaering/goxmldsig"
	_ "github.com/zitadel/oidc/v3/example/server/exampleop"
	_ "github.com/zitadel/oidc/v3/example/server/storage"
	_ "github.com/zitadel/oidc/v3/pkg/client/rp"
	_ "github.com/zitadel/oidc/v3/pkg/op"
	_ "golang.org/x/oauth2"
)
