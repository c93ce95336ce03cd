"""Signs and judges with dkimpy, and judges senders with pyspf: judge.py HOST:PORT, the name server that both ask.

Each line on standard input is a JSON object, and each on standard output the answer, in order; mails are base64.
   {"sign": [{"key", "selector", "domain", "algorithm", "header", "body", "length", "names", "identity", "tags"}, ...], "mail"}  ->  {"mail", "error"}
   {"dkim": true, "mail"}                     ->  {"results": {"domain/selector": "pass" or why not}}
   {"spf": {"ip", "sender", "helo"}}          ->  {"result", "why"}
"tags" replaces tags of the signature, or adds to them, before it is made."""
import base64
import json
import sys

import dkim
import dns.resolver
import spf

host, port = sys.argv[1].rsplit(":", 1)
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port, resolver.cache = [host], int(port), None
dns.resolver.default_resolver = resolver  # the one that both libraries ask


class Signer(dkim.DKIM):
    def __init__(self, mail, tags):
        super().__init__(mail)
        self.tags = {name.encode(): value.encode() for name, value in tags.items()}
        self.should_not_sign = set()

    def gen_header(self, fields, *rest, **more):
        known = {name for name, _ in fields}
        fields[:] = [(name, self.tags.get(name, value)) for name, value in fields]
        fields[-1:-1] = [(name, value) for name, value in self.tags.items() if name not in known]  # b= stays last
        return super().gen_header(fields, *rest, **more)


def sign(mail, s):
    try:
        field = Signer(mail, s.get("tags") or {}).sign(
            s["selector"].encode(), s["domain"].encode(), s["key"].encode(), signature_algorithm=s["algorithm"].encode(),
            identity=s["identity"].encode() or None, canonicalize=(s["header"].encode(), s["body"].encode()),
            include_headers=[n.encode() for n in s["names"]], length=s["length"])
    except (dkim.DKIMException, UnicodeDecodeError) as error:
        return {"error": repr(error)}
    return {"mail": base64.b64encode(field + mail).decode()}


def judge(mail):
    results = {}
    try:
        count = sum(1 for name, _ in dkim.DKIM(mail).headers if name.lower() == b"dkim-signature")
    except dkim.DKIMException as error:
        return {"results": {}, "error": repr(error)}
    for i in range(count):
        one = dkim.DKIM(mail)
        try:
            result = "pass" if one.verify(i) else "fail"
        except Exception as error:  # whatever it is, the signature does not hold for dkimpy
            result = repr(error)
        tags = {k.decode("latin-1"): v.decode("latin-1") for k, v in one.signature_fields.items()}
        name = (tags.get("d", "") + "/" + tags.get("s", "")).lower()
        if results.get(name) != "pass":
            results[name] = result
    return {"results": results}


def sender(s):
    query = spf.query(s["ip"], s["sender"], s["helo"], receiver="mx.example.org", timeout=20, querytime=0)
    result, _, why = query.check()
    return {"result": result, "why": why}


for line in sys.stdin:
    job = json.loads(line)
    if "spf" in job:
        answer = sender(job["spf"])
    elif job.get("sign"):
        answer = {"mail": job["mail"]}
        for order in job["sign"]:
            if "mail" in answer:
                answer = sign(base64.b64decode(answer["mail"]), order)
    else:
        answer = judge(base64.b64decode(job["mail"]))
    print(json.dumps(answer))
