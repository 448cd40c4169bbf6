"""Random searches, and which resources meet them."""

import re
from decimal import Decimal
from urllib.parse import quote

from rules import (LINK, PLAIN, PREFIXES, codes_of, date_holds, number_holds, of_type_holds, reference_holds,
                   string_holds, strings_of, text_holds, texts_of, time_range, token_holds, unit_holds, uri_holds)


def escaped(text):
    return re.sub(r"([\\,|$])", r"\\\1", text)


class Search:
    """A search of a type, and which resources meet it."""

    def __init__(self, of, pairs, meets):
        self.of, self.pairs, self.meets = of, pairs, meets

    def target(self):
        pairs = "&".join(f"{quote(name, safe=':.')}={quote(text, safe='')}" for name, text in self.pairs)
        return f"{self.of}?{pairs}"

    def __str__(self):
        return f"{self.of}?" + "&".join(f"{name}={text}" for name, text in self.pairs)


class Questions:
    def __init__(self, chance, resources, parameters, values, base, now):
        self.chance, self.values, self.base, self.now = chance, values, base, now
        self.resources, self.parameters = resources, parameters

    def pool(self, parameter, of):
        found = [value for resource in self.resources[of] for value in self.values.of(parameter, resource)]
        return [each for each in found if parameter.kind != "composite" or all(each)]

    def search(self, parameter, of):
        """A search by one parameter; `None` where no value fits."""
        pool = self.pool(parameter, of)
        if not pool:
            return None
        if parameter.kind != "composite" and self.chance.random() < 0.04:
            wanted = self.chance.random() < 0.5
            return Search(of, [(f"{parameter.code}:missing", str(wanted).lower())],
                          lambda resource: (not self.values.of(parameter, resource)) == wanted)
        asked = [self.value(parameter, self.chance.choice(pool)) for _ in range(self.chance.choice([1, 1, 1, 2]))]
        asked = [each for each in asked if each and each[0] == (asked[0] or [None])[0]]
        if not asked:
            return None
        modifier, tests = asked[0][0], [test for _, _, test in asked]
        name = parameter.code + (f":{modifier}" if modifier else "")

        def meets(resource):
            is_met = any(test(value) for value in self.values.of(parameter, resource) for test in tests)
            return is_met != (modifier == "not")

        return Search(of, [(name, ",".join(text for _, text, _ in asked))], meets)

    def several(self, parameter, other, of):
        """A search by two parameters, or by one twice."""
        one, two = self.search(parameter, of), self.search(other, of)
        if not one or not two:
            return None
        return Search(of, one.pairs + two.pairs, lambda resource: one.meets(resource) and two.meets(resource))

    def links(self, parameter, resource):
        """Type and id of the resources of this server to which a reference parameter leads."""
        for value in self.values.of(parameter, resource):
            link = value.get("reference") if isinstance(value, dict) else value
            parts = LINK.fullmatch(link or "")
            if parts and isinstance(value, dict):
                yield parts.group(2, 3)

    def linked(self, parameter, of):
        """A type of this server to which a reference parameter leads, and may lead; `None` where there is none."""
        links = [to for resource in self.resources[of] for to, _ in self.links(parameter, resource)]
        links = [to for to in links if to in self.resources and to in (parameter.targets or self.resources)]
        return self.chance.choice(links) if links else None

    def chained(self, parameter, of):
        """A search by a parameter of what a reference leads to."""
        to = self.linked(parameter, of)
        if not to:
            return None
        inner = self.inner(to)
        if not inner:
            return None
        found = {(to, resource["id"]) for resource in self.resources[to] if inner.meets(resource)}
        code = parameter.code if parameter.targets == [to] else f"{parameter.code}:{to}"
        return Search(of, [(f"{code}.{name}", text) for name, text in inner.pairs],
                      lambda resource: any(link in found for link in self.links(parameter, resource)))

    def reverse(self, parameter, of):
        """A search by a parameter of what refers to the resources."""
        to = self.linked(parameter, of)
        if not to:
            return None
        inner = self.inner(of)
        if not inner:
            return None
        found = {link for resource in self.resources[of] if inner.meets(resource) for link in self.links(parameter, resource)}
        return Search(to, [(f"_has:{of}:{parameter.code}:{name}", text) for name, text in inner.pairs],
                      lambda resource: (to, resource["id"]) in found)

    def inner(self, of):
        return self.search(self.chance.choice(self.parameters[of]), of)

    def value(self, parameter, value):
        """A modifier, the text of a value, and whether a value of a resource meets it; `None` where nothing can be asked."""
        if parameter.kind == "composite":
            return self.composite(parameter, value)
        return getattr(self, parameter.kind)(parameter, value)

    def composite(self, parameter, parts):
        asked = []
        for component, values in zip(parameter.components, parts):
            made = None
            while made is None or made[0]:
                made = self.value(component, self.chance.choice(values))
                if made is None:
                    return None
            asked.append(made)
        tests = [test for _, _, test in asked]
        return "", "$".join(text for _, text, _ in asked), lambda found: all(
            any(test(each) for each in values) for test, values in zip(tests, found))

    def date(self, _, value):
        if isinstance(value, dict):
            period = value if "start" in value or "end" in value else value.get("repeat", {}).get("boundsPeriod", {})
            ends = [period.get("start"), period.get("end"), *value.get("event", [])]
            value = self.chance.choice([end for end in ends if end] or [None])
        if not isinstance(value, str) or not time_range(value):
            return None
        cut = self.chance.choice([4, 7, 10, 16, 99, 99])
        zone = re.search(r"(Z|[+-]\d\d:\d\d)$", value[10:])
        text = value if cut >= len(value) else value[:cut] + (zone[0] if cut == 16 and zone else "")
        if self.chance.random() < 0.3:
            moved = f"{int(text[:4]) + self.chance.choice([-1, 1])}{text[4:]}"
            text = moved if time_range(moved) else text
        prefix = self.chance.choice(PREFIXES)
        return "", prefix + text, lambda found: date_holds(prefix, text, found, self.now)

    def some_number(self, value):
        if isinstance(value, dict):
            ends = [value.get("value"), *(value.get(name, {}).get("value") for name in ("low", "high"))]
            value = self.chance.choice([end for end in ends if end is not None] or [None])
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            return None
        value = Decimal(str(value))
        if value and abs(value.adjusted()) > 20:
            # The program takes as many digits as anything measured has.
            return None
        moved = value + self.chance.choice([0, 0, 0, Decimal("0.4"), Decimal("-0.5"), 1, value / 20, value / 8])
        if self.chance.random() < 0.15:
            return f"{moved:.1e}".replace("e+", "e")
        return str(round(moved)) if self.chance.random() < 0.3 else f"{moved:f}"

    def number(self, _, value):
        text, prefix = self.some_number(value), self.chance.choice(PREFIXES)
        return text and ("", prefix + text, lambda found: number_holds(prefix, text, found))

    def quantity(self, _, value):
        text, prefix = self.some_number(value), self.chance.choice(PREFIXES)
        if not text:
            return None
        of = value if isinstance(value, dict) else {}
        of = of.get("low") or of.get("high") or of
        system, code, unit = (of.get(name) or "" for name in ("system", "code", "unit"))
        system, code = self.chance.choice([("", ""), ("", code), ("", unit), (system, code), (system, ""), ("http://x", code)])
        is_short = not system and not code and self.chance.random() < 0.5
        asked = prefix + text + ("" if is_short else f"|{escaped(system)}|{escaped(code)}")
        return "", asked, lambda found: number_holds(prefix, text, found) and unit_holds(system, code, found)

    def string(self, _, value):
        texts = strings_of(value)
        if not texts:
            return None
        text = self.chance.choice(texts)
        start = self.chance.choice([0, 0, 0, self.chance.randrange(len(text))])
        text = text[start : start + self.chance.randint(1, len(text))]
        text = self.chance.choice([text, text, text.upper(), text.lower()])
        modifier = self.chance.choice(["", "", "exact", "contains"])
        if modifier == "exact" and self.chance.random() < 0.5:
            text = self.chance.choice(texts)
        return text.strip() and (modifier, escaped(text), lambda found: string_holds(modifier, text, found))

    def token(self, parameter, value):
        if isinstance(value, dict) and self.chance.random() < 0.2:
            return self.token_of_object(value)
        codes = [pair for pair in codes_of(value) if pair[1]]
        if not codes:
            return None
        system, code = self.chance.choice(codes)
        is_plain = system is PLAIN
        system = self.chance.choice(parameter.systems or [None]) if is_plain else system or ""
        choices = [(None, code), (None, code), (system, code)]
        if not is_plain or system:
            # A plain value without a known system is asked for without one.
            choices += [("", code), ("http://x", code)] + [(system, "")] * bool(system)
        system, code = self.chance.choice(choices)
        if parameter.is_string and self.chance.random() < 0.5:
            code = code.swapcase()
        text = escaped(code) if system is None else f"{escaped(system)}|{escaped(code)}"
        modifier = "not" if parameter.code != "a component" and self.chance.random() < 0.2 else ""
        return modifier, text, lambda found: token_holds(system, code, found, parameter.systems, parameter.is_string)

    def token_of_object(self, value):
        kinds = value.get("type", {}).get("coding", []) if isinstance(value.get("type"), dict) else []
        if kinds and isinstance(value.get("value"), str) and self.chance.random() < 0.7:
            system, code = kinds[0].get("system"), kinds[0].get("code")
            text = self.chance.choice([value["value"], value["value"], "other"])
            if system and code:
                asked = "|".join(escaped(each) for each in (system, code, text))
                return "of-type", asked, lambda found: of_type_holds(system, code, text, found)
        texts = texts_of(value)
        if not texts:
            return None
        text = self.chance.choice(texts)
        text = text[: self.chance.randint(1, 9)].upper().strip()
        return text and ("text", escaped(text), lambda found: text_holds(text, found))

    def reference(self, parameter, value):
        if isinstance(value, dict) and "resourceType" in value:
            value = {"reference": f"{value['resourceType']}/{value['id']}"}
        identifier = isinstance(value, dict) and value.get("identifier")
        if identifier and "value" in identifier and self.chance.random() < 0.3:
            system, code = self.chance.choice([None, identifier.get("system") or ""]), identifier["value"]
            text = escaped(code) if system is None else f"{escaped(system)}|{escaped(code)}"
            return "identifier", text, lambda found: (
                isinstance(found, dict) and token_holds(system, code, found.get("identifier", {}), []))
        link = value if isinstance(value, str) else value.get("reference")
        if not link:
            return None
        of, text = None, link
        local = re.fullmatch(r"([A-Z]\w+)/([A-Za-z0-9.-]+)(/_history/.*)?", link)
        if local and isinstance(value, dict):
            whole = f"{local[1]}/{local[2]}"
            text = self.chance.choice([local[2], whole, whole, link, f"{self.base}/{whole}"])
            may_be = not parameter.targets or local[1] in parameter.targets
            if text == local[2] and may_be and self.chance.random() < 0.5 and parameter.code != "a component":
                of = local[1]
        elif isinstance(value, str):
            text = self.chance.choice([link, link.split("|")[0]])
        return of or "", escaped(text), lambda found: reference_holds(text, of, found, self.base, parameter.targets)

    def uri(self, parameter, value):
        if not isinstance(value, str):
            return None
        modifier = self.chance.choice(["", "", "below", "above"])
        text = value.split("|")[0] if modifier or self.chance.random() < 0.5 else value
        if modifier and (text.startswith("urn:") or parameter.code == "a component"):
            modifier = ""
        if modifier == "below":
            above = text.rpartition("/")[0]
            text = self.chance.choice([text, above, above + "/"] if above else [text])
        if modifier == "above":
            text += self.chance.choice(["", "/more", "more"])
        return modifier, escaped(text), lambda found: uri_holds(modifier, text, found)
