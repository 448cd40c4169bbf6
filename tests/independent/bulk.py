#!/usr/bin/env python3
"""What a Bulk Data export at /fhir should hold, worked out from the input files by rules of its own.

Nothing here is shared with fhirlite but the two tables of facts about R4 (which paths lead to the
Patient compartment, which root elements are mandatory or choices). What an import keeps is read by
reference.py; which of it an export holds follows from `expected`, and random exports of a running server
are compared with that, line for line.

    bulk.py --inputs PATH... --server http://HOST:PORT [--cases N] [--seed S]
    bulk.py --make DIR [--seed S]

The first exits with 0 and a line of counts if all is equal, with 1 and the differences if not. The server
must serve what the paths, imported in this order into a new store less than an hour ago, leave. The second
writes odd inputs.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import re
import sys
import time
import urllib.parse
from datetime import datetime, timedelta, timezone

import reference

FACTS = os.environ.get("R4_FACTS", os.path.join(os.path.dirname(__file__), "../../src/fhir/r4"))
LINK = re.compile(r"(?:https?://(?:.*/)?)?([A-Za-z]+)/([A-Za-z0-9\-.]+)(?:/_history/[A-Za-z0-9\-.]+)?\Z", re.S)
RELATIVE = re.compile(r"[A-Z][A-Za-z]*/[A-Za-z0-9\-.]+\Z")
DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?)?)?)?\Z"
)
NOWHERE = ("extension", "modifierExtension", "contained")  # objects in these have a `url` of another kind
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
NDJSON = "application/fhir+ndjson"


# ---- facts about R4 ----------------------------------------------------------------------------
def table(name):
    with open(os.path.join(FACTS, name)) as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


def compartment_paths():
    paths = {}
    for resource_type, _, expression in table("patient-compartment.tsv"):
        for path in expression.split("|"):
            names = path.strip().removesuffix(".where(resolve() is Patient)").split(".")
            if resource_type != "Patient":
                paths.setdefault(resource_type, []).append(names[1:])
    return paths


PATHS = compartment_paths()
ELEMENTS = {row[0]: [set(filter(None, names.split(","))) for names in row[1:]] for row in table("elements.tsv")}


# ---- times -------------------------------------------------------------------------------------
def span(text):
    """The first moment of a FHIR dateTime and the first one after it."""
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = DATE_TIME.match(text).groups()
    date, clock = (int(part or 1) for part in (year, month, day)), (int(part or 0) for part in (hour, minute, second))
    first = datetime(*date, *clock, int((fraction or "")[:6].ljust(6, "0")), timezone.utc)
    if sign:
        first -= int(sign + "1") * timedelta(hours=int(hours), minutes=int(minutes))
    if hour:
        return first, first + (timedelta(microseconds=1) if fraction else timedelta(seconds=1))
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)


def instant(text):
    return span(text)[0]


# ---- resources ---------------------------------------------------------------------------------
def target_of(reference_object):
    """The (type, id) that a Reference names, None if it names none."""
    text = reference_object.get("reference") if isinstance(reference_object, dict) else None
    match = LINK.match(text) if isinstance(text, str) else None
    return match.groups() if match else None


def listed(value):
    return value if isinstance(value, list) else [value]


def at_path(value, names):
    if not names:
        yield from listed(value)
        return
    for each in listed(value):
        if isinstance(each, dict) and names[0] in each:
            yield from at_path(each[names[0]], names[1:])


def all_targets(value):
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, (dict, list)):
            yield from all_targets(each)
    if isinstance(value, dict) and target_of(value):
        yield target_of(value)


class Resource:
    def __init__(self, text, seq):
        self.text, self.seq = text, seq
        self.json = json.loads(text)
        self.type, self.id = self.key = (self.json["resourceType"], self.json["id"])
        self.targets = {target_of(each) for each in listed(self.json.get("target", []))} - {None}
        self.references = set(all_targets(self.json))
        ends = (target_of(each) for path in PATHS.get(self.type, ()) for each in at_path(self.json, path))
        self.patients = {end[1] for end in ends if end and end[0] == "Patient"}
        time = self.json.get("meta", {}).get("lastUpdated")
        self.updated = instant(time) if time else None
        recorded = self.json.get("recorded")
        self.recorded = instant(recorded) if recorded else datetime.min.replace(tzinfo=timezone.utc)

    def stamped(self):
        return {"versionId", "lastUpdated"} <= set(self.json.get("meta", {}))

    def may_come_along(self):
        return self.type not in ("Patient", "Binary", "Provenance") and not self.patients


class Store:
    """The current resources in the order of their last change, and what was deleted."""

    def __init__(self, events, loaded):
        """`loaded` is the time of deletions that have none."""
        self.current, self.gone, self.loaded = {}, {}, loaded  # gone: key -> (resource, when)
        self.raw = {}
        for number, event in enumerate(events):
            if event[0] == "put":
                self.put(event[1], number)
            else:
                self.delete(tuple(event[1].split("/")), event[2])

    @classmethod
    def read(cls, paths, loaded):
        reader = Reader()
        for path in paths:
            reader.file(path)
        reader.resolve_again()
        return cls(reader.events, loaded)

    def put(self, text, seq):
        resource = Resource(text, seq)
        if resource.key in self.current and self.raw[resource.key] == text:
            return
        self.raw[resource.key] = text
        self.current.pop(resource.key, None)
        self.gone.pop(resource.key, None)
        self.current[resource.key] = resource

    def delete(self, key, when):
        if key in self.current:
            self.gone[key] = (self.current.pop(key), instant(when) if when else self.loaded)

    def stamp(self, get_body):
        """Sets what an import sets in `meta`, as it is in what `get_body` says of a key."""
        for key, resource in self.current.items():
            if not resource.stamped():
                text = reference.stamped(resource.text, get_body(key))
                self.current[key] = Resource(text, resource.seq)

    def ordered(self, keys):
        return sorted((self.current[key] for key in keys), key=lambda resource: resource.seq)


class Reader(reference.Store):
    """Reads inputs as an import does, and keeps what happens one after the other."""

    def __init__(self):
        super().__init__()
        self.events = []

    def put(self, text, nearby=()):
        super().put(text, nearby)
        resource = json.loads(text)
        self.events.append(("put", self.texts[resource["resourceType"], resource["id"]]))

    def delete(self, resource_type, id):
        super().delete(resource_type, id)
        self.events.append(("delete", f"{resource_type}/{id}", None))

    def resolve_again(self):
        before = dict(self.texts)
        super().resolve_again()
        self.events += [("put", text) for key, text in self.texts.items() if text != before[key]]


# ---- who and what is exported ------------------------------------------------------------------
def is_member_now(member, now):
    period = member.get("period", {})
    ended = "end" in period and span(period["end"])[1] <= now
    return not (member.get("inactive") is True or ended or ("start" in period and span(period["start"])[0] > now))


def members_of(store, group, now):
    """The ids of a Group's patients, the keys of itself and its other members, how many are not there."""
    patients, others, missing = set(), {("Group", group)}, 0
    groups = [("Group", group)]
    for key in groups:
        for member in store.current[key].json.get("member", []):
            if not is_member_now(member, now):
                continue
            target = target_of(member.get("entity"))
            missing += target not in store.current
            if target and target[0] == "Patient":
                patients.add(target[1])
            elif target in store.current:
                if target[0] == "Group" and target not in groups:
                    groups.append(target)
                others.add(target)
    return patients, others, missing


