"""Runs tests of this folder: `run.py FILE NAME`, or `run.py` for all of them, with a line for each; `--list` names them."""

import importlib
import inspect
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

FILES = ("answers", "jobs", "files", "tokens", "controls", "people")


def tests(file):
    """The functions of a file that take nothing: these are its tests."""
    module = importlib.import_module(file)
    found = inspect.getmembers(module, inspect.isfunction)
    return {name: test for name, test in found if test.__module__ == file and not inspect.signature(test).parameters}


def run(test):
    try:
        test()
        return None
    except BaseException:
        return traceback.format_exc()


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(f"{file} {name}" for file in FILES for name in tests(file)))
    elif len(sys.argv) == 3:
        tests(sys.argv[1])[sys.argv[2]]()
    else:
        chosen = sys.argv[1:] or FILES
        named = [(f"{file} {name}", test) for file in chosen for name, test in tests(file).items()]
        with ThreadPoolExecutor(2) as pool:
            failures = list(pool.map(lambda each: run(each[1]), named))
        for (name, _), failure in zip(named, failures):
            print(name, "ok" if failure is None else f"FAILED\n{failure}")
        sys.exit(any(failures))
