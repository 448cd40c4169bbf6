"""Reads what fhirlite writes of a store back with pyarrow, pandas and DuckDB, and compares the forms.

    python3 tests/independent/read_back.py FHIRLITE STORE VIEWS FOLDER

The rows of each view of the folder VIEWS must be the same as CSV, JSON and Parquet as they are as NDJSON. The store as
Parquet by type must have what the store has. FOLDER is a new folder for files.
"""

import csv
import datetime
import io
import json
import pathlib
import sqlite3
import subprocess
import sys

import duckdb
import pandas
import pyarrow
import pyarrow.parquet


def printed(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return done.stdout


def as_json(value):
    """A value of NDJSON as a Parquet column holds it: lists and objects as text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) if isinstance(value, (list, dict)) else value


def as_csv(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(as_json(value))


def every_column(part):
    """The columns of a view, in all of its selects."""
    yield from part.get("column", [])
    for name in ("select", "unionAll"):
        for nested in part.get(name, []):
            yield from every_column(nested)


def rows_of_duckdb(file):
    found = duckdb.sql(f"SELECT * FROM '{file}'")
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def check_view(fhirlite, store, view, folder):
    """Compares the forms of one view."""
    run = (fhirlite, "view", "run", store, view, "--format")
    # Decimals stay text, so that their digits are compared.
    rows = [json.loads(line, parse_float=str) for line in printed(*run, "ndjson").splitlines()]
    columns = list(rows[0]) if rows else []
    assert json.loads(printed(*run, "json"), parse_float=str) == rows, f"{view}: json"
    text = printed(*run, "csv")
    wanted = [[as_csv(row[column]) for column in columns] for row in rows]
    of_csv = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert not rows or of_csv == [columns, *wanted], f"{view}: csv"
    file = folder / f"{view.stem}.csv"
    file.write_bytes(text)
    found = duckdb.sql(f"SELECT * FROM read_csv('{file}', all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')")
    # DuckDB tells an empty text from nothing; here there are none.
    found = [["" if value is None else value for value in row] for row in found.fetchall()]
    assert not rows or found == wanted, f"{view}: csv by DuckDB"
    found = pandas.read_csv(file, dtype=str, keep_default_na=False)
    assert not rows or found.values.tolist() == wanted, f"{view}: csv by pandas"

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
    file = folder / f"{view.stem}.parquet"
    file.write_bytes(printed(*run, "parquet"))
    assert pyarrow.parquet.read_table(file).to_pylist() == wanted, f"{view}: pyarrow"
    assert rows_of_duckdb(file) == wanted, f"{view}: DuckDB"
    return len(rows)


def check_store(fhirlite, store, folder):
    """Compares the Parquet files of a store with the store."""
    printed(fhirlite, "export", store, folder, "--format", "parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    types = database.execute("SELECT DISTINCT type FROM resource ORDER BY type").fetchall()
    assert [entry["type"] for entry in manifest["output"]] == [name for (name,) in types]
    for entry in manifest["output"]:
        wanted = database.execute(
            "SELECT id, last_updated, body FROM resource WHERE type = ? ORDER BY seq", [entry["type"]]
        ).fetchall()
        assert len(wanted) == entry["count"], entry
        wanted = [
            {"id": id, "last_updated": epoch + datetime.timedelta(microseconds=time), "body": body}
            for id, time, body in wanted
        ]
        file = folder / entry["url"]
        table = pyarrow.parquet.read_table(file)
        assert table.schema.field("last_updated").type == pyarrow.timestamp("us", "UTC"), table.schema
        assert table.to_pylist() == wanted, f"{file}: pyarrow"
        assert rows_of_duckdb(file) == wanted, f"{file}: DuckDB"
        frame = pandas.read_parquet(file)
        assert str(frame["last_updated"].dtype) == "datetime64[us, UTC]", frame.dtypes
        assert frame["body"].tolist() == [row["body"] for row in wanted], f"{file}: pandas"
        print(f"{entry['url']}: {len(wanted)} resources")


def main():
    fhirlite, store, views, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir()
    duckdb.sql("SET TimeZone = 'UTC'")
    for view in sorted(pathlib.Path(views).glob("*.json")):
        print(f"{view.stem}: {check_view(fhirlite, store, view, folder)} rows")
    check_store(fhirlite, store, folder / "store")


main()
