"""Runs clients of every kind beside an import loop, honest, slow and hostile ones, and checks every byte that the honest get.

Usage: soak.py PROGRAM [--minutes M] [--clients N]. PROGRAM is a built `fhirlite`.

Of 64 clients, 24 download by the 1upHealth dialect, 16 by the HL7 dialect, 8 read slowly, 16 attack. An honest client
checks that a file has the lines and the bytes that the manifest and the headers say, that each line is a resource of the
type, and that no id comes twice. At the end the server must end in order, and `fhirlite check` must be content. Prints
threads, descriptors, memory and the size of the log before, at the peak and after.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time

import attacks
from figures import Size, Watch
from run import BACK, MEMORY, Server, comes_back, download_of, warm_up, write_data

#: Of sixteen clients: who they are.
MIX = ["oneup"] * 6 + ["hl7"] * 4 + ["slow"] * 2 + ["attacker"] * 4
#: Those attacks that leave others something of two processors.
HOSTILE = [
    attacks.huge_lengths, attacks.slow_heads, attacks.slow_bodies, attacks.idle, attacks.half_bodies,
    attacks.stalled_tokens, attacks.stalled_downloads, attacks.pipelined, attacks.nonsense, attacks.guesses,
]


class Refused(Exception):
    """The server has said 429 or 503, or has closed the connection before it answered. A client may meet that while
    others attack, and tries again: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"""


class Tally:
    """What the honest clients got."""

    def __init__(self):
        self.lock = threading.Lock()
        self.files = self.bytes = self.refusals = 0
        self.faults = []

    def add_file(self, count):
        with self.lock:
            self.files += 1
            self.bytes += count

    def add_refusal(self):
        with self.lock:
            self.refusals += 1

    def add_fault(self, text):
        with self.lock:
            self.faults.append(text)


def answer(address, method, path, headers=None, pause=0.0):
    """Asks once: status, headers, body. Reads the body slowly where there is a `pause` for each 64 KiB."""
    connection = http.client.HTTPConnection(*address, timeout=120)
    try:
        try:
            connection.request(method, path, headers=headers or {})
            got = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            raise Refused from error
        pieces = []
        while piece := got.read(65536):
            pieces.append(piece)
            time.sleep(pause)
        body = b"".join(pieces)
    finally:
        connection.close()
    if got.status in (429, 503):
        raise Refused
    return got.status, got.headers, body


def path_of(url):
    return "/" + url.split("/", 3)[3]


def check_file(address, entry, tally, pause=0.0):
    """Downloads a file of a manifest and checks it."""
    status, headers, body = answer(address, "GET", path_of(entry["url"]), pause=pause)
    lines = body.split(b"\n")
    ids = set()
    assert status == 200, f"{status} for {entry['url']}"
    assert int(headers["Content-Length"]) == len(body), f"{len(body)} bytes, not {headers['Content-Length']}"
    assert lines.pop() == b"", "the last line has no end"
    assert len(lines) == entry.get("count", len(lines)), f"{len(lines)} lines, not {entry['count']}"
    for line in lines:
        read = json.loads(line)
        assert read["resourceType"] == entry["type"], f"a {read['resourceType']} among {entry['type']}"
        ids.add(read["id"])
    assert len(ids) == len(lines), "an id comes twice"
    tally.add_file(len(body))


def oneup(address, tally):
    """One export of the 1upHealth dialect: every file."""
    status, _, body = answer(address, "GET", "/bulk-data/r4/$export")
    assert status == 200, f"{status} for a kick-off"
    for entry in json.loads(body)["output"]:
        check_file(address, entry, tally)


def hl7(address, tally):
    """One export of the HL7 dialect: kick-off, status, every file, the end of the job."""
    kick_off = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
    status, headers, body = answer(address, "GET", "/fhir/$export", kick_off)
    assert status == 202, f"{status} for a kick-off: {body[:200]}"
    place = path_of(headers["Content-Location"])
    while True:
        status, _, body = answer(address, "GET", place)
        if status == 200:
            break
        assert status == 202, f"{status} for a status"
        time.sleep(0.2)
    for entry in json.loads(body)["output"]:
        check_file(address, entry, tally)
    answer(address, "DELETE", place)


def slow(address, tally):
    """One download at 640 KB/s."""
    _, _, body = answer(address, "GET", "/bulk-data/r4/$export?_type=Patient")
    check_file(address, json.loads(body)["output"][0], tally, pause=0.1)


def goes_on(client, address, tally, stop):
    """Works as a client until `stop`."""
    while not stop.is_set():
        try:
            client(address, tally)
        except Refused:
            tally.add_refusal()
            stop.wait(1)
        except Exception as error:  # Whatever it is, it is a fault of the server or of this script.
            tally.add_fault(f"{client.__name__}: {type(error).__name__} {error}")
            stop.wait(1)


def attack(address, seed, stop):
    """Attacks in one way after the other, each for some seconds."""
    chance = random.Random(seed)
    while not stop.is_set():
        chosen = chance.choice(HOSTILE)
        arguments = [address, Until(stop, chance.uniform(2, 8))]
        if chosen in (attacks.stalled_downloads, attacks.pipelined):
            try:
                arguments.append(download_of(address))
            except OSError:
                continue
        chosen(*arguments)


class Until:
    """A flag that is set when another one is, or after a time."""

    def __init__(self, stop, seconds):
        self.stop, self.end = stop, time.monotonic() + seconds

    def is_set(self):
        return self.stop.is_set() or time.monotonic() > self.end

    def wait(self, seconds):
        return self.stop.wait(min(seconds, max(0.0, self.end - time.monotonic()))) or self.is_set()


def import_again_and_again(program, folder, stop, tally):
    """Updates 2,000 resources over and over."""
    number = 0
    path = os.path.join(folder, "update.ndjson")
    while not stop.is_set():
        number += 1
        with open(path, "w", encoding="utf-8") as out:
            for each in range(2000):
                out.write(json.dumps({
                    "resourceType": "Observation", "id": f"o{each}", "status": "final",
                    "code": {"text": f"{number} " + "y" * 900}, "subject": {"reference": "Patient/p1"},
                }) + "\n")
        done = subprocess.run([program, "import", os.path.join(folder, "s.db"), path, "--quiet"], capture_output=True, check=False)
        if done.returncode != 0:
            tally.add_fault(f"an import ended with {done.returncode}: {done.stderr.decode()[-300:]}")


class LogWatch:
    """The largest size of the store's log, in MB."""

    def __init__(self, path):
        self.path, self.peak, self.stopped = path, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.stopped.wait(0.05):
            if os.path.exists(self.path):
                self.peak = max(self.peak, os.stat(self.path).st_size / 1e6)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.peak


