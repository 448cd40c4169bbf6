"""What the views of a store hold, worked out from the bodies by rules of its own.

`--make` writes resources to import: the examples of HL7 beside this file, cases of its own, and copies of
the examples in which elements are of another kind than they should be. `--compare` reads the bodies of a
store and says where a view differs.

`hl7-examples.ndjson.gz` has examples of the FHIR R4 specification (CC0) of the types that have views,
without their narratives.
"""

import argparse
import collections
import datetime
import gzip
import json
import os
import random
import re
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "hl7-examples.ndjson.gz")


# ---- reading bodies ------------------------------------------------------------------------------
def at(value, *steps):
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def plain(value):
    """A value as a column of SQLite has it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return value


def first(*values):
    return next((plain(v) for v in values if v is not None), None)


def text(value):
    return "" if value is None else str(plain(value))


def codings(concept):
    found = at(concept, "coding")
    found = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
    return [c for c in found if isinstance(c, dict)]


def coding_with(concept, name):
    return next((c for c in codings(concept) if c.get(name) is not None), {})


def code(concept):
    return plain(coding_with(concept, "code").get("code"))


def system(concept):
    return plain(coding_with(concept, "code").get("system"))


def words(concept):
    return first(at(concept, "text"), coding_with(concept, "display").get("display"))


def logical(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else plain(value)


def target(resource_type, *links):
    """The id that the first of these references has, if it is one of this type."""
    link = next((link for link in links if link is not None), None)
    if not isinstance(link, str):
        return None
    found = re.fullmatch(
        r"(?:https?://.+/)?%s/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?" % resource_type, link
    )
    return found and found.group(1)


def unit(quantity):
    return first(at(quantity, "unit"), at(quantity, "code"))


def spread(low, high):
    low, high = at(low, "value"), at(high, "value")
    return None if low is None and high is None else text(low) + ".." + text(high)


def moment(body, name):
    age, extent = body.get(name + "Age"), body.get(name + "Range")
    known = first(body.get(name + "DateTime"), at(body, name + "Period", "start"))
    if known is None and at(age, "value") is not None:
        known = text(at(age, "value")) + (" " + text(unit(age)) if unit(age) is not None else "")
    if known is None:
        low, high = at(extent, "low"), at(extent, "high")
        known = spread(low, high)
        measure = first(unit(low), unit(high))
        if known is not None and measure is not None:
            known += " " + text(measure)
    return first(known, body.get(name + "String"))


# ---- the rows of the views -----------------------------------------------------------------------
def common(resource_type, body, medications):
    element = {
        "Immunization": ("vaccineCode",),
        "Encounter": ("type", 0),
        "MedicationRequest": ("medicationCodeableConcept",),
    }.get(resource_type, ("code",))
    concept, name = at(body, *element), None
    if resource_type == "MedicationRequest" and body.get("medicationCodeableConcept") is None:
        link = at(body, "medicationReference", "reference")
        name = at(body, "medicationReference", "display")
        if isinstance(link, str) and link.startswith("#"):
            held = body.get("contained")
            held = held if isinstance(held, list) else []
            named = (c for c in held if isinstance(c, dict) and c.get("id") == link[1:])
            concept = at(next(named, None), "code")
        else:
            concept = at(medications.get(target("Medication", link)), "code")
    subject = (at(body, "subject", "reference"), at(body, "patient", "reference"))
    met = (at(body, "encounter", "reference"), at(body, "context", "reference"))
    return {
        "id": body["id"],
        "patient": target("Patient", *subject),
        "subject": first(*subject),
        "encounter": target("Encounter", *met),
        "status": plain(body.get("status")),
        "system": system(concept),
        "code": code(concept),
        "display": first(words(concept), name),
    }


def category(body):
    return first(code(at(body, "category", 0)), at(body, "category", 0, "text"), at(body, "category", "coding", 0, "code"))


def effective(body):
    return first(
        body.get("effectiveDateTime"),
        at(body, "effectivePeriod", "start"),
        at(body, "effectivePeriod", "end"),
        body.get("effectiveInstant"),
        at(body, "effectiveTiming", "event", 0),
    )


def value(item):
    quantity, extent, ratio = (at(item, "value" + kind) for kind in ("Quantity", "Range", "Ratio"))
    concept, period, sampled = (at(item, "value" + kind) for kind in ("CodeableConcept", "Period", "SampledData"))
    above, below = at(ratio, "numerator"), at(ratio, "denominator")
    span = at(period, "start"), at(period, "end")
    parts = None
    if at(above, "value") is not None or at(below, "value") is not None:
        parts = ":".join(text(at(part, "comparator")) + text(at(part, "value")) for part in (above, below))
    per = unit(above)
    if per is not None:
        per = text(per) + ("/" + text(unit(below)) if unit(below) is not None else "")
    reason, sense = at(item, "dataAbsentReason"), at(item, "interpretation")
    return {
        "comparator": plain(at(quantity, "comparator")),
        "value": first(
            at(quantity, "value"),
            at(item, "valueString"),
            at(item, "valueInteger"),
            logical(at(item, "valueBoolean")),
            words(concept),
            code(concept),
            at(item, "valueDateTime"),
            at(item, "valueTime"),
            None if span == (None, None) else text(span[0]) + "/" + text(span[1]),
            spread(at(extent, "low"), at(extent, "high")),
            parts,
            at(sampled, "data"),
        ),
        "unit": first(
            unit(quantity), unit(at(extent, "low")), unit(at(extent, "high")), per, unit(at(sampled, "origin"))
        ),
        "value_code": code(concept),
        "absent_reason": first(code(reason), at(reason, "text")),
        "interpretation": first(code(at(sense, 0)), at(sense, 0, "text"), code(sense)),
    }


def patient(body):
    now = datetime.date.today().isoformat()
    rank = {"official": 0, "usual": 1, "nickname": 3, "anonymous": 4}

    def order(name):
        use, end = plain(name.get("use")), at(name, "period", "end")
        is_over = isinstance(end, str) and end < now
        return use in ("old", "maiden"), is_over, rank.get(use, 2)

    def tells(name):
        parts = name.get("family"), at(name, "given", 0), at(name, "given", 1), name.get("text")
        return any(part is not None for part in parts)

    def objects(key):
        return [v for v in body[key] if isinstance(v, dict)] if isinstance(body.get(key), list) else []

    name = min(filter(tells, objects("name")), key=order, default={})
    address = min(objects("address"), key=lambda a: a.get("use") == "old", default={})
    given = name.get("given")
    given = given if isinstance(given, list) else list(given.values()) if isinstance(given, dict) else [given]
    given = [plain(one) for one in given if one is not None]
    whole = (" ".join(map(str, given)) + " " + text(name.get("family"))).strip(" ")
    dead = body.get("deceasedBoolean")
    return {
        "id": body["id"],
        "patient": body["id"],
        "name": first(name.get("text"), whole or None),
        "family": plain(name.get("family")),
        "given": first(*given),
        "gender": plain(body.get("gender")),
        "birth_date": plain(body.get("birthDate")),
        "deceased": logical(dead) if isinstance(dead, bool) else plain(body.get("deceasedDateTime")),
        "city": plain(address.get("city")),
        "state": plain(address.get("state")),
    }


def but(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def rows(bodies):
    """The rows of each view."""
    medications = {body["id"]: body for body in bodies.get("Medication", ())}

    def commons(resource_type):
        return [(body, common(resource_type, body, medications)) for body in bodies.get(resource_type, ())]

    def states(body):
        return {name: code(body.get(key)) for name, key in (("clinical_status", "clinicalStatus"), ("verification_status", "verificationStatus"))}

    observations = commons("Observation")
    components = []
    for body, row in observations:
        held = body.get("component")
        for number, item in enumerate(held if isinstance(held, list) else [], 1):
            concept = at(item, "code")
            own = {"component": number, "system": system(concept), "code": code(concept), "display": words(concept)}
            components.append({**row, **own, **value(item), "effective": effective(body)})
    found = {
        "patient": [patient(body) for body in bodies.get("Patient", ())],
        "observation": [
            {**row, **value(body), "category": category(body), "effective": effective(body), "issued": plain(body.get("issued"))}
            for body, row in observations
        ],
        "observation_component": components,
        "condition": [
            {
                **but(row, "status"),
                **states(body),
                "category": category(body),
                "onset": moment(body, "onset"),
                "abatement": first(moment(body, "abatement"), logical(body.get("abatementBoolean"))),
                "recorded": plain(body.get("recordedDate")),
            }
            for body, row in commons("Condition")
        ],
        "medication_request": [
            {
                **row,
                "intent": plain(body.get("intent")),
                "dosage": plain(at(body, "dosageInstruction", 0, "text")),
                "authored": plain(body.get("authoredOn")),
            }
            for body, row in commons("MedicationRequest")
        ],
        "encounter": [
            {
                **row,
                "encounter": body["id"],
                "class": first(at(body, "class", "code"), at(body, "class", 0, "coding", 0, "code")),
                "reason": words(at(body, "reasonCode", 0)),
                "started": plain(at(body, "period", "start")),
                "ended": plain(at(body, "period", "end")),
            }
            for body, row in commons("Encounter")
        ],
        "procedure": [
            {**row, "category": first(code(body.get("category")), category(body)), "performed": moment(body, "performed")}
            for body, row in commons("Procedure")
        ],
        "immunization": [
            {
                **row,
                "occurrence": first(body.get("occurrenceDateTime"), body.get("occurrenceString")),
                "lot_number": plain(body.get("lotNumber")),
            }
            for body, row in commons("Immunization")
        ],
        "allergy_intolerance": [
            {
                **but(row, "status"),
                **states(body),
                "category": plain(at(body, "category", 0)),
                "criticality": plain(body.get("criticality")),
                "reaction": words(at(body, "reaction", 0, "manifestation", 0)),
                "onset": moment(body, "onset"),
                "recorded": plain(body.get("recordedDate")),
            }
            for body, row in commons("AllergyIntolerance")
        ],
        "diagnostic_report": [
            {
                **row,
                "category": category(body),
                "conclusion": plain(body.get("conclusion")),
                "effective": effective({k: v for k, v in body.items() if k not in ("effectiveInstant", "effectiveTiming")}),
                "issued": plain(body.get("issued")),
            }
            for body, row in commons("DiagnosticReport")
        ],
    }
    return found


def compare(store):
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    bodies = collections.defaultdict(list)
    for resource_type, body in db.execute("SELECT type, body FROM resource"):
        bodies[resource_type].append(json.loads(body))
    differences = seen = filled = 0
    for view, expected in rows(bodies).items():
        cursor = db.execute(f"SELECT * FROM {view}")
        names = [column[0] for column in cursor.description]
        for row in expected:
            assert set(row) == set(names), f"{view}: {sorted(set(row) ^ set(names))}"
        key = lambda row: (row["id"], row.get("component", 0))
        held = sorted((dict(zip(names, row)) for row in cursor), key=key)
        expected.sort(key=key)
        if list(map(key, held)) != list(map(key, expected)):
            print(f"{view}: {len(held)} rows, {len(expected)} expected")
            differences += 1
            continue
        for is_there, due in zip(held, expected):
            for name in names:
                seen += 1
                filled += due[name] is not None
                if is_there[name] != due[name] or isinstance(is_there[name], str) != isinstance(due[name], str):
                    print(f"{view} {due['id']} {name}: {is_there[name]!r}, {due[name]!r} expected")
                    differences += 1
    print(f"{seen} values, {filled} filled, {differences} differences")
    return differences


# ---- resources to import -------------------------------------------------------------------------
def cases():
    """Resources written for what the views promise."""
    subject = {"reference": "Patient/a"}
    loinc = {"system": "http://loinc.org", "code": "1-1"}
    links = [
        "Patient/a", "http://x.example/fhir/Patient/a", "https://x.example/Patient/a/_history/1", "Patient/a/_history/2",
        "urn:uuid:0d6b1a3c-8a52-4c9e-a5f3-0b5a9d1c2e3f", "#p", "Group/a", "Patient/", "Patient", "", "FooPatient/a",
        "a/Patient/a", "Patient/a/Group/b", "Patient/a b", "Location/a", 7, True, [], {}, ["Patient/a"],
    ]
    for number, link in enumerate(links):
        own = {"reference": link}
        yield {"resourceType": "Observation", "id": f"link-{number}", "subject": own, "encounter": {"reference": str(link).replace("Patient", "Encounter")}}
        # Another patient is in the same compartment, and is not the subject.
        yield {"resourceType": "Observation", "id": f"performer-{number}", "subject": own, "performer": [{"reference": "Patient/a"}, {"reference": "Patient/b"}]}
        yield {"resourceType": "Immunization", "id": f"link-{number}", "patient": own}
    quantity = {"value": 5, "comparator": "<", "unit": "mg", "code": "mg"}
    values = [
        {"valueQuantity": quantity}, {"valueQuantity": {"value": 1.5, "code": "kg"}}, {"valueQuantity": {"value": "1.5"}},
        {"valueQuantity": {"value": 0, "unit": ""}}, {"valueQuantity": {"comparator": ">"}}, {"valueQuantity": 5},
        {"valueBoolean": True}, {"valueBoolean": False}, {"valueBoolean": "true"}, {"valueInteger": 0}, {"valueInteger": -7},
        {"valueTime": "08:30:00"}, {"valueDateTime": "2020-02"}, {"valueString": ""}, {"valueString": "x' \" é 王 \U0001F600"},
        {"valueRange": {"low": {"value": 1, "unit": "a"}, "high": {"value": 2.5}}}, {"valueRange": {"high": {"value": 9, "code": "mo"}}},
        {"valueRange": {"low": {"value": -3}}}, {"valueRange": {}}, {"valuePeriod": {"start": "2020"}}, {"valuePeriod": {"end": "2021"}},
        {"valueRatio": {"numerator": {"value": 1, "comparator": "<"}, "denominator": {"value": 128}}},
        {"valueRatio": {"numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 10, "code": "mL"}}},
        {"valueRatio": {"denominator": {"value": 10, "code": "mL"}}}, {"valueSampledData": {"origin": {"value": 0, "unit": "mV"}, "data": "1 2 E"}},
        {"valueCodeableConcept": {"text": "words", "coding": [loinc]}}, {"valueCodeableConcept": {"coding": [loinc]}},
        {"valueCodeableConcept": {"coding": [loinc, {"code": "2", "display": "second"}]}},
        {"valueCodeableConcept": {"coding": [{"display": "only words"}, loinc]}}, {"valueCodeableConcept": {"coding": "x"}},
        {"dataAbsentReason": {"coding": [{"code": "unknown"}]}}, {"dataAbsentReason": {"text": "lost"}},
    ]
    for number, held in enumerate(values):
        yield {"resourceType": "Observation", "id": f"value-{number}", "subject": subject, "code": {"coding": [loinc]}, **held}
    yield {"resourceType": "Observation", "id": "components", "component": [{"code": {"coding": [loinc]}, **held} for held in values] + ["x", None, 1, [], {}]}
    for held in ({}, {"component": {}}, {"component": "x"}, {"component": []}, {"component": None}):
        yield {"resourceType": "Observation", "id": f"component-{len(str(held))}", **held}
    names = [
        [{"text": "Only Text"}], [{"use": "old", "text": "Old"}], [{"use": "old", "family": "Old"}, {"family": "New", "given": ["A", "B"]}],
        [{"use": "usual", "family": "Usual"}, {"use": "official", "family": "Official"}], [{"use": "nickname", "text": "Nick"}, {"given": [None, "Given"]}],
        [{"use": "maiden", "family": "Maiden"}, {"use": "anonymous", "text": "Nobody"}], [{"use": "official"}, {"use": "usual", "text": "Usual"}],
        [{"use": "official", "family": "Before", "period": {"end": "2001-01-01"}}, {"family": "After"}],
        [{"use": "official", "family": "Now", "period": {"end": "2999-01-01"}}, {"family": "Other"}],
        ["text", {"family": "After Text"}], {"family": "No List"}, "x", 1, None, [], [[]], [{"given": "No List", "family": ["a"]}],
    ]
    for number, name in enumerate(names):
        yield {"resourceType": "Patient", "id": f"name-{number}", "name": name, "address": [{"use": "old", "city": "Then"}, {"city": "Now", "state": "MA"}]}
    yield {"resourceType": "Patient", "id": "dead", "deceasedBoolean": True, "address": "x"}
    yield {"resourceType": "Patient", "id": "alive", "deceasedBoolean": False, "address": [{"use": "old", "city": "Then"}]}
    yield {"resourceType": "Patient", "id": "died", "deceasedDateTime": "2020-01-01"}
    for number, held in enumerate([
        {"onsetAge": {"value": 52, "unit": "years"}}, {"onsetAge": {"value": 5, "code": "mo"}}, {"onsetAge": {"value": 5}}, {"onsetString": "in childhood"},
        {"onsetRange": {"low": {"value": 40, "unit": "a"}, "high": {"value": 50}}}, {"onsetRange": {"high": {"value": 50, "code": "a"}}},
        {"onsetPeriod": {"start": "2001"}, "abatementPeriod": {"start": "2002"}}, {"abatementAge": {"value": 3, "unit": "d"}}, {"abatementString": "later"},
        {"abatementBoolean": True}, {"abatementRange": {"low": {"value": 1}}}, {"abatementDateTime": "2003", "onsetDateTime": "2002", "recordedDate": "2001"},
        {"category": [{"text": "words"}]}, {"category": [{"coding": [{"display": "none"}, loinc]}]}, {"category": {"coding": [loinc]}}, {"category": "x"},
    ]):
        yield {"resourceType": "Condition", "id": f"case-{number}", "subject": {"reference": "Patient/a"}, **held}
    yield {"resourceType": "Medication", "id": "drug", "code": {"coding": [{"display": "Drug"}, loinc]}}
    for number, link in enumerate(["Medication/drug", "http://x.example/Medication/drug/_history/3", "#in", "#out", "Medication/none", "Patient/drug", None]):
        held = [{"resourceType": "Medication", "id": "in", "code": {"text": "Contained"}}, "x"]
        yield {"resourceType": "MedicationRequest", "id": f"drug-{number}", "contained": held, "medicationReference": {"reference": link, "display": "named"}}
        yield {"resourceType": "MedicationRequest", "id": f"bare-{number}", "medicationReference": {"reference": link}}
    for resource_type in ("Patient", "Observation", "Condition", "MedicationRequest", "Encounter", "Procedure", "Immunization", "AllergyIntolerance", "DiagnosticReport"):
        yield {"resourceType": resource_type, "id": "bare"}
        deep = "x"
        for _ in range(480):
            deep = [{"extension": deep}]
        yield {"resourceType": resource_type, "id": "deep", "extension": deep, "code": deep, "component": deep, "name": deep, "category": deep}


def examples():
    with gzip.open(EXAMPLES, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def places(value, path=()):
    """The paths to everything below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, held in pairs:
        yield path + (step,)
        yield from places(held, path + (step,))


