#!/usr/bin/env python3
"""Compares searches of a running server with what FHIRPath and the rules of the specification find.

    judge.py generate FILE --seed S
    judge.py ask --server http://HOST:PORT --seed S --cases N [--random-only | --only TYPE] FILE...

The first writes resources in which each search parameter finds something. The second asks for each search parameter of
R4 (with `--only` for those of one type) and N random searches (with `--random-only` for these alone); the server must
serve what the files hold. It prints how many parameters work, and exits with 1 and the differences if an answer is not
what is expected.
"""

import argparse
import gzip
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal

from definitions import Values, parameters
from examples import Examples
from questions import Questions

# What cannot be searched for: the server says so.
REFUSED = {("Resource", "_content"): "a full-text index", ("DomainResource", "_text"): "a full-text index",
           ("Resource", "_query"): "a named query", ("Location", "near"): "a distance"}
# What can be searched for and is never there: a Bundle is taken apart when it is imported.
NEVER_STORED = {"Bundle"}
BASES = ("Resource", "DomainResource")


class Decimals(json.JSONEncoder):
    def default(self, value):
        return float(value) if isinstance(value, Decimal) else super().default(value)


def types_of(rows):
    return sorted({row.of for row in rows} - set(BASES))


def generate(path, seed):
    rows = parameters()
    types = types_of(rows)
    made = Examples(random.Random(seed), 4)
    with open(path, "w", encoding="utf-8") as file:
        for of in sorted(set(types) - NEVER_STORED):
            mine = [row for row in rows if row.of == of and (row.of, row.code) not in REFUSED]
            for resource in made.of_type(of, mine, types):
                made.add_meta(resource)
                is_ascii = made.chance.random() < 0.3
                file.write(json.dumps(resource, cls=Decimals, ensure_ascii=is_ascii) + "\n")


def read(paths):
    resources = {}
    for path in paths:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
        with opened as file:
            for line in file:
                resource = json.loads(line, parse_float=Decimal)
                resources.setdefault(resource["resourceType"], {})[resource["id"]] = resource
    return {of: list(by_id.values()) for of, by_id in resources.items()}


class Server:
    """Each thread that asks has a connection of its own."""

    def __init__(self, url):
        self.url, self.base, self.own = url, url + "/fhir", threading.local()

    def get(self, target):
        if not hasattr(self.own, "connection"):
            self.own.connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=60)
        try:
            return self.asked(target)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server closed a connection that was idle; the next request opens another.
            self.own.connection.close()
            return self.asked(target)

    def asked(self, target):
        self.own.connection.request("GET", target)
        answer = self.own.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def found(self, target):
        """The ids on all pages, or the refusal."""
        target, ids = f"/fhir/{target}&_count=1000", []
        while target:
            status, bundle = self.get(target)
            if status != 200:
                return f"{status} {bundle['issue'][0]['diagnostics']}"
            ids += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            target = following[0].removeprefix(self.url) if following else None
        return ids


