"""Searches with an order, pages and resources that come along, compared with what the store's rows say.

Usage: results.py STORE --server URL [--cases N] [--seed N]. The rows are read with SQLite. The rules are those of
https://hl7.org/fhir/R4/search.html#sort and #revinclude, written here once more for a few parameters.
"""

import argparse
import datetime
import json
import random
import sqlite3
import sys
import unicodedata
import urllib.parse

from server import ask

UTC = datetime.timezone.utc
LAST = datetime.datetime.max.replace(tzinfo=UTC)


def listed(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def at(body, path):
    """The values at a path, through lists."""
    values = [body]
    for name in path.split("."):
        values = [inner for value in values if isinstance(value, dict) for inner in listed(value.get(name))]
    return values


def span(text):
    """The first moment of a time, and the first one behind it."""
    if len(text) <= 10:
        parts = [int(part) for part in text.split("-")]
        first = datetime.datetime(*(parts + [1, 1])[:3], tzinfo=UTC)
        if len(parts) == 1:
            return first, first.replace(year=first.year + 1)
        if len(parts) == 2:
            return first, (first + datetime.timedelta(days=31)).replace(day=1)
        return first, first + datetime.timedelta(days=1)
    first = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    step = datetime.timedelta(milliseconds=1) if "." in text else datetime.timedelta(seconds=1)
    return first, first + step


def times(values, down):
    for value in values:
        if isinstance(value, str):
            yield span(value)[down]
        elif down:
            yield span(value["end"])[1] if "end" in value else LAST
        elif "start" in value:
            yield span(value["start"])[0]


def fold(text):
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    # A stroke is no accent that can be taken apart.
    return plain.casefold().translate(str.maketrans({"ł": "l", "ø": "o", "đ": "d"}))


def codes(values):
    for value in values:
        codings = value.get("coding", [value]) if isinstance(value, dict) else [value]
        found = [c if isinstance(c, str) else c.get("value", c.get("code")) for c in codings]
        yield from [code for code in found if code is not None][:1]


def kind(convert, *paths):
    return lambda body, down: list(convert([value for path in paths for value in at(body, path)], down))


def plain(values, down):
    return [value.encode() for value in values]


def date(*paths):
    return kind(times, *paths)


def token(*paths):
    return kind(lambda values, down: [code.encode() for code in codes(values)], *paths)


def string(*paths):
    return kind(lambda values, down: [fold(value).encode() for value in values], *paths)


def reference(*paths):
    return kind(plain, *(path + ".reference" for path in paths))


EVERY = {"_id": kind(plain, "id"), "_lastUpdated": date("meta.lastUpdated")}
SORTS = {
    "Patient": {
        "birthdate": date("birthDate"), "family": string("name.family"), "given": string("name.given"),
        "gender": token("gender"), "identifier": token("identifier"), "phonetic": None,
    },
    "Observation": {
        "date": date("effectiveDateTime", "effectivePeriod"), "code": token("code"), "status": token("status"),
        "value-quantity": kind(lambda values, down: [float(value) for value in values], "valueQuantity.value"),
        "subject": reference("subject"), "encounter": reference("encounter"), "performer": reference("performer"),
    },
    "Encounter": {
        "date": date("period"), "class": token("class"), "status": token("status"), "type": token("type"),
        "subject": reference("subject"),
    },
    "Condition": {
        "onset-date": date("onsetDateTime", "onsetPeriod"), "code": token("code"), "recorded-date": date("recordedDate"),
    },
    "MedicationRequest": {"authoredon": date("authoredOn"), "intent": token("intent"), "status": token("status")},
}
# Where a parameter looks for references.
REFERENCES = {
    ("Observation", "subject"): ["subject"], ("Observation", "patient"): ["subject"],
    ("Observation", "encounter"): ["encounter"], ("Observation", "performer"): ["performer"],
    ("Encounter", "subject"): ["subject"], ("Encounter", "patient"): ["subject"],
    ("Encounter", "participant"): ["participant.individual"], ("Encounter", "service-provider"): ["serviceProvider"],
    ("Condition", "encounter"): ["encounter"], ("Condition", "subject"): ["subject"],
    ("MedicationRequest", "medication"): ["medicationReference"], ("MedicationRequest", "subject"): ["subject"],
    ("MedicationRequest", "requester"): ["requester"],
    ("DiagnosticReport", "result"): ["result"], ("DiagnosticReport", "specimen"): ["specimen"],
    ("Specimen", "subject"): ["subject"],
    ("Provenance", "target"): ["target"], ("Provenance", "agent"): ["agent.who"],
}


class Store:
    def __init__(self, path):
        db = sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True)
        rows = db.execute("SELECT type, id, seq, body FROM resource ORDER BY seq")
        self.rows = [(of_type, id, seq, json.loads(body)) for of_type, id, seq, body in rows]
        self.by_name = {f"{row[0]}/{row[1]}": row for row in self.rows}

    def of(self, of_type):
        return [row for row in self.rows if row[0] == of_type]


