"""How the program is found and run, and what the package says of itself."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fhirlite
from fhirlite import find_fhirlite_bin


def module(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "fhirlite", *arguments], capture_output=True, text=True, **options)


def test_the_program_lies_beside_python():
    assert Path(find_fhirlite_bin()).parent == Path(sys.executable).parent


def test_a_variable_names_another_program(tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_text("")
    monkeypatch.setenv("FHIRLITE_BINARY", str(other))
    assert find_fhirlite_bin() == str(other)
    other.unlink()
    with pytest.raises(FileNotFoundError, match=f"FHIRLITE_BINARY is {other}, and there is no such file"):
        find_fhirlite_bin()


def test_the_program_is_found_in_the_path(tmp_path, monkeypatch):
    program = tmp_path / "fhirlite"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("fhirlite._binary._folders", lambda: ["/nowhere"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_fhirlite_bin() == str(program)


def test_a_program_that_is_missing_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr("fhirlite._binary._folders", lambda: ["/nowhere"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FileNotFoundError, match="no fhirlite in /nowhere or in PATH; install it with `pip install"):
        find_fhirlite_bin()


def test_the_module_runs_the_program():
    done = module("--version")
    assert (done.returncode, done.stdout) == (0, f"fhirlite {importlib.metadata.version('fhirlite')}\n")


def test_the_module_gives_the_exit_code_and_the_streams_of_the_program(tmp_path):
    done = module("import", "s.db", "none.ndjson", cwd=tmp_path)
    direct = subprocess.run([find_fhirlite_bin(), "import", "s.db", "none.ndjson"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == direct.returncode != 0
    assert done.stderr == direct.stderr and "none.ndjson" in done.stderr


def test_the_module_without_the_program_says_so(tmp_path):
    environment = {**os.environ, "FHIRLITE_BINARY": str(tmp_path / "none")}
    done = module("--version", env=environment)
    assert done.returncode == 127 and done.stderr.startswith("fhirlite: FHIRLITE_BINARY is ")


def test_the_package_has_what_it_names():
    assert all(hasattr(fhirlite, name) for name in fhirlite.__all__)


def test_the_package_is_typed_and_needs_nothing():
    assert (Path(fhirlite.__file__).parent / "py.typed").exists()
    assert importlib.metadata.requires("fhirlite") is None
    # All but pytest's plugin works without pytest.
    code = "import sys, fhirlite; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
