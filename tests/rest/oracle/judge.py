#!/usr/bin/env python3
"""Compares searches of a running server with what FHIRPath and the rules of the specification find.

    judge.py generate FILE --seed S
    judge.py ask --server http://HOST:PORT --seed S --cases N [--random-only] FILE...

The first writes resources in which each search parameter finds something. The second asks for each search parameter of
R4, and N random searches (with `--random-only` these alone); the server must serve what the files hold. It prints how many parameters work, and exits with
1 and the differences if an answer is not what is expected.
"""

import argparse
import gzip
import http.client
import json
import random
import sys
import time
import urllib.parse
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
    def __init__(self, url):
        self.url, self.base = url, url + "/fhir"
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.asked = 0

    def get(self, target):
        self.asked += 1
        self.connection.request("GET", target)
        answer = self.connection.getresponse()
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
        self.differences, self.found, self.asked = [], 0, 0
        by_type = {of: [row for row in self.rows if row.of == of and self.is_asked(row)] for of in self.resources}
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        self.questions = Questions(self.chance, self.resources, by_type, Values(), server.base, now)

    def is_asked(self, row):
        return (row.of, row.code) not in REFUSED and row.of not in NEVER_STORED

    def ask(self, search):
        """True if the answer is what is expected; the ids that are expected."""
        expected = {resource["id"] for resource in self.resources[search.of] if search.meets(resource)}
        got = self.server.found(search.target())
        self.asked += 1
        self.found += bool(expected)
        if isinstance(got, str):
            self.differences.append(f"{search}: {got}")
        elif len(got) != len(set(got)):
            self.differences.append(f"{search}: a resource comes twice")
        elif set(got) != expected:
            extra, missing = sorted(set(got) - expected), sorted(expected - set(got))
            self.differences.append(f"{search}: too many {extra[:4]}, missing {missing[:4]}")
        else:
            return True
        return False

    def row_works(self, row):
        """A search that finds some resources, and one that does not find all, are answered as expected."""
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
                return all([self.ask(hit), self.ask(miss)])
        self.differences.append(f"{row}: no search was found that finds something and leaves something out")
        return False

    def row_is_refused(self, row):
        status, _ = self.server.get(f"/fhir/{'Patient' if row.of in BASES else row.of}?{row.code}=x")
        if status != 400:
            self.differences.append(f"{row} is answered with {status}")

    def each_row(self):
        working = 0
        for row in self.rows:
            if (row.of, row.code) in REFUSED:
                self.row_is_refused(row)
            elif row.of not in NEVER_STORED:
                working += self.row_works(row)
        return working

    def at_random(self, cases):
        asks = [row for row in self.rows if self.is_asked(row) and (row.of in self.resources or row.of in BASES)]
        for _ in range(cases):
            row = self.chance.choice(asks)
            of = row.of if row.of not in BASES else self.chance.choice(sorted(self.resources))
            if row.code == "_lastUpdated" and any("lastUpdated" not in each.get("meta", {}) for each in self.resources[of]):
                continue
            way = self.chance.choice(["search", "search", "several", "chained", "reverse"])
            if way == "several":
                other = self.chance.choice(self.questions.parameters[of] or [row])
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
    given = arguments.parse_args()
    if given.task == "generate":
        generate(given.files[0], given.seed)
        return 0
    started = time.monotonic()
    judge = Judge(Server(given.server), given.seed, given.files)
    working = 0 if given.random_only else judge.each_row()
    judge.at_random(given.cases)
    for difference in judge.differences:
        print(difference)
    share = 100 * working / len(judge.rows)
    of_bundles = sum(row.of in NEVER_STORED for row in judge.rows)
    print(f"seed {given.seed}: {working} of {len(judge.rows)} search parameters work ({share:.1f} %), "
          f"{len(REFUSED)} are refused, {of_bundles} are of Bundles, {judge.asked} searches, {judge.found} find something, {len(judge.differences)} differences, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if judge.differences else 0


if __name__ == "__main__":
    sys.exit(main())
