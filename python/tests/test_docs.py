"""docs/python.md from its first line on: its commands are run in an empty folder, and its tables are those of the package."""

import inspect
import os
import re
import subprocess
from pathlib import Path

import pytest
from test_wheel import lacks

import fhirlite

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")


def blocks(text):
    """The blocks of code: what stands behind the three marks, and the lines."""
    return re.findall(r"(?m)^```(.*)\n((?:.*\n)*?)```$", text)


def fits(shown, output):
    """True if the lines of the output are those that are shown, where `…` stands for anything."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in shown.splitlines())
    return re.fullmatch(pattern, output) is not None


@pytest.fixture
def shell(tmp_path):
    """Runs a line in an empty folder, where pip knows nothing but the wheels of `.ci/python`."""
    wheels = os.environ.get("FHIRLITE_WHEELS") or lacks("FHIRLITE_WHEELS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON", "VIRTUAL_ENV"))}
    environment = {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "COLUMNS": "80"}

    def shell(line):
        out = subprocess.PIPE
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    return shell


def test_from_an_empty_folder_to_a_green_test(shell, tmp_path):
    written = set()
    codes = []
    output = ""
    section = PAGE.split("\n## Fixtures")[0]
    for kind, text in blocks(section):
        name = kind.removeprefix("python ")
        if kind == "sh":
            for line in text.splitlines():
                code, output = shell(line)
                codes.append((line, code, output))
        elif kind == "text":
            assert fits(text, output), output
        elif name in written:
            # The last function of the file gets another form.
            path = tmp_path / name
            path.write_text(path.read_text().split("\n\ndef download")[0] + "\n\n" + text)
        else:
            (tmp_path / name).write_text(text)
            written.add(name)
    assert [(line, code) for line, code, _ in codes] == [
        ("python3 -m venv venv", 0),
        ("venv/bin/pip install fhirlite pytest", 0),
        ("venv/bin/pytest", 1),
        ("venv/bin/pytest", 0),
    ], codes


def test_the_program_is_run_as_the_page_says():
    [(_, line)] = [block for block in blocks(PAGE.split("\n## The program")[1]) if block[0] == "sh"]
    assert line == "venv/bin/python -m fhirlite --version\n"


def test_the_examples_without_a_name_are_python():
    examples = [text for kind, text in blocks(PAGE) if kind == "python"]
    assert len(examples) == 3
    for text in examples:
        compile(text, "docs/python.md", "exec")


def first_cells(heading):
    """The names in the first columns of the tables below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"(?m)^\| (.+?) \|", section)
    return {name for cell in cells for name in re.findall(r"`(\w+)", cell)}


def test_the_page_has_every_member_of_a_server():
    members = {name for name, _ in inspect.getmembers(fhirlite.Server) if not name.startswith("_")}
    with fhirlite.Server() as server:
        members |= {name for name in vars(server) if not name.startswith("_")}
    assert first_cells("What a server has") == members


def test_the_page_has_every_option_and_fixture():
    options = set(inspect.signature(fhirlite.Server).parameters) - {"sources"}
    fixtures = {"fhirlite", "fhirlite_session", "fhirlite_factory"}
    assert first_cells("Fixtures") == options | fixtures
