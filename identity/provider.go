package identity

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// Limits of what is kept about a provider.
const (
	longestProvider = 100     // characters of its name
	longestValue    = 2_000   // bytes of an address or a word
	longestKey      = 16_000  // bytes of a public key
	mostValues      = 100     // entries of a list
	longestSecret   = 4 << 10 // bytes
)

func readSecurity(actor desk.Actor) error {
	if !actor.Can(desk.MayReadSecurity) {
		return desk.Faultf(desk.Forbidden, "your role does not show how people sign in")
	}
	return nil
}

func manageSecurity(actor desk.Actor) error {
	if !actor.Can(desk.MayManageSecurity) {
		return desk.Faultf(desk.Forbidden, "your role does not allow changing how people sign in")
	}
	return nil
}

// Providers lists whose word is taken about who people are. It needs MayReadSecurity.
func (s *Service) Providers(ctx context.Context, actor desk.Actor) ([]desk.Provider, error) {
	if err := readSecurity(actor); err != nil {
		return nil, err
	}
	return s.store.Providers(ctx)
}

// Provider is one of them. It needs MayReadSecurity.
func (s *Service) Provider(ctx context.Context, actor desk.Actor, id int64) (desk.Provider, error) {
	if err := readSecurity(actor); err != nil {
		return desk.Provider{}, err
	}
	return s.store.Provider(ctx, id)
}

// Offered are the providers by which people may sign in from there: those that are on, for that population, and offered to that network.
func (s *Service) Offered(ctx context.Context, population desk.Population, from Client) ([]desk.Provider, error) {
	all, err := s.store.Providers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p desk.Provider) bool {
		return !p.Enabled || p.Population != population && p.Population != desk.ForBoth || !p.Settings.From(from.IP)
	}), nil
}

// enabled is a provider that is on; one that is off does not exist for whoever asks from outside.
func (s *Service) enabled(ctx context.Context, id int64) (desk.Provider, error) {
	provider, err := s.store.Provider(ctx, id)
	if err == nil && !provider.Enabled {
		err = desk.Faultf(desk.NotFound, "There is no such way to sign in.")
	}
	return provider, err
}

// AddProvider keeps a provider, switched off. What has to be secret is made or given apart: see SetProviderSecret and NewProviderSecret. It needs MayManageSecurity.
func (s *Service) AddProvider(ctx context.Context, actor desk.Actor, add desk.Provider) (made desk.Provider, err error) {
	if err := manageSecurity(actor); err != nil {
		return made, err
	}
	if add, err = s.checked(ctx, add); err != nil {
		return made, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		if err := tx.LockProviders(ctx); err != nil {
			return entry{}, err
		}
		if err := mayLetGive(ctx, tx.Reader, actor, giving{after: add.Settings}); err != nil {
			return entry{}, err
		}
		made, err = tx.AddProvider(ctx, add)
		detail := map[string]any{"name": made.Name, "kind": made.Kind, "population": made.Population, "settings": made.Settings}
		return entry{actor: actor, action: "provider.add", subject: providerSubject(made.ID), detail: detail}, err
	})
	return made, err
}

// ChangeProvider writes name, population and settings of a provider. What it says or is asked having changed, it has to be tested again, and until then nobody is redirected to it.
func (s *Service) ChangeProvider(ctx context.Context, actor desk.Actor, change desk.Provider) (made desk.Provider, err error) {
	if err := manageSecurity(actor); err != nil {
		return made, err
	}
	before, err := s.store.Provider(ctx, change.ID)
	if err != nil {
		return made, err
	}
	change.Kind = before.Kind
	if change, err = s.checked(ctx, change); err != nil {
		return made, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		now, err := s.lockProvider(ctx, tx, change.ID)
		if err != nil {
			return entry{}, err
		}
		if err := mayLetGive(ctx, tx.Reader, actor, giving{before: now.Settings, after: change.Settings}); err != nil {
			return entry{}, err
		}
		change.Enabled, change.TestedAt = now.Enabled, now.TestedAt
		if change.Population != now.Population || !reflect.DeepEqual(change.Settings, now.Settings) {
			change.TestedAt = nil
		}
		if made, err = tx.SetProvider(ctx, change); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"before": providerDetail(now), "after": providerDetail(made)}
		return entry{actor: actor, action: "provider.change", subject: providerSubject(made.ID), detail: detail}, s.keepsStaffWay(ctx, tx)
	})
	return made, err
}

// giving is what a provider may give, before and after a change.
type giving struct{ before, after desk.ProviderSettings }

// mayLetGive says whether the actor may have a provider give roles: only those that they could give themselves, and any that a provider may say only by somebody who could make an admin.
func mayLetGive(ctx context.Context, r store.Reader, actor desk.Actor, g giving) error {
	if g.after.AllowRole && !g.before.AllowRole {
		if err := mayGive(ctx, r, actor, desk.RoleAdmin); err != nil || actor.Token != 0 {
			return desk.Wrong("allow_role", "a provider that says roles can say admin: only an owner lets it")
		}
	}
	if role := g.after.CreateRole; g.after.Create && role != "" && (role != g.before.CreateRole || !g.before.Create) {
		return mayGive(ctx, r, actor, role)
	}
	return nil
}

