"""Files: their rows, their bytes, and how connections end."""

import gzip
import json
import time
import zlib

from wire import ROWS, Server


def changed(rule):
    """The body of a file without and with a fault."""
    with Server() as server:
        plain = server.plain()
        server.rules(rule)
        answer = server.file()
        assert answer.whole and answer.status == 200 and answer.fault, answer.headers
        return plain, answer.body


def rows_twice():
    plain, body = changed("file: duplicate_every=5")
    lines = plain.splitlines(True)
    assert body == b"".join([*lines[:5], lines[4], *lines[5:], lines[9]])


def rows_of_another_type():
    plain, body = changed("file: other_type_every=5")
    types = [json.loads(line)["resourceType"] for line in body.splitlines()]
    assert types == (["Patient"] * 4 + ["Basic"]) * 2
    assert body.replace(b"Basic", b"Patient") == plain


def broken_json():
    plain, body = changed("file: broken_every=5")
    broken = []
    for number, line in enumerate(body.splitlines()):
        try:
            json.loads(line)
        except ValueError:
            broken.append(number)
    assert broken == [4, 9] and len(body) < len(plain)


def blank_lines():
    plain, body = changed("file: blank_every=1")
    assert body == plain.replace(b"\n", b"\n\n")


def crlf():
    plain, body = changed("file: crlf")
    assert body == plain.replace(b"\n", b"\r\n")


def a_byte_order_mark():
    plain, body = changed("file: bom")
    assert body == b"\xef\xbb\xbf" + plain


def no_last_newline():
    plain, body = changed("file: no_last_newline")
    assert body == plain.removesuffix(b"\n") and plain.endswith(b"\n")


def a_line_of_20_mb():
    plain, body = changed("file: long_line=20000000")
    first, rest = body.split(b"\n", 1)
    assert len(first) == 20_000_000 and json.loads(first) == json.loads(plain.split(b"\n")[0])
    assert rest == plain.split(b"\n", 1)[1]


def u2028_in_a_row():
    plain, body = changed("file: separator_every=1")
    text = body.decode()
    assert text.count("\u2028") == ROWS and text.count("\n") == ROWS
    assert len(text.splitlines()) == 2 * ROWS
    assert [json.loads(line)["id"] for line in text.split("\n")[:-1]] == [json.loads(line)["id"] for line in plain.splitlines()]


def cut_by_close():
    with Server() as server:
        plain = server.plain()
        server.rules({"at": "file", "cut_bytes": 500, "times": 1})
        url = server.file_url()
        answer = server.get(url)
        assert (answer.body, answer.whole, answer.end) == (plain[:500], False, "close")
        assert answer.header("Content-Length") == str(len(plain)) and answer.header("ETag")
        # A client that goes on where it was cut gets the rest.
        rest = server.get(url, ("Range", "bytes=500-"), ("If-Range", answer.header("ETag")))
        assert (rest.status, answer.body + rest.body) == (206, plain)


def cut_by_reset():
    with Server() as server:
        plain = server.plain()
        server.rules("file: cut_bytes=500; cut=reset; times=1; type=Patient")
        assert server.file(kind="Observation").whole
        answer = server.file()
        assert answer.end == "reset" and plain[:500].startswith(answer.body)


def cut_by_a_stall():
    with Server() as server:
        plain = server.plain()
        server.rules("file: cut_bytes=500; cut=stall")
        connection = server.connection()
        connection.send("GET", server.file_url())
        head = connection.until(b"\r\n\r\n")
        assert f"Content-Length: {len(plain)}".encode() in head
        assert connection.exactly(500) == plain[:500]
        assert connection.is_silent()
        # Others are served meanwhile, and the end of the server is not held up.
        assert server.get("/health").status == 200
        server.end()
        assert connection.rest() == (b"", "close")
        server.end = lambda: None


def cut_after_rows():
    with Server() as server:
        plain = server.plain()
        server.rules("file: cut_rows=2")
        answer = server.file()
        assert (answer.whole, answer.end) == (False, "close")
        assert answer.body == b"".join(plain.splitlines(True)[:2])


def rows_cut_by_reset_and_by_a_stall():
    with Server() as server:
        rows = server.plain().splitlines(True)
        server.rules("file: type=Patient; cut_rows=2; cut=reset", "file: type=Observation; cut_rows=0; cut=stall")
        answer = server.file()
        assert answer.end == "reset" and b"".join(rows[:2]).startswith(answer.body)
        connection = server.connection()
        connection.send("GET", server.file_url(kind="Observation"))
        assert b" 200 OK" in connection.until(b"\r\n\r\n") and connection.is_silent()
        assert server.requests()[-1]["bytes"] == 0


