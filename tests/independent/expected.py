"""The lines of an export: resources in their order, cut by `_elements`, with absolute URLs, by type or by patient."""

import json
import re

from json_text import elements, members, skip
from r4 import ELEMENTS
from resources import target_of
from scope import Filters, Scope

RELATIVE = re.compile(
    r"(?:(?:\.\.?/|/(?!/))(?:.*/)?)?(?P<url>(?P<name>[A-Z][A-Za-z]*/[A-Za-z0-9\-.]+)(?:/_history/[A-Za-z0-9\-.]+)?)\Z"
)
ABSOLUTE = re.compile(r"https?://.*?([A-Z][A-Za-z]*/[A-Za-z0-9\-.]+)(?:/_history/[A-Za-z0-9\-.]+)?\Z")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
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


def with_absolute_urls(text, base, store, exempt=True):
    """Makes relative URLs of current resources absolute. `exempt`: a `url` directly in the text is not that of an attachment."""
    pieces, last = [], 0
    for name, start, end in children(text):
        value = text[start:end]
        if value[0] in "{[":
            value = with_absolute_urls(value, base, store, name in NOWHERE if name else exempt)
        elif name == "url" and not exempt and value[0] == '"':
            relative = RELATIVE.match(json.loads(value))
            if relative and tuple(relative["name"].split("/")) in store.current:
                value = json.dumps(f"{base}/{relative['url']}")
        pieces += [text[last:start], value]
        last = end
    return "".join(pieces) + text[last:]


def attachments(value, exempt=True):
    """The URLs of the attachments in a parsed object or array."""
    for name, each in value.items() if isinstance(value, dict) else ((None, each) for each in value):
        if isinstance(each, (dict, list)):
            yield from attachments(each, name in NOWHERE if name else exempt)
        elif name == "url" and not exempt and isinstance(each, str):
            yield each


def named(url, store):
    """The current resource that the URL of an attachment names, on any server, or None."""
    match = RELATIVE.match(url) or ABSOLUTE.match(url)
    key = tuple((match["name"] if match.re is RELATIVE else match[1]).split("/")) if match else None
    return key if key in store.current else None


def dangling(resource, store):
    """The relative URLs of a resource's attachments that name nothing."""
    urls = {url for url in attachments(resource.json) if url and not url.startswith(("#", "//")) and not SCHEME.match(url)}
    found = (RELATIVE.match(url) for url in urls if not named(url, store))
    return {match["name"] if match else url for match, url in zip(found, (url for url in urls if not named(url, store)))}


def binaries_of_patients(store):
    """The keys of Binaries about patients."""
    def is_about(resource):
        return resource.type == "Patient" or bool(resource.patients)

    found = set()
    for resource in store.current.values():
        if resource.type == "Binary":
            context = target_of(resource.json.get("securityContext"))
            if context and (context[0] == "Patient" or context in store.current and is_about(store.current[context])):
                found.add(resource.key)
        if is_about(resource):
            found |= {named(url, store) for url in attachments(resource.json)}
    return {key for key in found if key and key[0] == "Binary"}


def led_to(resources, store):
    """The keys of resources to which relative URLs of attachments lead."""
    return {named(url, store) for it in resources for url in attachments(it.json) if RELATIVE.match(url)}


def written(resource, request, base, store):
    text = subset(resource.text, resource.type, request.get("_elements", []))
    return with_absolute_urls(text, base, store) if re.search(r"url|\\u", text) else text


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
    members, of attachments that name nothing, and of Binaries to which no attachment leads. `left_out`: the number of resources that are in no block.
    """

    def __init__(self):
        self.output, self.deleted, self.notices, self.left_out = {}, [], 0, 0


def expected(store, level, request, base, now):
    scope, filters = Scope(store, level, request, now), Filters(store, request)
    answer = Expected()
    answer.notices = scope.missing
    returned = filters.left(scope.keys)
    if request.get("organizeOutputBy"):
        answer.output, placed = [], set()
        for id, resources in blocks(store, scope, filters):
            answer.output.append([header(id)] + [written(it, request, base, store) for it in resources])
            placed |= {it.key for it in resources}
            returned -= {it.key for it in resources}
        answer.left_out = len(returned)
        returned = placed
    else:
        if scope.system and "Binary" not in request.get("_type", []):
            withheld = binaries_of_patients(store) & returned
            returned -= withheld
            answer.notices += len(withheld - led_to(store.ordered(returned), store))
        for resource in store.ordered(returned):
            answer.output.setdefault(resource.type, []).append(written(resource, request, base, store))
    answer.notices += sum(len(dangling(it, store)) for it in store.ordered(returned))
    if filters.since:
        gone = [it for it, when in store.gone.values() if filters.passes(it.type, when) and scope.had(it)]
        answer.deleted = ["/".join(it.key) for it in gone]
    return answer
