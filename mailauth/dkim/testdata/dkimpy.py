"""Signs and judges mails with dkimpy. Each line on standard input is a JSON object, and each on standard output the answer.
   sign:   {"mail": base64, "sign": {"key", "selector", "domain", "algorithm", "header", "body", "length", "names"}}  ->  {"mail": base64}
   verify: {"mail": base64, "keys": {name: record}}  ->  {"pass": [bool for each signature]}"""
import base64
import json
import sys

import dkim


def answer(question):
    mail = base64.b64decode(question["mail"])
    if "sign" in question:
        s = question["sign"]
        field = dkim.sign(
            mail, s["selector"].encode(), s["domain"].encode(), s["key"].encode(),
            canonicalize=(s["header"].encode(), s["body"].encode()), length=s["length"],
            include_headers=[n.encode() for n in s["names"]], signature_algorithm=s["algorithm"].encode())
        return {"mail": base64.b64encode(field + mail).decode()}

    def txt(name, timeout=5):
        record = question["keys"].get(name.decode().rstrip("."))
        return record.encode() if record else None

    judged = []
    signatures = sum(1 for name, _ in dkim.DKIM(mail).headers if name.lower() == b"dkim-signature")
    for i in range(signatures):
        try:
            judged.append(bool(dkim.DKIM(mail).verify(i, dnsfunc=txt)))
        except dkim.DKIMException:
            judged.append(False)
    return {"pass": judged}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
