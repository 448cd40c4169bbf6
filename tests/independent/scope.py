"""Which resources an export selects: by level, patients, types, times and associated data."""

from r4 import instant, span
from resources import target_of


def is_member_now(member, now):
    period = member.get("period", {})
    ended = "end" in period and span(period["end"])[1] <= now
    return not (member.get("inactive") is True or ended or ("start" in period and span(period["start"])[0] > now))


def members_of(store, group, now):
    """The ids of a Group's patients, the keys of the Group and its other members, and the number of missing members."""
    patients, others, missing = set(), {("Group", group)}, 0
    groups = [("Group", group)]
    for key in groups:
        for member in store.current[key].json.get("member", []):
            if not is_member_now(member, now):
                continue
            target = target_of(member.get("entity"))
            missing += target not in store.current
            if target and target[0] == "Patient":
                patients.add(target[1])
            elif target in store.current:
                if target[0] == "Group" and target not in groups:
                    groups.append(target)
                others.add(target)
    return patients, others, missing


class Scope:
    """The resources of an export before any filter."""

    def __init__(self, store, level, request, now):
        self.store = store
        self.system = level == ("system",)
        self.patients, self.named, self.missing = None, set(), 0  # patients None: all of them
        if level[0] == "group":
            self.patients, self.named, self.missing = members_of(store, level[1], now)
        elif level[0] == "patient" and len(level) == 2:
            self.patients = {level[1]}
        if "patient" in request:
            self.patients, self.named = set(request["patient"]), set()
        if self.system:
            self.keys = set(store.current)
        else:
            first = {key for key, resource in store.current.items() if self.starts_with(resource)}
            self.keys = self.grown(first)

    def starts_with(self, resource):
        if self.patients is None:
            return resource.type == "Patient" or bool(resource.patients)
        if resource.type == "Patient":
            return resource.id in self.patients
        if resource.key in self.named:
            return True
        if resource.type == "Group":
            return bool(resource.patients) and resource.patients <= self.patients
        return bool(resource.patients & self.patients)

    def is_about(self, resource):
        """True if a resource is about one of the patients."""
        return bool(resource.patients if self.patients is None else resource.patients & self.patients)

    def grown(self, first):
        """`first` with its Provenance resources and the resources that it refers to."""
        current = self.store.current
        keys = first | {key for key, it in current.items() if it.type == "Provenance" and it.targets & first}
        todo = list(keys)
        while todo:
            for key in current[todo.pop()].references:
                if key in current and key not in keys and current[key].may_come_along(self.patients):
                    keys.add(key)
                    todo.append(key)
        return keys

    def had(self, resource):
        """True if a deleted resource would have been in the export."""
        if self.system:
            return True
        if resource.type == "Patient":
            return self.patients is None or resource.id in self.patients
        if resource.type == "Group" and resource.patients:
            return self.patients is None or resource.patients <= self.patients
        if resource.patients and (self.patients is None or resource.patients & self.patients):
            return True
        if resource.type == "Provenance":
            there = [self.store.current[key] for key in resource.targets if key in self.store.current]
            gone = [self.store.gone[key][0] for key in resource.targets if key in self.store.gone]
            return any(self.is_about(it) for it in there + gone)
        coming = (resource.key in self.store.current[key].references for key in self.keys)
        return resource.may_come_along(self.patients) and any(coming)


def associated(store, returned, asked):
    """The Provenance resources of `returned`."""
    found = {}
    for resource in store.current.values():
        if resource.type == "Provenance":
            for target in resource.targets & returned:
                found.setdefault(target, []).append(resource)
    if "RelevantProvenanceResources" in asked:
        return {resource.key for each in found.values() for resource in each}
    return {max(each, key=lambda it: (it.recorded, it.seq)).key for each in found.values()}


class Filters:
    def __init__(self, store, request):
        self.store, self.asked = store, request.get("includeAssociatedData", [])
        self.types = request.get("_type")
        self.since, self.until = (instant(request[name]) if name in request else None for name in ("_since", "_until"))

    def passes(self, resource_type, time):
        return (
            (self.types is None or resource_type in self.types)
            and (self.since is None or time > self.since)
            and (self.until is None or time < self.until)
        )

    def left(self, keys):
        """The keys that pass the filters, and their associated data."""
        left = {key for key in keys if self.passes(key[0], self.store.current[key].updated)}
        if not self.asked:
            return left
        left = {key for key in left if key[0] != "Provenance"}
        return left | associated(self.store, left, self.asked)
