package arc_test

import (
	"context"
	"net"
	"net/netip"
)

// zone answers for TXT records at once, so that a fuzzer spends its time where the parsers are. Everything but fuzzing asks a real name server.
type zone map[string]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if record, ok := z[name]; ok {
		return []string{record}, nil
	}
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

func (zone) LookupMX(context.Context, string) ([]*net.MX, error)      { return nil, nil }
func (zone) LookupA(context.Context, string) ([]netip.Addr, error)    { return nil, nil }
func (zone) LookupAAAA(context.Context, string) ([]netip.Addr, error) { return nil, nil }
func (zone) LookupPTR(context.Context, netip.Addr) ([]string, error)  { return nil, nil }