def expected_order(rows, keys, table):
    """Stable sorts, the last key first. Ties go by number, turned round where the last key is."""
    rows = sorted(rows, key=lambda row: row[2], reverse=keys[-1].startswith("-"))
    for key in reversed(keys):
        down = key.startswith("-")
        values = table[key.lstrip("-")]
        with_value, without = [], []
        for row in rows:
            found = values(row[3], down)
            if found:
                with_value.append((max(found) if down else min(found), row))
            else:
                without.append(row)
        # Both ways of sorting keep the order of what is equal.
        with_value.sort(key=lambda pair: pair[0], reverse=down)
        rows = [row for _, row in with_value] + without
    return rows


def pages(base, target):
    url = f"{base}/fhir/{target}"
    while url:
        answer = ask("GET", url)
        assert answer.status == 200, (url, answer.status, answer.body[:500])
        bundle = answer.json()
        yield bundle
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


def names(bundle, mode):
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def check_sort(store, base, rng):
    of_type = rng.choice(list(SORTS))
    table = {name: rule for name, rule in (SORTS[of_type] | EVERY).items() if rule}
    chosen = rng.sample(list(table), rng.randint(1, 3))
    keys = [rng.choice(["", "-"]) + name for name in chosen]
    rows = store.of(of_type)
    count = rng.choice([7, 50, 1000])
    criterion = ""
    if rng.random() < 0.4 and "status" in table:
        status = rng.choice(["final", "finished", "active"])
        rows = [row for row in rows if row[3].get("status") == status]
        criterion = f"status={status}&"
    if of_type == "Observation" and count == 7:
        count = 97
    target = f"{of_type}?{criterion}_sort={','.join(keys)}&_count={count}"
    expected = [f"{row[0]}/{row[1]}" for row in expected_order(rows, keys, table)]
    found, totals = [], set()
    for page in pages(base, target):
        found += names(page, "match")
        totals.add(page.get("total", len(expected)))
    return target, found == expected and totals <= {len(expected)}


def targets(store, row, include, target_type):
    of_type, parameter = include
    if row[0] != of_type:
        return []
    found = [value.get("reference") for path in REFERENCES[include] for value in at(row[3], path)]
    wanted = {"patient": "Patient"}.get(parameter, target_type)
    return [name for name in found if name in store.by_name and wanted in (None, name.split("/")[0])]


def check_include(store, base, rng):
    of_type = rng.choice(["Observation", "Encounter", "Patient", "MedicationRequest", "DiagnosticReport", "Condition"])
    count = rng.choice([1, 5, 40])
    chosen = []
    for _ in range(rng.randint(1, 3)):
        include = rng.choice(list(REFERENCES))
        reverse = rng.random() < 0.5
        iterates = rng.random() < 0.4
        target_type = rng.choice([None, "Patient", "Practitioner"])
        if (include, target_type) not in ALLOWED and target_type:
            target_type = None
        chosen.append((include, reverse, iterates, target_type))
    said = "&".join(
        f"_{'rev' if reverse else ''}include{':iterate' if iterates else ''}={':'.join(include)}"
        + (f":{target_type}" if target_type else "")
        for include, reverse, iterates, target_type in chosen
    )
    target = f"{of_type}?_count={count}&{said}"
    found = []
    for number, page in enumerate(pages(base, target)):
        matches, included = names(page, "match"), names(page, "include")
        found += matches
        known, last = set(matches), [store.by_name[name] for name in matches]
        first = True
        while last:
            new = []
            for include, reverse, iterates, target_type in chosen:
                if not first and not iterates:
                    continue
                if reverse:
                    about = {f"{row[0]}/{row[1]}" for row in last}
                    brought = [f"{row[0]}/{row[1]}" for row in store.of(include[0])
                               if about & set(targets(store, row, include, target_type))]
                else:
                    brought = [name for row in last for name in targets(store, row, include, target_type)]
                new += brought
            new = list(dict.fromkeys(name for name in new if name not in known))
            known |= set(new)
            last, first = [store.by_name[name] for name in new], False
        if len(included) != len(set(included)) or set(included) != known - set(matches):
            print("included", sorted(set(included) ^ (known - set(matches)))[:5])
            return target, False
        if number == 3:
            return target, True
    return target, found == [f"{row[0]}/{row[1]}" for row in store.of(of_type)]


# Types to which the parameters may refer, of those that are tried.
ALLOWED = {(("Observation", "subject"), "Patient"), (("Observation", "performer"), "Practitioner"),
           (("Encounter", "participant"), "Practitioner"), (("MedicationRequest", "requester"), "Practitioner"),
           (("Provenance", "target"), "Patient"), (("Provenance", "agent"), "Practitioner"),
           (("Condition", "subject"), "Patient"), (("Specimen", "subject"), "Patient")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--server", required=True)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    store, rng = Store(options.store), random.Random(options.seed)
    differences = 0
    for number in range(options.cases):
        check = check_sort if number % 2 else check_include
        target, agrees = check(store, options.server, rng)
        if not agrees:
            differences += 1
            print("differs:", target)
    print(f"{options.cases} searches, {differences} differences")
    return 1 if differences else 0


sys.exit(main())
