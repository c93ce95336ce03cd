package e2e

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	stallingMails = 2        // of each client whose DNS stalls
	forgedMails   = 200      // bounces, and mails of agents
	inflated      = 64 << 20 // octets of a report that is a bomb: many times what is read of one
	emptyLines    = 8 << 20  // octets of a body that is nothing else
)

// hostileZone is a DNS in which honest.example is at home, and others who are not honest.
func hostileZone() string {
	zone := new(strings.Builder)
	zone.WriteString(world + `
honest.example. IN TXT "v=spf1 ip4:198.51.100.0/24 -all"
_dmarc.honest.example. IN TXT "v=DMARC1; p=reject"
bombs.example. IN TXT "v=spf1 ip4:203.0.113.0/24 -all"
loop.example. IN TXT "v=spf1 include:a.loop.example -all"
a.loop.example. IN TXT "v=spf1 include:b.loop.example -all"
b.loop.example. IN TXT "v=spf1 include:a.loop.example redirect=loop.example"
_dmarc.loop.example. IN CNAME c.loop.example.
c.loop.example. IN CNAME d.loop.example.
d.loop.example. IN CNAME c.loop.example.
macro.example. IN TXT "v=spf1 exists:%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}.%{ir}.%{v}.%{d}.%{p}.macro.example include:%{d}.%{d}.%{d}.macro.example a:%{h}.%{p} -all"
crowd.example. IN TXT "v=spf1 mx ptr a mx:crowd.example mx:crowd.example mx:crowd.example -all"
huge.example. IN TXT "v=spf1`)
	for i := range 60_000 / 250 {
		if i > 0 {
			zone.WriteString("huge.example. IN TXT \"x")
		}
		zone.WriteString(strings.Repeat(" ip4:10.0.0.1", 18) + "\"\n")
	}
	for i := range 100 {
		fmt.Fprintf(zone, "crowd.example. IN MX 10 mx%d.crowd.example.\nmx%d.crowd.example. IN A 10.1.1.1\n", i, i)
	}
	for i := range 30 { // each of these leads to names about which nobody says anything
		fmt.Fprintf(zone, "stall%d.example. IN TXT \"v=spf1", i)
		for k := range 9 {
			fmt.Fprintf(zone, " include:silent%d.stall%d.example", k, i)
		}
		zone.WriteString(" -all\"\n")
	}
	return zone.String()
}

// silentNames are names about which the DNS says nothing at all.
func silentNames() (names []string) {
	for i := range 30 {
		names = append(names, fmt.Sprintf("_dmarc.stall%d.example", i), fmt.Sprintf("%d.113.0.203.in-addr.arpa", 30+i))
		for k := range 10 {
			names = append(names, fmt.Sprintf("silent%d.stall%d.example", k, i), fmt.Sprintf("k%d._domainkey.stall%d.example", k, i))
		}
	}
	return names
}

// throw sends one mail over a connection of its own, and notes the answer.
func (s *siege) throw(kind, ip, from string, mail []byte) (receipt, bool) {
	client, err := s.stranger(ip)
	if err != nil {
		s.t.Errorf("%s: %v", kind, err)
		return receipt{}, false
	}
	defer client.close()
	began := time.Now()
	answer, err := client.send(from, []string{support}, mail)
	if err != nil {
		s.t.Errorf("%s: %v", kind, err)
		return answer, false
	}
	s.told(kind, answer, time.Since(began))
	return answer, true
}

// thrower sends mails that cost others a minute or their life (T-22, T-40). Two throwers share them.
func thrower(bombs []item) func(s *siege, n int) {
	return func(s *siege, n int) {
		for i := n; i < len(bombs); i += 2 {
			if answer, _ := s.throw(bombs[i].name, fmt.Sprintf("203.0.113.%d", 2+n), "rita@bombs.example", bombs[i].bytes); answer.Code != 250 {
				s.t.Errorf("%s: %+v", bombs[i].name, answer)
			}
		}
	}
}

