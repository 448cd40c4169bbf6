"""The token endpoint, and tokens that end too soon. A client signs assertions, as SMART Backend Services has it."""

import json
import os
import subprocess
import time
import urllib.parse
import uuid

import es384
from wire import Server

FORM = ("Content-Type", "application/x-www-form-urlencoded")
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Protected(Server):
    """A server with a client in a store of its own, which lies in a file."""

    def __init__(self, *arguments, lines=None):
        super().__init__("in.ndjson", *arguments, "--auth", "required", store="s.db", lines=lines)

    def write(self, name, text):
        super().write(name, text)
        if name == "in.ndjson":
            super().write("jwks.json", es384.jwks("k"))
            for command in (["import", "s.db", "in.ndjson"],
                            ["client", "add", "s.db", "--client-id", "c", "--jwks", "jwks.json", "--scope", "system/*.rs"]):
                subprocess.run([os.environ["FHIRLITE"], *command], cwd=self.path, check=True, capture_output=True)

    def ask_token(self, scope="system/*.rs", at=0, base="", path="/fhir/oauth2/token", client="c", **key):
        """Asks for a token with an assertion that was issued so many seconds from now."""
        now = int(time.time()) + at
        claims = {"iss": client, "sub": client, "aud": f"{self.url}{base}{path}", "jti": str(uuid.uuid4()), "iat": now, "exp": now + 240}
        form = {"grant_type": "client_credentials", "scope": scope, "client_assertion_type": BEARER,
                "client_assertion": es384.signed(claims, "k", **key)}
        return self.ask("POST", f"{base}{path}", FORM, body=urllib.parse.urlencode(form))

    def token(self, **asked):
        answer = self.ask_token(**asked)
        assert answer.status == 200, answer.body
        return ("Authorization", f"Bearer {answer.json()['access_token']}")


def token_lifetime():
    with Protected() as server:
        server.rules("token: lifetime=20")
        answer = server.ask_token()
        assert answer.json()["expires_in"] == 20 and answer.fault
        bearer = ("Authorization", f"Bearer {answer.json()['access_token']}")
        assert server.get("/fhir/Patient/p1", bearer).status == 200
        server.ask("PUT", "/clock", body='{"advance": 21}')
        refused = server.get("/fhir/Patient/p1", bearer)
        assert refused.status == 401 and "invalid_token" in refused.header("WWW-Authenticate")


def a_token_may_live_longer():
    with Protected() as server:
        server.rules("token: lifetime=3600")
        bearer = server.token()
        server.ask("PUT", "/clock", body='{"advance": 3000}')
        assert server.get("/fhir/Patient/p1", bearer).status == 200


def a_token_expires_at_the_nth_file():
    with Protected() as server:
        server.rules("file: nth=3; expired")
        bearer = server.token()
        urls = [entry["url"] for entry in server.manifest(bearer)["output"]] * 2
        assert [server.get(url, bearer).status for url in urls] == [200, 200, 401, 401]
        # It is refused everywhere, and another one is not.
        assert server.get("/fhir/Patient", bearer).status == 401
        other = server.token()
        assert [server.get(url, other).status for url in urls] == [200] * 4


def a_token_is_refused_once():
    with Protected() as server:
        server.rules({"at": "token", "error": "invalid_client", "status": 401, "times": 1})
        answer = server.ask_token()
        assert (answer.status, answer.json()["error"]) == (401, "invalid_client")
        assert server.ask_token().status == 200


def each_error_of_oauth():
    with Protected() as server:
        for error in ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                      "unsupported_grant_type", "invalid_scope"):
            server.rules({"at": "token", "error": error, "message": "as asked"})
            answer = server.ask_token()
            assert (answer.status, answer.json()) == (400, {"error": error, "error_description": "as asked"})


def a_narrower_scope_than_asked():
    with Protected() as server:
        server.rules("token: scope=system/Patient.rs")
        answer = server.ask_token()
        assert answer.json()["scope"] == "system/Patient.rs" and answer.fault
        bearer = ("Authorization", f"Bearer {answer.json()['access_token']}")
        assert server.get("/fhir/Patient/p1", bearer).status == 200
        assert server.get("/fhir/Observation/o1", bearer).status == 403


def the_clock_of_the_token_endpoint_is_off():
    with Protected() as server:
        server.rules("token: clock_offset=-3600")
        assert server.ask_token().json()["error"] == "invalid_client"
        assert server.ask_token(at=-3600).status == 200
        server.rules("token: clock_offset=3600")
        assert server.ask_token().status == 401
        # A token is as good as ever: only assertions are judged by this clock.
        bearer = server.token(at=3600)
        assert server.get("/fhir/Patient/p1", bearer).status == 200