class Scope:
    """What is in, before any filter."""

    def __init__(self, store, level, request, now):
        self.store = store
        self.system = level == ("system",)
        self.patients, self.named, self.missing = None, set(), 0  # patients None: all of them
        if level[0] == "group":
            self.patients, self.named, self.missing = members_of(store, level[1], now)
        elif level[0] == "patient" and len(level) == 2:
            self.patients = {level[1]}
        if "patient" in request:
            self.patients, self.named = set(request["patient"]), set()
        if self.system:
            self.keys = set(store.current)
        else:
            first = {key for key, resource in store.current.items() if self.starts_with(resource)}
            self.keys = self.grown(first)

    def starts_with(self, resource):
        if self.patients is None:
            return resource.type == "Patient" or bool(resource.patients)
        if resource.type == "Patient":
            return resource.id in self.patients
        if resource.key in self.named:
            return True
        if resource.type == "Group":
            return bool(resource.patients) and resource.patients <= self.patients
        return bool(resource.patients & self.patients)

    def is_about(self, resource):
        """True if a resource is about one of the patients."""
        return bool(resource.patients if self.patients is None else resource.patients & self.patients)

    def grown(self, first):
        """With the Provenance resources and what comes along."""
        current = self.store.current
        keys = first | {key for key, it in current.items() if it.type == "Provenance" and it.targets & first}
        todo = list(keys)
        while todo:
            for key in current[todo.pop()].references:
                if key in current and key not in keys and current[key].may_come_along():
                    keys.add(key)
                    todo.append(key)
        return keys

    def had(self, resource):
        """True if a deleted resource was in scope or would have come along."""
        if self.system:
            return True
        if resource.type == "Patient":
            return self.patients is None or resource.id in self.patients
        if resource.type == "Group" and resource.patients:
            return self.patients is None or resource.patients <= self.patients
        if resource.patients and (self.patients is None or resource.patients & self.patients):
            return True
        if resource.type == "Provenance":
            there = [self.store.current[key] for key in resource.targets if key in self.store.current]
            gone = [self.store.gone[key][0] for key in resource.targets if key in self.store.gone]
            return any(self.is_about(it) for it in there + gone)
        coming = (resource.key in self.store.current[key].references for key in self.keys)
        return resource.may_come_along() and any(coming)


