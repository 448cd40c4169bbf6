"""The ids of Bundle entries without one, worked out from what docs/import.md says about them.

It follows dependencies from every entry to the end instead of finding groups, so it is for small Bundles.
"""

import hashlib
import html
import json
import re

from json_text import minify

NARRATIVE = re.compile(r"""<(?:a\b[^>]*?\shref|img\b[^>]*?\ssrc)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
URIS = re.compile(
    r"(uri|policy|authority|source|target|issuer|jurisdiction|implicitRules|detail|.*(Uri|Oid|Uuid))\Z"
)
NAME = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]+)\Z")
VERSION = re.compile(r"/_history/[A-Za-z0-9\-.]+\Z")


def hashed(*parts):
    whole = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


def links_of(value, key="", parent=""):
    """Each link in a resource, with its kind: reference, url or uri."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from links_of(each, name, key)
    elif isinstance(value, list):
        for each in value:
            yield from links_of(each, key, parent)
    elif isinstance(value, str):
        if key == "reference":
            yield "reference", value
        elif key == "url" and parent in ("", "contained", "extension", "modifierExtension"):
            pass
        elif key in ("url", "endpoint", "address") or key.endswith("Url"):
            yield "url", value
        elif URIS.match(key):
            yield "uri", value
        elif key == "div" and parent == "text":
            for match in NARRATIVE.finditer(value):
                yield "url", html.unescape(match.group(1) or match.group(2) or "")


def lowered(url):
    return url.lower() if re.match(r"urn:(uuid|oid):", url, re.I) else url


def bare(link):
    return VERSION.sub("", link.split("#")[0])


def found(full_urls, names, from_url, link):
    """The entry that a link leads to, and how it says so."""
    if not bare(link):
        return None, None
    if lowered(bare(link)) in full_urls:
        return full_urls[lowered(bare(link))], "fullUrl"
    if NAME.match(bare(link)):
        base = re.match(r"((?:https?://.+/)?)[A-Za-z]+/[A-Za-z0-9\-.]+\Z", VERSION.sub("", from_url))
        if base and base.group(1) + bare(link) in full_urls:
            return full_urls[base.group(1) + bare(link)], "fullUrl"
        if bare(link) in names:
            return names[bare(link)], "name"
    return None, None


def is_unique(full_url):
    digits = re.match(r"urn:uuid:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\Z", full_url, re.I)
    if not digits:
        return False
    digits = [int(digit, 16) for digit in digits.group(1).replace("-", "")]
    steps = [after - before for before, after in zip(digits, digits[1:])]
    most = max(digits.count(digit) for digit in digits)
    return most <= 9 and len(set(digits)) >= 8 and steps.count(0) < 10 and steps.count(1) < 10


class Entry:
    """An entry whose resource is put in. `id` is None where it has none, `search` the tokens that are searched."""

    def __init__(self, full_url, text, id, search):
        self.full_url, self.text, self.id, self.search = full_url, text, id, search
        self.resource = json.loads(text)
        self.on, self.ends = set(), set()
        names = self.resource.get("identifier", [])
        names = names if isinstance(names, list) else [names]
        named = any(isinstance(name, dict) and name.get("system") and name.get("value") for name in names)
        self.told_by_links = id is None and not named and search is None and not is_unique(full_url)
        self.label = hashed(full_url, minify(text))

    def name(self):
        return f"{self.resource['resourceType']}/{self.id}"

    def end(self, direction):
        by_id = hashed(self.resource["resourceType"], self.id or "")
        return hashed(direction, self.full_url, self.search if self.search is not None else by_id)

    def is_node(self):
        return self.id is None and self.search is None


def derive(entries, full_urls, names, plain_id, is_history):
    """Sets the id of each entry that has none. `plain_id` gives the id of one that depends on nothing."""
    for number, entry in enumerate(entries):
        for _, link in links_of(entry.resource):
            target, _ = found(full_urls, names, entry.full_url, link)
            if target is None or target == number:
                continue
            other = entries[target]
            if other.id is not None and other.search is None and ("/" + bare(link)).endswith("/" + other.name()):
                continue
            if entry.id is None:
                entry.on.add(target) if other.is_node() else entry.ends.add(other.end("to"))
            if other.told_by_links:
                other.on.add(number) if entry.is_node() else other.ends.add(entry.end("from"))
    nodes = [number for number, entry in enumerate(entries) if entry.id is None]
    reach = {}
    for node in nodes:
        seen, todo = {node}, [node]
        while todo:
            new = entries[todo.pop()].on - seen
            seen |= new
            todo += new
        reach[node] = seen
    hashes = {}

    def group_hash(node):
        group = frozenset(other for other in reach[node] if node in reach[other])
        if group not in hashes:
            targets = {group_hash(to) for member in group for to in entries[member].on if to not in group}
            labels = b"".join(sorted(entries[member].label for member in group))
            ends = b"".join(sorted({end for member in group for end in entries[member].ends}))
            hashes[group] = hashed(labels, ends, b"".join(sorted(targets)))
        return hashes[group]

    ids = {}
    for node in nodes:
        entry = entries[node]
        if reach[node] == {node} and not entry.ends:
            ids[node] = plain_id(entry.text, entry.full_url)
        else:
            ids[node] = hashed("entry", bytes(8), entry.label, group_hash(node)).hex()[:32]
    times = {}
    for node in sorted(nodes, key=lambda node: full_urls.get(lowered(entries[node].full_url)) != node):
        entry = entries[node]
        key = (entry.resource["resourceType"], ids[node])
        again = times.get(key, 0)
        times[key] = again + 1
        entry.id = hashed("again", ids[node], again.to_bytes(8, "big")).hex()[:32] if again and not is_history else ids[node]
