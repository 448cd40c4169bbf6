"""The program as a process: start it, wait for its line, end it.

Nothing here sleeps. The program prints one line of JSON when it is ready, and it ends when its standard input
closes, so also when this process dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from typing import Any, Callable, Iterable

from ._binary import find_fhirlite_bin
from ._control import FhirliteError

#: Arguments of every server: a free port of this machine, a line when it is ready, an end with this process.
ALWAYS = ("--listen", "127.0.0.1:0", "--simulate", "--ready-json", "--exit-with-parent")


class Process:
    """A running server, with a folder of its own.

    What it writes on standard error goes into a file, which never fills up as a pipe does.
    """

    def __init__(self, arguments: Callable[[str], Iterable[str]], timeout: float) -> None:
        """``arguments`` gets the folder, for files that the program is to read."""
        self._timeout = timeout
        self._kept = ""
        self._folder = tempfile.TemporaryDirectory(prefix="fhirlite-")
        self._log_path = os.path.join(self._folder.name, "log")
        try:
            command = [find_fhirlite_bin(), "serve", *arguments(self._folder.name), *ALWAYS]
            with open(self._log_path, "wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # An interrupt at the terminal, such as one for a debugger, is not for the server.
                    start_new_session=True,
                )
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            self.ready = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> dict[str, Any]:
        out = self._process.stdout
        assert out is not None
        line = _within(self._timeout, out.readline)
        if line is None:
            # The thread that reads goes on until the program ends.
            self._process.kill()
            raise FhirliteError(f"fhirlite was not ready within {self._timeout} s\n{self.log}")
        try:
            ready: dict[str, Any] = json.loads(line)
            return {key: ready[key] for key in ("url", "port", "pid")}
        except (ValueError, KeyError, TypeError):
            pass
        said = line.decode("utf-8", "replace").strip()
        if said:
            raise FhirliteError(f"fhirlite said {said!r} instead of a line of JSON\n{self.log}")
        try:
            code = self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise FhirliteError(f"fhirlite closed its output and did not end\n{self.log}") from None
        raise FhirliteError(f"fhirlite ended with exit code {code}\n{self.log}")

    @property
    def log(self) -> str:
        """What the program has written on standard error so far."""
        try:
            with open(self._log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return self._kept

    def stop(self) -> int:
        """Ends the program; returns its exit code. A second call does nothing more."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        process.stdout.close()
        self._kept = self.log
        self._folder.cleanup()
        return code


def _within(seconds: float, read: Callable[[], bytes]) -> bytes | None:
    """What ``read`` returns, or None if it takes longer."""
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.append(read()), daemon=True)
    reader.start()
    reader.join(seconds)
    return lines[0] if lines else None
