"""What can be added to a store, as bodies of ``POST /import``."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Union

#: What can be added: a resource, or the path of a file or a folder.
Source = Union[Mapping[str, Any], str, "os.PathLike[str]"]

#: The files of a folder that hold resources. A file that is named itself may have any name.
ENDINGS = (".json", ".ndjson", ".json.gz", ".ndjson.gz")


def bodies(sources: Iterable[Source]) -> Iterator[bytes]:
    """One body for all resources together, and one for each file. Resources come first."""
    resources = []
    paths = []
    for source in sources:
        if isinstance(source, Mapping):
            resources.append(source)
        elif isinstance(source, (str, os.PathLike)):
            paths.append(Path(source))
        else:
            kind = type(source).__name__
            raise TypeError(f"{kind} is neither a resource (a dict) nor the path of a file or folder")
    files = [file for path in paths for file in files_of(path)]
    if resources:
        yield json.dumps(resources).encode()
    for file in files:
        yield _content(file)


def files_of(path: Path) -> list[Path]:
    """The file itself, or the files below a folder that hold resources, in the order of their names."""
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file or folder")
        return [path]
    found = sorted(each for each in path.rglob("*") if each.name.endswith(ENDINGS) and each.is_file())
    if not found:
        raise FileNotFoundError(f"{path}: no file there ends with {', '.join(ENDINGS)}")
    return found


def _content(file: Path) -> bytes:
    if file.suffix == ".gz":
        with gzip.open(file) as packed:
            return packed.read()
    return file.read_bytes()


def written(folder: str, sources: Iterable[Source]) -> list[str]:
    """Paths that the program itself can read: resources are written into the folder."""
    paths = []
    for number, source in enumerate(sources):
        if isinstance(source, Mapping):
            path = os.path.join(folder, f"{number}.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(source, file)
            paths.append(path)
        else:
            paths.append(os.fspath(source))
    return paths
