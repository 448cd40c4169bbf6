"""Flips single bits of a store and compares what fhirlite says with what Python reads.

Arguments: the program, the store, the number of flips, a seed. The store must be at rest.

A flip that changes any row about resources must be told by `fhirlite check`. An export that ends well must
consist of lines that the undamaged store has.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile

TABLES = ["resource", "history", "identifier", "compartment", "attachment_url", "security_context", "reference",
          "provenance_target"]


def rows(path):
    """Every row of the tables, read without their indexes; what cannot be read is a text."""
    found = {}
    for table in TABLES:
        db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        db.text_factory = bytes
        try:
            found[table] = sorted(map(repr, db.execute(f"SELECT * FROM {table} NOT INDEXED")))
        except sqlite3.Error as error:
            found[table] = str(error)
        db.close()
    return found


def lines(folder):
    """The lines of all files of resources in a folder."""
    found = set()
    for name in [name for name in os.listdir(folder) if name.endswith(".ndjson")]:
        with open(os.path.join(folder, name), "rb") as file:
            found.update(file)
    return found


def run(*arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


program, store, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
with open(store, "rb") as file:
    whole = file.read()
folder = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(store)))
flipped = os.path.join(folder, "flipped.db")
before = rows(store)
exported = run(program, "export", store, os.path.join(folder, "before"))
assert exported.returncode == 0, exported.stderr
known = lines(os.path.join(folder, "before"))
told = quiet = 0
faults = []
for number in range(count):
    at, bit = draw.randrange(len(whole)), draw.randrange(8)
    bytes_now = bytearray(whole)
    bytes_now[at] ^= 1 << bit
    with open(flipped, "wb") as file:
        file.write(bytes_now)
    is_changed = rows(flipped) != before
    checked = run(program, "check", flipped)
    if is_changed and checked.returncode == 0:
        faults.append(f"byte {at}, bit {bit}: check finds nothing")
    told += is_changed
    quiet += not is_changed
    out = os.path.join(folder, f"after{number}")
    if run(program, "export", flipped, out).returncode == 0:
        if not lines(out) <= known:
            faults.append(f"byte {at}, bit {bit}: an export has other lines")
print(f"{told} flips changed a row, {quiet} changed none")
print("\n".join(faults))
sys.exit(1 if faults or told < count // 4 else 0)