def associated(store, returned, asked):
    """The Provenance resources of `returned`."""
    found = {}
    for resource in store.current.values():
        if resource.type == "Provenance":
            for target in resource.targets & returned:
                found.setdefault(target, []).append(resource)
    if "RelevantProvenanceResources" in asked:
        return {resource.key for each in found.values() for resource in each}
    return {max(each, key=lambda it: (it.recorded, it.seq)).key for each in found.values()}


class Filters:
    def __init__(self, store, request):
        self.store, self.asked = store, request.get("includeAssociatedData", [])
        self.types = request.get("_type")
        self.since, self.until = (instant(request[name]) if name in request else None for name in ("_since", "_until"))

    def passes(self, resource_type, time):
        return (
            (self.types is None or resource_type in self.types)
            and (self.since is None or time > self.since)
            and (self.until is None or time < self.until)
        )

    def left(self, keys):
        """What of `keys` is returned, and the associated data of that."""
        left = {key for key in keys if self.passes(key[0], self.store.current[key].updated)}
        if not self.asked:
            return left
        left = {key for key in left if key[0] != "Provenance"}
        return left | associated(self.store, left, self.asked)


# ---- how it is written -------------------------------------------------------------------------
def subset(text, resource_type, elements):
    """Only the root members that `_elements` asks for, in the text's order."""
    wanted = {entry.split(".")[-1] for entry in elements if "." not in entry or entry.split(".")[0] == resource_type}
    if not wanted:
        return text
    mandatory, stems = ELEMENTS.get(resource_type, (set(), set()))
    wanted |= mandatory | {"resourceType", "id", "meta"}
    choices = [re.compile(re.escape(stem) + "[A-Z]") for stem in stems & wanted]
    found = reference.members(text)
    left = {}
    for name, (start, end) in found.items():
        element = name.removeprefix("_")
        if element in wanted or any(choice.match(element) for choice in choices):
            left[name] = text[start:end]
    if len(left) == len(found):
        return text
    meta = json.loads(left["meta"])
    left["meta"] = json.dumps(meta | {"tag": meta.get("tag", []) + [SUBSETTED]})
    return "{" + ",".join(f'"{name}":{value}' for name, value in left.items()) + "}"


def children(text):
    """(name, start, end) of what is directly in an object or array; in an array the name is None."""
    if text[0] == "{":
        return [(name, *place) for name, place in reference.members(text).items()]
    found, end = [], 0
    for each in reference.elements(text):
        start = text.index(each, reference.skip(text, end + 1))
        end = start + len(each)
        found.append((None, start, end))
    return found


def with_absolute_urls(text, base, exempt=True):
    """Where `text` is an object or array; `exempt` if a `url` in it is none of an attachment."""
    pieces, last = [], 0
    for name, start, end in children(text):
        value = text[start:end]
        if value[0] in "{[":
            value = with_absolute_urls(value, base, name in NOWHERE if name else exempt)
        elif name == "url" and not exempt and value[0] == '"' and RELATIVE.match(json.loads(value)):
            value = json.dumps(f"{base}/{json.loads(value)}")
        pieces += [text[last:start], value]
        last = end
    return "".join(pieces) + text[last:]


def written(resource, request, base):
    text = subset(resource.text, resource.type, request.get("_elements", []))
    return with_absolute_urls(text, base) if re.search(r"url|\\u", text) else text


def header(patient):
    reference_object = {"reference": f"Patient/{patient}"}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "header", "valueReference": reference_object}]}
    return json.dumps(parameters, separators=(",", ":"))


def is_roster(resource):
    """True for what would show everybody else on it in each block."""
    return resource.type == "Group" and len(resource.patients) > 1


def blocks(store, scope, filters):
    """(patient id, resources in order) for each patient of whom something is left."""
    resources = store.ordered(scope.keys)
    there = [resource.id for resource in resources if resource.type == "Patient"]
    if scope.patients is None:
        others = {id for resource in resources for id in resource.patients}
    else:
        others = scope.patients
    for id in there + sorted(others - set(there)):
        own = [it for it in resources if it.key == ("Patient", id)]
        own += [it for it in resources if it.type != "Patient" and id in it.patients and not is_roster(it)]
        first = {it.key for it in own}
        keys = scope.grown(first) & scope.keys
        left = filters.left(keys)
        rest = store.ordered(left - first)
        ordered = [it for it in own if it.key in left]
        ordered += [it for it in rest if it.type == "Provenance"] + [it for it in rest if it.type != "Provenance"]
        if ordered:
            yield id, ordered


