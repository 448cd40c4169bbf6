"""A server that simulates, and requests to it on the raw socket: every byte of an answer, and how the connection ends.

The environment variable FHIRLITE names the program. Nothing here knows HTTP but what stands here.
"""

import base64
import json
import os
import select
import socket
import subprocess
import tempfile

#: No answer takes as long. The limit only turns a hang into a failure.
HANG = 60
TYPES = ("Observation", "Patient")
#: The rows of each type.
ROWS = 10


class Answer:
    """An answer as it came: `whole` if its framing was kept, `end` if the connection was closed or reset."""

    def __init__(self, status, reason, headers, connection):
        self.status, self.reason, self.headers, self.connection = status, reason, headers, connection
        self.body, self.whole, self.end = b"", False, None

    def header(self, name):
        found = [value for known, value in self.headers if known.lower() == name.lower()]
        assert len(found) < 2, (name, found)
        return found[0] if found else None

    @property
    def fault(self):
        return self.header("X-Fhirlite-Fault")

    def json(self):
        return json.loads(self.body)

    def lines(self):
        return self.body.decode().splitlines()

    def issue(self):
        resource = self.json()
        assert resource["resourceType"] == "OperationOutcome", resource
        return resource["issue"][0]


class Connection:
    """A socket, and what was read from it beyond the present answer."""

    def __init__(self, host, port):
        self.name = f"{host}:{port}"
        self.socket = socket.create_connection((host, port), timeout=HANG)
        self.ahead = b""

    def send(self, method, target, headers=(), body=None, version="HTTP/1.1"):
        """Sends a request for a path or for a URL, whose host goes into `Host`."""
        host = self.name
        if target.startswith("http://"):
            host, path = target.removeprefix("http://").split("/", 1)
            target = f"/{path}"
        lines = [f"{method} {target} {version}", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def more(self):
        """Reads some bytes; none at the end. A reset is an error."""
        got = self.socket.recv(65536)
        self.ahead += got
        return got

    def until(self, mark):
        while mark not in self.ahead:
            if not self.more():
                raise EOFError(self.ahead)
        text, self.ahead = self.ahead.split(mark, 1)
        return text

    def exactly(self, count):
        while len(self.ahead) < count:
            if not self.more():
                raise EOFError(self.ahead)
        text, self.ahead = self.ahead[:count], self.ahead[count:]
        return text

    def answer(self, method="GET"):
        head = self.until(b"\r\n\r\n").decode().split("\r\n")
        version, status, reason = head[0].split(" ", 2)
        assert version == "HTTP/1.1", head
        headers = [tuple(line.split(": ", 1)) for line in head[1:]]
        answer = Answer(int(status), reason, headers, self)
        try:
            self.read_body(answer, method)
            answer.whole = True
        except EOFError:
            answer.body, answer.end, self.ahead = answer.body + self.ahead, "close", b""
        except ConnectionResetError:
            answer.body, answer.end, self.ahead = answer.body + self.ahead, "reset", b""
        return answer

    def read_body(self, answer, method):
        if method == "HEAD" or answer.status in (204, 304):
            return
        if answer.header("Transfer-Encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                answer.body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
                if size == 0:
                    return
        length = answer.header("Content-Length")
        assert length is not None, answer.headers
        answer.body += self.exactly(int(length))

    def rest(self):
        """All bytes until the connection ends, and how it ends."""
        try:
            while self.more():
                pass
            end = "close"
        except ConnectionResetError:
            end = "reset"
        text, self.ahead = self.ahead, b""
        return text, end

    def is_silent(self):
        """True if nothing comes, not even an end. Whoever should be silent for ever is so for a while."""
        return not select.select([self.socket], [], [], 0.2)[0]


class Server:
    """A server with ten Patients and ten Observations, in a folder of its own."""

    def __init__(self, *arguments, faults=None, store=":memory:", lines=None, simulate=True):
        self.folder = tempfile.TemporaryDirectory(prefix="fhirlite-")
        self.path = self.folder.name
        if lines is None:
            lines = [
                {"resourceType": kind, "id": f"{kind[0].lower()}{number}", "meta": {"lastUpdated": f"2024-01-0{1 + number % 9}T00:00:00Z"}}
                for kind in TYPES
                for number in range(ROWS)
            ]
        self.write("in.ndjson", "".join(json.dumps(line) + "\n" for line in lines))
        command = [os.environ["FHIRLITE"], "serve", store, "--listen", "127.0.0.1:0", "--ready-json"]
        command += ["--exit-with-parent", "--quiet"] + (["--simulate"] if simulate else [])
        if store == ":memory:" and lines:
            command.append("in.ndjson")
        if faults is not None:
            self.write("faults.txt", faults)
            command += ["--faults", "faults.txt"]
        self.log = open(os.path.join(self.path, "log"), "w+b")
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=self.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        line = self.process.stdout.readline()
        assert line, self.said()
        self.ready = json.loads(line)
        self.url = self.ready["url"]
        self.host, self.port = "127.0.0.1", self.ready["port"]

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as file:
            file.write(text)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def end(self):
        """Ends the server by the end of its input. It ends well, and at once."""
        self.process.stdin.close()
        code = self.process.wait(HANG)
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()
        assert (code, rest) == (0, b""), (code, rest)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.end()
        else:
            self.process.kill()
            print(self.said())

    def bearer(self):
        """The header with the token that a protected store in memory tells."""
        line = next(line for line in self.said().splitlines() if line.startswith("access token"))
        return ("Authorization", f"Bearer {line.split()[-1]}")

    def connection(self):
        return Connection(self.host, self.port)

    def ask(self, method, target, *headers, body=None, version="HTTP/1.1"):
        """Sends a request on a connection of its own, for a path or for a URL."""
        connection = self.connection()
        if isinstance(body, str):
            body = body.encode()
        connection.send(method, target, headers, body, version)
        return connection.answer(method)

    def get(self, target, *headers):
        return self.ask("GET", target, *headers)

    def rules(self, *rules):
        answer = self.ask("PUT", "/faults", body=json.dumps(rules))
        assert answer.status == 204, answer.body

    @staticmethod
    def segment(said):
        """The path segment of some JSON."""
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    def requests(self):
        return self.get("/requests").json()

    def kick_off(self, *headers, base="", query=""):
        return self.get(f"{base}/fhir/$export{query}", ("Prefer", "respond-async"), *headers)

    def job(self, *headers, base="", query=""):
        """The status URL of a new export."""
        answer = self.kick_off(*headers, base=base, query=query)
        assert answer.status == 202, (answer.status, answer.body)
        return answer.header("Content-Location")

    def manifest(self, *headers, base="", query=""):
        answer = self.get(self.job(*headers, base=base, query=query), *headers)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def file(self, *headers, kind="Patient", how=()):
        """The answer to the download of a file of a new export."""
        return self.get(self.file_url(*headers, kind=kind), *headers, *how)

    def file_url(self, *headers, kind="Patient"):
        urls = [entry["url"] for entry in self.manifest(*headers)["output"] if entry["type"] == kind]
        return urls[0]

    def plain(self, kind="Patient"):
        """The bytes of a file without faults."""
        before = self.get("/faults").json()
        self.rules()
        body = self.file(kind=kind).body
        self.rules(*before)
        return body
