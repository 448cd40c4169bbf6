#!/usr/bin/env python3
"""Compares random exports of a running server with what their requests select from the input files.

    exports.py --inputs PATH... --server http://HOST:PORT [--cases N] [--seed S]

Exits with 0 and a line of counts if all is equal, with 1 and the differences if not. The server must serve what the
paths, imported in this order into a new store less than an hour ago, leave.
"""

import argparse
import http.client
import json
import random
import re
import sys
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

from expected import expected, header
from json_text import members
from kick_offs import NDJSON, Case
from r4 import instant
from resources import Store
from server import ask, is_outcome


class Wrong(Exception):
    """An answer after which the check cannot go on."""


class Check:
    """Runs one export, from the kick-off to its deletion, and compares it with what is expected."""

    def __init__(self, case, base):
        self.case, self.base, self.chance = case, base, case.chance
        self.differences, self.lines, self.resources = [], {}, 0

    def must(self, holds, what):
        if not holds:
            self.differences.append(what)

    def run(self):
        try:
            job = self.kick_off()
            pages = self.pages(self.poll(job))
            self.manifest(pages)
            self.compare(pages)
            self.delete(job, pages)
        except (Wrong, OSError, ValueError, KeyError, http.client.HTTPException) as error:
            self.differences.append(f"{type(error).__name__}: {error}")
        return self

    def kick_off(self):
        case = self.case
        answer = ask("GET" if case.get else "POST", case.url, case.headers, case.body)
        if answer.status != 202:
            raise Wrong(f"kick-off: {answer.status} {answer.body.decode()[:500]}")
        self.must(answer.is_outcome(), f"kick-off answers with {answer.body}")
        self.must({each["severity"] for each in answer.json()["issue"]} == {"information"}, "kick-off: severity")
        applied = {each.strip() for each in answer.headers.get("Preference-Applied", "").split(",")}
        asked = {"respond-async"} | ({"handling=strict"} if case.strict else set())
        self.must(applied == asked, f"Preference-Applied: {sorted(applied)}")
        job = answer.headers.get("Content-Location", "")
        if not re.fullmatch(re.escape(self.base) + "/jobs/[0-9a-f]{32}", job):
            raise Wrong(f"Content-Location: {job}")
        return job

    def poll(self, job):
        for _ in range(6000):
            answer = ask("GET", job)
            if answer.status != 202:
                break
            self.must(len(answer.headers.get("X-Progress", "x" * 100)) < 100, "X-Progress missing or too long")
            filtered = self.case.level != ("system",) or self.case.request
            self.must(filtered, "an unfiltered export is to be complete at once")
            self.must(int(answer.headers["Retry-After"]) > 0, "Retry-After")
            time.sleep(0.01)
        if answer.status != 200:
            raise Wrong(f"status: {answer.status} {answer.body.decode()[:500]}")
        self.must(answer.headers.get_content_type() == "application/json", "status: Content-Type")
        self.must("Expires" in answer.headers, "status: no Expires")
        return answer.json()

    def pages(self, manifest):
        pages = [manifest]
        while "link" in pages[-1]:
            (following,) = pages[-1]["link"]
            self.must(following["relation"] == "next" and self.case.partial, f"link: {following}")
            answer = ask("GET", following["url"])
            if answer.status != 200:
                raise Wrong(f"{following['url']}: {answer.status}")
            pages.append(answer.json())
        return pages

    def manifest(self, pages):
        case, stu4 = self.case, self.case.stu4
        organized, since = "organizeOutputBy" in case.request, "_since" in case.request
        keys = ["manifestType"] if stu4 else []
        keys += ["transactionTime"] + ([] if stu4 else ["request"]) + ["requiresAccessToken"]
        keys += (["outputFormat"] if stu4 else []) + (["outputOrganizedBy"] if organized else []) + ["output"]
        keys += (["deleted"] if since else []) + ["outcome" if stu4 else "error"]
        first = pages[0]
        self.must([key for key in first if key != "link"] == keys, f"manifest: {list(first)}")
        self.must("T" in first["transactionTime"], f"transactionTime {first['transactionTime']}")
        late = instant(first["transactionTime"]) - datetime.now(timezone.utc)
        self.must(abs(late) < timedelta(minutes=2), f"transactionTime {first['transactionTime']}")
        self.must(first["requiresAccessToken"] is False, "requiresAccessToken")
        if not stu4:
            same = urllib.parse.unquote(first["request"]) == urllib.parse.unquote(case.url)
            self.must(same, f"request {first['request']}")
        for page in pages:
            self.must(not case.partial or len(page["output"]) <= 10, f"{len(page['output'])} output files on a page")
            self.must(page.get("outputOrganizedBy") == ("Patient" if organized else None), "outputOrganizedBy")
            self.must(page["transactionTime"] == first["transactionTime"], "transactionTime changes")
        for page in pages[1:]:
            self.must(not page.get("deleted") and not page.get("error") and not page.get("outcome"), "not on page 1")

    def entries(self, pages, part):
        """The lines of the files of one list, by type, or under None if entries have no type."""
        stu4, organized = self.case.stu4, "organizeOutputBy" in self.case.request
        keys = ["url", "count"] + (["fileSize"] if stu4 else [])
        if part == "output" and not organized or not stu4 and part in ("deleted", "error"):
            keys.insert(0, "type")
        keys += ["countSeverity"] if part == "outcome" else []
        found = {}
        for entry in (entry for page in pages for entry in page.get(part, ())):
            self.must([key for key in entry if key != "continuesInFile"] == keys, f"{part}: {list(entry)}")
            lines = self.download(entry)
            self.must(self.named(entry, part), f"{part}: {entry}")
            if "countSeverity" in entry:
                self.must(sum(each["count"] for each in entry["countSeverity"]) == len(lines), f"{part}: {entry}")
            found.setdefault(entry.get("type"), []).extend(lines)
        return found

    def named(self, entry, part):
        kind = {"outcome": "error", "error": "error", "deleted": "deleted"}.get(part, entry.get("type", "blocks"))
        pattern = re.escape(self.base) + "/jobs/[0-9a-f]{32}/" + kind + r"(\.\d{3,})?\.ndjson"
        said = {"deleted": "Bundle", "error": "OperationOutcome"}.get(part, entry.get("type"))
        return re.fullmatch(pattern, entry["url"]) and entry.get("type") in (said, None)

    def download(self, entry):
        url, headers = entry["url"], {"Accept": NDJSON}
        head = ask("HEAD", url, headers) if self.chance.random() < 0.3 else None
        if self.chance.random() < 0.3:
            headers["Accept-Encoding"] = "gzip"
        answer = ask("GET", url, headers)
        if answer.status != 200:
            raise Wrong(f"{url}: {answer.status}")
        self.must(answer.headers.get_content_type() == NDJSON, f"{url}: {answer.headers.get_content_type()}")
        size = len(answer.body)
        self.must(not head or head.status == 200 and head.headers["Content-Length"] == str(size), f"{url}: HEAD")
        self.must(answer.body.endswith(b"\n") and b"\n\n" not in answer.body, f"{url}: not clean NDJSON")
        lines = answer.body.decode().split("\n")[:-1]
        # As bulk-data-client counts: without the headers of files that are organized by patient.
        resources = [line for line in lines if not line.startswith('{"resourceType":"Parameters","parameter":[{"name":"header"')]
        self.must(entry["count"] == len(resources), f"{url}: {len(resources)} resources, said to be {entry['count']}")
        self.must(entry.get("fileSize", size) == size, f"{url}: {size} bytes, said to be {entry.get('fileSize')}")
        return lines

    def compare(self, pages):
        case, request = self.case, self.case.request
        wanted = expected(case.store, case.level, request, self.base, instant(pages[0]["transactionTime"]))
        output = self.entries(pages, "output")
        self.resources = sum(len(lines) for lines in output.values())
        if "organizeOutputBy" in request:
            self.blocks(wanted.output, output.get(None, []))
        else:
            for resource_type in sorted(set(wanted.output) | set(output)):
                self.same(resource_type, wanted.output.get(resource_type, []), output.get(resource_type, []))
        deleted = [line for lines in self.entries(pages, "deleted").values() for line in lines]
        self.same("deleted", [deletion(key) for key in wanted.deleted], deleted)
        part = "outcome" if case.stu4 else "error"
        notices = [line for lines in self.entries(pages, part).values() for line in lines]
        self.must(all(is_outcome(line) for line in notices), f"{part}: {notices}")
        number = wanted.notices + (wanted.left_out > 0)
        self.must(len(notices) == number, f"{len(notices)} notices instead of {number}: {notices}")
        told = any(re.search(rf"\b{wanted.left_out}\b", line) for line in notices)
        self.must(told or not wanted.left_out, f"{wanted.left_out} resources in no block are not told of: {notices}")

    def blocks(self, wanted, lines):
        """Compares blocks. Those of patients without a Patient resource may be in any order."""
        found = []
        for line in lines:
            if line.startswith('{"resourceType":"Parameters","parameter":[{"name":"header"') or not found:
                found.append([])
            found[-1].append(line)
        there = {header(resource.id) for resource in self.case.store.current.values() if resource.type == "Patient"}
        split = sum(block[0] in there for block in wanted)
        found[split:] = sorted(found[split:])
        self.same("headers", [block[0] for block in wanted], [block[0] for block in found])
        for block, other in zip(wanted, found):
            self.same(block[0], block, other)

    def same(self, name, wanted, found):
        shape = shape_of if "_elements" in self.case.request and name != "deleted" else str
        if [shape(line) for line in wanted] == [shape(line) for line in found]:
            return
        missing = [line for line in wanted if shape(line) not in map(shape, found)]
        beyond = [line for line in found if shape(line) not in map(shape, wanted)]
        what = f"{name}: {len(found)} lines instead of {len(wanted)}"
        what += "".join(f"\n    missing {line[:1000]}" for line in missing[:2])
        what += "".join(f"\n    beyond  {line[:1000]}" for line in beyond[:2])
        if not missing and not beyond:
            pairs = enumerate(zip(map(shape, wanted), map(shape, found)))
            at = next((number for number, (one, other) in pairs if one != other), min(len(wanted), len(found)))
            what += f", in another order or twice from line {at + 1} on"
            what += "".join(f"\n    is       {line[:120]}" for line in found[at : at + 3])
            what += "".join(f"\n    expected {line[:120]}" for line in wanted[at : at + 3])
        self.differences.append(what)

    def delete(self, job, pages):
        self.must(ask("DELETE", job).status == 202, "DELETE is not a 202")
        urls = [entry["url"] for page in pages for entry in page["output"]][:1]
        for method, url in [("GET", job), ("DELETE", job)] + [("GET", url) for url in urls]:
            answer = ask(method, url)
            self.must(answer.status == 404 and answer.is_outcome(), f"{method} {url} after DELETE: {answer.status}")