def only_with_or_without_a_token():
    with Protected() as server:
        bearer = server.token()
        url = server.manifest(bearer)["output"][0]["url"]
        server.rules("file: token=present; status=400", "kickoff: token=absent; status=401; message=no token")
        assert server.get(url, bearer).status == 400
        assert server.get(url).status == 401 and server.get(url).fault is None
        refused = server.ask("POST", "/fhir/$export", ("Prefer", "respond-async"), ("Content-Type", "application/fhir+json"),
                             body='{"resourceType":"Parameters"}')
        assert (refused.status, refused.issue()["diagnostics"]) == (401, "no token")
        assert server.kick_off(bearer).status == 202


def a_lent_token_never_stands_in_the_journal():
    with Protected() as server:
        bearer = server.token()
        server.get("/fhir/Patient?access_token=abc", bearer)
        text = server.get("/requests").body.decode()
        assert bearer[1].split()[1] not in text and "abc" not in text
        assert server.requests()[-1]["headers"]["authorization"] == "Bearer …"


def a_protected_server_keeps_its_rules_of_access():
    with Protected() as server:
        assert server.get("/fhir/Patient").status == 401
        bearer = server.token(scope="system/Patient.rs")
        server.rules("status: errors=1; urls=foreign", "file: crlf")
        page = server.manifest(bearer)
        assert [entry["type"] for entry in page["output"]] == ["Patient"]
        # A file that only the simulation has needs a token too.
        notices = page["error"][0]["url"]
        assert (server.get(notices).status, server.get(notices, bearer).status) == (401, 200)


def the_launcher_key_tlt():
    with Protected() as server:
        base = f"/{server.segment({'tlt': 20, 'secure': 1, 'err': ''})}"
        answer = server.ask_token(base=base)
        assert answer.json()["expires_in"] == 1200
        bearer = ("Authorization", f"Bearer {answer.json()['access_token']}")
        server.ask("PUT", "/clock", body='{"advance": 1100}')
        assert server.kick_off(bearer, base=base).status == 202
        assert server.kick_off(base=base).status == 401


def a_segment_has_a_token_endpoint_of_its_own():
    with Protected() as server:
        segment = server.segment({"faults": ["token: lifetime=7"], "test": "a"})
        base = f"/{segment}"
        smart = server.get(f"{base}/fhir/.well-known/smart-configuration").json()
        assert smart["token_endpoint"] == f"{server.url}{base}/fhir/oauth2/token"
        assert server.ask_token(base=base).json()["expires_in"] == 7
        assert server.ask_token().json()["expires_in"] == 300
        security = server.get(f"{base}/fhir/metadata").json()["rest"][0]["security"]
        assert security["extension"][0]["extension"][0]["valueUri"] == smart["token_endpoint"]


def client_ids_of_the_launcher():
    def client(**content):
        return ".".join(es384.encoded(part) for part in [{"alg": "HS256", "kid": "registration-token"}, content, {}])

    with Protected() as server:
        keys = json.loads(es384.jwks("k"))
        known = client(jwks=keys, accessTokensExpireIn=15, iss="a")
        assert len(known) > 255
        for _ in range(2):
            answer = server.ask_token(path="/auth/token", client=known)
            assert answer.status == 200 and answer.json()["expires_in"] == 900, answer.body
        bearer = ("Authorization", f"Bearer {answer.json()['access_token']}")
        assert server.get("/fhir/Patient/p1", bearer).status == 200
        # Only the holder of the key gets a token, and a rule about its life goes before the id.
        assert server.ask_token(client=known, secret=7).json()["error"] == "invalid_client"
        server.rules("token: lifetime=9")
        assert server.ask_token(client=known).json()["expires_in"] == 9
        for wrong in [client(iss="a"), client(jwks=7), client(jwks={"keys": []}), client(jwks_url="ftp://x"), "a.b.c"]:
            assert server.ask_token(client=wrong).json()["error"] == "invalid_client", wrong
        # A reset forgets them; the next request brings the keys again.
        server.ask("POST", "/reset")
        assert server.ask_token(client=known).status == 200


def the_launchers_token_endpoint():
    with Protected() as server:
        answer = server.ask_token(path="/auth/token")
        assert answer.status == 200, answer.body
        bearer = ("Authorization", f"Bearer {answer.json()['access_token']}")
        assert server.get("/fhir/Patient/p1", bearer).status == 200
        assert server.requests()[0]["path"] == "/auth/token"
        # Faults of the token endpoint are here too, and it may have a segment.
        server.rules("token: lifetime=9")
        answer = server.ask_token(path="/auth/token")
        assert answer.json()["expires_in"] == 9 and answer.fault == "token: lifetime=9"
        base = f"/{server.segment({'err': 'token_invalid_scope'})}"
        assert server.ask_token(base=base, path="/auth/token").json()["error"] == "invalid_scope"
        # Elsewhere an assertion for this path is for another server.
        assert server.get("/auth/token").status == 405
        assert server.get("/auth/register").status == 404
