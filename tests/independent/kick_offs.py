"""Random exports, and the requests that start them."""

import json
import urllib.parse
from datetime import timedelta, timezone

from r4 import ELEMENTS, PATHS, R4_TYPES
from resources import listed
from scope import members_of

NDJSON = "application/fhir+ndjson"


class Case:
    """One export, and the request that starts it."""

    def __init__(self, chance, store, base, now):
        self.chance, self.store, self.now = chance, store, now
        self.stu4 = chance.random() < 0.2  # the edition of $export-v4
        self.get = not self.stu4 and chance.random() < 0.5
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
        types += self.chance.sample(sorted(R4_TYPES - set(types)), self.chance.randint(0, 2))
        related = ["Patient", *sorted(R4_TYPES & set(PATHS))]
        if self.level != ("system",) and not set(types) & set(related):
            types.append(self.chance.choice(related))
        self.chance.shuffle(types)
        return types

    def draw_time(self):
        """The time of a resource, or an hour before or after the import."""
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
        operation = chance.choice(["$export", "%24export"]) + ("-v4" if self.stu4 else "")
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
            repeated = self.stu4 or chance.random() < 0.5 or (in_body and name == "patient")
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
        if name == "includeAssociatedData" and self.stu4:
            return {"name": name, "valueCoding": {"code": value}}
        kind = "valueInstant" if name in ("_since", "_until") else "valueString"
        return {"name": name, kind: value}

    def __str__(self):
        return f"{'GET' if self.get else 'POST'} {self.url} {self.body or ''}"
