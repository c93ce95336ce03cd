package identity

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"postern/desk"
)

// Key sets (RFC 7517) of JWT configurations are fetched from the one address that an admin has typed. They are remembered; an unknown key makes us look again, but not at every stranger's wish.
const (
	keysFor     = 10 * time.Minute
	keysNotOver = 30 * time.Second // between two looks
	mostKeys    = 50
)

// keySets are those that were fetched.
type keySets struct {
	mu    sync.Mutex
	known map[string]keySet
}

type keySet struct {
	keys []jose.JSONWebKey
	at   time.Time
}

// fetchKey is the key of that id, of the kind that the algorithm takes. A set with one such key needs no id.
func (s *Service) fetchKey(ctx context.Context, p desk.Provider, algorithm, id string) (any, error) {
	address, now := p.Settings.KeysURL, time.Now()
	s.keySets.mu.Lock()
	set, known := s.keySets.known[address]
	s.keySets.mu.Unlock()
	key := set.find(algorithm, id)
	if known && (key != nil && now.Sub(set.at) < keysFor || now.Sub(set.at) < keysNotOver) {
		return keyOr(key)
	}
	fetched, err := s.fetchKeys(ctx, address)
	if err != nil {
		return nil, err
	}
	s.keySets.mu.Lock()
	defer s.keySets.mu.Unlock()
	if s.keySets.known == nil || len(s.keySets.known) > 2*desk.MostProviders {
		s.keySets.known = map[string]keySet{}
	}
	set = keySet{fetched, now}
	s.keySets.known[address] = set
	return keyOr(set.find(algorithm, id))
}

func keyOr(key any) (any, error) {
	if key == nil {
		return nil, refused(BadSignature, "the key set has no such key")
	}
	return key, nil
}

// find is the key of that id for the algorithm; nil: none, or several without an id.
func (s keySet) find(algorithm, id string) any {
	fitting := slices.DeleteFunc(slices.Clone(s.keys), func(one jose.JSONWebKey) bool {
		return !fits(algorithm, one.Key) || one.Use != "" && one.Use != "sig" || one.Algorithm != "" && one.Algorithm != algorithm || id != "" && one.KeyID != id
	})
	if len(fitting) != 1 {
		return nil
	}
	return fitting[0].Key
}

// fetchKeys fetches a key set.
func (s *Service) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	outward, err := s.outward(ctx)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, refused(ProviderError, "the address of the key set cannot be read")
	}
	answer, err := outward.Client().Do(request)
	if err != nil {
		return nil, refused(ProviderError, "the key set could not be fetched")
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var set jose.JSONWebKeySet
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(text, &set) != nil {
		return nil, refused(ProviderError, "the key set could not be read")
	}
	return set.Keys[:min(len(set.Keys), mostKeys)], nil
}
