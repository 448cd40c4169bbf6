"""Asks the control routes of a server that simulates. They are written down in docs/simulate.md."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any, Iterable, Mapping, Optional


class FhirliteError(RuntimeError):
    """The program did not start, or refused what it was asked."""


class Control:
    """The control routes of one server. Proxies of the environment are not used."""

    def __init__(self, port: int, timeout: float) -> None:
        self._port = port
        self._timeout = timeout

    def ask(self, method: str, path: str, body: Optional[bytes] = None) -> Any:
        """Sends a request; returns the JSON of the answer, or None for an answer without a body.

        Raises FhirliteError for an answer that is an error, and where there is no answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise FhirliteError(f"{method} {path}: the server does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status >= 400:
            raise FhirliteError(reason(text) or f"{method} {path}: {answer.status} {answer.reason}")
        return json.loads(text) if text.strip() else None

    def ask_json(self, method: str, path: str, body: Any) -> Any:
        """Sends JSON."""
        return self.ask(method, path, json.dumps(body).encode())


def reason(body: bytes) -> str:
    """What an error says: an OperationOutcome, an ``error`` of OAuth, or else the text itself."""
    text = body.decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
        if "issue" in said:
            return str(said["issue"][0]["diagnostics"])
        return str(said.get("error_description") or said["error"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return text


def segment_of(rules: Iterable[Any], name: Optional[str]) -> str:
    """The path segment that stands for rules, and for the name of a test."""
    said: dict[str, Any] = {"faults": list(rules)}
    if name is not None:
        said["test"] = name
    text = json.dumps(said, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def deletions(references: Iterable[str]) -> Mapping[str, Any]:
    """The Bundle that deletes resources."""
    entries = [{"request": {"method": "DELETE", "url": each}} for each in references]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
