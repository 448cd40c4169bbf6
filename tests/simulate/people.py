"""Sample data, clients and users that a test asks a server for: each one request, and gone after a reset."""

import base64
import json
import os
import subprocess
import tarfile
import tempfile
import time
import urllib.parse
import uuid

import es384
from wire import HANG, Server

FORM = ("Content-Type", "application/x-www-form-urlencoded")
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sample-data")
ONEUP = "/bulk-data/r4/$export"


class Empty(Server):
    """A server without resources."""

    def __init__(self, *arguments, auth="required"):
        super().__init__("--auth", auth, *arguments, lines=[])

    def made(self, path, said=None):
        """The answer to a control route that makes something."""
        answer = self.ask("POST", path, body=None if said is None else json.dumps(said))
        assert answer.status == 201, (answer.status, answer.body)
        return answer.json()

    def refusal(self, path, body):
        """What a control route says to a request that it refuses."""
        answer = self.ask("POST", path, body=body)
        assert answer.status == 400, (answer.status, answer.body)
        return answer.issue()["diagnostics"]

    def granted(self, client, scope, secret):
        """The answer of the token endpoint to an assertion that a client's key signs."""
        name, now = client["client_id"], int(time.time())
        claims = {"iss": name, "sub": name, "aud": client["token_url"], "jti": str(uuid.uuid4()), "exp": now + 240}
        return tokens(self, client["token_url"], grant_type="client_credentials", scope=scope, client_assertion_type=BEARER,
                      client_assertion=es384.signed(claims, client["key"]["kid"], secret))


