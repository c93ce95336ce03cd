"""Judges DKIM signatures with dkimpy: verify.py KEYS MAIL... prints 'pass' or 'fail' for each signature of each mail. KEYS holds lines of 'name record'."""
import sys

import dkim

records = dict(line.rstrip("\n").split(" ", 1) for line in open(sys.argv[1]))


def lookup(name, timeout=5):
    text = records.get(name.decode().rstrip("."))
    return text.encode() if text else None


for path in sys.argv[2:]:
    mail = open(path, "rb").read()
    for i in range(sum(1 for name, _ in dkim.DKIM(mail).headers if name.lower() == b"dkim-signature")):
        checker = dkim.DKIM(mail)
        try:
            good = checker.verify(i, dnsfunc=lookup)
            why = b""
        except dkim.DKIMException as error:
            good, why = False, str(error).encode()
        print("pass" if good else "fail", path, i, checker.signature_fields.get(b"a", b"?").decode() if hasattr(checker, "signature_fields") else "", why.decode())
