package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Visitors are customers who prove an address, by a code or a link that is mailed to it, and get no account. What can be seen with an address is for tickets to say.

const (
	codeLife     = 10 * time.Minute // long enough for a slow mail
	linkLifeMail = 15 * time.Minute // security T-05
	formLinkLife = 24 * time.Hour   // of the link that confirms what was written into a form: nobody is in the portal by then
	codeDigits   = 8                // five guesses at one of a hundred million
	mostTries    = 5                // wrong codes before a code is worth nothing

	visitorIdle = 24 * time.Hour      // not used for so long, a visitor's session ends
	visitorLife = 14 * 24 * time.Hour // and after this in any case

	codesFor       = time.Hour // in which requests are counted
	codesToAddress = 5         // asked for one address
	codesFromPlace = 20        // from one network: an office behind one address
	codesToAll     = 900       // altogether: less than what a count goes to
	keepCodes      = 24 * time.Hour
)

// VisitorAsk asks for a code.
type VisitorAsk struct {
	Address  string // as typed
	Browser  string // the cookie of the browser that asks; empty: it has none yet
	Next     string // the page to go on to; empty: the list
	Mailbox  int64  // in whose name the mail leaves; 0: the oldest
	Form     int64  // what was written into a form, which waits for this; 0: nothing
	Language string // of the mail
}

// AskVisitor mails a code and a link to an address. Whether it is known can be told neither from the answer nor from the time that it takes: that is decided when the mail is written.
// browser is the cookie that the browser has to keep: only there the code counts. The error is a desk.Fault: Invalid for what is no address, Unavailable after too many requests.
func (s *Service) AskVisitor(ctx context.Context, ask VisitorAsk, from Client) (browser string, err error) {
	address := desk.Canonical(ask.Address)
	if !desk.ValidAddress(address) {
		return "", desk.Wrong("address", "Write your e-mail address, like name@example.com.")
	}
	if err := s.codesAllowed(ctx, ask); err != nil {
		return "", err
	}
	browser = ask.Browser
	if len(browser) < len(rand.Text()) {
		browser, _ = s.newToken()
	}
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if err := s.allowVisitor(ctx, tx, address, from); err != nil {
			return err
		}
		id, err := tx.NextVisitorCode(ctx)
		if err != nil {
			return err
		}
		token, hash := s.newToken()
		sealed, err := s.sealCode(id, visitorSecret{Code: s.newCode(), Token: token})
		if err != nil {
			return err
		}
		row := store.VisitorCode{
			ID: id, Address: address, Place: place(from.IP), BrowserHash: secret.HashToken(browser), TokenHash: hash, Sealed: sealed, Next: ask.Next, Language: ask.Language,
			CreatedAt: now, CodeUntil: now.Add(codeLife), LinkUntil: now.Add(linkLifeMail),
		}
		if ask.Mailbox != 0 {
			row.Mailbox = &ask.Mailbox
		}
		if ask.Form != 0 {
			row.Form, row.LinkUntil = &ask.Form, now.Add(formLinkLife)
		}
		if err := tx.AddVisitorCode(ctx, row); err != nil {
			return err
		}
		return tx.Enqueue(ctx, time.Time{}, desk.TellVisitor{Code: id})
	})
	return browser, err
}

// allowVisitor refuses a request when there were too many: for the address, which somebody may be pestering, from the place, and altogether.
func (s *Service) allowVisitor(ctx context.Context, tx *store.Tx, address string, from Client) error {
	asked, err := tx.CountVisitorCodes(ctx, address, place(from.IP), s.now().Add(-codesFor))
	switch {
	case err != nil:
		return err
	case asked.Address >= codesToAddress:
		return desk.Faultf(desk.Unavailable, "Several codes were sent to this address within the last hour. Use the newest one, or try again later.")
	case asked.Place >= codesFromPlace || asked.All >= codesToAll:
		return desk.Faultf(desk.Unavailable, "Too many codes were asked for. Try again later.")
	}
	return nil
}

// visitorSecret is what the mail says and nothing else.
type visitorSecret struct {
	Code  string `json:"code"`
	Token string `json:"token"`
}

// newCode is a number of codeDigits digits.
func (s *Service) newCode() string {
	source := s.random
	if source == nil {
		source = rand.Reader
	}
	const codes = 100_000_000
	for {
		var raw [8]byte
		if _, err := io.ReadFull(source, raw[:]); err != nil {
			panic(err) // without randomness nobody may be let in
		}
		if n := binary.BigEndian.Uint64(raw[:]); n < ^uint64(0)-^uint64(0)%codes { // above, some codes would be likelier than others
			return fmt.Sprintf("%0*d", codeDigits, n%codes)
		}
	}
}

func visitorContext(id int64) string { return fmt.Sprintf("visitor/%d", id) }