def deletion(key):
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": key}}]}
    return json.dumps(bundle, separators=(",", ":"))


def shape_of(line):
    """The root members of a line, which `_elements` must not change. The space between them does not count."""
    found = {name: line[start:end] for name, (start, end) in members(line).items()}
    if "meta" in found:
        found["meta"] = json.loads(found["meta"])
    return list(found.items())


def check(inputs, server, cases, seed):
    base, now = server.rstrip("/") + "/fhir", datetime.now(timezone.utc)
    store = Store.read(inputs, now)
    fhir = {"Accept": "application/fhir+json"}
    store.stamp(lambda key: ask("GET", f"{base}/{key[0]}/{key[1]}", fhir).body.decode())
    chance = random.Random(seed)
    resources, differences = 0, []
    for number in range(cases):
        case = Case(chance, store, base, now)
        done = Check(case, base).run()
        resources += done.resources
        differences += [f"case {number + 1}: {case}\n  {difference}" for difference in done.differences]
    for difference in differences[:10]:
        print(difference, file=sys.stderr)
    print(f"{cases} exports, {resources} resources, {len(differences)} differences")
    return 1 if differences else 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--inputs", nargs="+", required=True)
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--cases", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    args = arguments.parse_args()
    return check(args.inputs, args.server, args.cases, args.seed)


if __name__ == "__main__":
    sys.exit(main())