class Judge:
    def __init__(self, server, seed, files):
        self.server, self.chance = server, random.Random(seed)
        self.resources, self.rows = read(files), parameters()
        self.differences, self.asked = [], []
        by_type = {of: [row for row in self.rows if row.of in (of, *BASES) and self.is_asked_of(row, of)] for of in self.resources}
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        self.questions = Questions(self.chance, self.resources, by_type, Values(), server.base, now)

    def is_asked(self, row):
        return (row.of, row.code) not in REFUSED and row.of not in NEVER_STORED

    def is_asked_of(self, row, of):
        """True unless the server alone knows when it stored a resource of the type."""
        is_timed = row.code != "_lastUpdated" or all("lastUpdated" in each.get("meta", {}) for each in self.resources[of])
        return self.is_asked(row) and is_timed

    def ask(self, search):
        """Keeps the search and what it must find, to be asked with all others."""
        self.asked.append((search, {resource["id"] for resource in self.resources[search.of] if search.meets(resource)}))
        return len(self.asked) - 1

    def answers(self):
        """Asks everything; the searches that are answered as expected, by their numbers."""
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda asked: self.server.found(asked[0].target()), self.asked))
        right = set()
        for number, ((search, expected), got) in enumerate(zip(self.asked, answers)):
            if isinstance(got, str):
                self.differences.append(f"{search}: {got}")
            elif len(got) != len(set(got)):
                self.differences.append(f"{search}: a resource comes twice")
            elif set(got) != expected:
                extra, missing = sorted(set(got) - expected), sorted(expected - set(got))
                self.differences.append(f"{search}: too many {extra[:4]}, missing {missing[:4]}")
            else:
                right.add(number)
        return right

    def ask_row(self, row):
        """Asks a search that finds some resources, and one that does not find all; their numbers."""
        hit, miss = None, None
        for _ in range(60):
            of = self.chance.choice(sorted(self.resources)) if row.of in BASES else row.of
            search = self.questions.search(row, of)
            if not search:
                continue
            count = sum(map(search.meets, self.resources[of]))
            if hit is None and 0 < count < len(self.resources[of]):
                hit = search
            elif miss is None and count < len(self.resources[of]):
                miss = search
            if hit and miss:
                return {self.ask(hit), self.ask(miss)}
        self.differences.append(f"{row}: no search was found that finds something and leaves something out")
        return None

    def row_is_refused(self, row):
        status, _ = self.server.get(f"/fhir/{'Patient' if row.of in BASES else row.of}?{row.code}=x")
        if status != 400:
            self.differences.append(f"{row} is answered with {status}")

    def row_is_empty(self, row):
        found = self.server.found(f"{row.of}?{row.code}={'2020' if row.kind == 'date' else 'x'}")
        if found != []:
            self.differences.append(f"{row} finds {found}")

    def ask_each_row(self, only):
        """Asks for each parameter; the numbers of the searches of each. `only` is the one type that is asked, if any."""
        asked = []
        for row in self.rows:
            if only not in (None, row.of):
                continue
            if (row.of, row.code) in REFUSED:
                self.row_is_refused(row)
            elif row.of in NEVER_STORED:
                self.row_is_empty(row)
            else:
                asked.append(self.ask_row(row))
        return [numbers for numbers in asked if numbers]

    def at_random(self, cases):
        asks = [row for row in self.rows if self.is_asked(row) and (row.of in self.resources or row.of in BASES)]
        for _ in range(cases):
            row = self.chance.choice(asks)
            of = row.of if row.of not in BASES else self.chance.choice(sorted(self.resources))
            if not self.is_asked_of(row, of):
                continue
            way = self.chance.choice(["search", "search", "several", "chained", "reverse"])
            if way == "several":
                other = self.chance.choice(self.questions.parameters[of])
                search = self.questions.several(row, other, of)
            elif way != "search" and row.kind == "reference":
                search = getattr(self.questions, way)(row, of)
            else:
                search = self.questions.search(row, of)
            if search:
                self.ask(search)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("task", choices=["generate", "ask"])
    arguments.add_argument("files", nargs="+")
    arguments.add_argument("--server")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--cases", type=int, default=1000)
    arguments.add_argument("--random-only", action="store_true")
    arguments.add_argument("--only", metavar="TYPE")
    given = arguments.parse_args()
    if given.task == "generate":
        generate(given.files[0], given.seed)
        return 0
    started = time.monotonic()
    judge = Judge(Server(given.server), given.seed, given.files)
    rows = [] if given.random_only else judge.ask_each_row(given.only)
    judge.at_random(given.cases)
    right = judge.answers()
    working, found = sum(numbers <= right for numbers in rows), sum(bool(expected) for _, expected in judge.asked)
    for difference in judge.differences:
        print(difference)
    share = 100 * working / len(judge.rows)
    of_bundles = sum(row.of in NEVER_STORED for row in judge.rows)
    print(f"seed {given.seed}: {working} of {len(judge.rows)} search parameters work ({share:.1f} %), "
          f"{len(REFUSED)} are refused, {of_bundles} are of Bundles, {len(judge.asked)} searches, "
          f"{found} find something, {len(judge.differences)} differences, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if judge.differences else 0


if __name__ == "__main__":
    sys.exit(main())
