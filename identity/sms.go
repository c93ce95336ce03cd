package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// Text messages go through a gateway of the operator's choice: one signed POST over HTTPS. They are off unless an admin turns them on, since a telephone network can be listened to and a number be taken over (ASVS 6.6.1).

// numberPattern is a telephone number in the international form (ITU-T E.164 §6).
var numberPattern = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// gatewayDeadline bounds a request to the gateway.
const gatewayDeadline = 10 * time.Second

const gatewayContext = "sms gateway"

// telephone is a number in its international form, from one as people write it.
func telephone(typed string) (string, error) {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, typed)
	if strings.HasPrefix(number, "00") {
		number = "+" + number[2:]
	}
	if !numberPattern.MatchString(number) {
		return "", desk.Wrong("number", "Write the number with the code of its country, like +39 055 123456.")
	}
	return number, nil
}

// StartSMS sends a code to a telephone that somebody wants to add, beside an app or a passkey. It counts when the code is typed (ConfirmSMS).
func (s *Service) StartSMS(ctx context.Context, token, typed string, from Client) error {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return err
	}
	number, err := telephone(typed)
	if err != nil {
		return err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !values.On(desk.TextMessages) {
		return desk.Faultf(desk.Conflict, "Your desk sends no codes to telephones.")
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		rows, err := tx.Factors(ctx, who.user.ID)
		if err != nil {
			return err
		}
		if strong, _ := remaining(rows); !strong {
			return desk.Faultf(desk.Conflict, "Add an app or a passkey first: a telephone works beside them only.")
		}
		id, err := tx.NextFactor(ctx)
		if err != nil {
			return err
		}
		row := store.Factor{ID: id, UserID: who.user.ID, Kind: desk.FactorSMS, Name: "…" + number[len(number)-3:], CreatedAt: s.now()}
		row.Sealed, _ = s.keys.Seal(factorContext(row), []byte(number))
		if err := tx.AddFactor(ctx, row); err != nil {
			return err
		}
		return s.sendSMS(ctx, tx, who, number)
	})
}

// ConfirmSMS makes the telephone count to which the code was sent.
func (s *Service) ConfirmSMS(ctx context.Context, token, code string, from Client) (added Added, err error) {
	who, err := s.ownerOf(ctx, token, from)
	if err != nil {
		return added, err
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		added, fault = Added{}, nil
		if err := tx.LockFactors(ctx, who.user.ID); err != nil {
			return err
		}
		row, found, err := factorOf(ctx, tx, who.user.ID, desk.FactorSMS, unready)
		if err != nil || !found {
			fault = errFactor
			return err
		}
		number, err := s.openFactor(row)
		if err != nil {
			return err
		}
		var sent sentSecret
		if sent, fault, err = s.useSent(ctx, tx, who, FactorProof{Kind: desk.FactorSMS, Code: code}); err != nil || fault != nil {
			return err
		}
		if sent.To != string(number) { // a code for the telephone so far proves nothing about another one
			fault = errFactor
			return nil
		}
		_, replaced, err := factorOf(ctx, tx, who.user.ID, desk.FactorSMS, isReady)
		if err != nil {
			return err
		}
		if err := tx.ReadyFactor(ctx, row); err != nil {
			return err
		}
		added, err = s.added(ctx, tx, who, addition{kind: desk.FactorSMS, name: row.Name, replaced: replaced, token: token})
		return err
	})
	return added, orFault(err, fault)
}

// UnfinishedSMS is the end of the number that is being added; empty: none is.
func (s *Service) UnfinishedSMS(ctx context.Context, user int64) (string, error) {
	rows, err := s.store.Factors(ctx, user)
	for _, row := range rows {
		if row.Kind == desk.FactorSMS && !row.Ready {
			return row.Name, err
		}
	}
	return "", err
}

// Gateway is who carries text messages for us, as admins see it.
type Gateway struct {
	URL string // empty: there is none
}

// Gateway reads where text messages go. It needs MayReadSecurity.
func (s *Service) Gateway(ctx context.Context, actor desk.Actor) (Gateway, error) {
	if !actor.Can(desk.MayReadSecurity) {
		return Gateway{}, desk.Faultf(desk.Forbidden, "your role does not show the settings of accounts and access")
	}
	row, _, err := s.store.SMSGateway(ctx)
	return Gateway{URL: row.URL}, err
}

