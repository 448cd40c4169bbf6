"""What an import keeps, worked out from the input files by rules of its own.

It follows the rules in docs/import.md and shares nothing with fhirlite.
"""

import gzip
import hashlib
import io
import json
import os
import re
import urllib.parse
import zipfile

from derived_ids import Entry, bare, derive, found, hashed, lowered
from json_text import SPACE, elements, members, minify, one_line

REFERENCE = re.compile(r'(?<!\\)"reference"\s*:\s*("(?:[^"\\]|\\.)*")', re.S)
URL = re.compile(r'(?<!\\)"(?:url|uri|endpoint|address|\w*Ur[li]|\w*Oid|\w*Uuid)"\s*:\s*("(?:[^"\\]|\\.)*")', re.S)
ID = re.compile(r"[A-Za-z0-9\-.]+\Z")
CONDITIONAL = re.compile(r"([A-Za-z]+)\?(.*)\Z", re.S)


class Inputs:
    """The resources that an import of some files leaves."""

    def __init__(self):
        self.texts = {}  # (type, id) -> text before stamping, references between entries rewritten
        self.identifiers = {}  # (type, value) -> {(system, id)}
        self.open = set()

    # ---- searching -----------------------------------------------------------------------------
    def find(self, resource_type, query, nearby=()):
        """The ids that `identifier=system|value` or `_id=` finds; None if it cannot be searched."""
        found = None
        for pair in filter(None, query.split("&")):
            name, _, value = pair.partition("=")
            value = urllib.parse.unquote(value)
            if name == "_id":
                ids = {value} if (resource_type, value) in self.texts else set()
                ids |= {i for t, i, _ in nearby if t == resource_type and i == value}
            elif name == "identifier":
                system, bar, code = value.partition("|")
                if not bar:
                    system, code = None, value
                candidates = {
                    (s, i)
                    for s, i in self.identifiers.get((resource_type, code), ())
                    if self.has(resource_type, i, s, code)
                }
                for t, i, names in nearby:
                    if t == resource_type:
                        candidates |= {(s, i) for s, v in names if v == code}
                ids = {i for s, i in candidates if system is None or system == (s or "")}
            else:
                return None
            found = ids if found is None else found & ids
        return found

    def has(self, resource_type, id, system, value):
        text = self.texts.get((resource_type, id))
        return text is not None and (system, value) in identifiers_of(json.loads(text))

    # ---- changing ------------------------------------------------------------------------------
    def put(self, text, nearby=()):
        resource = json.loads(text)
        resource_type, id = resource["resourceType"], resource["id"]
        key = (resource_type, id)
        if '?' in text:
            text = self.resolve(text, nearby)
            if has_conditional(text):
                self.open.add(key)
        self.texts[key] = text
        if "identifier" in text:
            for system, value in identifiers_of(resource):
                self.identifiers.setdefault((resource_type, value), set()).add((system, id))

    def resolve(self, text, nearby=()):
        def new(match):
            link = json.loads(match.group(1))
            conditional = CONDITIONAL.match(link)
            if conditional:
                ids = self.find(*conditional.groups(), nearby)
                if ids and len(ids) == 1:
                    link = f"{conditional.group(1)}/{ids.pop()}"
                    return match.group(0)[: match.start(1) - match.start()] + json.dumps(link)
            return match.group(0)

        return REFERENCE.sub(new, text)

    def resolve_again(self):
        for key in self.open & set(self.texts):
            self.texts[key] = self.resolve(self.texts[key])

    def delete(self, resource_type, id):
        self.texts.pop((resource_type, id), None)

    # ---- reading -------------------------------------------------------------------------------
    def item(self, text, line_is_item=False):
        text = text.strip(SPACE)
        try:
            resource = json.loads(text)
        except ValueError:
            return
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            return
        if resource["resourceType"] == "Bundle":
            self.bundle(text, resource)
        elif "id" in resource:
            if isinstance(resource["id"], str) and ID.match(resource["id"]):
                self.put(one_line(text))
        else:
            self.put(with_id(text, derived_id(text, "")))

    def bundle(self, text, bundle):
        kind = bundle.get("type")
        asks = kind not in (
            "searchset", "collection", "document", "message", "transaction-response", "batch-response",
        )
        at = members(text).get("entry")
        raw_entries = list(elements(text[at[0] : at[1]])) if at else []
        derived, full_urls, names = self.derived(raw_entries, asks, kind)
        steps, stored, nearby = [], {}, []
        for number, raw in enumerate(raw_entries):
            entry = json.loads(raw)
            request = entry.get("request") if asks else None
            full_url = entry.get("fullUrl", "")
            step = self.plan(entry, raw, request, derived.get(number), nearby)
            if step is None:
                continue
            if step[0] in ("put", "exists"):
                _, resource_type, id, resource, _ = step
                stored[number] = f"{resource_type}/{id}"
                nearby.append((resource_type, id, identifiers_of(resource)))
            steps.append((*step, full_url))
        if kind == "transaction":
            steps.sort(key=lambda step: step[0] != "delete")
        if kind == "history":
            steps.reverse()
        for step in steps:
            if step[0] == "delete":
                self.delete(step[1], step[2])
            elif step[0] == "nested":
                self.bundle(step[1], json.loads(step[1]))
            elif step[0] == "put":
                _, _, id, resource, raw, full_url = step
                raw = link(raw, lambda target: found(full_urls, names, full_url, target), stored)
                self.put(one_line(raw) if "id" in resource else with_id(raw, id), nearby)

    def derived(self, raw_entries, asks, kind):
        """The ids of entries without one by their number, and which entry each fullUrl and name stands for."""
        entries, numbers, full_urls, names = [], [], {}, {}
        for number, raw in enumerate(raw_entries):
            entry = json.loads(raw)
            request = (entry.get("request") if asks else None) or {}
            method, url = request.get("method"), request.get("url", "")
            resource = entry.get("resource")
            if method in ("GET", "HEAD", "PATCH", "DELETE") or not isinstance(resource, dict):
                continue
            if resource["resourceType"] == "Bundle":
                continue
            at = members(raw)["resource"]
            id = url.split("/")[-1] if method == "PUT" and "?" not in url else resource.get("id")
            query = url if method == "PUT" and "?" in url else request.get("ifNoneExist") if method == "POST" else None
            search = search_of(resource["resourceType"], query) if query else None
            if entry.get("fullUrl"):
                full_urls[lowered(entry["fullUrl"])] = len(entries)
            if search is not None and id:
                names.setdefault(f"{resource['resourceType']}/{id}", len(entries))
            entries.append(Entry(entry.get("fullUrl", ""), raw[at[0] : at[1]], id, search))
            numbers.append(number)
        derive(entries, full_urls, names, derived_id, kind == "history")
        by_number = {url: numbers[entry] for url, entry in full_urls.items()}
        names = {name: numbers[entry] for name, entry in names.items()}
        return {number: entry.id for number, entry in zip(numbers, entries)}, by_number, names

    def plan(self, entry, raw, request, derived, nearby):
        method = request.get("method") if request else None
        url = request.get("url", "") if request else ""
        if method in ("GET", "HEAD", "PATCH") or (method == "POST" and "$" in url.split("?")[0]):
            return None
        if method == "DELETE":
            if "?" in url:
                resource_type, query = url.split("?", 1)
                ids = self.find(resource_type, query, nearby)
                return ("delete", resource_type, ids.pop()) if ids and len(ids) == 1 else None
            return ("delete", *url.split("/_history")[0].split("/")[-2:])
        resource = entry.get("resource")
        if resource is None:
            return None
        at = members(raw)["resource"]
        text = raw[at[0] : at[1]]
        resource_type = resource["resourceType"]
        if resource_type == "Bundle":
            return ("nested", text)
        id = resource.get("id")
        if method == "PUT" and "?" not in url:
            target = url.split("/")[-2:]
            if target[0] != resource_type or id not in (None, target[1]):
                return None
            id = target[1]
        query = request.get("ifNoneExist") if method == "POST" else None
        if method == "PUT" and "?" in url:
            query = url
        if query:
            query = query.removeprefix(resource_type).removeprefix("?")
            ids = self.find(resource_type, query, nearby)
            if ids is None or len(ids) > 1:
                return None
            if ids and method == "POST":
                return ("exists", resource_type, ids.pop(), {}, None)
            if ids:
                existing = ids.pop()
                if id not in (None, existing):
                    return None
                id = existing
        id = id or derived
        return ("put", resource_type, id, resource, text)

    def file(self, path):
        if os.path.isdir(path):
            for name in sorted(os.listdir(path), key=os.fsencode):
                if not name.startswith("."):
                    full = os.path.join(path, name)
                    if os.path.isdir(full) or is_ours(name):
                        self.file(full)
            return
        with open(path, "rb") as file:
            self.stream(path, file)

    def stream(self, name, file):
        magic = file.read(4)
        file = io.BufferedReader(Rejoined(magic, file))
        if magic.startswith(b"\x1f\x8b"):
            return self.stream(re.sub(r"\.gz$", "", name, flags=re.I), gzip.open(file))
        if magic == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
                for member in sorted(archive.namelist(), key=lambda n: n.encode()):
                    if is_ours(member) and not member.endswith("/"):
                        with archive.open(member) as inner:
                            self.stream(member, inner)
            return
        if re.search(r"\.(ndjson|jsonl)$", name, re.I):
            for number, line in enumerate(file):
                self.line(line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line)
            return
        text = file.read().removeprefix(b"\xef\xbb\xbf")
        first = text.lstrip().split(b"\n", 1)[0]
        try:
            json.loads(first)
        except ValueError:
            self.item(text.decode())
        else:
            for line in text.split(b"\n"):
                self.line(line)

    def line(self, line):
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return
        if text.strip(SPACE):
            self.item(text)


