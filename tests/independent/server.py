"""Requests to a server."""

import gzip
import http.client
import json
import urllib.parse


class Answer:
    def __init__(self, got):
        self.status, self.headers, self.body = got.status, got.headers, got.read()
        if self.headers.get("Content-Encoding") == "gzip":
            self.body = gzip.decompress(self.body)

    def json(self):
        return json.loads(self.body)

    def is_outcome(self):
        return self.headers.get_content_type() == "application/fhir+json" and is_outcome(self.body)


def is_outcome(text):
    outcome = json.loads(text)
    return outcome.get("resourceType") == "OperationOutcome" and all("severity" in each for each in outcome["issue"])


def ask(method, url, headers=(), body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, target, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()
