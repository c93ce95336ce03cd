"""Judges DKIM signatures with libopendkim, the C library under most receivers: opendkim.py KEYS MAIL... prints the library's verdict and the selector of the signature that it is about.
KEYS holds lines of 'name record' and takes the place of the DNS (DKIM_QUERY_FILE)."""
import ctypes
import sys

lib = ctypes.CDLL("libopendkim.so.11")
pointer, text, size, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
for name, result, arguments in (
    ("dkim_init", pointer, (pointer, pointer)),
    ("dkim_options", number, (pointer, number, number, pointer, size)),
    ("dkim_verify", pointer, (pointer, text, pointer, ctypes.POINTER(number))),
    ("dkim_chunk", number, (pointer, text, size)),
    ("dkim_eom", number, (pointer, pointer)),
    ("dkim_getsignature", pointer, (pointer,)),
    ("dkim_sig_getselector", text, (pointer,)),
    ("dkim_getresultstr", text, (number,)),
):
    function = getattr(lib, name)
    function.restype, function.argtypes = result, arguments

SET, METHOD, INFO, FROM_FILE = 1, 6, 7, 1  # dkim.h: DKIM_OP_SETOPT, DKIM_OPTS_QUERYMETHOD, DKIM_OPTS_QUERYINFO, DKIM_QUERY_FILE
library = lib.dkim_init(None, None)
method, keys = number(FROM_FILE), ctypes.create_string_buffer(sys.argv[1].encode(), 1024)
for option, value in ((METHOD, method), (INFO, keys)):
    if lib.dkim_options(library, SET, option, ctypes.byref(value), ctypes.sizeof(value)) != 0:
        sys.exit("libopendkim refused an option")

for path in sys.argv[2:]:
    mail = open(path, "rb").read()
    status = number()
    job = lib.dkim_verify(library, b"test", None, ctypes.byref(status))
    verdict = lib.dkim_chunk(job, mail, len(mail)) or lib.dkim_chunk(job, None, 0) or lib.dkim_eom(job, None)
    signature = lib.dkim_getsignature(job)
    print(lib.dkim_getresultstr(verdict).decode(), lib.dkim_sig_getselector(signature).decode() if signature else "-", path)
