"""The server as a test sees it. Its process is in ``_process.py``, its control routes are in ``_control.py``."""

from __future__ import annotations

import fnmatch
import json
import os
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Type, TypeVar, Union

from ._control import Control, deletions, segment_of
from ._process import Process
from ._sources import Source, bodies, written

#: A rule: in its short form, or as a JSON object.
Rule = Union[str, Mapping[str, Any]]

_Answer = TypeVar("_Answer", "Client", "User")


class Requests(List[Any]):
    """Requests that the server got, oldest first. It equals a number if there are so many of them."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return len(self) == other if isinstance(other, int) else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        lines = "".join(f"\n  {_line(each)}" for each in self)
        return f"{len(self)} request{'' if len(self) == 1 else 's'}{':' if lines else ''}{lines}"


def _line(request: Any) -> str:
    if not isinstance(request, Mapping):
        return repr(request)
    query = f"?{request['query']}" if request.get("query") else ""
    fault = f"  ({request['fault']})" if request.get("fault") else ""
    return f"{request.get('method')} {request.get('path')}{query} {request.get('status')}{fault}"


@dataclass(frozen=True)
class Client:
    """A registered client: of SMART Backend Services with a key, of 1upHealth with a secret."""

    client_id: str
    token_url: str
    #: Of SMART: what it may ask for, its private key as a JWK and as PEM, its public keys.
    scope: Optional[str] = None
    key: Optional[Mapping[str, Any]] = None
    jwks: Optional[Mapping[str, Any]] = None
    private_key_pem: Optional[str] = None
    #: Of 1upHealth.
    client_secret: Optional[str] = None


@dataclass(frozen=True)
class User:
    """A user of 1upHealth, with a code for the token endpoint and tokens that are valid already."""

    client_id: str
    app_user_id: str
    oneup_user_id: Union[int, str]
    code: str
    access_token: str
    refresh_token: str
    expires_in: int
    #: Where the client is a new one.
    client_secret: Optional[str] = None


def _known(kind: Type[_Answer], answer: Mapping[str, Any]) -> _Answer:
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in answer.items() if name in names})


class Faults:
    """Rules that are in force. As a context manager it puts the earlier ones back at its end."""

    def __init__(self, control: Control, rules: Sequence[Rule]) -> None:
        self._control = control
        self._before = control.ask("GET", "/faults")
        control.ask_json("PUT", "/faults", list(rules))

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.ask_json("PUT", "/faults", self._before)


class Server:
    """A server that simulates, with a store of its own.

    ``sources`` are resources, files and folders that it holds from the start; ``sample`` adds the sample data.
    ``faults`` are rules from the start. With ``auth`` clients need a token. ``store`` is the file of a store: the
    server has a copy of it in memory, and never changes the file. ``arguments`` are further options of
    ``fhirlite serve``. ``timeout`` is the longest time in seconds that it may take to be ready, to answer a method
    here, and to end.
    """

    def __init__(
        self,
        *sources: Source,
        sample: bool = False,
        auth: bool = False,
        faults: Iterable[Rule] = (),
        store: Union[str, os.PathLike[str]] = ":memory:",
        seed: Optional[int] = None,
        arguments: Iterable[str] = (),
        timeout: float = 30.0,
    ) -> None:
        #: The store that the server has a copy of.
        self.store: str = os.fspath(store)
        self._sample = sample
        rules = [faults] if isinstance(faults, (str, Mapping)) else list(faults)

        def command(folder: str) -> Iterable[str]:
            yield self.store
            yield from written(folder, sources)
            if rules:
                path = os.path.join(folder, "faults")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(rules, file)
                yield from ("--faults", path)
            if auth:
                yield from ("--auth", "required")
            if seed is not None:
                yield from ("--seed", str(seed))
            yield from arguments

        self._process = Process(command, timeout)
        ready = self._process.ready
        #: The URL of the server, without a slash at its end.
        self.url: str = ready["url"].rstrip("/")
        self.port: int = ready["port"]
        #: The id of the process.
        self.pid: int = ready["pid"]
        self._control = Control(self.port, timeout)
        try:
            self._add_sample()
        except BaseException:
            self.stop()
            raise

    def _add_sample(self) -> None:
        if self._sample:
            self._control.ask("POST", "/sample")

    @property
    def fhir_url(self) -> str:
        """The base of the HL7 routes."""
        return f"{self.url}/fhir"

    @property
    def oneup_url(self) -> str:
        """The base of the 1upHealth routes."""
        return f"{self.url}/bulk-data/r4"

    @property
    def token_url(self) -> str:
        """The token endpoint, for every kind of client."""
        return f"{self.fhir_url}/oauth2/token"

    def url_with(self, *rules: Rule, name: Optional[str] = None) -> str:
        """An HL7 base with rules of its own, for tests that share a server.

        The rules apply to the requests below this base alone, and no others apply there. Bases with the same rules
        share their counts, unless each has a ``name`` of its own.
        """
        return f"{self.url}/{segment_of(rules, name)}/fhir"

    @property
    def log(self) -> str:
        """What the program has written on standard error."""
        return self._process.log

    def add(self, *sources: Source, sample: bool = False, user: Optional[User] = None) -> None:
        """Adds resources, files and folders to the store, and the sample data; replaces what has the same id.

        All resources together are added or none of them, and so it is with each file. With ``user`` they belong to
        this user of 1upHealth.
        """
        owner = "" if user is None else f"?oneup_user_id={user.oneup_user_id}"
        for body in bodies(sources):
            self._control.ask("POST", f"/import{owner}", body)
        if sample:
            self._control.ask("POST", f"/sample{owner}")

    def delete(self, *references: str) -> None:
        """Deletes resources, such as ``Patient/a``. Exports list them as deleted."""
        self._control.ask_json("POST", "/import", deletions(references))

    def client(self, client_id: Optional[str] = None, *, scopes: Union[str, Sequence[str], None] = None) -> Client:
        """Registers a client: of SMART Backend Services if it has ``scopes``, else of 1upHealth."""
        scope = scopes if scopes is None or isinstance(scopes, str) else " ".join(scopes)
        return _known(Client, self._post("/clients", client_id=client_id, scope=scope))

    def user(self, app_user_id: Optional[str] = None, *, client: Union[Client, str, None] = None) -> User:
        """Makes a user of 1upHealth, of a registered client or of a new one."""
        client_id = client.client_id if isinstance(client, Client) else client
        return _known(User, self._post("/users", client_id=client_id, app_user_id=app_user_id))

    def _post(self, path: str, **members: Optional[str]) -> Mapping[str, Any]:
        said = {name: value for name, value in members.items() if value is not None}
        answer: Mapping[str, Any] = self._control.ask_json("POST", path, said)
        return answer

    def faults(self, *rules: Rule) -> Faults:
        """Puts these rules in force at once, instead of those before. ``with`` puts the earlier ones back."""
        return Faults(self._control, rules)

    def requests(self, method: Optional[str] = None, path: str = "*") -> Requests:
        """The requests so far with this method, and a path that fits a pattern such as ``*.ndjson``.

        Each is a dict: method, path, query, headers, status, bytes, time, fault.
        """
        return Requests(
            request
            for request in self._control.ask("GET", "/requests")
            if method in (None, request["method"]) and fnmatch.fnmatchcase(request["path"], path)
        )

    def clear_requests(self) -> None:
        """Forgets the requests so far."""
        self._control.ask("DELETE", "/requests")

    def reset(self) -> None:
        """Puts everything back to what it was at the start: store, rules, clients, clock. Requests are forgotten."""
        self._control.ask("POST", "/reset")
        self._add_sample()

    def clock(self, seconds: float) -> None:
        """Moves the clock of the server ahead, so that tokens and jobs expire."""
        self._control.ask_json("PUT", "/clock", {"advance": seconds})

    def stop(self) -> int:
        """Ends the server; returns its exit code. A second call does nothing more."""
        return self._process.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()