// hostileBombs are bombs, and those that any mail of the corpora test is not.
func hostileBombs() []item {
	const head = "From: rita@bombs.example\r\nTo: " + support + "\r\nSubject: bomb\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
	nested := new(strings.Builder)
	for i := range 10_000 {
		fmt.Fprintf(nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	segments := new(strings.Builder)
	for i := range 10_000 {
		fmt.Fprintf(segments, ";\r\n name*%d*=x", i)
	}
	fields := new(strings.Builder)
	for i := range 20_000 {
		fmt.Fprintf(fields, "X-Field-%d: x\r\n", i)
	}
	signature := func(selector string) string {
		return "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=bombs.example; s=" + selector + ";\r\n h=from:to; bh=aGVsbG8=; b=aGVsbG8=\r\n"
	}
	letters := new(strings.Builder)
	for range 200 { // mails within mails, each with its own
		letters.WriteString("Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: inner\r\n")
	}
	all := []item{
		{"200,000 parts", []byte(head + "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\na\r\n", 200_000) + "--x--\r\n")},
		{"10,000 deep", []byte(head + nested.String())},
		{"a field of 1 MB", []byte(head + "X-Long:" + strings.Repeat(" x\r\n", 1<<18) + "\r\nbody\r\n")},
		{"20,000 fields", []byte(fields.String() + head + "\r\nbody\r\n")},
		{"5,000 signatures", []byte(strings.Repeat(signature("x"), 5000) + head + "\r\nbody\r\n")},
		{"10,000 segments", []byte(head + "Content-Type: application/octet-stream" + segments.String() + "\r\n\r\nbody\r\n")},
		{"8 MiB of empty lines", []byte(signature("x") + signature("y") + head + "\r\n" + strings.Repeat("\r\n", emptyLines/2))},
		{"200 mails within each other", []byte(head + letters.String())},
		{"an abyss of HTML", []byte(head + "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div><b><i>\r\n", 100_000))},
		{"100,000 recipients", []byte(head + "Cc: a@b.example" + strings.Repeat(",\r\n a@b.example", 100_000) + "\r\n\r\nbody\r\n")},
		{"10,000 encoded words", []byte(head + "X-Words:" + strings.Repeat("\r\n =?utf-8?B?4oKs?=", 10_000) + "\r\nSubject:" + strings.Repeat("\r\n =?x?Q?=3D?=", 10_000) + "\r\n\r\nbody\r\n")},
	}
	for _, bomb := range []struct {
		name, file string
		bytes      []byte
	}{
		{"a gzip bomb", "honest.example!" + hostname + "!1!2.xml.gz", gzipped(bytes.Repeat([]byte(" "), inflated))},
		{"a gzip within a gzip", "honest.example!" + hostname + "!1!3.xml.gz", gzipped(gzipped(make([]byte, inflated)))},
		{"a zip bomb", "honest.example!" + hostname + "!1!4.zip", zipped(100, inflated/100)},
		{"a zip of 10,000 files", "honest.example!" + hostname + "!1!5.zip", zipped(10_000, 10)},
		{"a report of 100,000 rows", "honest.example!" + hostname + "!1!6.xml.gz", gzipped(rows())},
	} {
		text := new(bytes.Buffer)
		wrapBase64(text, bomb.bytes)
		all = append(all, item{bomb.name, []byte(strings.Replace(head, "Subject: bomb", "Subject: Report Domain: "+hostname+" Submitter: bombs.example Report-ID: 1", 1) +
			"Content-Type: application/gzip; name=\"" + bomb.file + "\"\r\nContent-Disposition: attachment; filename=\"" + bomb.file + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + text.String())})
	}
	return all
}

func gzipped(content []byte) []byte {
	var out bytes.Buffer
	packer := gzip.NewWriter(&out)
	_, _ = packer.Write(content) // a buffer takes everything
	_ = packer.Close()
	return out.Bytes()
}

func zipped(files, size int) []byte {
	var out bytes.Buffer
	packer := zip.NewWriter(&out)
	for i := range files {
		file, err := packer.Create(fmt.Sprintf("report%d.xml", i))
		if err == nil {
			_, _ = io.WriteString(file, "<feedback>"+strings.Repeat(" ", size))
		}
	}
	_ = packer.Close()
	return out.Bytes()
}

// rows is a report whose rows never end.
func rows() []byte {
	return []byte("<feedback><report_metadata><org_name>bombs.example</org_name><report_id>1</report_id><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published><domain>" + hostname +
		"</domain></policy_published>" + strings.Repeat("<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>", 100_000) + "</feedback>")
}

// stall writes from domains whose DNS says nothing: SPF, DKIM with ten keys, DMARC and the name of the client. Such a mail may wait for its own DNS, and for no longer.
func (s *siege) stall(n int) {
	for i := range stallingMails {
		keys := new(strings.Builder)
		for k := range 10 {
			fmt.Fprintf(keys, "DKIM-Signature: v=1; a=rsa-sha256; d=stall%d.example; s=k%d; h=from; bh=aGk=; b=aGk=\r\n", n, k)
		}
		from := fmt.Sprintf("x@stall%d.example", n)
		l := letter{from: from, to: support, subject: "stalled", id: fmt.Sprintf("stall-%d-%d@stall.example", n, i), text: "?"}
		began := time.Now()
		answer, ok := s.throw("stalling DNS", fmt.Sprintf("203.0.113.%d", 30+n), from, []byte(keys.String()+l.String()))
		if took := time.Since(began); ok && (answer.Code != 250 || took > hostileDNS) {
			s.t.Errorf("a mail whose DNS stalls: %+v after %v", answer, took)
		}
	}
}

