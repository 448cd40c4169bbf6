"""The wheel: its tags, its size, what it holds, and the C library that its program needs."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from fhirlite import find_fhirlite_bin

#: The largest size in bytes. The code of a debug build, which `.ci/run` makes, is nearly twice as long.
LARGEST = {"release": 8_000_000, "dev": 10_000_000}


def lacks(what):
    """Leaves a test out; fails it where `.ci/run` runs."""
    if os.environ.get("FHIRLITE_REQUIRE_TOOLS"):
        pytest.fail(f"there is no {what}")
    pytest.skip(f"there is no {what}")


@pytest.fixture
def wheel():
    """The file that `.ci/python` built, in the folder that FHIRLITE_WHEELS names."""
    folder = os.environ.get("FHIRLITE_WHEELS") or lacks("FHIRLITE_WHEELS")
    [path] = Path(folder).glob("fhirlite-*.whl")
    return path


def tags():
    text = importlib.metadata.distribution("fhirlite").read_text("WHEEL")
    return [line.split(": ")[1] for line in text.splitlines() if line.startswith("Tag: ")]


def version(text):
    return tuple(int(part) for part in re.findall(r"\d+", text))


def test_one_wheel_is_for_every_python():
    [tag] = tags()
    assert re.fullmatch(r"py3-none-manylinux_2_\d+_(x86_64|aarch64)", tag)


def test_the_tag_promises_no_older_c_library_than_the_program_needs(record_property):
    readelf = shutil.which("readelf") or lacks("readelf")
    shown = subprocess.run([readelf, "--version-info", "--wide", find_fhirlite_bin()], capture_output=True, text=True, check=True)
    needed = {version(each) for each in re.findall(r"Name: GLIBC_([0-9.]+)", shown.stdout)}
    assert needed
    [tag] = tags()
    promised = version(re.search(r"manylinux_(\d+_\d+)", tag).group(1))
    assert max(needed) <= promised, (max(needed), tag)
    record_property("the newest symbol of glibc", f"{'.'.join(map(str, max(needed)))}, and the wheel says {tag}")


def test_the_wheel_is_small(wheel, record_property):
    size = wheel.stat().st_size
    assert size < LARGEST[os.environ.get("FHIRLITE_WHEEL_PROFILE", "release")]
    record_property("the wheel", f"{size:,} bytes")


def test_the_wheel_holds_the_package_and_the_program_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {re.sub(r"^fhirlite-[^/]*\.", "", name) for name in archive.namelist()}
    source = Path(__file__).parents[1] / "fhirlite"
    modules = {f"fhirlite/{path.name}" for path in source.iterdir() if path.suffix in (".py", ".typed")}
    assert {name for name in names if name.startswith("fhirlite/")} == modules
    assert {name for name in names if name.startswith("data/")} == {"data/scripts/fhirlite"}
    assert any(name.endswith("LICENSE") for name in names)


def test_the_version_is_that_of_the_crate():
    manifest = (Path(__file__).parents[2] / "Cargo.toml").read_text()
    assert importlib.metadata.version("fhirlite") == re.search(r'(?m)^version = "(.+)"', manifest).group(1)
