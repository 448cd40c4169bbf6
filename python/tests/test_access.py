"""Clients and users, at a server that wants tokens."""

import base64
import json
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

import pytest
from bulk import ask, manifest, patients, read, rows, status

from fhirlite import FhirliteError

#: Signs with a key, in Python alone.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "simulate"))
import es384  # noqa: E402

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def protected(fhirlite_factory):
    return fhirlite_factory(*patients("a"), auth=True)


def asked(url, **form):
    """The answer of the token endpoint."""
    code, _, body = ask(url, method="POST", body=urllib.parse.urlencode(form).encode())
    return code, json.loads(body)


def token_of(client):
    """The answer to a SMART client, which signs with its own key."""
    secret = client.key["d"]
    secret = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    now = int(time.time())
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": client.token_url}
    claims.update(jti=str(uuid.uuid4()), iat=now, exp=now + 240)
    return asked(
        client.token_url,
        grant_type="client_credentials",
        scope=client.scope,
        client_assertion_type=BEARER,
        client_assertion=es384.signed(claims, client.key["kid"], int.from_bytes(secret, "big")),
    )


def test_without_a_token_nothing_is_read(protected):
    assert status(f"{protected.fhir_url}/Patient/a") == 401


def test_a_smart_client_exports(protected):
    client = protected.client(scopes="system/*.rs")
    code, answer = token_of(client)
    assert code == 200, answer
    assert rows(protected.fhir_url, answer["access_token"]) == ["Patient/a"]


def test_a_token_ends_during_the_export(fhirlite_factory):
    server = fhirlite_factory(sample=True, auth=True)
    client = server.client(scopes="system/*.rs")
    with server.faults("file: nth=3; expired"):
        token = token_of(client)[1]["access_token"]
        files = manifest(server.fhir_url, token)["output"][:3]
        assert [status(file["url"], token=token) for file in files] == [200, 200, 401]
        token = token_of(client)[1]["access_token"]
        assert status(files[2]["url"], token=token) == 200
    assert server.requests("POST", "*/token") == 2


def test_a_client_says_what_it_needs(protected):
    client = protected.client("mine", scopes=["system/Patient.rs", "system/Group.rs"])
    assert (client.client_id, client.scope) == ("mine", "system/Patient.rs system/Group.rs")
    assert client.token_url == protected.token_url
    assert client.key["alg"] == "ES384" and client.key["d"]
    [public] = client.jwks["keys"]
    assert public["kid"] == client.key["kid"] and "d" not in public
    assert client.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert client.client_secret is None


def test_a_client_gets_no_more_than_its_scopes(protected):
    client = protected.client(scopes="system/Group.rs")
    code, answer = token_of(client)
    assert code == 200, answer
    assert status(f"{protected.fhir_url}/Patient/a", token=answer["access_token"]) == 403


def test_a_wrong_scope_is_refused_with_the_reason(protected):
    with pytest.raises(FhirliteError, match="nonsense"):
        protected.client(scopes="nonsense")


def test_a_client_of_1uphealth_has_a_secret(protected):
    client = protected.client()
    assert client.client_secret and client.key is None


def test_a_user_of_1uphealth_has_tokens(protected):
    user = protected.user("alice")
    assert user.app_user_id == "alice" and user.client_secret
    assert status(f"{protected.url}/user-management/v1/user") == 401
    assert status(f"{protected.oneup_url}/$export", token=user.access_token) == 200
    code, answer = asked(
        protected.token_url,
        grant_type="authorization_code",
        client_id=user.client_id,
        client_secret=user.client_secret,
        code=user.code,
    )
    assert code == 200 and answer["access_token"] != user.access_token, answer


def test_a_user_of_a_client(protected):
    client = protected.client()
    assert protected.user("alice", client=client).client_id == client.client_id
    bob = protected.user("bob", client=client.client_id)
    assert (bob.app_user_id, bob.client_secret) == ("bob", None)


def test_a_user_reads_what_was_added_for_it(protected):
    alice, bob = protected.user("alice"), protected.user("bob")
    protected.add({"resourceType": "Patient", "id": "of-alice"}, user=alice)
    url = f"{protected.oneup_url}/$export"
    counts = [len(read(url, token=user.access_token)["output"]) for user in (alice, bob)]
    assert counts == [1, 0]


def test_the_clock_ends_tokens(protected):
    user = protected.user("alice")
    protected.clock(user.expires_in + 1)
    assert status(f"{protected.oneup_url}/$export", token=user.access_token) == 401


def test_reset_takes_clients_away(protected):
    client = protected.client(scopes="system/*.rs")
    protected.reset()
    assert token_of(client)[0] in (400, 401)