def compressed_bytes_cut():
    with Server() as server:
        plain = server.plain()
        server.rules("file: cut_bytes=60; cut=close")
        answer = server.file(how=[("Accept-Encoding", "gzip")])
        assert answer.header("Content-Encoding") == "gzip" and answer.header("Transfer-Encoding") == "chunked"
        assert (len(answer.body), answer.whole, answer.end) == (60, False, "close")
        assert plain.startswith(zlib.decompressobj(wbits=31).decompress(answer.body))


def half_a_manifest():
    with Server() as server:
        job = server.job()
        whole = server.get(job).body
        server.rules("status: cut_bytes=100")
        answer = server.get(job)
        assert (answer.body, answer.whole, answer.end) == (whole[:100], False, "close")


def every_body_can_be_cut():
    with Server() as server:
        job = server.job()
        url = server.get(job).json()["output"][0]["url"]
        server.rules(*(f"{place}: cut_bytes=7" for place in ("token", "kickoff", "status", "file", "metadata", "read", "search")))
        form = ("Content-Type", "application/x-www-form-urlencoded")
        answers = [server.ask("POST", "/fhir/oauth2/token", form, body="a=b"), server.kick_off()]
        answers += [server.get(path) for path in (job, url, "/fhir/metadata", "/fhir/Patient/p1", "/fhir/Patient")]
        for answer in answers:
            assert (len(answer.body), answer.whole, answer.end) == (7, False, "close"), answer.headers


def a_length_that_is_too_large():
    with Server() as server:
        plain = server.plain()
        server.rules("file: length_offset=100")
        answer = server.file()
        assert answer.header("Content-Length") == str(len(plain) + 100)
        assert (answer.body, answer.end) == (plain, "close")


def a_length_that_is_too_small():
    with Server() as server:
        plain = server.plain()
        server.rules("file: length_offset=-100")
        answer = server.file()
        assert answer.whole and answer.body == plain[:-100]
        # The bytes that are left stand where the next answer would begin.
        assert answer.connection.rest() == (plain[-100:], "close")


def gzip_of(rule):
    with Server() as server:
        plain = server.plain()
        server.rules(rule)
        answer = server.file(how=[("Accept-Encoding", "gzip")])
        assert answer.whole and answer.header("Content-Encoding") == "gzip"
        return plain, answer.body


def gzip_cut():
    plain, body = gzip_of("file: gzip=cut")
    decoder = zlib.decompressobj(wbits=31)
    assert plain.startswith(decoder.decompress(body)) and not decoder.eof


def gzip_with_a_bad_checksum():
    plain, body = gzip_of("file: gzip=checksum")
    try:
        gzip.decompress(body)
        raise AssertionError("the checksum is right")
    except gzip.BadGzipFile as error:
        assert "CRC" in str(error)
    assert zlib.decompress(body[10:-8], wbits=-15) == plain


def gzip_announced_and_not_done():
    plain, body = gzip_of("file: gzip=announced")
    assert body == plain


def rows_and_gzip_at_once():
    plain, body = gzip_of("file: crlf")
    assert gzip.decompress(body) == plain.replace(b"\n", b"\r\n")


def bytes_per_second():
    with Server() as server:
        plain = server.plain()
        server.rules({"at": "file", "bytes_per_second": 2 * len(plain)})
        began = time.monotonic()
        answer = server.file()
        assert answer.whole and answer.body == plain
        # It cannot be faster. How much slower it is depends on the machine.
        assert time.monotonic() - began > 0.4


def a_slow_file_holds_nobody_up():
    with Server("--max-requests", "2") as server:
        server.rules({"at": "file", "bytes_per_second": 1})
        url = server.file_url()
        slow = [server.connection() for _ in range(10)]
        for connection in slow:
            connection.send("GET", url)
            connection.until(b"\r\n\r\n")
        assert server.get("/fhir/Patient").status == 200
        # The end of the server ends the pauses.
        server.end()
        server.end = lambda: None


def range_ignored():
    with Server() as server:
        plain = server.plain()
        url = server.file_url()
        assert server.get(url, ("Range", "bytes=100-")).status == 206
        server.rules("file: ranges=ignored")
        answer = server.get(url, ("Range", "bytes=100-"))
        assert (answer.status, answer.body) == (200, plain) and answer.fault


def an_old_client_gets_changed_rows_too():
    with Server() as server:
        plain = server.plain()
        url = server.file_url()
        server.rules("file: crlf")
        connection = server.connection()
        connection.send("GET", url, version="HTTP/1.0")
        text, end = connection.rest()
        head, body = text.split(b"\r\n\r\n", 1)
        assert b"Content-Length" not in head and b"chunked" not in head
        assert (body, end) == (plain.replace(b"\n", b"\r\n"), "close")


def head_of_a_faulty_file():
    with Server() as server:
        plain = server.plain()
        url = server.file_url()
        server.rules("file: length_offset=5")
        answer = server.ask("HEAD", url)
        assert (answer.status, answer.header("Content-Length"), answer.body) == (200, str(len(plain) + 5), b"")