// loopDNS writes from domains whose records lead in circles, or to very many others (T-41).
func (s *siege) loopDNS(n int) {
	domain := []string{"loop.example", "macro.example", "crowd.example", "huge.example"}[n]
	for i := range 10 {
		from := strings.Repeat("a.", 25) + "b@" + domain
		l := letter{from: from, to: support, subject: "looping", id: fmt.Sprintf("loop-%d@%s", i, domain), text: "?", header: []string{"DKIM-Signature: v=1; a=rsa-sha256; d=" + domain + "; s=x; h=from; bh=aGk=; b=aGk="}}
		if answer, ok := s.throw(domain, fmt.Sprintf("203.0.113.%d", 10+n), from, []byte(l.String())); ok && answer.Code != 250 {
			s.t.Errorf("%s: %+v", domain, answer)
		}
	}
}

// smuggle sends everything that some server takes for the end of a mail, with another mail behind it (T-12).
func (s *siege) smuggle(int) {
	inner := "MAIL FROM:<boss@honest.example>\r\nRCPT TO:<" + support + ">\r\nDATA\r\nFrom: boss@honest.example\r\nSubject: smuggled\r\n\r\nx"
	for round := range 5 {
		for i, end := range []string{"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\n\n.\n\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n\r.\r\n"} {
			client, err := s.stranger("203.0.113.4")
			if err != nil {
				s.t.Error(err)
				return
			}
			for _, command := range []string{"MAIL FROM:<x@bombs.example>", "RCPT TO:<" + support + ">", "DATA"} {
				_, _ = client.say(command) // what follows shows whether they were taken
			}
			began := time.Now()
			answer, err := client.finish([]byte(fmt.Sprintf("From: x@bombs.example\r\nSubject: outer %d-%d\r\n\r\nx", round, i) + end + inner + "\r\n.\r\n"))
			s.told("smuggling", answer, time.Since(began))
			if err != nil || answer.Code != 550 {
				s.t.Errorf("end of data %q: %+v, %v", end, answer, err)
			}
			if next, err := client.say("NOOP"); err != nil || !strings.HasPrefix(next, "250 ") {
				s.t.Errorf("end of data %q: after the answer comes %q, %v", end, next, err)
			}
			client.close()
		}
	}
}

// session sends many mails over connections of fifty each, the null sender's if from is empty.
func (s *siege) session(kind, ip, from string, count int, mail func(i int) []byte) {
	for i := 0; i < count; {
		client, err := s.stranger(ip)
		if err != nil {
			s.t.Errorf("%s: %v", kind, err)
			return
		}
		for range min(perMail/2, count-i) {
			began := time.Now()
			answer, err := client.send(from, []string{support}, mail(i))
			s.told(kind, answer, time.Since(began))
			if err != nil || answer.Code != 250 {
				s.t.Errorf("%s %d: %+v, %v", kind, i, answer, err)
			}
			i++
		}
		client.close()
	}
}

// bounceForged reports on mails that we never sent (T-18).
func (s *siege) bounceForged(int) {
	s.session("forged bounces", "203.0.113.5", "", forgedMails, func(i int) []byte {
		return []byte(fmt.Sprintf("From: mailer-daemon@bombs.example\r\nTo: %s\r\nSubject: Undelivered %d\r\nMessage-ID: <bounce-%d@bombs.example>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"+
			"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; ada@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"+
			"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <%s@%s>\r\n\r\n--b--\r\n", support, i, i, base64.RawURLEncoding.EncodeToString([]byte(randomLetters(10))), hostname))
	})
}

// writeAsAgents writes in the name of one of ours (T-07).
func (s *siege) writeAsAgents(int) {
	s.session("forged agents", "203.0.113.6", "x@bombs.example", forgedMails, func(i int) []byte {
		return []byte(letter{from: owner, to: support, subject: fmt.Sprintf("boss wants money %d", i), id: fmt.Sprintf("agent-%d@bombs.example", i), text: "Now."}.String())
	})
}

// guessRecipients goes through addresses in search of ours, and is made to wait longer for each.
func (s *siege) guessRecipients(n int) {
	client, err := s.stranger(fmt.Sprintf("203.0.113.%d", 7+n))
	if err != nil {
		s.t.Error(err)
		return
	}
	defer client.close()
	_, _ = client.say("MAIL FROM:<x@bombs.example>")
	for i := range 5 {
		if answer, err := client.say(fmt.Sprintf("RCPT TO:<%d@%s>", i, hostname)); err != nil || !strings.HasPrefix(answer, "550 5.1.1 ") {
			s.t.Errorf("guess %d: %s, %v", i, answer, err)
		}
	}
}

// makeNoise says what is no command until it is sent away, and then lines without an end.
func (s *siege) makeNoise(n int) {
	for range 10 {
		client, err := s.connect(fmt.Sprintf("203.0.113.%d", 15+n))
		if err != nil {
			s.t.Error(err)
			return
		}
		for i := 0; i < 50; i++ {
			if answer, err := client.say(strings.Repeat("\x00\xffEHLO", 100)); err != nil || strings.HasPrefix(answer, "421 ") {
				break
			}
		}
		_, _ = client.conn.Write(bytes.Repeat([]byte("x"), 1<<20)) // it may be gone
		client.close()
	}
}