def tokens(server, url, **form):
    """The answer to a form."""
    return server.ask("POST", url, FORM, body=urllib.parse.urlencode(form))


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def number(text):
    """The number that base64url stands for."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def sample_data_is_that_of_the_folder():
    with Empty(auth="off") as server:
        before = server.get("/fhir/Patient").json()["total"]
        report = server.ask("POST", "/sample")
        assert (before, report.status) == (0, 200), report.body
        command = [os.environ["FHIRLITE"], "import", os.path.join(server.path, "s.db"), SAMPLE, "--json"]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=HANG)
        expected, said = json.loads(ran.stdout), report.json()
        assert said["created"] == expected["created"] > 2000
        assert said["types"] == expected["types"] and said["rejected"] == 0
        with open(os.path.join(SAMPLE, "..", "docs", "simulate.md"), encoding="utf-8") as manual:
            assert f"{said['created']:,} resources about {said['types']['Patient']} patients" in manual.read()
        assert server.ask("POST", "/sample").json()["unchanged"] == said["created"]
        assert len(server.file().lines()) == expected["types"]["Patient"]
        assert server.ask("POST", "/reset").status == 204
        assert server.get("/fhir/Patient").json()["total"] == 0


def a_client_with_a_key_gets_tokens():
    for auth in ("required", "off"):
        with Empty(auth=auth) as server:
            server.ask("POST", "/import", body='[{"resourceType":"Patient","id":"p"},{"resourceType":"Basic","id":"b"}]')
            client = server.made("/clients", {"client_id": "a", "scope": "system/Patient.rs"})
            assert client.keys() == {"client_id", "scope", "token_url", "key", "jwks", "private_key_pem"}
            assert (client["client_id"], client["scope"]) == ("a", "system/Patient.rs")
            smart = server.get("/fhir/.well-known/smart-configuration").json()
            assert client["token_url"] == f"{server.url}/fhir/oauth2/token" == smart.get("token_endpoint", client["token_url"])
            key, [public] = client["key"], client["jwks"]["keys"]
            secret = number(key["d"])
            assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-384", "ES384") and key["kid"]
            assert {name: value for name, value in key.items() if name != "d"} == public
            assert es384.times(secret) == (number(key["x"]), number(key["y"]))
            # The PEM has the same numbers.
            lines = client["private_key_pem"].splitlines()
            assert (lines[0], lines[-1]) == ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
            private = base64.b64decode("".join(lines[1:-1]))
            assert secret.to_bytes(48, "big") in private and number(key["x"]).to_bytes(48, "big") in private
            answer = server.granted(client, "system/Patient.rs", secret)
            assert (answer.status, answer.json()["scope"]) == (200, "system/Patient.rs"), answer.body
            token = bearer(answer.json()["access_token"])
            assert server.get("/fhir/Patient/p", token).status == 200
            assert server.get("/fhir/Basic/b", token).status == (403 if auth == "required" else 200)
            assert server.granted(client, "system/Patient.rs", secret + 1).status == 401


def a_client_without_a_scope_has_a_secret():
    with Empty() as server:
        one, other = server.made("/clients"), server.made("/clients", {"client_id": "b"})
        assert one.keys() == other.keys() == {"client_id", "client_secret", "token_url"}
        assert one["client_id"] and other["client_id"] == "b" and one["token_url"] == f"{server.url}/oauth2/token"
        made = tokens(server, "/user-management/v1/user", client_id="b", client_secret=other["client_secret"], app_user_id="alice")
        assert made.status == 200 and made.json()["success"], made.body
        wrong = tokens(server, "/user-management/v1/user", client_id="b", client_secret=one["client_secret"], app_user_id="bob")
        assert wrong.status == 401


def a_user_has_a_token_a_code_and_resources():
    with Empty() as server:
        alice = server.made("/users", {"app_user_id": "alice"})
        names = {"client_id", "app_user_id", "oneup_user_id", "code", "access_token", "refresh_token", "expires_in", "token_url"}
        assert alice.keys() == names | {"client_secret"}
        bob = server.made("/users", {"app_user_id": "bob", "client_id": alice["client_id"]})
        assert bob.keys() == names and bob["client_id"] == alice["client_id"]
        for who in (alice, bob):
            body = json.dumps([{"resourceType": "Patient", "id": who["app_user_id"]}])
            answer = server.ask("POST", f"/import?oneup_user_id={who['oneup_user_id']}", body=body)
            assert answer.json()["created"] == 1, answer.body
        for who in (alice, bob):
            token = bearer(who["access_token"])
            [file] = server.get(ONEUP, token).json()["output"]
            assert [json.loads(line)["id"] for line in server.get(file["url"], token).lines()] == [who["app_user_id"]]
        # The code and the refresh token are not used yet.
        said = {"client_id": alice["client_id"], "client_secret": alice["client_secret"]}
        for grant, name, secret in (("authorization_code", "code", alice["code"]), ("refresh_token", "refresh_token", alice["refresh_token"])):
            answer = tokens(server, alice["token_url"], grant_type=grant, **said, **{name: secret})
            assert answer.status == 200, answer.body
            assert server.get(ONEUP, bearer(answer.json()["access_token"])).status == 200
        listed = tokens(server, "/user-management/v1/user/auth-code", app_user_id="bob", **said)
        assert listed.json()["oneup_user_id"] == bob["oneup_user_id"]


def sample_data_of_a_user():
    with Empty() as server:
        alice = server.made("/users", {"app_user_id": "alice"})
        other = server.made("/users", {"app_user_id": "alice"})
        assert server.ask("POST", f"/sample?oneup_user_id={alice['oneup_user_id']}").json()["created"] > 2000
        assert len(server.get(ONEUP, bearer(alice["access_token"])).json()["output"]) > 10
        assert server.get(ONEUP, bearer(other["access_token"])).json()["output"] == []


def a_protected_store_may_begin_without_clients():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s.db")
        command = [os.environ["FHIRLITE"], "import", path, "-", "--quiet"]
        subprocess.run(command, input=b'{"resourceType":"Patient","id":"p"}', check=True, capture_output=True)
        with Server("--auth", "required", store=path) as server:
            client = Empty.made(server, "/clients", {"scope": "system/*.rs"})
            granted = Empty.granted(server, client, "system/*.rs", number(client["key"]["d"]))
            assert granted.status == 200, granted.body
            assert server.get("/fhir/Patient/p", bearer(granted.json()["access_token"])).status == 200
        listed = subprocess.run([os.environ["FHIRLITE"], "client", "list", path, "--json"], check=True, capture_output=True)
        assert listed.stdout == b""


def wrong_clients_and_users_are_refused():
    with Empty() as server:
        server.made("/clients", {"client_id": "a", "scope": "system/*.rs"})
        for path, body, word in (
            ("/clients", '{"client_id":"a"}', "already"),
            ("/clients", '{"client_id":"b b"}', "client_id"),
            ("/clients", '{"scope":"nonsense"}', "nonsense"),
            ("/clients", '{"scope":""}', "scope"),
            ("/clients", '{"scopes":"system/*.rs"}', "scopes"),
            ("/clients", "[", "scope"),
            ("/users", "{}", "app_user_id"),
            ("/users", None, "app_user_id"),
            ("/users", '{"app_user_id":""}', "app_user_id"),
            ("/users", '{"app_user_id":"a","client_id":"none"}', "none"),
            ("/users", '{"app_user_id":"a","name":"none"}', "name"),
            ("/import?oneup_user_id=1", '{"resourceType":"Patient","id":"a"}', "POST /users"),
            ("/sample?user=alice", None, "oneup_user_id"),
        ):
            said = server.refusal(path, body)
            assert word in said and "--" not in said, (path, body, said)
        user = {"app_user_id": "alice", "client_id": server.made("/clients")["client_id"]}
        server.made("/users", user)
        assert "already" in server.refusal("/users", json.dumps(user))


def a_reset_takes_clients_and_users_away():
    with Empty("--seed", "7") as server:
        client = server.made("/clients", {"client_id": "a", "scope": "system/*.rs"})
        user = server.made("/users", {"app_user_id": "alice"})
        token = bearer(user["access_token"])
        assert server.get(ONEUP, token).status == 200
        assert server.ask("POST", "/reset").status == 204
        assert server.get(ONEUP, token).status == 401
        assert server.granted(client, "system/*.rs", number(client["key"]["d"])).status == 401
        # The names are free, and a seed gives the same tokens once more.
        assert server.made("/clients", {"client_id": "a", "scope": "system/*.rs"})["key"] != client["key"]
        assert server.made("/users", {"app_user_id": "alice"}) == user


def what_tests_make_is_not_in_the_journal():
    with Empty() as server:
        for path, said in (("/clients", {}), ("/users", {"app_user_id": "alice"})):
            server.made(path, said)
        user = server.made("/users", {"app_user_id": "bob"})
        server.ask("POST", f"/import?oneup_user_id={user['oneup_user_id']}", body='{"resourceType":"Patient","id":"b"}')
        assert server.requests() == []
        server.get(ONEUP, bearer(user["access_token"]))
        assert [each["path"] for each in server.requests()] == [ONEUP]
        assert user["access_token"] not in server.get("/requests").body.decode()


def the_packed_sample_data_are_those_of_the_folder():
    root = os.path.dirname(SAMPLE)
    with tarfile.open(os.path.join(root, "sample-data.tar.xz")) as archive:
        packed = {each.name: archive.extractfile(each).read() for each in archive if each.isfile()}
    there = {}
    for folder, _, names in os.walk(SAMPLE):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                there[os.path.relpath(path, root)] = file.read()
    assert len(there) > 30 and packed.keys() == there.keys() and packed == there, (
        "pack them anew: tar --sort=name --format=ustar --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner --mtime=@0 "
        "-cf - sample-data | xz -9e >sample-data.tar.xz")
