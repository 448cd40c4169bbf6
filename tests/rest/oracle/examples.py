"""Resources in which each search parameter finds something.

Made from the expressions of the parameters and from the types that FHIR gives to elements: of each resource type some
resources with many elements, one for each parameter that these leave out, and one that has nothing.
"""

import re
from decimal import Decimal

from definitions import R4, REPEATED, Values, json_name, step

WORDS = "Éva eve EVELYN Müller muller Ångström García Ørsted straße Straße İstanbul Łukasz 北京 北 Ελλάδα ελλαδα йод".split()
ODD = ["a,b", "a|b", "a$b", "a\\b", "100%", "under_score", "quo'te", 'dou"ble', "two  blanks", "x;y", "<z>", "+1 555"]
SYSTEMS = ["http://a.example/s", "http://b.example/s", "urn:oid:1.2.3"]
UNITS = [("http://unitsofmeasure.org", "mg", "mg"), ("http://unitsofmeasure.org", "kg", "kilogram"), (None, None, "mg"),
         ("http://b.example/units", "mg", "milligram"), (None, None, None)]
NUMBERS = "0 1 2 5 5.4 5.40 5.35 5.45 100 99.5 100.5 0.8 -3 -2.5 1e2 5.4e-3 12345.678 0.0054".split()
DAYS = ["1999-12-31", "2013-01-14", "2013-01-15", "2013-03-14", "2016-02-29", "2020-06-15"]
TIMES = ["T00:00:00Z", "T10:00:00Z", "T10:00:00.5Z", "T23:59:59.999Z", "T23:30:00-05:00", "T02:00:00+05:30"]
# The types of a choice in which each kind of parameter finds something.
FOUND = {
    "date": "DateTime Date Instant Period Timing", "number": "Decimal Integer PositiveInt UnsignedInt",
    "quantity": "Quantity Age Duration Range Money SampledData", "reference": "Reference Canonical Uri",
    "string": "String Markdown", "token": "CodeableConcept Coding Identifier Code Boolean Id", "uri": "Uri Canonical Url",
}
CODES = "active final 8867-4 A a b B-1 mixed x".split()


class Route:
    """One way from a resource to the values of a parameter: names of elements, the type at the end, a condition."""

    def __init__(self, text):
        text = re.sub(r"^\((.*) as (\w+)\)", r"\1.as(\2)", text.removesuffix(".exists()"))
        parts = re.findall(r"(\w+)(?:\[0\])?(?:\(((?:[^()]|\(\))*)\))?", text)
        self.names, self.choices, self.target, self.where = [], {}, None, None
        for name, argument in parts:
            if name in ("as", "ofType"):
                self.choices[len(self.names) - 1] = argument.lower()
            elif name == "where" and "resolve" in argument:
                self.target = argument.split()[-1]
            elif name == "where":
                self.where = len(self.names) - 1, *re.match(r"(\w+)='(.*)'", argument).groups()
            else:
                self.names.append(name)
        if self.names and self.names[0][0].isupper():
            del self.names[0]
            self.choices = {at - 1: of for at, of in self.choices.items()}
            self.where = self.where and (self.where[0] - 1, *self.where[1:])


def routes(expression):
    return [Route(text.split(" and ")[0]) for text in expression.split(" | ")]


