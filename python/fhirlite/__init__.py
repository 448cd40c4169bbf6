"""A FHIR Bulk Data server for tests: it starts in milliseconds, and misbehaves on demand.

With pytest, the fixtures ``fhirlite``, ``fhirlite_session`` and ``fhirlite_factory`` are there. Without it::

    with fhirlite.Server(sample=True) as server:
        run_my_exporter(server.fhir_url)
"""

from ._binary import find_fhirlite_bin
from ._control import FhirliteError
from ._server import Client, Faults, Requests, Server, User

__all__ = ["Client", "Faults", "FhirliteError", "Requests", "Server", "User", "find_fhirlite_bin"]