class Expected:
    """`output`: type -> lines, or a list of blocks of lines; `deleted`: Type/id in order; `notices`: of members
    not there; `left_out`: the number of resources that are in no block."""

    def __init__(self):
        self.output, self.deleted, self.notices, self.left_out = {}, [], 0, 0


def expected(store, level, request, base, now):
    scope, filters = Scope(store, level, request, now), Filters(store, request)
    answer = Expected()
    answer.notices = scope.missing
    returned = filters.left(scope.keys)
    if request.get("organizeOutputBy"):
        answer.output = []
        for id, resources in blocks(store, scope, filters):
            answer.output.append([header(id)] + [written(it, request, base) for it in resources])
            returned -= {it.key for it in resources}
        answer.left_out = len(returned)
    else:
        for resource in store.ordered(returned):
            answer.output.setdefault(resource.type, []).append(written(resource, request, base))
    if filters.since:
        gone = [it for it, when in store.gone.values() if filters.passes(it.type, when) and scope.had(it)]
        answer.deleted = ["/".join(it.key) for it in gone]
    return answer


# ---- random exports ----------------------------------------------------------------------------
class Case:
    """One export and how it is asked for."""

    def __init__(self, chance, store, base, now):
        self.chance, self.store, self.now = chance, store, now
        self.ballot = chance.random() < 0.2  # the edition of $export-v4
        self.get = not self.ballot and chance.random() < 0.5
        self.request, self.partial = {}, chance.random() < 0.15
        self.strict = chance.random() < 0.2
        self.level = self.draw_level()
        self.draw_filters()
        self.encode(base)

    def ids(self, resource_type):
        return [id for kind, id in self.store.current if kind == resource_type]

    def draw_level(self):
        chance, patients, groups = self.chance, self.ids("Patient"), self.ids("Group")
        kind = chance.choice(["system", "patients", "patient", "group", "group"])
        if kind == "group" and groups:
            level = ("group", chance.choice(groups))
            there = sorted(members_of(self.store, level[1], self.now)[0] & set(patients))
            if there and not self.get and chance.random() < 0.3:
                self.request["patient"] = chance.sample(there, chance.randint(1, len(there)))
            return level
        if kind == "patient" and patients:
            return ("patient", chance.choice(patients))
        if kind == "patients":
            if patients and not self.get and chance.random() < 0.6:
                self.request["patient"] = chance.sample(patients, chance.randint(1, min(3, len(patients))))
            return ("patient",)
        return ("system",)

    def draw_filters(self):
        chance, request = self.chance, self.request
        if chance.random() < 0.4:
            request["_type"] = self.draw_types()
        if chance.random() < 0.4:
            request["_since"] = self.draw_time()
        if chance.random() < 0.25:
            request["_until"] = self.draw_time()
        if chance.random() < 0.25:
            request["_elements"] = self.draw_elements()
        if chance.random() < 0.25:
            kinds = ["LatestProvenanceResources", "RelevantProvenanceResources"]
            request["includeAssociatedData"] = chance.sample(kinds, chance.choice([1, 1, 2]))
        if chance.random() < 0.2:
            request["organizeOutputBy"] = "Patient"

    def draw_types(self):
        held = sorted({resource_type for resource_type, _ in self.store.current})
        types = self.chance.sample(held, self.chance.randint(1, min(6, len(held))))
        types += self.chance.sample(sorted(set(ELEMENTS) - set(types)), self.chance.randint(0, 2))
        related = ["Patient", *PATHS]
        if self.level != ("system",) and not set(types) & set(related):
            types.append(self.chance.choice(related))
        self.chance.shuffle(types)
        return types

    def draw_time(self):
        """One of the resources' own, or the hour before or after the import."""
        times = sorted({it.updated for it in self.store.current.values() if it.updated < self.now - timedelta(days=1)})
        times += [self.store.loaded - timedelta(hours=1), self.now + timedelta(hours=1)]
        hours = self.chance.choice([0, 0, 2, -5, 5.5])
        time = self.chance.choice(times).astimezone(timezone(timedelta(hours=hours)))
        text = time.isoformat(timespec="microseconds" if time.microsecond else "seconds")
        return text.replace("+00:00", "Z") if self.chance.random() < 0.5 else text

    def draw_elements(self):
        found = []
        for _ in range(self.chance.randint(1, 4)):
            resource = self.chance.choice(list(self.store.current.values()))
            names = [name for name in resource.json if name.isalnum() and name != "resourceType"]
            choices = ELEMENTS.get(resource.type, ((), ()))[1]
            stems = {stem for stem in choices for name in names if name.startswith(stem)}
            name = self.chance.choice(names + sorted(stems))
            found.append(f"{resource.type}.{name}" if self.chance.random() < 0.5 else name)
        return list(dict.fromkeys(found))

    def encode(self, base):
        chance = self.chance
        path = {"system": "", "patient": "/Patient", "group": "/Group"}[self.level[0]] + "".join(
            "/" + id for id in self.level[1:]
        )
        operation = chance.choice(["$export", "%24export"]) + ("-v4" if self.ballot else "")
        self.url, self.body, self.headers = f"{base}{path}/{operation}", None, {"Prefer": "respond-async"}
        if self.strict:
            self.headers["Prefer"] += ", handling=strict"
        accept = chance.choice([None, "*/*", "application/fhir+json", "application/json"])
        if accept:
            self.headers["Accept"] = accept
        values = {name: listed(value) for name, value in self.request.items()}
        values |= {"patient": [f"Patient/{id}" for id in values["patient"]]} if "patient" in values else {}
        values |= {"allowPartialManifests": ["true"]} if self.partial else {}
        if chance.random() < 0.3:
            values["_outputFormat"] = [chance.choice([NDJSON, "application/ndjson", "ndjson"])]
        in_body = not self.get and chance.random() < 0.7
        pairs = []
        for name, each in values.items():
            repeated = self.ballot or chance.random() < 0.5 or (in_body and name == "patient")
            pairs += [(name, value) for value in (each if repeated else [",".join(each)])]
        chance.shuffle(pairs)
        if in_body:
            parameters = [self.parameter(*pair) for pair in pairs]
            self.body = json.dumps({"resourceType": "Parameters", "parameter": parameters})
            self.headers["Content-Type"] = chance.choice(["application/fhir+json", "application/json; charset=utf-8"])
        elif pairs:
            safe = chance.choice(["", "/,:", "/,:+"])
            self.url += "?" + "&".join(f"{name}={urllib.parse.quote(value, safe=safe)}" for name, value in pairs)

    def parameter(self, name, value):
        if name == "patient":
            return {"name": name, "valueReference": {"reference": value}}
        if name == "allowPartialManifests":
            return {"name": name, "valueBoolean": True}
        if name == "includeAssociatedData" and self.ballot:
            return {"name": name, "valueCoding": {"code": value}}
        kind = "valueInstant" if name in ("_since", "_until") else "valueString"
        return {"name": name, kind: value}

    def __str__(self):
        return f"{'GET' if self.get else 'POST'} {self.url} {self.body or ''}"