class Examples:
    def __init__(self, chance, count):
        self.chance, self.count = chance, count

    def pick(self, *choices):
        return self.chance.choice(choices)

    def text(self):
        return self.chance.choice(WORDS + ODD) + self.pick("", " " + self.chance.choice(WORDS), " " + str(self.chance.randrange(99)))

    def time(self):
        day = self.chance.choice(DAYS)
        return self.pick(day[:4], day[:7], day, day + self.chance.choice(TIMES), day + self.chance.choice(TIMES))

    def quantity(self):
        system, code, unit = self.chance.choice(UNITS)
        made = {"value": Decimal(self.chance.choice(NUMBERS)), "system": system, "code": code, "unit": unit}
        if self.chance.random() < 0.2:
            made["comparator"] = self.pick("<", "<=", ">", ">=")
        return {name: value for name, value in made.items() if value is not None}

    def coding(self):
        made = {"system": self.chance.choice(SYSTEMS + [None]), "code": self.chance.choice(CODES + ODD[:4])}
        made["display"] = self.pick(None, self.text())
        return {name: value for name, value in made.items() if value is not None}

    def period(self):
        start, end = sorted([self.chance.choice(DAYS), self.chance.choice(DAYS)])
        tail = self.pick("", "T12:00:00Z")
        return self.pick({"start": start + tail, "end": end + tail}, {"start": start}, {"end": end}, {"start": start, "end": end[:7]})

    def reference(self, targets):
        target, at = self.chance.choice(targets), self.chance.randrange(self.count)
        local = f"{target}/g{at}"
        made = {"reference": self.pick(local, local, local, f"{local}/_history/2", f"http://other.example/fhir/{local}")}
        if self.chance.random() < 0.3:
            made["identifier"] = self.value("Identifier", targets)
        return made

    def uri(self):
        return self.pick("http://a.example/fhir/V/", "http://a.example/fhir/V/1", "http://a.example/fhir/V/1/x",
                         "http://a.example/fhir/V/12", "urn:oid:1.2.3", "urn:oid:1.2.34", "http://a.example/a,b")

    def value(self, of, targets):
        """A value of a type of FHIR."""
        if of in ("Quantity", "SimpleQuantity", "Age", "Duration", "Distance", "Count"):
            return self.quantity()
        if of in ("string", "markdown"):
            return self.text()
        if of in ("uri", "url"):
            return self.uri()
        if of == "canonical":
            return self.uri() + self.pick("", "|1.0", "|2.0")
        if of == "Reference":
            return self.reference(targets)
        if of == "Resource":
            return {"resourceType": targets[0], "id": f"g{self.chance.randrange(self.count)}"}
        made = {
            "code": lambda: self.chance.choice(CODES),
            "id": lambda: f"g{self.chance.randrange(self.count)}",
            "boolean": lambda: self.pick(True, False),
            "date": lambda: self.time()[:10],
            "dateTime": self.time,
            "instant": lambda: self.chance.choice(DAYS) + self.chance.choice(TIMES),
            "decimal": lambda: Decimal(self.chance.choice(NUMBERS)),
            "integer": lambda: self.pick(0, 1, 2, 5, 100, -3),
            "positiveInt": lambda: self.pick(1, 2, 5, 100),
            "unsignedInt": lambda: self.pick(0, 1, 2, 5, 100),
            "Coding": self.coding,
            "CodeableConcept": lambda: {"coding": [self.coding() for _ in range(self.pick(1, 2))], "text": self.text()},
            "Identifier": lambda: self.coding_as_identifier(),
            "ContactPoint": lambda: {"system": self.pick("phone", "email"), "value": self.text(), "use": "home"},
            "HumanName": lambda: {"family": self.text(), "given": [self.text(), self.text()], "use": "official"},
            "Address": lambda: {"line": [self.text()], "city": self.text(), "country": self.text(), "use": "home"},
            "Period": self.period,
            "Range": lambda: self.range(),
            "Money": lambda: {"value": Decimal(self.chance.choice(NUMBERS)), "currency": self.pick("EUR", "USD")},
            "Timing": lambda: self.pick({"event": [self.time(), self.time()]}, {"repeat": {"boundsPeriod": self.period()}}),
            "SampledData": lambda: {"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": "1 2"},
            "base64Binary": lambda: "aGVsbG8=",
            "System.String": lambda: f"g{self.chance.randrange(self.count)}",
        }
        if of not in made:
            raise KeyError(f"no values of type {of} are made")
        return made[of]()

    def coding_as_identifier(self):
        coding = self.coding()
        made = {"value": coding["code"], "system": coding.get("system")}
        if self.chance.random() < 0.5:
            made["type"] = {"coding": [{"system": SYSTEMS[0], "code": self.pick("MR", "SS")}], "text": self.text()}
        return {name: value for name, value in made.items() if value is not None}

    def range(self):
        low, high = sorted([Decimal(self.chance.choice(NUMBERS)), Decimal(self.chance.choice(NUMBERS))])
        return self.pick({"low": {"value": low, "unit": "mg"}, "high": {"value": high, "unit": "mg"}},
                         {"low": {"value": low, "code": "mg"}}, {"high": {"value": high}})

    def put(self, node, of, route, targets, sought):
        """Puts a value at the end of a route; the element that holds it, or `None` where another choice is made."""
        base = of
        for at, name in enumerate(route.names):
            path, kind, choices = step(base, name)
            key = name
            if choices:
                wanted = route.choices.get(at)
                fitting = [each for each in choices if each.lower() == wanted or not wanted and each in FOUND[sought].split()]
                choice = self.chance.choice(fitting)
                if any(each != choice and json_name(name, each) in node for each in choices):
                    return None
                key = json_name(name, choice)
                kind = choice if choice in R4["type2Parent"] and choice[0].isupper() else choice[0].lower() + choice[1:]
            repeats = path in REPEATED
            is_last = at == len(route.names) - 1
            if is_last:
                # One element has a parameter but no definition.
                kind = "CodeableConcept" if kind == path else kind
                made = self.value(kind, [route.target] if route.target else targets)
                if route.where and route.where[0] == at:
                    made[route.where[1]] = route.where[2]
                return self.keep(node, key, made, repeats)
            node = self.child(node, key, repeats, route.where and route.where[0] == at and route.where[1:])
            base = kind
        return node

    def keep(self, node, key, made, repeats):
        if not repeats and isinstance(made, str) and key not in node and self.chance.random() < 0.03:
            # An element that has an extension and no value.
            node["_" + key] = {"extension": [{"url": "http://a.example/absent", "valueCode": "unknown"}]}
        elif repeats:
            node.setdefault(key, []).append(made)
        elif key not in node:
            node[key] = made
        elif isinstance(made, dict) and "coding" in made and "coding" not in node[key]:
            # Another parameter has put a text there.
            node[key]["coding"] = made["coding"]
        return node

    def child(self, node, key, repeats, where):
        if not repeats:
            return node.setdefault(key, {})
        there = node.setdefault(key, [])
        if where or not there or self.chance.random() < 0.3:
            there.append(dict([where]) if where else {})
            return there[-1]
        return self.chance.choice(there)

    def fill(self, resource, parameter, types):
        """Puts something there that the parameter finds."""
        of = resource["resourceType"]
        targets = [each for each in parameter.targets if each in types] or types
        if parameter.kind != "composite":
            self.put(resource, of, self.chance.choice(routes(parameter.expression)), targets, parameter.kind)
            return
        path = self.chance.choice(parameter.expression.split(" | "))
        names = path.split(".")[1:]
        base, focus = of, resource
        for name in names:
            path, base, _ = step(base, name)
            focus = self.child(focus, name, path in REPEATED, None)
        for component in parameter.components:
            text = component.expression
            node, root = (resource, of) if text.startswith("%resource") else (focus, base)
            route = self.chance.choice(routes(text.removeprefix("%resource.")))
            self.put(node, root, route, targets, component.kind)

    def add_meta(self, resource):
        """The elements that every type has parameters for."""
        chance = self.chance.random
        meta = resource["meta"] = {"versionId": "1", "lastUpdated": self.chance.choice(DAYS) + self.chance.choice(TIMES)}
        if chance() < 0.5:
            meta["tag"] = [self.coding()]
        if chance() < 0.5:
            meta["security"] = [self.coding(), self.coding()]
        if chance() < 0.5:
            meta["profile"] = [self.value("canonical", [])]
        if chance() < 0.5:
            meta["source"] = self.uri()

    def of_type(self, of, parameters, types):
        """The resources of a type."""
        made = [{"resourceType": of, "id": f"g{at}"} for at in range(self.count)]
        for resource in made[1:]:
            for parameter in self.chance.sample(parameters, len(parameters)):
                if self.chance.random() < 0.7:
                    self.fill(resource, parameter, types)
        for parameter in parameters:
            while not any(finds(parameter, resource) for resource in made):
                alone = {"resourceType": of, "id": f"g{len(made)}"}
                self.fill(alone, parameter, types)
                if finds(parameter, alone):
                    made.append(alone)
        return made


def finds(parameter, resource):
    """True where the parameter has a value in the resource; each component, if it is composite."""
    found = Values().of(parameter, resource)
    return any(all(parts) for parts in found) if parameter.kind == "composite" else bool(found)
