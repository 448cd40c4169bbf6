"""Walks through the page in a browser, as people do, and fails where something keeps somebody from using it.

    target/page/bin/python tests/page/browser.py PROGRAM PICTURES [WORD ...]

`.ci/page` installs what this needs and runs it. PROGRAM is the built program, PICTURES the folder for screenshots. With
WORDs, only the parts whose names have one of them run: `faults_are_found`, `walk`, `demo`, or the name of a scenario.

New screens are found by themselves: the walk takes every screen in the menu and every link one step deep. `checks.py`
says what is asked of each, `faults.py` that it finds what is wrong, `scenarios.py` what people come for, `demo.py` does what
docs/demo.md says.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

from playwright.sync_api import sync_playwright

import scenarios
from checks import Findings, open_views
from demo import demo
from faults import faults_are_found
from walk import walk

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("FHIRLITE_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Server:
    """A running server; it ends with the `with` block."""

    def __init__(self, program, *arguments):
        self.program, self.arguments = program, arguments

    def __enter__(self):
        command = [self.program, "serve", *self.arguments, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"{' '.join(command)} said {line!r}")
        self.url = line.removeprefix("listening on ").strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)


def run(program, *arguments):
    """Runs the program to its end; its standard output."""
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main():
    program, pictures = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    words = sys.argv[3:]
    pictures.mkdir(parents=True, exist_ok=True)
    wanted = lambda name: not words or any(word in name for word in words)
    findings = Findings()
    began = time.monotonic()

    def part(name, work):
        if not wanted(name):
            return
        start = time.monotonic()
        try:
            work()
        except Exception as error:  # the other parts still tell something
            findings.add(name, f"{type(error).__name__}: {str(error)[:2000]}")
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        part("faults_are_found", lambda: faults_are_found(browser, findings))
        with Server(program, ":memory:", str(ROOT / "sample-data")) as server:
            views = open_views(browser, findings)
            part("walk", lambda: walk(server.url, views, findings, pictures))
            for scenario in scenarios.ON_AN_OPEN_SERVER:
                part(scenario.__name__, lambda: scenario(server.url, views, findings, pictures))
            for view in views.values():
                view.context.close()
        with Server(program, os.path.join(folder, "demo.db"), str(ROOT / "sample-data")) as server:
            (pictures / "demo").mkdir(exist_ok=True)
            part("demo", lambda: demo(server.url, browser, pictures / "demo", folder, findings))
        store = os.path.join(folder, "clinic.db")
        run(program, "import", store, str(ROOT / "sample-data"))
        secret = run(program, "client", "add", store, "--client-id", "app").split()[-1]
        with Server(program, store, "--auth", "required") as server:
            proof = lambda: run(program, "token", "issue", store, "--operator")
            views = open_views(browser, findings)
            for scenario in scenarios.ON_A_PROTECTED_SERVER:
                part(
                    scenario.__name__,
                    lambda: scenario(server.url, views, findings, pictures, ("app", secret), proof),
                )
            for view in views.values():
                view.context.close()
        browser.close()
    print(f"{time.monotonic() - began:.0f} s, {findings.pages} screens; pictures in {pictures}")
    if findings.list:
        print(f"{len(findings.list)} findings:")
        for place, what in findings.list:
            print(f"- {place}: {what}")
        sys.exit(1)


if __name__ == "__main__":
    main()
