"""Compares the ready views with the SQL views of schema.sql, row by row, over the same resources.

    python3 tests/independent/compare_views.py FHIRLITE RUN VIEWS INPUT...

FHIRLITE imports the inputs into a store of its own. RUN is a command that runs a view over NDJSON:
`RUN VIEW ndjson < RESOURCES > ROWS`, with exit code 3 where resources have faults. VIEWS is the folder of the ready views. Prints for each pair of
views which columns are in one alone, and which values differ. Exit code 1 where values differ that
DIFFERENCES does not explain.
"""

import collections
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

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


def rows_of_view(run, view, resource_type, bodies):
    """The rows that the ready view makes."""
    text = "".join(body + "\n" for body in bodies)
    done = subprocess.run([run, str(view), "ndjson"], input=text.encode(), capture_output=True)
    # 3: some resources have faults, and give no rows.
    if done.returncode not in (0, 3):
        sys.exit(f"{view}: {done.stderr.decode()}")
    for fault in done.stderr.decode().splitlines():
        print(f"  {fault}")
    return [json.loads(line, parse_float=str) for line in done.stdout.decode().splitlines()]


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


def main():
    fhirlite, run, views, *inputs = sys.argv[1:]
    unexplained = 0
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder, "store.db")
        done = subprocess.run([fhirlite, "import", str(store), *inputs], capture_output=True)
        # 1: some inputs were rejected, the others are there.
        if done.returncode > 1:
            sys.exit(done.stderr.decode())
        database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        bodies = collections.defaultdict(list)
        for resource_type, body in database.execute("SELECT type, body FROM resource"):
            bodies[resource_type].append(body)
        for name, of_schema in PAIRS.items():
            view = pathlib.Path(views, f"{name}.json")
            resource_type = json.loads(view.read_text())["resource"]
            cursor = database.execute(f"SELECT * FROM {of_schema}")
            columns = [column[0] for column in cursor.description]
            of_sql = [dict(row) for row in cursor]
            of_ready = rows_of_view(run, view, resource_type, bodies[resource_type])
            unexplained += compare(name, of_sql, columns, of_ready)
        database.close()
    sys.exit(1 if unexplained else 0)


main()
