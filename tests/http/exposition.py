"""A strict reader of Prometheus' text format 0.0.4: prints the metrics of a page on standard input as JSON.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import json
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
NUMBER = r"[+-]?(?:Inf|NaN|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ({NUMBER})")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}

page = sys.stdin.buffer.read().decode("utf-8", errors="strict")
assert page.endswith("\n"), "the last line has no end"
assert "\r" not in page
metrics, current, helped = {}, None, None
for line in page[:-1].split("\n"):
    if line.startswith("# HELP "):
        name, text = line[7:].split(" ", 1)
        assert re.fullmatch(NAME, name) and name not in metrics and helped is None, line
        assert text and text[-1] == ".", line
        helped = name
    elif line.startswith("# TYPE "):
        name, kind = line[7:].split(" ")
        assert name == helped, f"a type without its help: {line}"
        current = metrics[name] = {"kind": kind, "samples": []}
        current["name"], helped = name, None
        assert kind in SUFFIXES, line
        assert (kind == "counter") == name.endswith("_total"), line
    else:
        found = SAMPLE.fullmatch(line)
        assert found and helped is None, f"no sample: {line!r}"
        name, labels = found.group(1), dict()
        for label, value in re.findall(LABEL, found.group(2) or ""):
            assert label not in labels, line
            labels[label] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
        suffix = name[len(current["name"]):]
        assert name.startswith(current["name"]) and suffix in SUFFIXES[current["kind"]], line
        value = float(found.group(found.lastindex))
        assert value >= 0, line
        key = (suffix, sorted(labels.items()))
        assert key not in [(s[0], sorted(s[1].items())) for s in current["samples"]], f"twice: {line}"
        current["samples"].append((suffix, labels, value))
assert helped is None

# Each histogram has buckets that grow up to all of its requests.
for metric in metrics.values():
    if metric["kind"] == "histogram":
        series = {}
        for suffix, labels, value in metric["samples"]:
            rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
            series.setdefault(rest, {}).setdefault(suffix, []).append((labels.get("le"), value))
        for parts in series.values():
            bounds = [float(le) for le, _ in parts["_bucket"]]
            counts = [count for _, count in parts["_bucket"]]
            assert bounds == sorted(bounds) and bounds[-1] == float("inf"), bounds
            assert counts == sorted(counts) and counts[-1] == parts["_count"][0][1], counts
            assert len(parts["_sum"]) == len(parts["_count"]) == 1

json.dump({name: metric["samples"] for name, metric in metrics.items()}, sys.stdout)
