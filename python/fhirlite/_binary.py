"""Finds the program. It lies in the folder for scripts, where the wheel puts it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig

#: The environment variable that names another program.
VARIABLE = "FHIRLITE_BINARY"


def find_fhirlite_bin() -> str:
    """The path of the program.

    Raises FileNotFoundError where there is none. The message says where it was looked for.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if os.path.isfile(named):
            return named
        raise FileNotFoundError(f"{VARIABLE} is {named}, and there is no such file")
    name = "fhirlite.exe" if sys.platform == "win32" else "fhirlite"
    folders = _folders()
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    found = shutil.which(name)
    if found:
        return found
    raise FileNotFoundError(
        f"there is no {name} in {', '.join(folders)} or in PATH; "
        f"install it with `pip install fhirlite`, or name it in {VARIABLE}"
    )


def _folders() -> list[str]:
    """Where pip puts programs: of this environment, beside this Python, of the user, and of `pip install --target`."""
    target = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    if sys.version_info >= (3, 10):
        found.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    found.append(os.path.join(target, "bin"))
    return list(dict.fromkeys(found))
