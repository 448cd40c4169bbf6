"""Compares the tables of the ready views, row by row, with other computations over the same resources.

    python3 tests/independent/compare_views.py STORE TABLES

STORE is a store with the SQL views of schema.sql, TABLES the same store after `fhirlite view add TABLES
--starter`. A table is compared with the SQL view of the same purpose, which views.py compares with a
computation in Python, or with a computation here. Prints for each which columns are in one alone, and which
values differ. Exit code 1 where values differ that DIFFERENCES does not explain, or a resource has a fault.
"""

import json
import sqlite3
import sys

from views import at, codings, coding_with, first

# Ready view: the SQL view that it replaces. Views without one are left out.
PAIRS = {
    "patient": "patient",
    "encounter": "encounter",
    "condition": "condition",
    "observation": "observation",
    "observation_component": "observation_component",
    "medication_request": "medication_request",
    "procedure": "procedure",
    "immunization": "immunization",
    "allergy": "allergy_intolerance",
    "diagnostic_report": "diagnostic_report",
}

# Why values may differ: view (None: any) and column, and the reason.
DIFFERENCES = {
    (None, "patient"): "the key of a resource of another server is its URL",
    (None, "encounter"): "the key of a resource of another server is its URL",
    (None, "subject"): "a list of one value is that value, and a boolean is no number",
    ("patient", "name"): "a view has no clock: a name with an end is over",
    ("patient", "family"): "a view has no clock: a name with an end is over",
    ("patient", "given"): "a view has no clock: a name with an end is over",
    ("medication_request", "system"): "a view sees one resource: join the view medication by its key",
    ("medication_request", "code"): "a view sees one resource: join the view medication by its key",
    ("medication_request", "display"): "a view sees one resource: join the view medication by its key",
}


def key_of(reference, resource_type):
    """The id that a reference to a type names; a URL of another server stays as it is."""
    text = at(reference, "reference")
    if not isinstance(text, str):
        return None
    text = text.split("/_history/")[0]
    parts = text.split("/")
    if len(parts) < 2 or parts[-2] != resource_type:
        return None
    return parts[-1] if len(parts) == 2 else text


def coded(concept):
    """The columns system, code and display."""
    coding = coding_with(concept, "code")
    display = first(at(concept, "text"), coding_with(concept, "display").get("display"))
    return {"system": coding.get("system"), "code": coding.get("code"), "display": display}


def about(body, subject):
    return {
        "id": body["id"],
        "patient": key_of(body.get(subject), "Patient"),
        "subject": at(body, subject, "reference"),
        "status": body.get("status"),
    }


def blood_pressure(body):
    def has(concept, *codes):
        of_loinc = [c for c in codings(concept) if c.get("system") == "http://loinc.org"]
        return any(c.get("code") in codes for c in of_loinc)

    components = body.get("component") or []
    if not has(body.get("code"), "85354-9") and not any(has(c.get("code"), "8480-6", "8462-4") for c in components):
        return None
    of_code = lambda code: [c["valueQuantity"] for c in components if has(c.get("code"), code) and "valueQuantity" in c]
    systolic, diastolic = of_code("8480-6"), of_code("8462-4")
    units = [q.get(name) for qs in (systolic, diastolic) for name in ("unit", "code") for q in qs]
    return {
        **about(body, "subject"),
        "encounter": key_of(body.get("encounter"), "Encounter"),
        "effective": first(body.get("effectiveDateTime"), at(body, "effectivePeriod", "start"),
                           at(body, "effectivePeriod", "end"), body.get("effectiveInstant")),
        "systolic": first(*[q.get("value") for q in systolic]),
        "diastolic": first(*[q.get("value") for q in diastolic]),
        "unit": first(*units),
    }


def claim(body):
    return {
        **about(body, "patient"),
        **coded(body.get("type")),
        "encounter": first(*[key_of(e, "Encounter") for i in body.get("item", []) for e in i.get("encounter", [])][:1]),
        "use": body.get("use"),
        "created": body.get("created"),
        "started": at(body, "billablePeriod", "start"),
        "ended": at(body, "billablePeriod", "end"),
        "provider": first(at(body, "provider", "display"), at(body, "provider", "reference")),
        "total": at(body, "total", "value"),
        "currency": at(body, "total", "currency"),
        "items": len(body.get("item", [])),
    }