class Rejoined(io.RawIOBase):
    def __init__(self, head, rest):
        self.head, self.rest = head, rest

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.head:
            piece, self.head = self.head[: len(buffer)], self.head[len(buffer) :]
        else:
            piece = self.rest.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def is_ours(name):
    return re.search(r"\.(json|ndjson|jsonl)(\.gz)?$|\.zip$", name, re.I) is not None


def identifiers_of(resource):
    found = resource.get("identifier", [])
    found = found if isinstance(found, list) else [found]
    return {(i.get("system"), i["value"]) for i in found if isinstance(i, dict) and "value" in i}


def derived_id(text, full_url):
    return hashlib.sha256(full_url.encode() + b"\0" + minify(text).encode()).hexdigest()[:32]


def with_id(text, id):
    text = one_line(text)
    _, end = members(text)["resourceType"]
    return f'{text[:end]},"id":"{id}"{text[end:]}'


def search_of(resource_type, query):
    parts = [resource_type, ""]
    for pair in filter(None, query.removeprefix(resource_type).removeprefix("?").split("&")):
        name, _, value = pair.partition("=")
        value = urllib.parse.unquote(value)
        if name == "_id":
            parts[1] = value
        else:
            system, bar, code = value.rpartition("|")
            parts += ["identifier", bar, system, code]
    return hashed(*parts)