func (s *Service) sealCode(id int64, what visitorSecret) ([]byte, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("identity: visitor's code: %w", err)
	}
	sealed, _ := s.keys.Seal(visitorContext(id), text)
	return sealed, nil
}

func (s *Service) openCode(row store.VisitorCode) (what visitorSecret, err error) {
	text, err := s.keys.Open(visitorContext(row.ID), row.Sealed)
	if err == nil {
		err = json.Unmarshal(text, &what)
	}
	if err != nil {
		return what, fmt.Errorf("identity: visitor's code %d: %w", row.ID, err)
	}
	return what, nil
}

// digits keeps those of a code as people type it, with a space or a hyphen in its middle.
func digits(typed string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, typed)
}

// Asked is the newest code that a browser has asked for and that still works.
type Asked struct {
	Address string // empty: there is none
	Next    string
	Form    bool // it confirms what was written into a form
}

// AskedVisitor says what a browser has asked for.
func (s *Service) AskedVisitor(ctx context.Context, browser string) (Asked, error) {
	row, found, err := s.store.VisitorAsked(ctx, secret.HashToken(browser), s.now(), mostTries)
	if err != nil || !found {
		return Asked{}, err
	}
	return Asked{Address: row.Address, Next: row.Next, Form: row.Form != nil}, nil
}

// Proved is what a code or a link has proved.
type Proved struct {
	Session string // the token of the session that it opened
	Address string
	Next    string // the page to go on to
	Form    int64  // what was written into a form, which can go on now; 0: nothing
}

// errCode is the answer to every code that opens nothing.
var errCode = &desk.Fault{Kind: desk.Invalid, Reason: "This code is not right, or not any more. Look at the newest mail, or ask for another code.", Field: "code"}

// UseCode opens a session for whoever types the code that was mailed, in the browser that asked for it. Wrong ones are counted: after five of them the code is worth nothing.
func (s *Service) UseCode(ctx context.Context, browser, typed string, from Client) (proved Proved, err error) {
	typed = digits(typed)
	wrong := false
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		codes, err := tx.VisitorCodesOf(ctx, secret.HashToken(browser), s.now(), mostTries)
		if err != nil {
			return err
		}
		ids := make([]int64, 0, len(codes))
		for _, row := range codes {
			what, err := s.openCode(row)
			if err != nil {
				return err
			}
			if subtle.ConstantTimeCompare([]byte(what.Code), []byte(typed)) == 1 {
				proved, err = s.openVisit(ctx, tx, row, visit{from: from, method: "code"})
				return err
			}
			ids = append(ids, row.ID)
		}
		wrong = true // the count of wrong ones must stay, so this is no error in here
		return tx.MissVisitorCodes(ctx, ids)
	})
	if err == nil && wrong {
		err = errCode
	}
	return proved, err
}

// VisitorLink is what a link in a mail would do.
type VisitorLink struct {
	Address string
	Here    bool // this browser asked for it: one click is enough. Another one has to show the code, too, so that nobody is signed in by a link that somebody else has sent them
	Form    bool // what was written into a form goes on by it
}

// PeekVisitorLink looks at a link without using it: programs that look into mail open links.
func (s *Service) PeekVisitorLink(ctx context.Context, token, browser string) (VisitorLink, error) {
	row, found, err := s.store.VisitorLink(ctx, secret.HashToken(token), s.now())
	if err == nil && !found {
		err = errLink
	}
	if err != nil {
		return VisitorLink{}, err
	}
	return VisitorLink{Address: row.Address, Here: s.here(row, browser), Form: row.Form != nil}, nil
}

// here says whether a code was asked for in this browser. What was written into a form is often confirmed on another machine, and the link opens nothing of anybody's then.
func (s *Service) here(row store.VisitorCode, browser string) bool {
	return browser != "" && subtle.ConstantTimeCompare(row.BrowserHash, secret.HashToken(browser)) == 1
}

// LinkUse is somebody who follows a link in a mail.
type LinkUse struct {
	Token   string // of the link
	Browser string // the cookie of the browser in which it is opened
	Code    string // as typed; needed in another browser than the one that asked
}

// UseVisitorLink spends a link and opens a session. In another browser than the one that asked, the code of the same mail is needed as well.
func (s *Service) UseVisitorLink(ctx context.Context, use LinkUse, from Client) (proved Proved, err error) {
	row, found, err := s.store.VisitorLink(ctx, secret.HashToken(use.Token), s.now())
	if err == nil && !found {
		err = errLink
	}
	if err != nil {
		return proved, err
	}
	if !s.here(row, use.Browser) {
		what, err := s.openCode(row)
		if err != nil {
			return proved, err
		}
		if subtle.ConstantTimeCompare([]byte(what.Code), []byte(digits(use.Code))) != 1 || row.Tries >= mostTries {
			err := s.store.Write(ctx, func(tx *store.Tx) error { return tx.MissVisitorCodes(ctx, []int64{row.ID}) })
			if err != nil {
				return proved, err
			}
			return proved, errCode
		}
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		proved, err = s.openVisit(ctx, tx, row, visit{from: from, method: "link"})
		return err
	})
	return proved, err
}

