package mailout

import (
	"net"
	"testing"

	"postern/desk"
	"postern/internal/testkit"
)

// BenchmarkDeliver is one mail over a connection that is there already, to a receiver in the same process.
func BenchmarkDeliver(b *testing.B) {
	port := freePort(b, 1)
	listen(b, net.JoinHostPort("127.0.0.1", port), script{nth: -1, pipelining: true})
	w := &world{dns: testkit.DNS(b, "example. 3600 IN SOA a. b. 1 2 3 4 3600\nto.example. 3600 IN MX 10 mx1.example.\nmx1.example. 3600 IN A 127.0.0.1"), port: port}
	s := w.sender()
	defer s.Close()
	m := mailTo(simpleMail+string(make4K()), "ann@to.example")
	b.ReportAllocs()
	for b.Loop() {
		if got := s.Deliver(b.Context(), m); got[0].State != desk.DeliverySent {
			b.Fatalf("%+v", got)
		}
	}
}

func make4K() []byte {
	var text []byte
	for range 54 {
		text = append(text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"...)
	}
	return text
}