def link(text, find, stored):
    def new(match, is_reference):
        target = json.loads(match.group(1))
        entry, by = find(target)
        known = stored.get(entry)
        if known is None:
            return match.group(0)
        is_urn = re.match(r"urn:(uuid|oid):", target, re.I)
        moved = not ("/" + bare(target)).endswith("/" + known)
        if is_urn or moved or (is_reference and by == "fullUrl" and bare(target) != known):
            linked = known + target[len(bare(target)) :]
            return match.group(0)[: match.start(1) - match.start()] + json.dumps(linked)
        return match.group(0)

    text = REFERENCE.sub(lambda m: new(m, True), text)
    return URL.sub(lambda m: new(m, False), text)


def has_conditional(text):
    return any(CONDITIONAL.match(json.loads(m.group(1))) for m in REFERENCE.finditer(text))


def stamped(text, body):
    """The text with the versionId and lastUpdated of `body` where it has none."""
    meta = json.loads(body).get("meta", {})
    version, time = (json.dumps(meta.get(name)) for name in ("versionId", "lastUpdated"))
    places = members(text)
    if "meta" not in places:
        _, end = places["id"]
        return f'{text[:end]},"meta":{{"versionId":{version},"lastUpdated":{time}}}{text[end:]}'
    start, end = places["meta"]
    inner = members(text[start:end])
    missing = [
        f'"{name}":{value}'
        for name, value in (("versionId", version), ("lastUpdated", time))
        if name not in inner
    ]
    if not missing:
        return text
    comma = "," if inner else ""
    return text[: start + 1] + ",".join(missing) + comma + text[start + 1 :]
