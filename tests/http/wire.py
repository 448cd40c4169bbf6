"""Sends messages byte by byte as they stand here, and checks what a server answers.

Usage: wire.py HOST PORT. Each case is sent whole, and once more byte by byte: the answers must be the same.
The kinds are those of the suites of llhttp and h1spec, and of RFC 9112's warnings about request smuggling.
"""

import json
import socket
import sys

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def get(more=b"", line=b"GET /health HTTP/1.1", host=b"Host: localhost\r\n"):
    return line + b"\r\n" + host + more + b"\r\n"


def post(framing, body=b"_id=a"):
    return get(FORM + framing, b"POST /fhir/Patient/_search HTTP/1.1") + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5\r\n_id=a\r\n0\r\n\r\n"
#: What a smuggler hides behind a message. If it is answered, the message was read too short.
HIDDEN = b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: What goes on: (what it is, the bytes, the statuses of the answers).
KEPT = [
    ("a plain GET", get(), [200]),
    ("two in one packet", get() + get(), [200, 200]),
    ("different ones in order", get() + get(line=b"GET /nothing HTTP/1.1") + post(b"Content-Length: 5\r\n") + get(),
     [200, 404, 200, 200]),
    ("an empty line before it", b"\r\n" + get(), [200]),
    ("a length", post(b"Content-Length: 5\r\n"), [200]),
    ("a length with zeros and blanks", post(b"Content-Length: \t0005 \r\n"), [200]),
    ("chunks", post(CHUNKED, CHUNKS), [200]),
    ("chunks and another request", post(CHUNKED, CHUNKS) + get(), [200, 200]),
    ("chunked in capitals", post(b"transfer-encoding: CHUNKED\r\n", CHUNKS), [200]),
    ("extensions", post(CHUNKED, b"5;a;b=c;d=\"e f\" ; g = h\r\n_id=a\r\n0;z\r\n\r\n"), [200]),
    ("trailers", post(CHUNKED, b"5\r\n_id=a\r\n0\r\nX-Sum: 1\r\nContent-Length: 99\r\n\r\n") + get(), [200, 200]),
    ("leading zeros of a size", post(CHUNKED, b"00005\r\n_id=a\r\n000\r\n\r\n"), [200]),
    ("no value of a field", get(b"X-Empty:\r\nX-Blank: \t \r\n"), [200]),
    ("bytes beyond ASCII in a value", get("X-City: São Paulo\r\n".encode()), [200]),
    ("Latin-1 in a value", get("X-City: São Paulo\r\n".encode("latin-1")), [200]),
    ("all bytes that a value can have", get(b"X: \t" + bytes(range(0x20, 0x7f)) + bytes(range(0x80, 0x100)) + b"\r\n"), [200]),
    ("all bytes that a name can have", get(b"!#$%&'*+-.^_`|~09azAZ: x\r\n"), [200]),
    ("a URL as the target", get(line=b"GET http://localhost/health HTTP/1.1"), [200]),
    ("a URL without a path", get(line=b"GET HTTP://localhost:80 HTTP/1.1"), [200]),
    ("no host in Host", get(host=b"Host:\r\n"), [200]),
    ("IPv6 in Host", get(host=b"Host: [::1]:8080\r\n"), [200]),
    ("an unknown method", get(b"Content-Length: 0\r\n", b"BREW /health HTTP/1.1"), [405]),
    ("a method in small letters", get(line=b"get /health HTTP/1.1"), [405]),
    ("options of Connection", get(b"Connection: TE, keep-alive\r\n"), [200]),
    ("HTTP/1.0 that asks for more", get(b"Connection: keep-alive\r\n", b"GET /health HTTP/1.0", b""), [200]),
    ("an expectation without a body", get(b"Expect: 100-continue\r\n"), [200]),
    ("the server itself", get(line=b"OPTIONS * HTTP/1.1"), [204]),
    ("a long target", get(line=b"GET /health?" + b"a" * 16000 + b" HTTP/1.1"), [200]),
    ("many fields", get(b"".join(b"X-%d: x\r\n" % n for n in range(99))), [200]),
    ("a large field", get(b"X: " + b"x" * 60000 + b"\r\n"), [200]),
]

