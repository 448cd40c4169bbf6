"""What clients of other authors do about faults: holds the table at the end of docs/simulate.md true, row by row.

    clients.py smart-fetch               run by the Python that has smart-fetch
    clients.py bulk-data-client          BULK_DATA_CLIENT names its folder, as its authors have it
    clients.py CLIENT --print            prints what the column should be, and what the client said

FHIRLITE names the program. The server is protected and has ten Patients and ten Observations. Each run has a path segment of
its own, so they share the server. `../simulate/wire.py` starts it.
"""

import asyncio
import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections import Counter
from datetime import datetime

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "simulate"))

import es384  # noqa: E402
from tokens import Protected  # noqa: E402
from wire import ROWS, TYPES  # noqa: E402

MANUAL = os.path.join(HERE, "..", "..", "docs", "simulate.md")
ALL = {f"{kind}/{kind[0].lower()}{number}" for kind in TYPES for number in range(ROWS)}
#: What a client asks for without faults, and how often.
ONCE = {"token": 1, "kickoff": 1, "status": 1, "file": len(TYPES), "delete": 1}


def lines():
    """The rows; ten of them have more than a thousand bytes in gzip, too."""
    for kind in TYPES:
        for number in range(ROWS):
            noise = hashlib.sha512(f"{kind}{number}".encode()).hexdigest()
            yield {"resourceType": kind, "id": f"{kind[0].lower()}{number}", "identifier": [{"value": noise * 2}]}


@functools.cache
def private_key():
    """The key of the client that `Protected` registers, as both clients want it: a JWK that may sign."""
    public = json.loads(es384.jwks("k"))["keys"][0]
    return {**public, "d": es384.encoded(es384.SECRET), "key_ops": ["sign"]}


