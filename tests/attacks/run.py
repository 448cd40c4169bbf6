"""Attacks a server, one attack after the other, beside an honest client, and prints what each attack costs.

Usage: run.py PROGRAM [--seconds S] [--only NAME,NAME] [--most S]. PROGRAM is a built `fhirlite`.

For each attack the table has the server's threads, descriptors and megabytes before, at the peak and after; the honest
client's answers, the slowest of them in seconds, those other than 200; and how many lines the attack brought into the log.
The exit code is 1 where an honest client got no answer, where the server ended, or where threads, descriptors and memory
are not back 30 seconds after an attack. With `--most` it is 1 also where an answer took longer than that.
"""

import argparse
import inspect
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from attacks import ATTACKS
from figures import HonestClient, Size, Watch

#: The descriptors that the server may open: what a shell gives a process by default.
DESCRIPTORS = 1024
#: What the memory may be above its figure before the attack, in MB: the allocator keeps some for the next requests.
MEMORY = 64
#: How long threads, descriptors and memory may take to come back, in seconds.
BACK = 30
#: What the honest client asks for.
PATHS = ["/health", "/fhir/metadata", "/fhir/Patient?_count=1", "/fhir/Patient/p1"]


def write_data(path, observations):
    """Writes patients, and observations of a kilobyte each."""
    with open(path, "w", encoding="utf-8") as out:
        for number in range(1000):
            out.write(json.dumps({"resourceType": "Patient", "id": f"p{number}"}) + "\n")
        for number in range(observations):
            out.write(json.dumps({
                "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "x" * 900},
                "subject": {"reference": f"Patient/p{number % 1000}"},
            }) + "\n")


class Server:
    """A server in a folder of its own."""

    def __init__(self, program, folder, data):
        self.log_path = os.path.join(folder, "log")
        store = os.path.join(folder, "s.db")
        subprocess.run([program, "import", store, data, "--quiet"], check=True)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", store, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)))
        url = self.process.stdout.readline().decode().removeprefix("listening on http://").strip()
        host, port = url.rsplit(":", 1)
        self.address = host, int(port)

    def log_lines(self):
        with open(self.log_path, "rb") as log:
            return sum(1 for _ in log)

    def end_of_log(self):
        """The last lines of the log, for a reader of faults."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])


def download_of(address):
    """The path of a file of all observations."""
    url = f"http://{address[0]}:{address[1]}/bulk-data/r4/$export?_type=Observation"
    with urllib.request.urlopen(url) as answer:
        file = json.load(answer)["output"][0]["url"]
    return "/" + file.split("/", 3)[3]


def warm_up(server):
    """Downloads the observations 64 times at once, so that the server has opened what it keeps for such work."""
    rest = Size.of(server.process.pid)
    path = download_of(server.address)
    get = f"http://{server.address[0]}:{server.address[1]}{path}"
    with ThreadPoolExecutor(64) as pool:
        for length in pool.map(lambda _: len(urllib.request.urlopen(get).read()), range(64)):
            assert length > 0, "an empty download"
    while Size.of(server.process.pid).threads > rest.threads + 4:
        time.sleep(0.1)


def attack(server, function, seconds):
    """Runs one attack; its row of the table, and what is wrong."""
    before, lines = Size.of(server.process.pid), server.log_lines()
    watch = Watch(server.process.pid)
    honest = HonestClient(server.address, PATHS)
    stop = multiprocessing.Event()
    arguments = [server.address, stop]
    if "path" in inspect.signature(function).parameters:
        arguments.append(download_of(server.address))
    attacker = multiprocessing.Process(target=function, args=arguments)
    attacker.start()
    threading.Event().wait(seconds)
    stop.set()
    attacker.join(10)
    if attacker.is_alive():
        attacker.kill()
        attacker.join()
    slowest, count, wrong = honest.stop()
    peak = watch.stop()
    after, back = comes_back(server, before)
    faults = []
    if wrong:
        faults.append(f"an honest client got {wrong}")
    if not after.is_back(before, MEMORY):
        faults.append(f"threads, descriptors and memory are not back after {BACK} s")
    name = f"{function.__doc__:48}"
    figures = f"{before} |{peak} |{after} |{back:5.1f} |{count:6} {slowest:7.3f} |{server.log_lines() - lines:6}"
    return f"{name} |{figures}", slowest, faults


def comes_back(server, before):
    """Waits until the server is as small as it was; its size, and how long that took in seconds. Now and then somebody asks
    for its health, as in every operation: the allocator gives memory back as it works, not by itself."""
    began = asked = time.monotonic()
    while True:
        size, took = Size.of(server.process.pid), time.monotonic() - began
        if size.is_back(before, MEMORY) or took > BACK:
            return size, took
        if time.monotonic() > asked + 3:
            urllib.request.urlopen(f"http://{server.address[0]}:{server.address[1]}/health").read()
            asked = time.monotonic()
        time.sleep(0.1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("program")
    arguments.add_argument("--seconds", type=float, default=15, help="of each attack")
    arguments.add_argument("--only", default="", help="the names of some attacks, with commas between them")
    arguments.add_argument("--most", type=float, help="the longest that an honest answer may take, in seconds")
    arguments.add_argument("--observations", type=int, default=100_000, help="of the store, a kilobyte each")
    given = arguments.parse_args()
    # The attackers need many.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    chosen = [each for each in ATTACKS if not given.only or each.__name__ in given.only.split(",")]
    if not chosen:
        sys.exit(f"no attack is called {given.only}; there are {', '.join(each.__name__ for each in ATTACKS)}")
    told = []
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "in.ndjson")
        write_data(data, given.observations)
        server = Server(given.program, folder, data)
        try:
            warm_up(server)
            print(f"{'':48} |before: threads,  |at the peak       |after            | back |honest client  |   log")
            print(f"{'attack':48} | descriptors, MB  |                  |                 |  in s|answers slowest| lines")
            for function in chosen:
                row, slowest, wrong = attack(server, function, given.seconds)
                if given.most is not None and slowest > given.most:
                    wrong.append(f"an honest client waited for {slowest:.1f} s")
                print(row, flush=True)
                for fault in wrong:
                    told.append(f"FAULT in {function.__doc__}: {fault}; {row.split('|', 1)[1]}")
                    print(f"    FAULT: {fault}", flush=True)
                if server.process.poll() is not None:
                    print(f"    FAULT: the server has ended with code {server.process.returncode}")
                    sys.exit(1)
        finally:
            server.process.terminate()
            server.process.wait()
    # Once more at the end, where a reader of a long output looks first.
    print(*told, f"{len(chosen)} attacks, {len(told)} faults", sep="\n")
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    main()
