package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postern/desk"
	"postern/mailout"
)

// relayCF makes Postfix take mail from this machine, have it signed, and send it on. What it does not need to know it does not look up; all else is Debian's default.
const relayCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
myhostname = mail.%[2]s
mydestination =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
relayhost = [127.0.0.1]:%[3]s
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_milters = unix:%[4]s
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
biff = no
`

// relayMasterCF is masterCF with what sending needs.
const relayMasterCF = masterCF + `smtp      unix - - n - - smtp
relay     unix - - n - - smtp
tlsmgr    unix - - n 1000? 1 tlsmgr
`

// relayMailer is Postfix with OpenDKIM.
type relayMailer struct {
	*postfix
	signer *child
}

// startRelay starts OpenDKIM, which signs with one RSA key of 2048 bits (Debian's build knows no Ed25519), and Postfix, which has it see every mail.
func startRelay(ctx context.Context, folder, sink string) (*relayMailer, error) {
	milter := filepath.Join(folder, "opendkim.socket") // as Debian has it; over TCP each mail would wait for delayed acknowledgements
	signer, err := startOpenDKIM(folder, milter)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, errors.Join(err, signer.stop())
	}
	_, port, _ := net.SplitHostPort(sink)
	p := &postfix{folder: folder, address: address}
	config := fmt.Sprintf(relayCF, folder, office, port, milter)
	if err := p.begin(ctx, config, fmt.Sprintf(relayMasterCF, address)); err != nil {
		return nil, errors.Join(err, signer.stop())
	}
	return &relayMailer{postfix: p, signer: signer}, nil
}

// startOpenDKIM runs it in the foreground, as root: it belongs to this run and takes connections of this machine only.
func startOpenDKIM(folder, address string) (*child, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "office.private")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("Mode s\nDomain %s\nSelector bench\nKeyFile %s\nCanonicalization relaxed/relaxed\nSocket local:%s\nUMask 000\nInternalHosts 127.0.0.0/8\nOversignHeaders From\nSyslog no\nUserID root\nRequireSafeKeys no\n",
		office, file, address)
	if err := os.WriteFile(filepath.Join(folder, "opendkim.conf"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("opendkim")
	if err != nil {
		program = "/usr/sbin/opendkim" // not on everybody's PATH
	}
	signer, err := run(nil, program, "-f", "-x", filepath.Join(folder, "opendkim.conf"))
	if err != nil {
		return nil, err
	}
	signer.drain()
	return signer, awaitListener(address)
}

// awaitListener waits until somebody listens.
func awaitListener(address string) error {
	var err error
	for range 500 {
		var conn net.Conn
		if conn, err = net.Dial("unix", address); err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func (*relayMailer) name() string { return "Postfix with OpenDKIM" }
func (*relayMailer) does() string {
	return "taken by SMTP, a queue file, synced; signed with RSA; sent"
}

func (*relayMailer) prepare(context.Context, int) error { return nil }

// cpu is that of both programs.
func (r *relayMailer) cpu() (total, database float64, err error) {
	relaying, err := cpuSeconds(r.master)
	if err != nil {
		return 0, 0, err
	}
	signing, err := cpuSeconds(r.signer.cmd.Process.Pid)
	return relaying + signing, 0, err
}

func (r *relayMailer) stop() error { return errors.Join(r.postfix.stop(), r.signer.stop()) }

// submit hands in mails of the very form that Postern's replies have, before they are signed.
func (r *relayMailer) submit(_ context.Context, mails int) error {
	return all(mails, func(writer, mails int) error {
		for done := 0; done < mails; done += perConnection {
			if err := r.session(writer, done, min(perConnection, mails-done)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *relayMailer) session(writer, first, mails int) error {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := client{conn: conn, in: bufio.NewReader(conn)}
	if err := errors.Join(c.await("220"), c.ask("EHLO bench."+office+"\r\n", "250")); err != nil {
		return err
	}
	for i := range mails {
		to := customerAddress(writer*1_000_000 + first + i)
		mail, err := replyMail(to, fmt.Sprintf("%d.%d.%d", time.Now().UnixNano(), writer, first+i))
		if err != nil {
			return err
		}
		if err := c.ask("MAIL FROM:<support@"+office+">\r\nRCPT TO:<"+to+">\r\nDATA\r\n", "250", "250", "354"); err != nil {
			return err
		}
		if err := c.ask(mail+".\r\n", "250"); err != nil {
			return err
		}
	}
	return c.ask("QUIT\r\n", "221")
}

func customerAddress(i int) string { return fmt.Sprintf("customer%d@%s", i, customers) }

// replyText is what every reply says: about as much as people write.
var replyText = strings.Repeat("Thank you for your message. We have looked at the pump and found that its valve was closed; please open it and try again. ", 8)

// replyMail is a reply as Postern writes it, before it is signed.
func replyMail(to, id string) (string, error) {
	var mail bytes.Buffer
	err := mailout.Compose(&mail, mailout.Draft{
		From: desk.Address{Name: "Support", Addr: "support@" + office}, ReplyTo: desk.Address{Addr: "support+" + strings.Repeat("x", 40) + "@" + office},
		To: []desk.Address{{Addr: to}}, Subject: "Re: The pump", MessageID: id + "@" + office, InReplyTo: "<question." + id + "@" + customers + ">",
		References: []string{"<question." + id + "@" + customers + ">"}, Date: time.Now(), Text: replyText, HTML: "<p>" + replyText + "</p>",
	})
	return mail.String(), err
}
