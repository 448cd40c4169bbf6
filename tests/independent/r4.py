"""Facts about R4, and FHIR times.

The facts are the two tables that fhirlite has too: the paths to patients in the Patient compartment, and the root
elements that are mandatory or have a choice of types. An element that R4 does not have counts as in the version that
has it.
"""

import os
import re
from datetime import datetime, timedelta, timezone

FACTS = os.environ.get("R4_FACTS", os.path.join(os.path.dirname(__file__), "../../src/fhir/definitions"))
DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?)?)?)?\Z"
)


def table(name):
    with open(os.path.join(FACTS, name)) as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


def compartment_paths():
    """type -> the paths of element names that lead to a patient."""
    paths = {}
    for resource_type, path, _, _, _, outside in table("patient-compartment.tsv"):
        if "R4" not in outside.split():
            paths.setdefault(resource_type, []).append(path.split("."))
    return paths


def types_by_patient_alone():
    """The types that a reference never brings along: their `patient`, which fhirlite adds, decides."""
    rows = table("patient-compartment.tsv")
    return {name for name, path, _, _, added, _ in rows if path == "patient" and added}


def root_elements():
    """type -> its mandatory root elements and its choice elements; and the types of R4."""
    of_any, of_r4 = {}, {}  # a type that R4 does not have is as in the first version that has it
    for versions, resource_type, *names in table("elements.tsv"):
        sets = [set(filter(None, each.split(","))) for each in names]
        of_any.setdefault(resource_type, sets)
        if "R4" in versions.split():
            of_r4[resource_type] = sets
    return of_any | of_r4, set(of_r4)


PATHS = compartment_paths()
BY_PATIENT_ALONE = types_by_patient_alone()
ELEMENTS, R4_TYPES = root_elements()
UNKNOWN = [["patient"], ["subject"]]  # the paths in a type that no version has


def paths_of(resource_type):
    return PATHS.get(resource_type, () if resource_type in ELEMENTS else UNKNOWN)


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