class SmartFetch:
    """A process that is smart-fetch from its command line on, but for the time that it sleeps.

    It is forked, so that its modules are read once. A sleep of more than two seconds is noted and over at once.
    """

    NAME = "smart-fetch"
    AT_ONCE = 8
    PATIENCE = 60
    SLEEP = 2
    NOTES_SLEEP = True

    def __init__(self, base, folder):
        # The first two come late else, once in each process.
        import anyio._backends._asyncio
        import httpcore  # noqa: F401
        import smart_fetch.cli.main

        with open(os.path.join(folder, "key.jwks"), "w") as file:
            json.dump({"keys": [private_key()]}, file)
        self.pid = os.fork()
        if self.pid == 0:
            self.be(smart_fetch.cli.main.main_cli, base, folder)

    @staticmethod
    def version():
        import smart_fetch

        return smart_fetch.__version__

    def be(self, main, base, folder):
        signal.alarm(self.PATIENCE)
        os.chdir(folder)
        said = os.open("said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        asleep = asyncio.sleep

        async def sleep(seconds, result=None):
            if seconds > 0:
                with open("waits", "a") as file:
                    print(seconds, file=file)
            return await asleep(seconds if seconds <= self.SLEEP else 0, result)

        asyncio.sleep = sleep
        sys.argv = ["smart-fetch", "bulk", "--fhir-url", base, "--no-default-filters", "--no-compression", "--type",
                    ",".join(TYPES), "--smart-client-id", "c", "--smart-key", "key.jwks", "out"]
        code = 1
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
            if not isinstance(code, int):
                print(code)
                code = 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class BulkDataClient(subprocess.Popen):
    """A process that is bulk-data-client. It sleeps as it likes."""

    NAME = "bulk-data-client"
    AT_ONCE = 4
    PATIENCE = 90
    NOTES_SLEEP = False

    def __init__(self, base, folder):
        config = {"fhirUrl": base, "tokenUrl": f"{base}/oauth2/token", "clientId": "c", "privateKey": private_key(), "global": True,
                  "reporter": "text", "destination": os.path.join(folder, "out"), "_type": ",".join(TYPES)}
        path = os.path.join(folder, "config.json")
        with open(path, "w") as file:
            json.dump(config, file)
        with open(os.path.join(folder, "said"), "wb") as said:
            command = [os.environ.get("NODE", "node"), os.environ["BULK_DATA_CLIENT"], "--config", path]
            # Else it asks on the terminal whether to tell more of an error.
            env = {**os.environ, "SHOW_ERRORS": "y"}
            super().__init__(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env,
                             preexec_fn=lambda: signal.alarm(self.PATIENCE))

    @staticmethod
    def version():
        with open(os.path.join(os.environ["BULK_DATA_CLIENT"], "package.json")) as file:
            return json.load(file)["version"]


class Run:
    """A client's run under a rule: its end, what it said and kept, what it asked for."""

    def __init__(self, client, rule, code, folder, journal):
        self.client, self.rule, self.journal, self.folder = client, rule, journal, folder
        self.code = None if code == -signal.SIGALRM else code
        self.said, self.waits = "".join(self.read("said")), self.slept()
        self.rows, self.broken = Counter(), 0
        for name in sorted(os.listdir(os.path.join(folder, "out"))):
            if name.endswith(".ndjson") and name != "log.ndjson":
                for line in filter(str.strip, self.read(os.path.join("out", name))):
                    self.count(line)

    def read(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            return list(file)

    def count(self, line):
        try:
            row = json.loads(line)
            self.rows[f"{row['resourceType']}/{row['id']}"] += 1
        except (ValueError, KeyError):
            self.broken += 1

    def kept(self):
        """What is not as the server has it, of what was kept."""
        there = sum(1 for name in ALL if self.rows[name])
        parts = [] if there == len(ALL) else [f"{there or 'none'} of {len(ALL)} rows"]
        twice, strange = sum(count - 1 for count in self.rows.values()), len(self.rows.keys() - ALL)
        parts += [f"{twice} rows twice"] if twice else []
        parts += [f"{strange} rows of another type"] if strange else []
        parts += [f"lines that are no JSON: {self.broken}"] if self.broken else []
        return parts

    def slept(self):
        """The seconds that the client slept: as it noted, else those between requests for the same."""
        if self.client.NOTES_SLEEP:
            return [float(line) for line in self.read("waits")]
        waits, last = [], {}
        for each in self.journal:
            what, now = (each["method"], each["path"], each["query"]), datetime.fromisoformat(each["time"])
            before, status = last.get(what, (now, 0))
            seconds = (now - before).total_seconds()
            if seconds >= 0.08 and not 300 <= status < 400 and place_of(each) != "token":
                waits.append(round(seconds) or round(seconds, 1))
            last[what] = now, each["status"]
        return waits

    def words(self):
        kept = self.kept()
        if self.code is None:
            return "no end"
        parts = ["error" if self.code else "success: " + ", ".join(kept) if kept else "complete"]
        foreign = [each for each in self.journal if each["headers"].get("host", "").startswith("localhost")]
        if foreign:
            with_token = any("authorization" in each["headers"] for each in foreign)
            parts.append(f"asks the other host {'with' if with_token else 'without'} the token")
        counts = Counter(map(place_of, self.journal))
        parts += [f"{counts[place]} × `{place}`" for place, once in ONCE.items() if counts[place] > once]
        if self.waits:
            # How long it is until a date depends on the moment.
            parts.append("waits" if "date" in self.rule else "waits " + ", ".join(f"{each:g}" for each in self.waits) + " s")
        return "; ".join(parts)


def place_of(request):
    """The place of a request in the journal."""
    path = request["path"].split("/fhir", 1)[-1]
    if request["method"] == "DELETE":
        return "delete"
    names = {"/token": "token", "$export": "kickoff", ".ndjson": "file", "metadata": "metadata", "-configuration": "metadata"}
    return next((name for end, name in names.items() if path.endswith(end)), "status")


def run_all(client, rules):
    """Runs the client for each rule, some at once."""
    with Protected(lines=list(lines())) as server:
        started, codes = [], []
        for number, rule in enumerate(rules):
            if number >= client.AT_ONCE:
                codes.append(started[len(codes)][-1].wait())
            segment = server.segment({"faults": [rule], "number": number})
            folder = os.path.join(server.path, f"run-{number}")
            os.makedirs(os.path.join(folder, "out"))
            started.append((rule, segment, folder, client(f"{server.url}/{segment}/fhir", folder)))
        codes += [each[-1].wait() for each in started[len(codes):]]
        journal = server.requests()
        return [
            Run(client, rule, code, folder, [each for each in journal if each["path"].startswith(f"/{segment}/")])
            for (rule, segment, folder, _), code in zip(started, codes)
        ]


def column(name):
    """The version in the head of a client's column of the manual, and what the column says for each rule."""
    with open(MANUAL, encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in file if line.startswith("|")]
    head = next(row for row in rows if any(cell.startswith(f"{name} ") for cell in row))
    at = next(number for number, cell in enumerate(head) if cell.startswith(f"{name} "))
    table = rows[rows.index(head) + 2:]
    return head[at].removeprefix(f"{name} "), {row[0].strip("`"): row[at] for row in table if len(row) == len(head)}


def main(name, *options):
    client = {"smart-fetch": SmartFetch, "bulk-data-client": BulkDataClient}[name]
    version, said = column(name)
    assert client.version() == version, f"the manual is about {name} {version}, and here is {client.version()}"
    assert len(said) >= 15, said
    runs = run_all(client, list(said))
    if options == ("--print",):
        for run in runs:
            asked = [(place_of(each), each["status"], each["time"][17:23]) for each in run.journal][:20]
            print(f"{run.rule} | {run.words()}\n", run.code, run.kept(), asked, "\n ", "\n  ".join(run.said.splitlines()[-12:]))
        return
    wrong = [run for run in runs if run.words() != said[run.rule]]
    # The server closes a connection that is silent for a second after its first answer. On a busy machine the next request can
    # meet that moment, and a client takes it for a fault of its own.
    wrong = [run for run in run_all(client, [run.rule for run in wrong]) if run.words() != said[run.rule]] if wrong else []
    for run in wrong:
        print(f"{run.rule}\n  the manual: {said[run.rule]}\n  {name}: {run.words()}\n  it said: {run.said[-2000:]}")
    sys.exit(len(wrong) > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
