"""Whether sample data carry what US Core calls must-support, and make sense to a clinician.

It reads the files of a folder (Bundles, NDJSON, NDJSON.gz) and says what is missing or odd.
"""

import argparse
import collections
import datetime
import gzip
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "us-core-6.1-must-support.tsv")
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"


def resources(folder):
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(place, name)
            with (gzip.open if name.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
                if ".ndjson" in name:
                    yield from map(json.loads, file)
                else:
                    for entry in json.load(file)["entry"]:
                        yield {**entry["resource"], "id": entry["fullUrl"].rsplit(":", 1)[-1]}


# ---- must-support --------------------------------------------------------------------------------
def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def is_coded(element, at, wanted):
    for concept in listed(element.get(at)) if at else [element]:
        for coding in [concept, *listed(concept.get("coding"))]:
            if f"{coding.get('system')}|{coding.get('code')}" == wanted:
                return True
    return False


STEP = re.compile(r"(\w+)(\[x\])?(?:\{(\w*)=([^}]+)\})?")


def has(resource, path):
    """True if the resource has the element of a row of the table."""
    body, brace, rest = path.rpartition("}")
    tail, _, wanted = rest.partition("=")
    steps = body + brace + tail
    found = [resource]
    for step in re.split(r"\.(?![^{]*\})", steps):
        name, is_choice, at, coding = STEP.fullmatch(step).groups()
        nexts = []
        for element in found:
            if isinstance(element, dict):
                for key, value in element.items():
                    if key == name or (is_choice and key.startswith(name)):
                        nexts += listed(value)
        if coding is not None:
            nexts = [element for element in nexts if is_coded(element, at, coding)]
        found = nexts
    return any(element == wanted for element in found) if wanted else bool(found)


def must_support(all_resources):
    by_profile = collections.defaultdict(list)
    for resource in all_resources:
        for profile in resource.get("meta", {}).get("profile", ()):
            by_profile[profile.removeprefix(CORE)].append(resource)
    rows = missing = 0
    with open(TABLE, encoding="utf-8") as table:
        for line in table:
            if line.startswith("#"):
                continue
            profile, resource_type, elements = line.rstrip("\n").split("\t")
            rows += 1
            alternatives = elements.split(" or ")
            there = [r for r in by_profile[profile] if r["resourceType"] == resource_type]
            if not any(has(resource, path) for resource in there for path in alternatives):
                print(f"{profile}: none of {len(there)} has {elements}")
                missing += 1
    return rows, missing


# ---- codes ---------------------------------------------------------------------------------------
def luhn(digits):
    total = sum(int(d) if at % 2 else sum(divmod(2 * int(d), 10)) for at, d in enumerate(reversed(digits)))
    return (10 - total % 10) % 10


def verhoeff(digits):
    """True if the last digit of a SNOMED CT identifier checks the others."""
    turned = [[0] * 10 for _ in range(10)]
    for i in range(10):
        for j in range(10):
            step = (i + j if i < 5 else i - j) % 5
            turned[i][j] = step + (5 if (i < 5) != (j < 5) else 0)
    shuffled = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    rows = [list(range(10)), shuffled]
    while len(rows) < 8:
        rows.append([rows[-1][digit] for digit in shuffled])
    check = 0
    for at, digit in enumerate(reversed(digits)):
        check = turned[check][rows[at % 8][int(digit)]]
    return check == 0


def codings(value):
    if isinstance(value, dict):
        if "system" in value and "code" in value:
            yield value["system"], value["code"]
        for held in value.values():
            yield from codings(held)
    elif isinstance(value, list):
        for held in value:
            yield from codings(held)


def wrong_code(system, code):
    if system == LOINC and re.fullmatch(r"\d+-\d", code):
        number, digit = code.split("-")
        return luhn(number) != int(digit)
    if system == LOINC:
        return not re.fullmatch(r"(LA|LP)\d+-\d", code)
    if system == SNOMED:
        return not verhoeff(code)
    return False


# ---- sense ---------------------------------------------------------------------------------------
def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def dates(value, path=""):
    """All times and dates below a value, but for those that lie ahead."""
    if isinstance(value, dict):
        for key, held in value.items():
            if key not in ("expirationDate", "dueDate", "birthDate", "udiCarrier"):
                yield from dates(held, f"{path}.{key}")
    elif isinstance(value, list):
        for held in value:
            yield from dates(held, path)
    elif isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d(T|$)", value):
        yield path, value[:10]


# Lowest and highest that a person lives with.
LIMITS = {
    "8867-4": (45, 175), "9279-1": (9, 55), "8310-5": (35.5, 40.5), "59408-5": (88, 100), "29463-7": (2.3, 180),
    "8302-2": (45, 205), "39156-5": (12, 45), "8480-6": (70, 190), "8462-4": (40, 120), "9843-4": (32, 55),
    "59576-9": (0, 100), "8289-1": (0, 100), "77606-2": (0, 100), "2951-2": (125, 155), "2823-3": (2.8, 6),
    "718-7": (9, 19), "4544-3": (28, 58), "2345-7": (55, 300), "4548-4": (3.5, 12), "13457-7": (30, 190),
}


def sense(all_resources):
    odd = []
    people = {r["id"]: r for r in all_resources if r["resourceType"] == "Patient"}
    now = datetime.date(2026, 2, 1).isoformat()
    visits = {r["id"]: r for r in all_resources if r["resourceType"] == "Encounter"}
    heights, panels = collections.defaultdict(list), collections.defaultdict(dict)

    def target(reference):
        return re.split("[/:]", reference)[-1] if reference else None

    for resource in all_resources:
        name = f"{resource['resourceType']}/{resource['id']}"
        for system, code in codings(resource):
            if wrong_code(system, code):
                odd.append(f"{name}: {code} is no code of {system}")
        link = (resource.get("subject") or resource.get("patient") or resource.get("beneficiary") or {}).get("reference")
        person = people.get(target(link)) if resource["resourceType"] != "Group" else None
        born = person["birthDate"] if person else "2010-01-01"
        if resource["resourceType"] not in ("Patient", "Group"):
            for path, date in dates(resource):
                early = (datetime.date.fromisoformat(born) - datetime.timedelta(days=1)).isoformat()
                if not early <= date <= now:
                    odd.append(f"{name}{path}: {date}, born {born}")
        visit = visits.get(target((resource.get("encounter") or {}).get("reference")))
        if resource["resourceType"] == "Observation":
            age = (datetime.date.fromisoformat(next(dates(resource))[1]) - datetime.date.fromisoformat(born)).days / 365.25
            if visit and target(visit["subject"]["reference"]) != target(link):
                odd.append(f"{name}: the visit is another patient's")
            started = resource.get("effectiveDateTime")
            if visit and started and not when(visit["period"]["start"]) <= when(started) <= when(visit["period"]["end"]):
                odd.append(f"{name}: {started} is not at the visit")
            parts = [resource, *resource.get("component", ())]
            amounts = {p["code"]["coding"][0]["code"]: p["valueQuantity"]["value"] for p in parts if "valueQuantity" in p}
            for code, value in amounts.items():
                low, high = LIMITS.get(code, (float("-inf"), float("inf")))
                if not low <= value <= high:
                    odd.append(f"{name}: {code} is {value} at {age:.1f} years")
            if "8480-6" in amounts and not 20 <= amounts["8480-6"] - amounts["8462-4"] <= 90:
                odd.append(f"{name}: {amounts}")
            if "8302-2" in amounts and age < 15:
                heights[target(link)].append((started, amounts["8302-2"]))
            for extent in resource.get("referenceRange", ()):
                value, low, high = resource["valueQuantity"]["value"], extent["low"]["value"], extent["high"]["value"]
                due = "L" if value < low else "H" if value > high else "N"
                if resource["interpretation"][0]["coding"][0]["code"] != due:
                    odd.append(f"{name}: {value} of {low} to {high} is not {due}")
            if "specimen" in resource:
                panels[resource["specimen"]["reference"]].update(amounts)
    for patient, measured in heights.items():
        measured.sort(key=lambda one: when(one[0]))
        for (_, before), (at, after) in zip(measured, measured[1:]):
            if after < before:
                odd.append(f"Patient/{patient}: shrinks to {after} cm at {at}")
    for panel, values in panels.items():
        if "13457-7" in values and abs(values["2085-9"] + values["13457-7"] + values["2571-8"] / 5 - values["2093-3"]) > 1:
            odd.append(f"{panel}: {values}")
        if "785-6" in values and abs(values["718-7"] * 10 / values["789-8"] - values["785-6"]) > 0.3:
            odd.append(f"{panel}: {values}")
    sent = {r["reference"].split(":")[-1].split("/")[-1] for p in all_resources if p["resourceType"] == "Provenance" for r in p["target"]}
    profiles = collections.defaultdict(set)
    for resource in all_resources:
        if any(resource.get(key) for key in ("subject", "patient", "beneficiary")) and resource["resourceType"] != "Group":
            for profile in resource.get("meta", {}).get("profile", ()):
                profiles[profile].add(resource["id"])
    odd += [f"{profile}: no Provenance" for profile, ids in profiles.items() if not ids & sent]
    with_device = {target(r["patient"]["reference"]) for r in all_resources if r["resourceType"] == "Device"}
    odd += [f"Patient/{id}: has no device" for id in people if id not in with_device]
    counts = collections.Counter(target(v["subject"]["reference"]) for v in visits.values())
    if sum(count >= 12 for count in counts.values()) < 3:
        odd.append(f"fewer than three long histories: {counts.most_common(3)}")
    if sum(len(measured) >= 4 for measured in heights.values()) < 2:
        odd.append("fewer than two children who grow")
    for line in odd[:60]:
        print(line)
    return len(odd)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder")
    all_resources = list(resources(arguments.parse_args().folder))
    rows, missing = must_support(all_resources)
    odd = sense(all_resources)
    print(f"{len(all_resources)} resources, {rows} elements, {missing} missing, {odd} oddities")
    sys.exit(1 if missing or odd else 0)


if __name__ == "__main__":
    main()
