"""What honest mail servers do to a mail, by dkimpy. The mail comes on standard input and leaves on standard output.

mail.py sign KEY SELECTOR DOMAIN              signs it with DKIM
mail.py forward KEY SELECTOR DOMAIN RECORDS   judges its signatures by the TXT records in a file, one 'name record' a line; then does what breaks them, as a mailing list
                                              does, and seals its judgement with ARC (RFC 8617)"""
import sys

import dkim

task, key, selector, domain = sys.argv[1], open(sys.argv[2], "rb").read(), sys.argv[3].encode(), sys.argv[4].encode()
mail = sys.stdin.buffer.read()


def author(mail):
    _, address = next((n, v) for n, v in dkim.DKIM(mail).headers if n.lower() == b"from")
    return address.strip().rstrip(b">").rsplit(b"@", 1)[1].decode()


def judge(mail, records):
    """Authentication-Results in the words of RFC 8601."""

    def txt(name, timeout=5):
        record = records.get(name.decode().rstrip("."))
        return record.encode() if record else None

    checker, good = dkim.DKIM(mail), False
    try:
        good = checker.verify(0, dnsfunc=txt)
    except dkim.DKIMException:
        pass
    signer = checker.domain.decode() if good else "none.invalid"
    word = "pass" if good and signer == author(mail) else "fail"
    return f"{domain.decode()}; dkim={word} header.d={signer}; dmarc={word} header.from={author(mail)}".encode()


if task == "sign":
    mail = dkim.sign(mail, selector, domain, key, include_headers=[b"from", b"to", b"subject", b"date", b"message-id"]) + mail
else:
    verdict = judge(mail, dict(line.rstrip("\n").split(" ", 1) for line in open(sys.argv[5])))
    mail = mail.replace(b"\r\nSubject: ", b"\r\nSubject: [friends] ", 1).rstrip(b"\r\n") + b"\r\n-- \r\nYou read this because you are a friend.\r\n"
    mail = b"Authentication-Results: " + verdict + b"\r\n" + mail
    sets = dkim.arc_sign(mail, selector, domain, key, domain)
    mail = b"".join(sets) + mail

sys.stdout.buffer.write(mail)
