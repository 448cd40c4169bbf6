"""The lines of an export: resources in their order, cut by `_elements`, with absolute URLs, by type or by patient."""

import json
import re

from json_text import elements, members, skip
from r4 import ELEMENTS
from scope import Filters, Scope

RELATIVE = re.compile(r"[A-Z][A-Za-z]*/[A-Za-z0-9\-.]+\Z")
NOWHERE = ("extension", "modifierExtension", "contained")  # objects in these have a `url` of another kind
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def subset(text, resource_type, names):
    """The root members that `_elements` selects, in the order of the text."""
    wanted = {entry.split(".")[-1] for entry in names if "." not in entry or entry.split(".")[0] == resource_type}
    if not wanted:
        return text
    mandatory, stems = ELEMENTS.get(resource_type, (set(), set()))
    wanted |= mandatory | {"resourceType", "id", "meta"}
    choices = [re.compile(re.escape(stem) + "[A-Z]") for stem in stems & wanted]
    found = members(text)
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
    """(name, start, end) of each member of an object, or of each element of an array with None as its name."""
    if text[0] == "{":
        return [(name, *place) for name, place in members(text).items()]
    found, end = [], 0
    for each in elements(text):
        start = text.index(each, skip(text, end + 1))
        end = start + len(each)
        found.append((None, start, end))
    return found


def with_absolute_urls(text, base, exempt=True):
    """Makes relative URLs in an object or array absolute. `exempt`: a `url` directly in it is not that of an attachment."""
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
    """True for a Group that would show its other members in the block of each patient."""
    return resource.type == "Group" and len(resource.patients) > 1


def blocks(store, scope, filters):
    """(patient id, resources in order) for each patient with resources left."""
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
    """What an export should hold.

    `output`: type -> lines, or a list of blocks of lines. `deleted`: Type/id in order. `notices`: the number of missing
    members. `left_out`: the number of resources that are in no block.
    """

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