def coverage(body):
    plans = [c.get("value") for c in body.get("class", []) if any(k.get("code") == "plan" for k in codings(c.get("type")))]
    payors = body.get("payor", [])
    return {
        **about(body, "beneficiary"),
        **coded(body.get("type")),
        "subscriber_id": body.get("subscriberId"),
        "relationship": coding_with(body.get("relationship"), "code").get("code"),
        "payor": first(*[p.get("display") for p in payors], *[p.get("reference") for p in payors]),
        "plan": first(*plans),
        "started": at(body, "period", "start"),
        "ended": at(body, "period", "end"),
    }


def document_reference(body):
    category = at(body, "category", 0)
    attachment = at(body, "content", 0, "attachment")
    return {
        **about(body, "subject"),
        **coded(body.get("type")),
        "encounter": key_of(at(body, "context", "encounter", 0), "Encounter"),
        "category": first(coding_with(category, "code").get("code"), at(category, "text")),
        "date": body.get("date"),
        "description": body.get("description"),
        "content_type": at(attachment, "contentType"),
        "title": at(attachment, "title"),
        "url": at(attachment, "url"),
    }


def medication(body):
    return {
        "id": body["id"],
        "status": body.get("status"),
        **coded(body.get("code")),
        "form": coded(body.get("form"))["display"],
        "batch": at(body, "batch", "lotNumber"),
    }


# Ready views that have no SQL view, and how their rows are made of a body.
COMPUTED = {
    "blood_pressure": ("Observation", blood_pressure),
    "claim": ("Claim", claim),
    "coverage": ("Coverage", coverage),
    "document_reference": ("DocumentReference", document_reference),
    "medication": ("Medication", medication),
}


def plain(value):
    """A value as text, so that 5, 5.0 and "5" are the same."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return repr(float(value))
    except ValueError:
        return str(value)


def of_view(row, column):
    """The value of a SQL view's column in a row of the ready view."""
    # SQL has numbers and words in one column.
    if column == "value" and row.get("value") is None:
        return row.get("value_text")
    return row.get(column)


def key(row):
    return (row["id"], row.get("component"))


def compare(name, of_sql, columns, of_ready):
    """Prints what differs; says how many values have no explanation."""
    ready_columns = list(of_ready[0]) if of_ready else []
    print(f"{name}: {len(of_sql)} rows in SQL, {len(of_ready)} of the view")
    if of_ready:
        print(f"  only in SQL: {', '.join(c for c in columns if c not in ready_columns) or '-'}")
        print(f"  only in the view: {', '.join(c for c in ready_columns if c not in columns) or '-'}")
    unexplained = 0
    by_key = {key(row): row for row in of_ready}
    missing = [row for row in of_sql if key(row) not in by_key]
    if missing or len(of_sql) != len(of_ready):
        print(f"  rows missing from the view: {[key(row) for row in missing[:3]]}")
        unexplained += 1
    for column in columns:
        if ready_columns and column not in ready_columns:
            continue
        differ = [
            (key(row), row[column], of_view(by_key[key(row)], column))
            for row in of_sql
            if key(row) in by_key
            and plain(row[column]) != plain(of_view(by_key[key(row)], column))
        ]
        if differ:
            why = DIFFERENCES.get((name, column)) or DIFFERENCES.get((None, column))
            unexplained += why is None
            print(f"  {column}: {len(differ)} differ{': ' + why if why else ''}")
            for place, sql, ready in differ[:3]:
                print(f"    {place}: SQL {sql!r}, view {ready!r}")
    return unexplained


def opened(path):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def rows_of(database, table):
    cursor = database.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in cursor.description if column[0] != "_row"]
    return columns, [{name: row[name] for name in columns} for row in cursor]


def main():
    store, tables = map(opened, sys.argv[1:])
    unexplained = 0
    for fault in tables.execute("SELECT fault FROM view_fault"):
        print(f"a fault: {fault[0]}")
        unexplained += 1
    for name, of_schema in PAIRS.items():
        columns, of_sql = rows_of(store, of_schema)
        unexplained += compare(name, of_sql, columns, rows_of(tables, name)[1])
    for name, (resource_type, computed) in COMPUTED.items():
        bodies = store.execute("SELECT body FROM resource WHERE type = ?", [resource_type])
        made = [row for row in (computed(json.loads(body)) for (body,) in bodies) if row is not None]
        columns, of_table = rows_of(tables, name)
        if made and set(columns) != set(made[0]):
            print(f"{name}: other columns: {set(columns) ^ set(made[0])}")
            unexplained += 1
        unexplained += compare(name, made, columns, of_table)
    print(f"{unexplained} unexplained")
    sys.exit(1 if unexplained else 0)


main()