// providerDetail is a provider as the audit log has it.
func providerDetail(p desk.Provider) map[string]any {
	return map[string]any{"name": p.Name, "population": p.Population, "settings": p.Settings}
}

func (s *Service) lockProvider(ctx context.Context, tx *store.Tx, id int64) (desk.Provider, error) {
	if err := tx.LockProviders(ctx); err != nil {
		return desk.Provider{}, err
	}
	return tx.Provider(ctx, id)
}

// Switch is whether a provider is on.
type Switch bool

const (
	SwitchedOn  Switch = true
	SwitchedOff Switch = false
)

// SwitchProvider puts a provider to use, or out of use. The last way in for staff stays on. It needs MayManageSecurity.
func (s *Service) SwitchProvider(ctx context.Context, actor desk.Actor, id int64, to Switch) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		provider, err := s.lockProvider(ctx, tx, id)
		if err != nil {
			return entry{}, err
		}
		if to == SwitchedOn && needsSecret(provider) && !provider.HasSecret {
			return entry{}, desk.Faultf(desk.Conflict, "%s has no secret yet", provider.Name)
		}
		provider.Enabled = bool(to)
		if _, err := tx.SetProvider(ctx, provider); err != nil {
			return entry{}, err
		}
		action := "provider.off"
		if to == SwitchedOn {
			action = "provider.on"
		}
		return entry{actor: actor, action: action, subject: providerSubject(id), detail: map[string]any{"name": provider.Name}}, s.keepsStaffWay(ctx, tx)
	})
}

// needsSecret says whether a provider cannot be used without one.
func needsSecret(p desk.Provider) bool {
	switch p.Kind {
	case desk.ProviderSAML:
		return false
	case desk.ProviderJWT:
		return p.Settings.Algorithm == "HS256"
	default:
		return true
	}
}

// RemoveProvider removes a provider, and disconnects every account of it. The last way in for staff stays.
func (s *Service) RemoveProvider(ctx context.Context, actor desk.Actor, id int64) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		provider, err := s.lockProvider(ctx, tx, id)
		if err != nil {
			return entry{}, err
		}
		if err := tx.DropProvider(ctx, id); err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "provider.remove", subject: providerSubject(id), detail: providerDetail(provider)}, s.keepsStaffWay(ctx, tx)
	})
}

// SetProviderSecret keeps the secret that the provider has given us. It is sealed, and never shown again.
func (s *Service) SetProviderSecret(ctx context.Context, actor desk.Actor, id int64, plain string) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	if plain = strings.TrimSpace(plain); plain == "" || len(plain) > longestSecret {
		return desk.Wrong("secret", "a secret has 1 to %d bytes", longestSecret)
	}
	return s.keepSecret(ctx, actor, id, plain)
}

// NewProviderSecret makes the secret that a program of the company signs tokens with (JWT, HS256): 64 random bytes in base64url. It is returned once, to be shown once, and replaces the one before.
func (s *Service) NewProviderSecret(ctx context.Context, actor desk.Actor, id int64) (plain string, err error) {
	if err := manageSecurity(actor); err != nil {
		return "", err
	}
	provider, err := s.store.Provider(ctx, id)
	if err != nil {
		return "", err
	}
	if provider.Kind != desk.ProviderJWT || provider.Settings.Algorithm != "HS256" {
		return "", desk.Faultf(desk.Conflict, "%s has no shared secret", provider.Name)
	}
	first, _ := s.newToken()
	second, _ := s.newToken()
	plain = first + second
	return plain, s.keepSecret(ctx, actor, id, plain)
}

func (s *Service) keepSecret(ctx context.Context, actor desk.Actor, id int64, plain string) error {
	sealed, _ := s.keys.Seal(secretContext(id), []byte(plain))
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		provider, err := s.lockProvider(ctx, tx, id)
		if err != nil {
			return entry{}, err
		}
		if err := tx.SetProviderSecret(ctx, id, sealed); err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "provider.secret", subject: providerSubject(id), detail: map[string]any{"name": provider.Name}}, s.keepsStaffWay(ctx, tx)
	})
}

func secretContext(id int64) string { return fmt.Sprintf("provider/%d/secret", id) }

// providerSecret opens the secret of a provider; empty: it has none.
func (s *Service) providerSecret(ctx context.Context, id int64) (string, error) {
	sealed, err := s.store.ProviderSecret(ctx, id)
	if err != nil || sealed == nil {
		return "", err
	}
	plain, err := s.keys.Open(secretContext(id), sealed)
	if err != nil {
		return "", fmt.Errorf("open the secret of provider %d: %w", id, err)
	}
	return string(plain), nil
}

