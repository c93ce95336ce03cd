package peers

import (
	"strings"
	"testing"
)

// What a Relay wants to hear.
const (
	RelayUser     = "desk@desk.example"
	RelayPassword = "s&cret: π %41" // octets that URLs, shells and lists would like to change
)

// Relay is an Exim that takes mail for everybody from who signs in under TLS, and from nobody else.
type Relay struct {
	*Server
	Plain, Login string // addresses where it offers AUTH by PLAIN only, and by LOGIN only
	Port         string // with STARTTLS
	ImplicitPort string // with TLS from the first octet
}

// eximSignIn adds to eximConf who may send.
const eximSignIn = `
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if and{{def:tls_in_cipher}{eq{$received_ip_address}{PLAINADDR}}}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if and{{eq{$auth1}{USER}}{eq{$auth2}{PASSWORD}}}}
  server_set_id = $auth1
  server_advertise_condition = ${if and{{def:tls_in_cipher}{eq{$received_ip_address}{LOGINADDR}}}}
`

// Smarthost starts a relay with a certificate for names.
func Smarthost(t testing.TB, site *Site, names ...string) Relay {
	t.Helper()
	doors := site.doors(t, []Listener{{TLS: GoodTLS, Names: names}, {TLS: GoodTLS, Names: names}})
	r := Relay{Server: newServer("Exim", folder(t, "exim"), doors), Plain: doors[0].Addr, Login: doors[1].Addr, Port: site.Net.Port, ImplicitPort: Loopback(t).Port}
	conf := eximConfFor(r.dir, eximBinary(t), r.Port+" : "+r.ImplicitPort+"\ntls_on_connect_ports = "+r.ImplicitPort, doors)
	conf = strings.Replace(conf, "  accept\n", "  accept authenticated = *\n  deny message = 5.7.0 sign in first\n", 1)
	conf += strings.NewReplacer("USER", RelayUser, "PASSWORD", RelayPassword, "PLAINADDR", r.Plain, "LOGINADDR", r.Login).Replace(eximSignIn)
	startExim(t, r.dir, conf)
	r.await(t, r.Port)
	r.await(t, r.ImplicitPort)
	return r
}