def soak(given, folder, server):
    """Lets all work for the given time; the faults."""
    tally, stop, over = Tally(), threading.Event(), multiprocessing.Event()
    pid, clients = server.process.pid, {"oneup": oneup, "hl7": hl7, "slow": slow}
    before, watch = Size.of(pid), Watch(pid)
    log = LogWatch(os.path.join(folder, "s.db-wal"))
    kinds = [MIX[number % len(MIX)] for number in range(given.clients)]
    hostile = [multiprocessing.Process(target=attack, args=(server.address, number, over))
               for number, kind in enumerate(kinds) if kind == "attacker"]
    for process in hostile:
        process.start()
    threads = [threading.Thread(target=goes_on, args=(clients[kind], server.address, tally, stop))
               for kind in kinds if kind != "attacker"]
    threads.append(threading.Thread(target=import_again_and_again, args=(given.program, folder, stop, tally)))
    for thread in threads:
        thread.start()
    stop.wait(given.minutes * 60)
    stop.set()
    over.set()
    for each in threads + hostile:
        each.join()
    peak, longest = watch.stop(), log.stop()
    after, back = comes_back(server, before)
    print(f"{given.clients} clients, {given.minutes} minutes: {tally.files} files, {tally.bytes / 1e6:.0f} MB, "
          f"{tally.refusals} refusals (429, 503, closed before an answer)")
    print(f"threads, descriptors, MB: before {before}, at the peak {peak}, after {after} (back after {back:.1f} s)")
    print(f"the store's log: {longest:.0f} MB at most; the server's log: {server.log_lines()} lines")
    faults = tally.faults
    if not after.is_back(before, MEMORY):
        faults.append(f"threads, descriptors and memory are not back after {BACK} s")
    if tally.files == 0:
        faults.append("no file was downloaded")
    return faults


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("program")
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--clients", type=int, default=64)
    arguments.add_argument("--observations", type=int, default=20_000, help="of the store, a kilobyte each")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "in.ndjson")
        write_data(data, given.observations)
        server = Server(given.program, folder, data)
        try:
            warm_up(server)
            faults = soak(given, folder, server)
        finally:
            server.process.terminate()
            code = server.process.wait()
        if faults:
            print(f"the end of the server's log:\n{server.end_of_log()}")
        if code != 0:
            faults.append(f"the server ended with code {code}")
        checked = subprocess.run([given.program, "check", os.path.join(folder, "s.db")], capture_output=True, check=False)
        print(checked.stdout.decode().strip())
        if checked.returncode != 0:
            faults.append(f"`fhirlite check` ended with {checked.returncode}: {checked.stderr.decode()[-300:]}")
    for fault in faults[:20]:
        print(f"FAULT: {fault}")
    print(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
