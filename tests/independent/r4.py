"""Facts about R4, and FHIR times.

The facts are the two tables that fhirlite has too: the paths to patients in the Patient compartment, and the root
elements that are mandatory or have a choice of types.
"""

import os
import re
from datetime import datetime, timedelta, timezone

FACTS = os.environ.get("R4_FACTS", os.path.join(os.path.dirname(__file__), "../../src/fhir/r4"))
DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?)?)?)?\Z"
)


def table(name):
    with open(os.path.join(FACTS, name)) as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


def compartment_paths():
    """type -> the paths of element names that lead to a patient."""
    paths = {}
    for resource_type, _, expression in table("patient-compartment.tsv"):
        for path in expression.split("|"):
            names = path.strip().removesuffix(".where(resolve() is Patient)").split(".")
            if resource_type != "Patient":
                paths.setdefault(resource_type, []).append(names[1:])
    return paths


PATHS = compartment_paths()
ELEMENTS = {row[0]: [set(filter(None, names.split(","))) for names in row[1:]] for row in table("elements.tsv")}


def span(text):
    """The first moment of a FHIR dateTime and the first one after it."""
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = DATE_TIME.match(text).groups()
    date, clock = (int(part or 1) for part in (year, month, day)), (int(part or 0) for part in (hour, minute, second))
    first = datetime(*date, *clock, int((fraction or "")[:6].ljust(6, "0")), timezone.utc)
    if sign:
        first -= int(sign + "1") * timedelta(hours=int(hours), minutes=int(minutes))
    if hour:
        return first, first + (timedelta(microseconds=1) if fraction else timedelta(seconds=1))
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, first.replace(year=first.year + 1)


def instant(text):
    return span(text)[0]
