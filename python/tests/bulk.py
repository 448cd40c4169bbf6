"""A Bulk Data client of a few lines, and plain requests. It knows nothing of the package."""

import json
import urllib.error
import urllib.request

#: The server waits for a small export, so a job that is not done after so many polls never will be.
POLLS = 50


def ask(url, method="GET", token=None, body=None, headers=None):
    """Status, headers and body of an answer. A body that was cut is an error of ``http.client``."""
    request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def status(url, **options):
    return ask(url, **options)[0]


def read(url, **options):
    """The JSON of an answer that must be a 200."""
    code, _, body = ask(url, **options)
    assert code == 200, (code, body)
    return json.loads(body)


def manifest(base, token=None, query=""):
    """The manifest of a new export."""
    headers = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
    code, answer, body = ask(f"{base}/$export{query}", token=token, headers=headers)
    assert code == 202, (code, body)
    for _ in range(POLLS):
        code, _, body = ask(answer["Content-Location"], token=token)
        if code != 202:
            assert code == 200, (code, body)
            return json.loads(body)
    raise AssertionError(f"not done after {POLLS} polls")


def rows(base, token=None, query=""):
    """The resources of a new export, as ``Type/id``."""
    found = []
    for file in manifest(base, token, query)["output"]:
        code, _, body = ask(file["url"], token=token)
        assert code == 200, (code, body)
        resources = [json.loads(line) for line in body.splitlines()]
        found += [f"{each['resourceType']}/{each['id']}" for each in resources]
    return sorted(found)


def patients(*ids):
    return [{"resourceType": "Patient", "id": each} for each in ids]
