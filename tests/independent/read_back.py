"""Reads the rows of the ready views back with pyarrow and DuckDB, and compares the forms.

    python3 tests/independent/read_back.py RUN VIEWS FOLDER

RUN is a command that runs a view over NDJSON: `RUN VIEW FORMAT < RESOURCES > ROWS`. FOLDER has files such
as `Patient.ndjson`. CSV, JSON and Parquet must have the rows of NDJSON, for both readers. Readers that
are not installed are left out, and said so.
"""

import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import duckdb
except ImportError:
    duckdb = None
try:
    import pyarrow.parquet as pyarrow_parquet
except ImportError:
    pyarrow_parquet = None


def resources(folder, resource_type):
    """The resources of a type, as NDJSON."""
    plain, packed = (folder / f"{resource_type}.{end}" for end in ("ndjson", "ndjson.gz"))
    if plain.exists():
        return plain.read_bytes()
    return gzip.decompress(packed.read_bytes()) if packed.exists() else b""


def written(run, view, form, text):
    done = subprocess.run([run, str(view), form], input=text, capture_output=True)
    if done.returncode:
        sys.exit(f"{view} {form}: {done.stderr.decode()}")
    return done.stdout


def as_json(value):
    """A value of NDJSON as a Parquet column holds it: numbers that are decimals and lists as text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if isinstance(value, (list, dict)) else value


def as_csv(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(as_json(value))


def check(run, view, text):
    """Compares the forms of one view."""
    ndjson = written(run, view, "ndjson", text).decode()
    # Decimals stay text, so that their digits are compared.
    rows = [json.loads(line, parse_float=str) for line in ndjson.splitlines()]
    columns = list(rows[0]) if rows else []
    array = json.loads(written(run, view, "json", text), parse_float=str)
    assert array == rows, f"{view}: json"
    of_csv = list(csv.reader(io.StringIO(written(run, view, "csv", text).decode(), newline="")))
    wanted = [[as_csv(row[column]) for column in columns] for row in rows]
    assert not rows or of_csv == [columns, *wanted], f"{view}: csv"
    parquet = written(run, view, "parquet", text)
    decimals = {
        column["name"]
        for column in every_column(json.loads(view.read_text()))
        if column.get("type") == "decimal"
    }
    wanted = [
        {
            name: str(value) if name in decimals and value is not None else as_json(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(parquet)
        file.flush()
        if pyarrow_parquet:
            table = pyarrow_parquet.read_table(file.name)
            assert table.to_pylist() == wanted, f"{view}: pyarrow"
        if duckdb:
            found = duckdb.sql(f"SELECT * FROM '{file.name}'")
            found = [dict(zip(found.columns, row)) for row in found.fetchall()]
            assert found == wanted, f"{view}: DuckDB"
    return len(rows), len(text), len(parquet)


def every_column(part):
    """The columns of a view, in all of its selects."""
    yield from part.get("column", [])
    for name in ("select", "unionAll"):
        for nested in part.get(name, []):
            yield from every_column(nested)


def main():
    run, views, folder = sys.argv[1:]
    for reader, module in (("DuckDB", duckdb), ("pyarrow", pyarrow_parquet)):
        if not module:
            print(f"{reader} is not installed: left out")
    for view in sorted(pathlib.Path(views).glob("*.json")):
        resource_type = json.loads(view.read_text())["resource"]
        rows, read, parquet = check(run, view, resources(pathlib.Path(folder), resource_type))
        print(f"{view.stem}: {rows} rows of {read} bytes, {parquet} bytes of Parquet")


main()
