"""The attacks, each a function of the server's address and of a flag that ends it.

Each one keeps up its pressure until the flag is set, and then lets go of everything. A new attack is one more function
with a docstring, which is its name in the table.
"""

import itertools
import os
import socket
import struct

#: Where the attackers come from.
ATTACKER = "127.0.0.66"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
TOKEN = b"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n" + FORM
KICK_OFF = b"POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nPrefer: respond-async\r\nContent-Type: application/fhir+json\r\n"


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def connect(address, source=ATTACKER, buffer=None):
    """A connection, or `None` where the server takes no more for the moment."""
    client = socket.socket()
    client.settimeout(2)
    if buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        client.bind((source, 0))
        client.connect(address)
        return client
    except OSError:
        client.close()
        return None


def send(client, data):
    """Sends; false where the server has closed or takes nothing."""
    try:
        client.sendall(data)
        return True
    except OSError:
        return False


def crowd(address, stop, count, begin, more=b"", period=0.5, buffer=None):
    """Keeps `count` connections open: each sends `begin`, and every `period` seconds `more`. What the server closes is
    opened again. What it answers is never read."""
    open_ones = []
    while not stop.is_set():
        while len(open_ones) < count and not stop.is_set():
            client = connect(address, buffer=buffer)
            if client is None:
                break
            if send(client, begin() if callable(begin) else begin):
                client.setblocking(False)
                open_ones.append(client)
            else:
                client.close()
        stop.wait(period)
        open_ones = [client for client in open_ones if goes_on(client, more)]
    for client in open_ones:
        client.close()


def goes_on(client, more):
    """Sends `more`, and closes a connection that the server has closed."""
    try:
        if more:
            client.send(more)
        elif client.recv(1, socket.MSG_PEEK) == b"":
            raise ConnectionError
        return True
    except BlockingIOError:
        return True
    except OSError:
        client.close()
        return False


def flood(address, stop, begin, endless):
    """One connection after the other that sends `endless` over and over, as fast as the server takes it."""
    while not stop.is_set():
        client = connect(address)
        if client is None:
            stop.wait(0.05)
            continue
        if send(client, begin):
            while not stop.is_set() and send(client, endless):
                pass
        client.close()


def huge_lengths(address, stop):
    """500 POSTs that announce 100 GB"""
    crowd(address, stop, 500, TOKEN + b"Content-Length: 99999999999\r\n\r\n")


def endless_line(address, stop):
    """a header line without an end"""
    flood(address, stop, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * 65536)


def endless_headers(address, stop):
    """headers without an end"""
    flood(address, stop, b"GET /health HTTP/1.1\r\nHost: localhost\r\n", b"a: b\r\n" * 10000)


def endless_size(address, stop):
    """a chunk size without an end"""
    flood(address, stop, TOKEN + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536)


def endless_trailers(address, stop):
    """trailers without an end"""
    flood(address, stop, TOKEN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 10000)


def slow_heads(address, stop):
    """500 heads, a byte every half second"""
    crowd(address, stop, 500, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", b"x")


def slow_bodies(address, stop):
    """500 bodies, a byte every half second"""
    crowd(address, stop, 500, TOKEN + b"Content-Length: 60000\r\n\r\ngrant_type=", b"x")


def silent(address, stop):
    """2,000 silent connections"""
    crowd(address, stop, 2000, b"")


def idle(address, stop):
    """1,000 connections idle after a request"""
    crowd(address, stop, 1000, get("/health"))


def other_versions(address, stop):
    """700 requests of HTTP/2"""
    crowd(address, stop, 700, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n")


def half_bodies(address, stop):
    """300 POSTs that announce 16 MB and send 20 KB"""
    crowd(address, stop, 300, KICK_OFF + b"Content-Length: 16000000\r\n\r\n" + b" " * 20000)


def stalled_tokens(address, stop):
    """200 token requests without their last byte"""
    crowd(address, stop, 200, TOKEN + b"Content-Length: 40\r\n\r\ngrant_type=client_credentials&scope=abc")


def stalled_downloads(address, stop, path):
    """256 downloads that nobody reads"""
    crowd(address, stop, 256, get(path), buffer=4096)


def pipelined(address, stop, path):
    """400 pipelined requests that nobody reads"""
    crowd(address, stop, 16, get(path) * 25, buffer=4096)


def resets(address, stop):
    """GETs with a reset"""
    linger = struct.pack("ii", 1, 0)
    while not stop.is_set():
        client = connect(address)
        if client is None:
            continue
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        send(client, get("/fhir/metadata"))
        client.close()


def nonsense(address, stop):
    """bytes that are no HTTP"""
    while not stop.is_set():
        client = connect(address)
        if client is None:
            continue
        send(client, os.urandom(4000))
        client.close()


def answered(address, stop, messages):
    """Sends one message after the other, each on a connection of its own, and waits for the answer."""
    for message in messages:
        if stop.is_set():
            return
        client = connect(address)
        if client is None:
            continue
        client.settimeout(30)
        if send(client, message):
            try:
                while client.recv(65536):
                    pass
            except OSError:
                pass
        client.close()


def posted(begin, body):
    return begin + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def guesses(address, stop):
    """guesses of secrets"""
    bodies = (f"grant_type=client_credentials&client_id=a{n % 50}&client_secret={n}" for n in itertools.count())
    answered(address, stop, (posted(TOKEN, body.encode()) for body in bodies))


def kick_offs(address, stop):
    """kick-offs one after the other"""
    answered(address, stop, itertools.repeat(posted(KICK_OFF, b'{"resourceType":"Parameters"}')))


def long_lists(address, stop):
    """searches for 100,000 ids"""
    begin = b"POST /fhir/Patient/_search HTTP/1.1\r\nHost: localhost\r\n" + FORM
    answered(address, stop, itertools.repeat(posted(begin, b"&".join(b"_id=%d" % n for n in range(100000)))))


#: All of them. Those with a `path` get that of a long download.
ATTACKS = [
    huge_lengths, endless_line, endless_headers, endless_size, endless_trailers, slow_heads, slow_bodies, silent, idle,
    other_versions, half_bodies, stalled_tokens, stalled_downloads, pipelined, resets, nonsense, guesses, kick_offs,
    long_lists,
]
