"""A foreign SMTP client: send.py HOST:PORT reads lines of JSON, {"path", "from", "to"}, sends each file's bytes as they are, and answers each line with {"code", "text", "seconds"}.

One connection carries many mails, as a mail server's would; where the server hangs up, the next mail opens a new one."""
import json
import smtplib
import sys
import time

host, port = sys.argv[1].rsplit(":", 1)
client = None


def connect():
    session = smtplib.SMTP(host, int(port), local_hostname="client.customer.example", timeout=60)
    session.ehlo_or_helo_if_needed()
    return session


def send(sender, recipients, mail):
    global client
    if client is None:
        client = connect()
    code, text = client.mail(sender)
    for recipient in recipients:
        if code == 250:
            code, text = client.rcpt(recipient)
    if code == 250:
        code, text = client.data(mail)
    if code != 250 and (code == 421 or client.rset()[0] != 250):  # after many errors a server says goodbye
        client.close()
        client = None
    return code, text


for line in sys.stdin:
    job = json.loads(line)
    with open(job["path"], "rb") as file:
        content = file.read()
    began = time.monotonic()
    try:
        code, text = send(job["from"], job["to"], content)
    except smtplib.SMTPResponseException as error:
        code, text = error.smtp_code, error.smtp_error
    except (smtplib.SMTPException, OSError) as error:
        code, text = 0, repr(error).encode()
    if code == 0 and client is not None:
        client.close()
        client = None
    print(json.dumps({"code": code, "text": text.decode("ascii", "replace"), "seconds": time.monotonic() - began}), flush=True)
if client is not None:
    client.quit()