// visit is a session about to begin.
type visit struct {
	from   Client
	method string
}

// openVisit spends a code and opens the session in the same transaction.
func (s *Service) openVisit(ctx context.Context, tx *store.Tx, row store.VisitorCode, v visit) (Proved, error) {
	now := s.now()
	won, err := tx.UseVisitorCode(ctx, row.ID, now)
	if err == nil && !won {
		err = errLink
	}
	if err != nil {
		return Proved{}, err
	}
	token, hash := s.newToken()
	session := store.VisitorSession{Hash: hash, Address: row.Address, At: now, ExpiresAt: now.Add(visitorLife), IP: v.from.IP, UserAgent: v.from.agent()}
	if err := tx.AddVisitorSession(ctx, session); err != nil {
		return Proved{}, err
	}
	proved := Proved{Session: token, Address: row.Address, Next: row.Next}
	if row.Form != nil {
		proved.Form = *row.Form
	}
	return proved, tx.Audit(ctx, v.from.actor(desk.User{}), "visitor.signin", "visitor", map[string]any{"address": row.Address, "method": v.method})
}

// Visitor is who proved their address in this browser, as a customer without an account: an actor's user without an id. The error is a desk.Fault of kind Unsigned when nobody did, or too long ago.
func (s *Service) Visitor(ctx context.Context, token string) (desk.User, error) {
	now, hash := s.now(), secret.HashToken(token)
	live, found, err := s.store.VisitorSession(ctx, hash, now, now.Add(-visitorIdle))
	if err != nil {
		return desk.User{}, err
	}
	if !found {
		return desk.User{}, unsigned("Please prove your address first.")
	}
	if now.Sub(live.SeenAt) >= touchEvery {
		err = s.store.Write(ctx, func(tx *store.Tx) error { return tx.TouchVisitorSession(ctx, hash, now) })
	}
	return desk.User{Email: live.Address, Name: live.Name, Role: desk.RoleCustomer}, err
}

// SignOutVisitor ends the session of the token. One that has ended already is no error.
func (s *Service) SignOutVisitor(ctx context.Context, token string, from Client) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		address, err := tx.RemoveVisitorSession(ctx, secret.HashToken(token))
		if err != nil || address == "" {
			return err
		}
		return tx.Audit(ctx, from.actor(desk.User{}), "visitor.signout", "visitor", map[string]any{"address": address})
	})
}

// VisitorLetter is the mail that brings a code and a link.
type VisitorLetter struct {
	Code     string
	URL      string
	To       string // the bare address: no name that anybody chose
	From     desk.Address
	Form     bool // it confirms what was written into a form
	Language string
	At       time.Time
	Until    time.Time // when the code ends
}

// VisitorLetter reads what is to be mailed. wanted is false where nothing is: it was mailed already, has expired, or the address is nobody's that we know, gets no mail, or is none that a person reads.
func (s *Service) VisitorLetter(ctx context.Context, id int64) (letter VisitorLetter, wanted bool, err error) {
	row, found, err := s.store.VisitorWanted(ctx, id)
	if err != nil || !found || row.Outcome != "" {
		return letter, false, err
	}
	if reason := unwantedVisitor(row, s.now()); reason != "" {
		return letter, false, s.VisitorTold(ctx, id, reason)
	}
	what, err := s.openCode(row.VisitorCode)
	if err != nil {
		return letter, false, err
	}
	return VisitorLetter{
		Code: what.Code, URL: s.public + "/my/link/" + what.Token, To: row.Address, From: row.From, Form: row.Form != nil,
		Language: row.Language, At: row.CreatedAt, Until: row.CodeUntil,
	}, true, nil
}

// unwantedVisitor says why a code is not mailed; empty: it is. A form is open to everybody, the conversations only to those who have one.
func unwantedVisitor(row store.VisitorWanted, now time.Time) string {
	switch {
	case row.FromAddr == "":
		return "there is no mailbox in whose name it could leave"
	case row.Ours:
		return "the address is ours"
	case row.Suppressed:
		return "the address gets no mail, since it bounces"
	case !now.Before(row.LinkUntil):
		return "it would come too late"
	case !row.Known && row.Form == nil:
		return "the address is on no ticket"
	default:
		return desk.NoAnswer(row.Address)
	}
}

// VisitorTold writes down what became of the mail.
func (s *Service) VisitorTold(ctx context.Context, id int64, outcome string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.KeepVisitorCode(ctx, id, outcome) })
}