// SetGateway sets where text messages go, and returns the secret that signs our requests, which is shown once. An empty URL turns the gateway off.
func (s *Service) SetGateway(ctx context.Context, actor desk.Actor, address string) (key string, err error) {
	if !actor.Can(desk.MayManageSecurity) {
		return "", desk.Faultf(desk.Forbidden, "your role does not allow changing the settings of accounts and access")
	}
	address = strings.TrimSpace(address)
	if address != "" {
		at, err := url.Parse(address)
		if err != nil || at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "" || len(address) > 500 {
			return "", desk.Wrong("url", "The gateway is an address that begins with https://, without a name and password in it.")
		}
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		before, _, err := tx.SMSGateway(ctx)
		if err != nil {
			return entry{}, err
		}
		detail := map[string]any{"from": before.URL, "to": address}
		if address == "" {
			err = tx.RemoveSMSGateway(ctx)
		} else {
			key, _ = s.newToken()
			sealed, _ := s.keys.Seal(gatewayContext, []byte(key))
			err = tx.SetSMSGateway(ctx, store.SMSGateway{URL: address, Secret: sealed})
		}
		return entry{actor: actor, action: "settings.sms-gateway", subject: "settings", detail: detail}, err
	})
	return key, err
}

// SendFactorCode hands a code to the gateway. One that is used, late, or has nobody to carry it is written down as such and is no error; the error says that it is worth trying again.
func (s *Service) SendFactorCode(ctx context.Context, id int64) error {
	row, found, err := s.store.FactorCode(ctx, id)
	if err != nil || !found || row.Outcome != "" {
		return err
	}
	outcome, err := s.carry(ctx, row)
	if err != nil {
		return fmt.Errorf("send code %d: %w", id, err)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.KeepFactorCode(ctx, id, outcome) })
}

// carry sends one message, and says what came of it.
func (s *Service) carry(ctx context.Context, row store.FactorCode) (outcome string, err error) {
	if !s.now().Before(row.ExpiresAt) {
		return "it would come too late", nil
	}
	gateway, found, err := s.store.SMSGateway(ctx)
	if err != nil || !found {
		return "there is no gateway", err
	}
	values, err := s.Settings(ctx)
	if err != nil || !values.On(desk.TextMessages) {
		return "text messages are off", err
	}
	key, err := s.keys.Open(gatewayContext, gateway.Secret)
	if err != nil {
		return "", fmt.Errorf("secret of the gateway: %w", err)
	}
	what, err := s.openSent(row)
	if err != nil {
		return "", err
	}
	reader, _, err := s.store.LetterReader(ctx, row.UserID, "")
	if err != nil {
		return "", err
	}
	lang := language.Pick(reader.Language, "")
	body, err := json.Marshal(gatewayMessage{ID: strconv.FormatInt(row.ID, 10), To: what.To, Text: smsText(lang, what.Code, s.host())})
	if err != nil {
		return "", err
	}
	return s.post(ctx, values, gateway.URL, key, body)
}

// gatewayMessage is what a gateway gets. The id is the same when it is sent again.
type gatewayMessage struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// smsText is the message. Its last line binds the code to our address, so that browsers fill it in nowhere else (origin-bound one-time codes, WICG).
func smsText(lang *language.Language, code, host string) string {
	return lang.Say("%s is your code for %s. Nobody of us will ever ask you for it.", code, host) + "\n\n@" + host + " #" + code
}

// post signs and sends a request: an HMAC over the time and the body, so that a gateway knows who asks, and an old request is worth nothing.
func (s *Service) post(ctx context.Context, values desk.Values, address string, key, body []byte) (outcome string, err error) {
	ctx, cancel := context.WithTimeout(ctx, gatewayDeadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Postern-Timestamp", at)
	request.Header.Set("Postern-Signature", gatewaySignature(key, at, body))
	answer, err := s.gatewayClient(values).Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection ends in peace; what it says is not for us
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return "sent", nil
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests:
		return "", fmt.Errorf("the gateway answers %d", answer.StatusCode)
	}
	return fmt.Sprintf("the gateway refuses: %d", answer.StatusCode), nil
}

// gatewaySignature is the HMAC-SHA256 (RFC 2104) of the time, a dot and the body, in hex.
func gatewaySignature(key []byte, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// gatewayClient reaches public addresses and the private networks that an admin has named, follows nowhere, and goes through no proxy: what it connects to is checked when the name has been looked up.
func (s *Service) gatewayClient(values desk.Values) *http.Client {
	var allowed []netip.Prefix
	for _, line := range values.List(desk.GatewayNetworks) {
		if network, err := netip.ParsePrefix(line); err == nil {
			allowed = append(allowed, network)
		}
	}
	dialer := &net.Dialer{Timeout: gatewayDeadline, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !gatewayMay(at.Addr().Unmap(), allowed) {
			return fmt.Errorf("the gateway is at %s, which is not public", address)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       gatewayDeadline,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.gatewayRoots}},
	}
}

// shared is where carriers number their own customers (RFC 6598): it is no more public than a private network.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// gatewayMay says whether an address may be connected to.
func gatewayMay(at netip.Addr, allowed []netip.Prefix) bool {
	for _, network := range allowed {
		if network.Contains(at) {
			return true
		}
	}
	return at.IsGlobalUnicast() && !at.IsPrivate() && !shared.Contains(at)
}
