"""The current resources of a store, with their references, and what was deleted."""

import json
import re
from datetime import datetime, timezone

from r4 import BY_PATIENT_ALONE, instant, paths_of
from reading import Inputs, stamped

LINK = re.compile(r"(?:https?://(?:.*/)?)?([A-Za-z]+)/([A-Za-z0-9\-.]+)(?:/_history/[A-Za-z0-9\-.]+)?\Z", re.S)


def target_of(reference_object):
    """The (type, id) that a Reference names, or None."""
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
        ends = (target_of(each) for path in paths_of(self.type) for each in at_path(self.json, path))
        self.patients = {end[1] for end in ends if end and end[0] == "Patient"}
        time = self.json.get("meta", {}).get("lastUpdated")
        self.updated = instant(time) if time else None
        recorded = self.json.get("recorded")
        self.recorded = instant(recorded) if recorded else datetime.min.replace(tzinfo=timezone.utc)

    def stamped(self):
        return {"versionId", "lastUpdated"} <= set(self.json.get("meta", {}))

    def may_come_along(self, patients):
        """True if a reference brings the resource into an export of `patients` (None: all of them)."""
        named = {id for resource_type, id in self.references if resource_type == "Patient"}
        is_about_none = self.type not in {"Patient", "Binary", "Provenance", *BY_PATIENT_ALONE} and not self.patients
        return is_about_none and (patients is None or named <= patients)


class Events(Inputs):
    """Reads input files, and keeps the changes in their order."""

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
        reader = Events()
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
        """Sets what an import sets in `meta`, as in the text that `get_body` returns for a key."""
        for key, resource in self.current.items():
            if not resource.stamped():
                text = stamped(resource.text, get_body(key))
                self.current[key] = Resource(text, resource.seq)

    def ordered(self, keys):
        return sorted((self.current[key] for key in keys), key=lambda resource: resource.seq)
