"""Reads mails with Python's parser, which names every defect that it sees: read.py MAIL... prints subject, text and file names of each as one line of JSON."""
import email
import email.policy
import json
import sys

for path in sys.argv[1:]:
    mail = email.message_from_bytes(open(path, "rb").read(), policy=email.policy.default)
    defects = [str(d) for part in mail.walk() for d in part.defects]
    defects += [f"{name}: {d}" for part in mail.walk() for name, value in part.items() for d in value.defects]
    print(json.dumps({
        "subject": mail["subject"],
        "to": [address.addr_spec for address in mail["to"].addresses],
        "text": mail.get_body(("plain",)).get_content(),
        "files": [part.get_filename() for part in mail.walk() if part.get_filename()],
        "defects": defects,
    }))
