"""Makes keys, assertions and servers that publish keys, with jwcrypto and cryptography.

Reads one JSON object a line and answers with one. `do` names a function in `main`, and the other members are its
arguments. A key is called KIND/name and is made when it is first named. KIND is RSA (2048 bits), RSA-1024, EC (P-384) or
P-256. The kid of a key is its whole name.
"""

import base64
import datetime
import http.server
import ipaddress
import json
import pathlib
import ssl
import sys
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwcrypto import jwa, jwk, jwt

MAKERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
    "EC": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
}
KEYS = {}
HOSTS = []


def key_named(name):
    if name not in KEYS:
        KEYS[name] = jwk.JWK.from_pyca(MAKERS[name.split("/")[0]]())
    return KEYS[name]


def written(name, private=False, **more):
    """A JWK with more members."""
    key = key_named(name)
    members = json.loads(key.export_private() if private else key.export_public())
    return {**members, "kid": name, **more}


def encode(part):
    if not isinstance(part, bytes):
        part = json.dumps(part).encode()
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def without_nulls(members):
    return {name: value for name, value in members.items() if value is not None}


def signature(signed, key, how):
    """Signs by the algorithm `how`, whatever the header says."""
    if how == "none":
        return b""
    if how == "DER":
        raw = jwa.JWA.signing_alg("ES384").sign(key, signed)
        half = len(raw) // 2
        return utils.encode_dss_signature(*(int.from_bytes(n) for n in (raw[:half], raw[half:])))
    if how in ("secret PEM", "secret JWK"):
        # The text of the public key, used as a shared secret.
        text = key.export_to_pem() if how == "secret PEM" else key.export_public().encode()
        key, how = jwk.JWK(kty="oct", k=encode(text)), "HS256"
    return jwa.JWA.signing_alg(how).sign(key, signed)


def edited(token, edit):
    """The token with a part changed after it was signed."""
    header, payload, mac = token.split(".")
    flip = "B" if mac[0] == "A" else "A"
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    members = json.loads(base64.urlsafe_b64decode(header + "=="))
    return {
        "header": f"{encode({**members, 'x': 1})}.{payload}.{mac}",
        "payload": f"{header}.{encode({**claims, 'jti': 'another'})}.{mac}",
        "signature": f"{header}.{payload}.{flip}{mac[1:]}",
        "shorter": f"{header}.{payload}.{mac[:-4]}",
        "unsigned": f"{header}.{payload}.",
        "two parts": f"{header}.{payload}",
        "four parts": f"{token}.{mac}",
        "padded": f"{header}.{payload}.{mac}==",
        "blank": f" {token}",
    }[edit]


def sign(client, aud, key, alg, header=None, claims=None, times=None, how=None, edit=None, twice=None):
    """Makes a right assertion with these changes. A null removes a member."""
    now = int(time.time())
    usual = {"iss": client, "sub": client, "aud": aud, "exp": now + 240, "jti": str(uuid.uuid4())}
    moments = {name: now + seconds for name, seconds in (times or {}).items()}
    claims = without_nulls({**usual, **moments, **(claims or {})})
    members = without_nulls({"alg": alg, "kid": key, "typ": "JWT", **(header or {})})
    if not (header or how or twice):
        token = jwt.JWT(header=members, claims=claims)
        token.make_signed_token(key_named(key))
        token = token.serialize()
    else:
        body = json.dumps(claims)
        if twice:
            # Some readers take the first of two members, some the last.
            body = json.dumps({twice: "somebody else"})[:-1] + ", " + body[1:]
        signed = f"{encode(members)}.{encode(body.encode())}"
        token = f"{signed}.{encode(signature(signed.encode(), key_named(key), how or alg))}"
    return edited(token, edit) if edit else token


class Place(http.server.BaseHTTPRequestHandler):
    """Publishes keys: sends the answer that was set last, and counts the requests."""

    def do_GET(self):
        host = self.server
        host.count += 1
        host.accept = self.headers.get("Accept")
        answer = host.answer
        body = answer.get("body", "").encode()
        stop = threading.Event()
        if answer.get("slow") == "to begin":
            stop.wait(60)
        try:
            self.send_response(answer.get("status", 200))
            for name, value in answer.get("headers", []):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if answer.get("slow") == "to end":
                for one in body[:120]:
                    self.wfile.write(bytes([one]))
                    self.wfile.flush()
                    stop.wait(0.5)
                return
            self.wfile.write(body)
        except OSError:
            # The client did not wait.
            pass

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Ignores errors: some tests are about handshakes that fail."""


def certificate(folder):
    """Writes the certificate of an authority to ca.pem, and a certificate that it signed to server.pem."""
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("own CA", "keys")]

    def start(subject, key):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(names[0])
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1))

    authority = start(names[0], keys[0])
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    authority = authority.sign(keys[0], hashes.SHA256())
    alternatives = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    server = start(names[1], keys[1])
    server = server.add_extension(x509.SubjectAlternativeName(alternatives), False)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    server = server.add_extension(usage, False).sign(keys[0], hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    private = keys[1].private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(private + server.public_bytes(pem))


def host(folder=None):
    """Starts a server, over TLS if there is a folder for the certificates."""
    server = Quiet(("127.0.0.1", 0), Place)
    server.count, server.accept, server.answer = 0, None, {"status": 404}
    scheme = "http"
    if folder:
        scheme = "https"
        certificate(pathlib.Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pathlib.Path(folder) / "server.pem")
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    HOSTS.append(server)
    return {"host": len(HOSTS) - 1, "url": f"{scheme}://127.0.0.1:{server.server_port}/jwks.json"}


def answer(host, **what):
    HOSTS[host].answer = what


def asked(host):
    """The number of requests, and the Accept header of the last one."""
    return {"count": HOSTS[host].count, "accept": HOSTS[host].accept}


def main():
    known = {"jwk": written, "sign": sign, "host": host, "answer": answer, "asked": asked}
    for line in sys.stdin:
        request = json.loads(line)
        said = known[request.pop("do")](**request)
        print(json.dumps(said), flush=True)


main()