def spoiled(body, draw):
    """A copy of a resource in which some elements are of another kind."""
    body = json.loads(json.dumps(body))
    for _ in range(draw.randint(1, 4)):
        path = draw.choice([p for p in places(body) if p[0] not in ("resourceType", "id", "meta")])
        parent = body
        for step in path[:-1]:
            parent = parent[step]
        old = parent[path[-1]]
        junk = ["x", "", 7, 0.5, True, False, None, [], {}, [[]], [{}], ["a", None], {"a": 1}, [old], {"coding": old}]
        if isinstance(old, list) and old:
            junk += [old[0]] * 4
        parent[path[-1]] = draw.choice(junk)
    return body


def make(path, seed):
    draw = random.Random(seed)
    known = examples()
    made = list(cases()) + known
    for number in range(3000):
        made.append({**spoiled(draw.choice(known), draw), "id": f"spoiled-{number}"})
    with open(path, "w", encoding="utf-8") as lines:
        for body in made:
            lines.write(json.dumps(body, ensure_ascii=draw.random() < 0.5, separators=(",", ":")) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--make", metavar="FILE")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--compare", metavar="STORE")
    arguments = arguments.parse_args()
    if arguments.make:
        make(arguments.make, arguments.seed)
    if arguments.compare:
        sys.exit(1 if compare(arguments.compare) else 0)


if __name__ == "__main__":
    main()
