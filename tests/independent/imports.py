#!/usr/bin/env python3
"""Compares what fhirlite exports with what it was imported from, byte for byte.

    imports.py --inputs PATH... (--folder DIR | --url BASE_URL | --store FILE)

Exits with 0 and a line of counts if all is equal, with 1 and the differences if not.
"""

import argparse
import gzip
import json
import os
import sqlite3
import sys
import urllib.parse
import urllib.request

from reading import CONDITIONAL, REFERENCE, Inputs, stamped


def from_folder(folder):
    manifest = json.load(open(os.path.join(folder, "manifest.json")))
    for output in manifest["output"]:
        path = os.path.join(folder, output["url"])
        data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
        yield output["type"], data, output["count"]


def from_url(base):
    with urllib.request.urlopen(base + "/bulk-data/r4/$export") as answer:
        manifest = json.load(answer)
    assert list(manifest) == ["transactionTime", "request", "requiresAccessToken", "output"], manifest
    for output in manifest["output"]:
        assert list(output) == ["type", "url"], output
        with urllib.request.urlopen(output["url"]) as answer:
            assert answer.headers["Content-Type"] == "application/fhir+ndjson"
            data = answer.read()
            assert len(data) == int(answer.headers["Content-Length"])
        yield output["type"], data, None


def from_store(path):
    db = sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True)
    for (resource_type,) in db.execute("SELECT DISTINCT type FROM resource ORDER BY type").fetchall():
        rows = db.execute("SELECT body FROM resource WHERE type = ? ORDER BY seq", (resource_type,)).fetchall()
        yield resource_type, "".join(body + "\n" for (body,) in rows).encode(), len(rows)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--inputs", nargs="+", required=True)
    arguments.add_argument("--folder")
    arguments.add_argument("--url")
    arguments.add_argument("--store")
    args = arguments.parse_args()
    expected = Inputs()
    for path in args.inputs:
        expected.file(path)
    expected.resolve_again()
    files = from_folder(args.folder) if args.folder else from_url(args.url) if args.url else from_store(args.store)
    differences, seen, types = [], 0, []
    for resource_type, data, count in files:
        types.append(resource_type)
        if not data or not data.endswith(b"\n") or b"\r" in data or b"\n\n" in data:
            differences.append(f"{resource_type}: not clean NDJSON")
        lines = data.decode().split("\n")[:-1]
        if count is not None and count != len(lines):
            differences.append(f"{resource_type}: {len(lines)} lines, said to be {count}")
        for body in lines:
            seen += 1
            resource = json.loads(body)
            key = (resource["resourceType"], resource["id"])
            text = expected.texts.pop(key, None)
            if key[0] != resource_type:
                differences.append(f"{key} in a file of {resource_type}")
            elif text is None:
                differences.append(f"{key}: not expected")
            elif body != stamped(text, body):
                differences.append(f"{key}:\n  is       {body}\n  expected {stamped(text, body)}")
            for match in REFERENCE.finditer(body):
                target = json.loads(match.group(1))
                conditional = CONDITIONAL.match(target)
                if conditional and key not in expected.open:
                    differences.append(f"{key}: {target} left")
    if types != sorted(set(types)) and args.folder is None:
        differences.append(f"types out of order or twice: {types}")
    differences += [f"{key}: missing" for key in expected.texts]
    for difference in differences[:20]:
        print(difference, file=sys.stderr)
    print(f"{seen} resources of {len(set(types))} types, {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
