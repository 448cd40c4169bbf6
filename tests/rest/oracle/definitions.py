"""The search parameters of R4, and what FHIRPath finds for them.

The table of parameters is HL7's, which fhirlite has too. The evaluator is fhirpathpy, which is not ours. It lacks two
forms, which are rewritten: `x as T` becomes `x.ofType(T)`, and `resolve() is T` looks at the text of the reference.
"""

import os
import re
from functools import lru_cache

from fhirpathpy import compile as compiled
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = os.path.join(HERE, "../../../src/fhir/definitions")
R4 = models["r4"]
PATHS, CHOICES, ELSEWHERE = R4["path2Type"], R4["choiceTypePaths"], R4["pathsDefinedElsewhere"]
# The elements that are defined by their own parts; the model has no rows for them.
PARTS = {path.rpartition(".")[0] for path in PATHS if path.count(".") > 1}


def table(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


REPEATED = {f"{of}.{path}" for of, paths in table(HERE, "lists.tsv") for path in paths.split()}


def converted(expression):
    """The expression in the form that fhirpathpy takes."""
    text = re.sub(r"\(([\w.]+) as (\w+)\)", r"\1.ofType(\2)", expression)
    text = re.sub(r"\.as\((\w+)\)", r".ofType(\1)", text)
    # A canonical is a uri; fhirpathpy knows this in `is` alone.
    text = text.replace(".ofType(uri)", ".where($this is uri)")
    return re.sub(r"\.where\(resolve\(\) is (\w+)\)", r".where(reference.matches('(^|/)\1/'))", text)


class Component:
    def __init__(self, kind, expression):
        self.kind, self.expression, self.systems, self.targets = kind, expression, [], []
        self.code, self.is_string = "a component", False


class Parameter:
    """A row of the table."""

    def __init__(self, of, code, kind, expression, targets):
        self.of, self.code, self.kind, self.expression = of, code, kind, expression.removeprefix("Resource.")
        # True where the values are of FHIR's type string.
        self.is_string = bool(expression) and type_at_end(of, expression) == "string"
        self.targets, self.systems, self.components = targets.split(), [], []

    def __str__(self):
        return f"{self.of}?{self.code}"


def parameters():
    """Every row of the table, with its components and with the systems of its plain codes."""
    rows = {(row[0], row[1]): Parameter(*row) for row in table(TABLES, "search-parameters.tsv")}
    for of, code, kind, expression in table(TABLES, "search-components.tsv"):
        rows[of, code].components.append(Component(kind, expression))
    for of, code, systems in table(TABLES, "search-code-systems.tsv"):
        rows[of, code].systems = systems.split()
    return list(rows.values())


def step(base, name):
    """The path of an element's definition, its type, and the types of its choice: of a type or a path, and a name."""
    path = f"{base}.{name}"
    path = ELSEWHERE.get(path, path)
    if path in CHOICES:
        return path, None, CHOICES[path]
    of = PATHS.get(path)
    if path in PARTS:
        return path, path, None
    if of is None and (parent := R4["type2Parent"].get(base)):
        return step(parent, name)
    return path, of or path, None


def type_at_end(of, expression):
    """The type of what a plain path finds; `None` for other expressions."""
    for name in expression.split(".")[1:]:
        if of is None or not name.isalnum():
            return None
        _, of, choices = step(of, name)
        of = None if choices else of
    return of


def json_name(name, choice):
    return name + choice[0].upper() + choice[1:]


@lru_cache(maxsize=None)
def evaluator(expression):
    return compiled(converted(expression), R4)


def plain(value):
    """A value as JSON has it; fhirpathpy has classes of its own for times."""
    return getattr(value, "asStr", value)


def evaluated(expression, element, resource, base=None):
    focus = ResourceNode.create_node(element, base) if base else element
    found = evaluator(expression)(focus, {"resource": resource})
    found = [plain(value) for value in (found if isinstance(found, list) else [found])]
    return [value for value in found if value is not None and value != {}]


def base_of(of, path):
    """The type of the elements at a path, for the expressions of components."""
    base = of
    for name in path.split(".")[1:]:
        base = step(base, name)[1]
    return base


class Values:
    """What each parameter finds in each resource."""

    def __init__(self):
        self.known = {}

    def of(self, parameter, resource):
        """The values; those of a composite parameter are lists with the values of each component."""
        key = (parameter.of, parameter.code, id(resource))
        if key not in self.known:
            self.known[key] = list(self.found(parameter, resource))
        return self.known[key]

    def found(self, parameter, resource):
        if parameter.kind != "composite":
            yield from evaluated(parameter.expression, resource, resource)
            return
        for path in parameter.expression.split(" | "):
            base = base_of(resource["resourceType"], path)
            for focus in evaluated(path, resource, resource):
                yield [evaluated(each.expression, focus, resource, base) for each in parameter.components]