#: What ends the connection with the last answer. What is hidden behind it is never answered.
ENDED = [
    ("Connection: close", get(b"Connection: close\r\n"), [200]),
    ("Connection: Close among others", get(b"Connection: foo, Close\r\nConnection: keep-alive\r\n"), [200]),
    ("HTTP/1.0", get(line=b"GET /health HTTP/1.0", host=b""), [200]),
    ("HTTP/1.0 without a body, as nginx sends it", b"POST /fhir/$export HTTP/1.0\r\nHost: localhost\r\n\r\n", [202]),
    ("a body that nobody reads", get(b"Content-Length: 40\r\n"), [200]),
    ("chunks that nobody reads", get(CHUNKED), [200]),
    ("a body on a path that takes none", get(b"Content-Length: 40\r\n", b"POST /health HTTP/1.1"), [405]),
    # Lengths that can be read in two ways.
    ("a length and chunks", post(b"Content-Length: 5\r\n" + CHUNKED, CHUNKS), [400]),
    ("chunks and a length", post(CHUNKED + b"Content-Length: 5\r\n", CHUNKS), [400]),
    ("a length and an unknown coding", post(b"Content-Length: 5\r\nTransfer-Encoding: x\r\n"), [400]),
    ("two lengths", post(b"Content-Length: 5\r\nContent-Length: 6\r\n"), [400]),
    ("two equal lengths", post(b"Content-Length: 5\r\nContent-Length: 5\r\n"), [400]),
    ("a list of lengths", post(b"Content-Length: 5, 5\r\n"), [400]),
    ("a sign", post(b"Content-Length: +5\r\n"), [400]),
    ("a negative length", post(b"Content-Length: -5\r\n"), [400]),
    ("a negative length that overflows", post(b"Content-Length: -123456789123456789123456789\r\n"), [400]),
    ("a hexadecimal length", post(b"Content-Length: 0x5\r\n"), [400]),
    ("a length with a blank", post(b"Content-Length: 4 2\r\n"), [400]),
    ("a length that overflows", post(b"Content-Length: 18446744073709551621\r\n"), [400]),
    ("no digits", post(b"Content-Length: \r\n"), [400]),
    ("a word", post(b"Content-Length: five\r\n"), [400]),
    ("a blank before the colon", post(b"Content-Length : 5\r\n"), [400]),
    ("a blank before the colon of the coding", post(b"Transfer-Encoding : chunked\r\n", CHUNKS), [400]),
    ("chunked not last", post(b"Transfer-Encoding: chunked, identity\r\n", CHUNKS), [400]),
    ("chunked not last, in two lines", post(CHUNKED + b"Transfer-Encoding: deflate\r\n", CHUNKS), [400]),
    ("chunked twice", post(CHUNKED + CHUNKED, CHUNKS), [400]),
    ("not quite chunked", post(b"Transfer-Encoding: xchunked\r\n", CHUNKS), [400]),
    ("chunked behind a tab of another kind", post(b"Transfer-Encoding:\x0bchunked\r\n", CHUNKS), [400]),
    ("chunked in quotes", post(b"Transfer-Encoding: \"chunked\"\r\n", CHUNKS), [400]),
    ("chunked folded", post(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS), [400]),
    ("pigeons", post(b"Transfer-Encoding: pigeons\r\n"), [400]),
    ("a coding that is not read", post(b"Transfer-Encoding: deflate, chunked\r\n", CHUNKS), [501]),
    ("chunks of HTTP/1.0", b"POST /fhir/Patient/_search HTTP/1.0\r\n" + FORM + CHUNKED + b"\r\n" + CHUNKS, [400]),
    ("HTTP/1.0 without a length", b"POST /fhir/Patient/_search HTTP/1.0\r\n" + FORM + b"\r\n", [411]),
    # Chunks.
    ("a size that is none", post(CHUNKED, b"g\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a negative size", post(CHUNKED, b"-5\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a size with 0x", post(CHUNKED, b"0x5\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a size with a blank before it", post(CHUNKED, b" 5\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a size with a blank behind it", post(CHUNKED, b"5 \r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a size that overflows", post(CHUNKED, b"10000000000000005\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a size in a line that ends in LF", post(CHUNKED, b"5\n_id=a\r\n0\r\n\r\n"), [400]),
    ("an extension with LF", post(CHUNKED, b"5;a\nb\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("an extension with CR", post(CHUNKED, b"5;a\rb\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a chunk longer than it says", post(CHUNKED, b"4\r\n_id=a\r\n0\r\n\r\n"), [400]),
    ("a chunk that ends in LF", post(CHUNKED, b"5\r\n_id=a\n0\r\n\r\n"), [400]),
    ("a chunk without an end", post(CHUNKED, b"5\r\n_id=a0\r\n\r\n"), [400]),
    ("trailers that are none", post(CHUNKED, b"5\r\n_id=a\r\n0\r\nno colon\r\n\r\n"), [400]),
    ("trailers that end in LF", post(CHUNKED, b"5\r\n_id=a\r\n0\r\nA: b\n\n"), [400]),
    ("an endless size", post(CHUNKED, b"0" * 5000), [400]),
    ("an endless extension", post(CHUNKED, b"5;" + b"a" * 5000), [400]),
    ("endless trailers", post(CHUNKED, b"0\r\n" + b"a: b\r\n" * 20000), [400]),
    ("many trailers", post(CHUNKED, b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n"), [400]),
    # Lines.
    ("LF in a request line", b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", [400]),
    ("LF in a field", b"GET /health HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", [400]),
    ("LF alone everywhere", b"GET /health HTTP/1.1\nHost: a\n\n", [400]),
    ("LF before it", b"\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("CR in a value", get(b"X: a\rY: b\r\n"), [400]),
    ("CR CR LF", get(b"X: a\r\r\n"), [400]),
    ("CR LF CR", get(b"\rX: y\r\n"), [400]),
    ("a folded line", get(b"X: a\r\n b\r\n"), [400]),
    ("a folded line with a tab", get(b"X: a\r\n\tb\r\n"), [400]),
    ("a blank before the first field", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", [400]),
    ("NUL in a value", get(b"X: a\0b\r\n"), [400]),
    ("a control character in a value", get(b"X: a\x07b\r\n"), [400]),
    ("DEL in a value", get(b"X: a\x7fb\r\n"), [400]),
    ("NUL in a name", get(b"X\0Y: a\r\n"), [400]),
    ("a blank in a name", get(b"X Y: a\r\n"), [400]),
    ("brackets in a name", get(b"X[Y]: a\r\n"), [400]),
    ("a name beyond ASCII", get("Gr\u00fcn: a\r\n".encode()), [400]),
    ("no name", get(b": a\r\n"), [400]),
    ("no colon", get(b"nothing\r\n"), [400]),
    # The request line.
    ("no version", b"GET /health\r\n\r\n", [400]),
    ("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("two blanks", get(line=b"GET  /health HTTP/1.1"), [400]),
    ("two blanks before the version", get(line=b"GET /health  HTTP/1.1"), [400]),
    ("a blank behind the version", get(line=b"GET /health HTTP/1.1 "), [400]),
    ("a tab", get(line=b"GET\t/health HTTP/1.1"), [400]),
    ("a blank in the target", get(line=b"GET /hea lth HTTP/1.1"), [400]),
    ("a blank before the method", b" " + get(), [400]),
    ("a control character in the target", get(line=b"GET /hea\x01lth HTTP/1.1"), [400]),
    ("a method that is none", get(line=b"G@T /health HTTP/1.1"), [400]),
    ("UTF-8 in the target", get(line="GET /fhir/Group?name=Grün HTTP/1.1".encode()), [400]),
    ("Latin-1 in the target", get(line="GET /fhir/Group?name=Grün HTTP/1.1".encode("latin-1")), [400]),
    ("a target that is no path", get(line=b"GET health HTTP/1.1"), [400]),
    ("* for another method", get(line=b"GET * HTTP/1.1"), [400]),
    ("CONNECT", get(line=b"CONNECT a:80 HTTP/1.1"), [400]),
    ("a URL without a host", get(line=b"GET http:///health HTTP/1.1"), [400]),
    ("a URL with a user", get(line=b"GET http://b@a/health HTTP/1.1"), [400]),
    ("another protocol", get(line=b"GET /health FTP/1.1"), [400]),
    ("a version in small letters", get(line=b"GET /health http/1.1"), [400]),
    ("a version of three digits", get(line=b"GET /health HTTP/1.10"), [400]),
    ("HTTP/2.0", get(line=b"GET / HTTP/2.0"), [505]),
    ("HTTP/0.9", get(line=b"GET / HTTP/0.9"), [505]),
    ("HTTP/1.2", get(line=b"GET / HTTP/1.2"), [505]),
    ("HTTP/2 by prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), [400]),
    # Host.
    ("no Host", get(host=b""), [400]),
    ("two Hosts", get(host=b"Host: localhost\r\nHost: localhost\r\n"), [400]),
    ("two Hosts of HTTP/1.0", get(host=b"Host: localhost\r\nHost: b\r\n", line=b"GET /health HTTP/1.0"), [400]),
    ("a Host with a blank", get(host=b"Host: a b\r\n"), [400]),
    ("a Host with a path", get(host=b"Host: a/b\r\n"), [400]),
    ("a Host with a user", get(host=b"Host: b@a\r\n"), [400]),
    ("a Host with a wrong port", get(host=b"Host: a:b\r\n"), [400]),
    ("a list of Hosts", get(host=b"Host: a, b\r\n"), [400]),
    ("a Host beyond ASCII", get(host="Host: ü\r\n".encode()), [400]),
    # Expectations and limits.
    ("another expectation", get(b"Expect: more\r\n"), [417]),
    ("a body that is too long", post(b"Content-Length: 1048577\r\n", b""), [413]),
    ("a body that is too long, not asked for", post(b"Expect: 100-continue\r\nContent-Length: 1048577\r\n", b""), [413]),
    ("a target that is too long", get(line=b"GET /" + b"a" * 16384 + b" HTTP/1.1"), [414]),
    ("a target without an end", b"GET /" + b"a" * 70000, [414]),
    ("a method without an end", b"A" * 70000, [414]),
    ("a head that is too long", get(b"X: " + b"x" * 66000 + b"\r\n"), [431]),
    ("a head without an end", b"GET / HTTP/1.1\r\nX: " + b"x" * 70000, [431]),
    ("101 fields", get(b"".join(b"X-%d: x\r\n" % n for n in range(100))), [431]),
    ("fields without an end", b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 5000, [431]),
    ("empty lines without an end", b"\r\n" * 40000, [431]),
]


class Client:
    """One connection."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""

    def send(self, data, step):
        try:
            for at in range(0, len(data), step):
                self.socket.sendall(data[at:at + step])
        except OSError:
            pass  # The server has answered and ended before it had everything.

    def more(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionError:
            got = b""
        self.bytes += got
        return got != b""

    def ends(self):
        """True if nothing more comes but the end."""
        return self.bytes == b"" and not self.more()

    def answer(self, is_head=False):
        """The next answer: status, fields, body; None at the end."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.more():
                assert self.bytes == b"", f"half an answer: {self.bytes!r}"
                return None
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        line, *lines = head.decode("ascii").split("\r\n")
        fields = {}
        for field in lines:
            name, _, value = field.partition(": ")
            assert name.lower() not in fields, f"{name} comes twice"
            fields[name.lower()] = value
        assert line.startswith("HTTP/1.1 "), line
        status = int(line.split(" ")[1])
        assert "transfer-encoding" not in fields, "nothing here is chunked"
        assert status != 204 or "content-length" not in fields, "204 has no length"
        length = int(fields.get("content-length", 0)) if not is_head else 0
        while len(self.bytes) < length:
            assert self.more(), "half a body"
        body, self.bytes = self.bytes[:length], self.bytes[length:]
        return status, fields, body


def check(address, data, expected, is_kept, step):
    """Sends one case and checks its answers."""
    client = Client(address)
    client.send(data if is_kept else data + HIDDEN, step)
    for number, status in enumerate(expected):
        answer = client.answer()
        assert answer is not None, "no answer"
        assert answer[0] == status, f"{answer[0]}, not {status}: {answer[2]!r}"
        is_last = number + 1 == len(expected)
        closes = answer[1].get("connection") == "close"
        assert closes == (is_last and not is_kept), f"Connection: {answer[1].get('connection')}"
        if status >= 400:
            assert answer[1]["content-type"] == "application/fhir+json", answer[1]
            outcome = json.loads(answer[2])
            assert outcome["resourceType"] == "OperationOutcome" and outcome["issue"][0]["diagnostics"]
    if is_kept:
        client.send(get(), len(get()))
        answer = client.answer()
        assert answer is not None and answer[0] == 200, "the connection does not go on"
    else:
        assert client.ends(), f"something behind the last answer: {client.bytes[:200]!r}"
    client.socket.close()


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    faults = 0
    for cases, is_kept in [(KEPT, True), (ENDED, False)]:
        for name, data, expected in cases:
            for step in [len(data) + len(HIDDEN), 1 if len(data) < 1000 else 1013]:
                try:
                    check(address, data, expected, is_kept, step)
                except Exception as error:
                    faults += 1
                    print(f"{name}, {step} bytes at a time: {type(error).__name__} {error}")
    print(f"{len(KEPT) + len(ENDED)} cases, {faults} faults")
    sys.exit(1 if faults else 0)


main()