# ---- asking a server ---------------------------------------------------------------------------
class Answer:
    def __init__(self, got):
        self.status, self.headers, self.body = got.status, got.headers, got.read()
        if self.headers.get("Content-Encoding") == "gzip":
            self.body = gzip.decompress(self.body)

    def json(self):
        return json.loads(self.body)

    def is_outcome(self):
        return self.headers.get_content_type() == "application/fhir+json" and is_outcome(self.body)


def is_outcome(text):
    outcome = json.loads(text)
    return outcome.get("resourceType") == "OperationOutcome" and all("severity" in each for each in outcome["issue"])


def ask(method, url, headers=(), body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        target = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, target, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Wrong(Exception):
    """The server went another way than the rest of the check could follow."""


class Check:
    """One export, from the kick-off to its deletion, against what is expected."""

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
        deadline = time.monotonic() + 60
        while True:
            answer = ask("GET", job)
            if answer.status != 202 or time.monotonic() > deadline:
                break
            self.must(len(answer.headers.get("X-Progress", "x" * 100)) < 100, "X-Progress missing or too long")
            filtered = self.case.level != ("system",) or self.case.request
            self.must(filtered, "an unfiltered export is to be complete at once")
            time.sleep(max(int(answer.headers["Retry-After"]), 0.05))
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
        case, ballot = self.case, self.case.ballot
        organized, since = "organizeOutputBy" in case.request, "_since" in case.request
        keys = ["manifestType"] if ballot else []
        keys += ["transactionTime"] + ([] if ballot else ["request"]) + ["requiresAccessToken"]
        keys += (["outputFormat"] if ballot else []) + (["outputOrganizedBy"] if organized else []) + ["output"]
        keys += (["deleted"] if since else []) + ["outcome" if ballot else "error"]
        first = pages[0]
        self.must([key for key in first if key != "link"] == keys, f"manifest: {list(first)}")
        self.must("T" in first["transactionTime"], f"transactionTime {first['transactionTime']}")
        late = instant(first["transactionTime"]) - datetime.now(timezone.utc)
        self.must(abs(late) < timedelta(minutes=2), f"transactionTime {first['transactionTime']}")
        self.must(first["requiresAccessToken"] is False, "requiresAccessToken")
        if not ballot:
            same = urllib.parse.unquote(first["request"]) == urllib.parse.unquote(case.url)
            self.must(same, f"request {first['request']}")
        for page in pages:
            self.must(not case.partial or len(page["output"]) <= 10, f"{len(page['output'])} output files on a page")
            self.must(page.get("outputOrganizedBy") == ("Patient" if organized else None), "outputOrganizedBy")
            self.must(page["transactionTime"] == first["transactionTime"], "transactionTime changes")
        for page in pages[1:]:
            self.must(not page.get("deleted") and not page.get("error") and not page.get("outcome"), "not on page 1")

    def entries(self, pages, part):
        """The lines of the files of one part, by type (None where entries have none)."""
        ballot, organized = self.case.ballot, "organizeOutputBy" in self.case.request
        keys = ["url", "count"] + (["fileSize"] if ballot else [])
        if part == "output" and not organized or not ballot and part in ("deleted", "error"):
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
        self.must(entry["count"] == len(lines), f"{url}: {len(lines)} lines, said to be {entry['count']}")
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
        part = "outcome" if case.ballot else "error"
        notices = [line for lines in self.entries(pages, part).values() for line in lines]
        self.must(all(is_outcome(line) for line in notices), f"{part}: {notices}")
        number = wanted.notices + (wanted.left_out > 0)
        self.must(len(notices) == number, f"{len(notices)} notices instead of {number}: {notices}")
        told = any(re.search(rf"\b{wanted.left_out}\b", line) for line in notices)
        self.must(told or not wanted.left_out, f"{wanted.left_out} resources in no block are not told of: {notices}")

    def blocks(self, wanted, lines):
        """Blocks of patients that have no Patient resource may be in any order."""
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
    """What counts of a line that `_elements` cut: the root members as they are, whatever is between them."""
    found = {name: line[start:end] for name, (start, end) in reference.members(line).items()}
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


# ---- odd inputs --------------------------------------------------------------------------------
class Maker:
    """Random resources in which the rules above matter."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.patients = [f"p{number}" for number in range(1, self.chance.randint(4, 7))]
        self.nobody = ["nobody", "gone"]  # referenced, but no Patient resources
        self.numbers = {}
        self.made = []

    def id(self, resource_type):
        self.numbers[resource_type] = self.numbers.get(resource_type, 0) + 1
        return f"{resource_type[:4].lower()}{self.numbers[resource_type]}"

    def link(self, key):
        forms = ["{}", "{}", "{}", "{}/_history/2", "https://a.example/fhir/{}", "http://b/{}/_history/x-1"]
        return {"reference": self.chance.choice(forms).format(key)}

    def patient(self):
        return self.link("Patient/" + self.chance.choice(self.patients * 4 + self.nobody))

    def anyone(self):
        """Something that comes along, or does not, or is not there."""
        choices = ["Practitioner/prac1", "Practitioner/prac2", "PractitionerRole/role1", "PractitionerRole/role2"]
        choices += ["Organization/org1", "Location/loc1", "Medication/med1", "Widget/w1", "Device/dev1", "List/alone"]
        choices += ["Binary/bin1", "Observation/missing", "Provenance/prov1"]
        choices += ["Group/staff", "Group/mixed", "Patient/p1"]
        return self.link(self.chance.choice(choices))

    def add(self, resource_type, id=None, **elements):
        chance = self.chance
        resource = {"resourceType": resource_type, "id": id or self.id(resource_type)} | elements
        kind = chance.random()
        if kind < 0.8:
            resource["meta"] = {"versionId": str(chance.randint(1, 9)), "lastUpdated": self.time()}
        elif kind < 0.9:
            resource["meta"] = chance.choice([{"lastUpdated": self.time()}, {"versionId": "3"}, {}])
        if "meta" in resource and chance.random() < 0.3:
            resource["meta"]["tag"] = [{"code": "x"}]
        contained = {"resourceType": "Basic", "id": "c", "url": "Basic/c", "photo": [{"url": "Binary/bin1"}]}
        extras = {
            "text": {"status": "empty", "div": "<div>é \u2028 \U0001f600 \\ \"q\"</div>"},
            "note": [{"text": '"reference":"Patient/p1"'}],
            "valueQuantity": {"value": "@1.500@", "low": "@-0.0@", "huge": "@12345678901234567890.10@"},
            "valueRatio": {"exponent": "@1E+2@"},
            "_status": {"extension": [{"url": "Binary/bin1", "valueAttachment": {"url": "Binary/bin1"}}]},
            "contained": [contained | {"subject": self.patient(), "author": self.anyone()}],
            "extension": [{"url": "http://e.example/x", "valueReference": self.anyone()}],
            "url": "Questionnaire/q1",
            "focus": [self.patient()],
            "onsetDateTime": "2020-05",
            "photo": [{"url": url} for url in ("Binary/bin1", "Binary/bin1/_history/1", "http://x/Binary/bin1")],
            "code": {"text": "c"},
            "status": "final",
            "managingOrganization": self.anyone(),
            "effectiveInstant": self.time(),
        }
        for name in chance.sample(sorted(extras), chance.randint(0, 4)):
            resource.setdefault(name, extras[name])
        self.made.append(resource)
        return f"{resource_type}/{resource['id']}"

    def time(self):
        chance = self.chance
        digits = chance.randint(0, 6)
        fraction = "." + "".join(chance.choice("0123456789") for _ in range(digits)) if digits else ""
        zone = chance.choice(["Z", "+00:00", "+05:30", "-11:00", "+14:00"])
        day = f"{chance.randint(2018, 2022)}-0{chance.randint(1, 3)}-1{chance.randint(0, 9)}"
        return f"{day}T0{chance.randint(0, 9)}:00:00{fraction}{zone}"

    def compartment(self):
        """A resource with one to three of its type's links to patients, or to others."""
        chance, root = self.chance, {}
        resource_type = chance.choice(sorted(set(PATHS) - {"Group", "Provenance"}))
        paths = PATHS[resource_type]
        for path in chance.sample(paths, chance.randint(1, min(3, len(paths)))):
            here = root
            for name in path[:-1]:
                deeper = here.setdefault(name, [{}, {"text": "other"}] if chance.random() < 0.7 else {})
                here = deeper[0] if isinstance(deeper, list) else deeper
            count = chance.randint(1, 2)
            links = [self.patient() if chance.random() < 0.8 else self.anyone() for _ in range(count)]
            here[path[-1]] = links if count > 1 else chance.choice([links, links[0]])
        return self.add(resource_type, **root)

    def people(self):
        for id in self.patients:
            more = {"generalPractitioner": [self.anyone()], "link": [{"other": self.patient(), "type": "seealso"}]}
            names = self.chance.sample(sorted(more), self.chance.randint(0, 2))
            self.add("Patient", id, **{name: more[name] for name in names})

    def chains(self):
        """Practitioner, role, organization and location that only lead to one another."""
        link = self.link
        self.add("Organization", "org1", partOf=link("Organization/org2"))
        self.add("Organization", "org2", partOf=link("Organization/org1"), endpoint=[link("Endpoint/end1")])
        self.add("PractitionerRole", "role1", organization=link("Organization/org1"),
                 practitioner=link("Practitioner/prac3"))
        self.add("PractitionerRole", "role2", location=[link("Location/loc2")], practitioner=link("Practitioner/was"))
        self.add("Location", "loc1", managingOrganization=link("Organization/missing"))
        self.add("Location", "loc2", partOf=link("Location/loc1"))
        self.add("Medication", "med1", manufacturer=link("Organization/org3"))
        alone = ["Endpoint/end1", "Organization/org3", "Organization/unknown", "Device/dev1", "Medication/unused"]
        alone += [f"Practitioner/{id}" for id in ("prac1", "prac2", "prac3", "prac4", "was")] + ["Substance/sub1"]
        for key in alone:
            self.add(*key.split("/"))
        self.add("Widget", "w1", part=[{"reference": "Gadget/gadget1"}], subject=self.patient())
        self.add("Gadget", "gadget1")
        self.add("List", "alone", entry=[{"item": self.patient()}, {"item": link("Medication/med1")}])
        self.add("Binary", "bin1", contentType="text/plain", securityContext=self.patient(), data="QQ==")

    def member(self, key, **more):
        return {"entity": self.link(key)} | more

    def groups(self):
        chance = self.chance
        periods = [
            {"start": "2019"},
            {"start": "2999"},
            {"end": "2019-05"},
            {"end": "2999-01"},
            {"start": "2001-02-03", "end": "2020-02-29"},
            {"start": "2998-12-31T23:59:59+14:00"},
            {"end": "2020-01-01T00:00:00.5Z"},
            {"start": "2020-01-01T00:00:00-05:00"},
        ]
        own = [{"inactive": True}, {"inactive": False}, {}, {}] + [{"period": period} for period in periods]
        others = ["Practitioner/prac4", "PractitionerRole/role1", "Device/dev1", "Medication/med1", "Substance/sub1"]
        others += ["Practitioner/missing", "Group/missing", "Patient/nobody", "Patient/gone"]
        others += ["Group/staff", "Group/inner"]
        nameless = [{"entity": {"display": "somebody"}}, {"entity": {"reference": "urn:uuid:0"}}]
        nameless += [{"inactive": True}, {}]
        for id in ("mixed", "inner", *(f"g{number}" for number in range(4))):
            keys = [f"Patient/{each}" for each in chance.sample(self.patients, chance.randint(1, 3))]
            keys += chance.sample(others, chance.randint(0, 3))
            members = [self.member(key, **chance.choice(own)) for key in keys]
            members += chance.sample(nameless, chance.randint(0, 1))
            self.add("Group", id, actual=True, type="person", member=members)
        groups = {
            "staff": ["Practitioner/prac2", "PractitionerRole/role2"],
            "ring1": ["Group/ring2", "Patient/p1"],
            "ring2": ["Group/ring1", "Patient/p2", "Group/ring2"],
        }
        for id, keys in groups.items():
            self.add("Group", id, member=[self.member(key) for key in keys])
        self.add("Group", "empty")

    def provenances(self, keys):
        choices = keys + [f"Patient/{id}" for id in self.patients + self.nobody]
        choices += ["Practitioner/prac1", "Organization/org3"]
        for _ in range(25):
            targets = [self.link(key) for key in self.chance.sample(choices, self.chance.randint(1, 3))]
            recorded = self.chance.choice([self.time(), "2020-01-01T00:00:00Z", "2020-01-01T02:00:00+02:00"])
            self.add("Provenance", target=targets, recorded=recorded, agent=[{"who": self.anyone()}])

    def documents(self):
        for _ in range(4):
            url = self.chance.choice(["Binary/bin1", "Binary/missing", "http://x/Binary/bin1"])
            content = [{"attachment": {"contentType": "text/plain", "url": url}}]
            self.add("DocumentReference", subject=self.patient(), content=content)

    def write(self, resource):
        """One of many texts of it."""
        chance = self.chance
        names = list(resource)
        if chance.random() < 0.5:
            chance.shuffle(names)
        separators = chance.choice([(",", ":"), (",", ":"), (", ", ": "), (" , ", " : ")])
        ordered = {name: resource[name] for name in names}
        text = json.dumps(ordered, separators=separators, ensure_ascii=chance.random() < 0.5)
        text = re.sub(r'"@(.*?)@"', r"\1", text)
        if chance.random() < 0.15:
            text = text.replace("Patient/", chance.choice(["Patient\\/", "\\u0050atient/"]))
        if chance.random() < 0.1:
            text = text.replace('"reference"', '"refer\\u0065nce"')
        return text

    def changed(self, resources):
        for resource in self.chance.sample(resources, 15):
            changed = resource | {"language": "en"}
            if "subject" in resource:
                changed["subject"] = self.patient()
            yield self.write(changed)

    def deleted(self):
        stay = ("Patient", "Group", "Organization", "Location", "Practitioner", "PractitionerRole", "Endpoint")
        others = [f"{it['resourceType']}/{it['id']}" for it in self.made if it["resourceType"] not in stay]
        return self.chance.sample(others, 10) + ["Practitioner/was", "Practitioner/prac1", "Patient/gone", "Patient/p3"]

    def files(self):
        self.patients.append("gone")
        self.people()
        self.patients.remove("gone")
        self.chains()
        keys = [self.compartment() for _ in range(120)]
        self.documents()
        self.groups()
        self.provenances(keys)
        self.chance.shuffle(self.made)
        lines = [self.write(resource) for resource in self.made]
        yield "1.ndjson", lines
        yield "2.ndjson", [*self.changed(self.made[20:]), *self.chance.sample(lines[:20], 5)]
        keys = self.deleted()
        entries = [{"request": {"method": "DELETE", "url": key}} for key in keys]
        yield "3.json", [json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})]
        back = [it for it in self.made if f"{it['resourceType']}/{it['id']}" in keys[:3]]
        yield "4.ndjson", [self.write(resource | {"language": "de"}) for resource in back]


def make(folder, seed):
    os.makedirs(folder, exist_ok=True)
    for name, lines in Maker(seed).files():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
            file.writelines(line + "\n" for line in lines)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--inputs", nargs="+")
    arguments.add_argument("--server")
    arguments.add_argument("--cases", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--make")
    args = arguments.parse_args()
    if args.make:
        make(args.make, args.seed)
        return 0
    if not args.inputs or not args.server:
        arguments.error("--inputs and --server, or --make")
    return check(args.inputs, args.server, args.cases, args.seed)


if __name__ == "__main__":
    sys.exit(main())