// keepsStaffWay refuses a change after which no way is left by which staff could sign in that is known to work.
func (s *Service) keepsStaffWay(ctx context.Context, tx *store.Tx) error {
	values, err := tx.SettingValues(ctx, settingKeys())
	if err != nil {
		return err
	}
	providers, err := tx.Providers(ctx)
	if err != nil {
		return err
	}
	return staffWay(values, providers)
}

// staffWay says whether staff can sign in: with a password, or by a provider that is on, for them, and has been tested with its settings as they are.
func staffWay(values desk.Values, providers []desk.Provider) error {
	if values.On(desk.StaffPassword) {
		return nil
	}
	works := func(p desk.Provider) bool {
		return p.Enabled && p.TestedAt != nil && p.Population != desk.ForCustomers && len(p.Settings.Ranges) == 0
	}
	if slices.ContainsFunc(providers, works) {
		return nil
	}
	return desk.Faultf(desk.Conflict, "staff could not sign in any more: passwords are switched off, and no tested provider would be left that is for staff from everywhere")
}

// redirects says whether the pages for signing in may send people where the settings say.
func redirects(values desk.Values, providers []desk.Provider) error {
	for _, page := range []struct {
		mode, provider *desk.Setting
		population     desk.Population
	}{{desk.StaffMode, desk.StaffRedirect, desk.ForStaff}, {desk.CustomerMode, desk.CustomerRedirect, desk.ForCustomers}} {
		if values.Word(page.mode) != desk.SignInRedirect {
			continue
		}
		at := slices.IndexFunc(providers, func(p desk.Provider) bool { return p.ID == int64(values.Number(page.provider)) })
		switch {
		case at < 0:
			return desk.Wrong(page.provider.Key, "choose the provider to which people are sent")
		case !providers[at].Enabled || providers[at].Population != page.population && providers[at].Population != desk.ForBoth:
			return desk.Wrong(page.provider.Key, "%s is switched off, or not for these people", providers[at].Name)
		case providers[at].TestedAt == nil:
			return desk.Wrong(page.provider.Key, "try to sign in by %s first: nobody is sent to a provider that has not been tested as it is set now", providers[at].Name)
		}
	}
	return nil
}

// checkSignOn is what settings of signing in have to keep, as they stand in the transaction.
func (s *Service) checkSignOn(ctx context.Context, tx *store.Tx) error {
	if err := tx.LockProviders(ctx); err != nil {
		return err
	}
	after, err := tx.SettingValues(ctx, settingKeys())
	if err != nil {
		return err
	}
	providers, err := tx.Providers(ctx)
	if err != nil {
		return err
	}
	if err := staffWay(after, providers); err != nil {
		return err
	}
	return redirects(after, providers)
}

// SignInPage is what a page for signing in offers.
type SignInPage struct {
	Providers []desk.Provider
	Password  bool
	Code      bool  // customers: a code by mail
	Redirect  int64 // the provider to go to at once; 0: none
}

// SignInPage says what the page for a population offers to somebody there. A provider that cannot be used now is no reason to send people to it.
func (s *Service) SignInPage(ctx context.Context, population desk.Population, from Client) (page SignInPage, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return page, err
	}
	if page.Providers, err = s.Offered(ctx, population, from); err != nil {
		return page, err
	}
	mode, to := desk.StaffMode, desk.StaffRedirect
	page.Password, page.Code = values.On(desk.StaffPassword), false
	if population == desk.ForCustomers {
		mode, to = desk.CustomerMode, desk.CustomerRedirect
		page.Password, page.Code = values.On(desk.CustomerPassword), values.On(desk.CustomerCode)
	}
	wanted := int64(values.Number(to))
	if values.Word(mode) == desk.SignInRedirect && slices.ContainsFunc(page.Providers, func(p desk.Provider) bool { return p.ID == wanted && p.TestedAt != nil }) {
		page.Redirect = wanted
	}
	return page, nil
}

// SignedOutAt is the page to which a browser goes after signing out here, by the name of the provider of the session; empty: a page of ours.
func (s *Service) SignedOutAt(ctx context.Context, provider string) (string, error) {
	if provider == "" {
		return "", nil
	}
	all, err := s.store.Providers(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range all {
		if one.Name == provider {
			return one.Settings.LogoutURL, nil
		}
	}
	return "", nil
}

// methodAllowed says whether people of that role may come in that way, as the settings are.
func methodAllowed(values desk.Values, method Method, role desk.Role) bool {
	if method != ByPassword {
		return true // links are given by an admin, and every other way has been chosen by its own settings
	}
	if role == desk.RoleCustomer {
		return values.On(desk.CustomerPassword)
	}
	return values.On(desk.StaffPassword)
}

// codesAllowed refuses a code by mail where customers sign in in another way. What was written into a form is confirmed by a code all the same: it opens no conversation of before.
func (s *Service) codesAllowed(ctx context.Context, ask VisitorAsk) error {
	values, err := s.Settings(ctx)
	if err == nil && ask.Form == 0 && !values.On(desk.CustomerCode) {
		err = desk.Faultf(desk.Forbidden, "Codes by mail are switched off here. Sign in by one of the other ways.")
	}
	return err
}
