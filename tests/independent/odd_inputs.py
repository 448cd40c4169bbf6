#!/usr/bin/env python3
"""Writes random inputs in which the rules for exports matter.

    odd_inputs.py DIR [--seed S]
"""

import argparse
import json
import os
import random
import re
import sys

from r4 import PATHS


class Maker:
    """Random resources in which the rules for exports matter."""

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
        """A reference to a resource that is exported along with others, or not, or that is missing."""
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
            "photo": [{"url": url} for url in ("Binary/bin1", "Binary/bin1/_history/1", "http://x/Binary/bin1",
                                             "./Binary/bin1", "/fhir/Binary/bin2", "/Binary/missing", "docs/x.pdf")],
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
        """A resource with one to three references, by paths of the Patient compartment, to patients or to others."""
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
        """Practitioners, roles, organizations and locations that refer only to one another."""
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
        for id in ("bin2", "bin3", "bin4"):
            self.add("Binary", id, contentType="text/plain", data="QQ==")

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
            url = self.chance.choice(["Binary/bin1", "Binary/missing", "http://x/Binary/bin1", "/r4/Binary/bin3"])
            content = [{"attachment": {"contentType": "text/plain", "url": url}}]
            self.add("DocumentReference", subject=self.patient(), content=content)

    def write(self, resource):
        """One of the many texts that a resource can have."""
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
    arguments.add_argument("folder")
    arguments.add_argument("--seed", type=int, default=1)
    args = arguments.parse_args()
    make(args.folder, args.seed)


if __name__ == "__main__":
    sys.exit(main())
