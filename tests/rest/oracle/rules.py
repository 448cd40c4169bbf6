"""When a value of a resource meets a value of a search: the rules of <https://hl7.org/fhir/R4/search.html>.

Written from the specification, not from the program. Each function takes the value of the search in its parts, and a
value that FHIRPath found.
"""

import re
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
CURRENCIES = "urn:iso:std:iso:4217"


class Range:
    """What lies between two ends. An end that is `None` is open to that side."""

    def __init__(self, low, high, has_low=True, has_high=True):
        self.low, self.high, self.has_low, self.has_high = low, high, has_low, has_high

    def is_empty(self):
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or self.low == self.high and not (self.has_low and self.has_high)

    def contains(self, other):
        low = self.low is None or other.low is not None and (
            other.low > self.low or other.low == self.low and (self.has_low or not other.has_low))
        high = self.high is None or other.high is not None and (
            other.high < self.high or other.high == self.high and (self.has_high or not other.has_high))
        return low and high

    def overlaps(self, other):
        lows = [(end.low, not end.has_low) for end in (self, other) if end.low is not None]
        highs = [(end.high, end.has_high) for end in (self, other) if end.high is not None]
        if not lows or not highs:
            return True
        (low, is_above), (high, has_high) = max(lows), min(highs)
        return not Range(low, high, not is_above, has_high).is_empty()

    def below(self):
        """What lies before it."""
        return Range(None, self.low, has_high=not self.has_low)

    def above(self):
        return Range(self.high, None, has_low=not self.has_high)


def compares(prefix, searched, target):
    """The table of <https://hl7.org/fhir/R4/search.html#prefix>."""
    above, below = searched.above(), searched.below()
    return {
        "": lambda: searched.contains(target),
        "eq": lambda: searched.contains(target),
        "ne": lambda: not searched.contains(target),
        "gt": lambda: above.overlaps(target),
        "lt": lambda: below.overlaps(target),
        "ge": lambda: above.overlaps(target) or searched.contains(target),
        "le": lambda: below.overlaps(target) or searched.contains(target),
        "sa": lambda: not searched.overlaps(target) and above.contains(target),
        "eb": lambda: not searched.overlaps(target) and below.contains(target),
        "ap": lambda: searched.overlaps(target),
    }[prefix]()


# Dates.


def time_range(text):
    """The time that a date with its precision covers; without a zone it is UTC."""
    form = r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
    parts = re.fullmatch(form, text)
    if not parts:
        return None
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return None
    if fraction:
        # An instant is "a fixed point in time with an interval smaller than the precision of the system".
        start += timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
        end = start + timedelta(microseconds=1)
    elif second:
        end = start + timedelta(seconds=1)
    elif hour:
        end = start + timedelta(minutes=1)
    elif day:
        end = start + timedelta(days=1)
    else:
        end = start.replace(year=start.year + (not month or start.month == 12), month=start.month % 12 + 1 if month else 1)
    if zone and zone != "Z":
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:])) * (1 if zone[0] == "+" else -1)
        start, end = start - away, end - away
    return Range(start, end, has_high=False)


def time_of(value):
    """The time that a date, a Period or a Timing covers."""
    if isinstance(value, str):
        return time_range(value)
    if "start" in value or "end" in value:
        low, high = (time_range(value[name]) if name in value else None for name in ("start", "end"))
        covered = Range(low and low.low, high and high.high, has_high=False)
        return None if covered.is_empty() else covered
    spans = [time_range(each) for each in value.get("event", [])]
    if bounds := value.get("repeat", {}).get("boundsPeriod"):
        spans.append(time_of(bounds))
    spans = [span for span in spans if span]
    if not spans:
        return None
    lows, highs = [span.low for span in spans], [span.high for span in spans]
    return Range(None if None in lows else min(lows), None if None in highs else max(highs), has_high=False)


def date_holds(prefix, text, value, now):
    target, searched = time_of(value), time_range(text)
    if target is None:
        return False
    if prefix == "ap":
        gap = abs(now - searched.low) / 10
        searched = Range(searched.low - gap, searched.high + gap, has_high=False)
    return compares(prefix, searched, target)


# Numbers and quantities.


def half_of_last_digit(text):
    digits, _, power = text.lower().partition("e")
    places = len(digits.partition(".")[2])
    # "1e2" has the range [95 ... 105) in the specification: half of a tenth of the last digit's place.
    tenth = 1 if power and not places else 0
    return Decimal(5).scaleb(-places - 1 - tenth + int(power or 0))


def number_range(prefix, text):
    number = Decimal(text)
    if prefix in ("", "eq", "ne"):
        half = half_of_last_digit(text)
        return Range(number - half, number + half, has_high=False)
    if prefix == "ap":
        half = max(half_of_last_digit(text), abs(number) / 10)
        return Range(number - half, number + half, has_high=False)
    return Range(number, number)


def numbers_of(value):
    """The numbers that a number, a Quantity or a Range covers."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return Range(Decimal(str(value)), Decimal(str(value)))
    if not isinstance(value, dict):
        return None
    if "low" in value or "high" in value:
        low, high = (value.get(name, {}).get("value") for name in ("low", "high"))
        if low is None and high is None:
            return None
        covered = Range(*(None if end is None else Decimal(str(end)) for end in (low, high)))
        return None if covered.is_empty() else covered
    if not isinstance(value.get("value"), (int, float, Decimal)):
        return None
    number = Decimal(str(value["value"]))
    return {
        None: Range(number, number),
        "<": Range(None, number, has_high=False),
        "<=": Range(None, number),
        ">": Range(number, None, has_low=False),
        ">=": Range(number, None),
    }[value.get("comparator")]


def number_holds(prefix, text, value):
    target = numbers_of(value)
    return target is not None and compares(prefix, number_range(prefix, text), target)


def unit_holds(system, code, value):
    """`None` where the search does not say."""
    if not system and not code:
        return True
    if not isinstance(value, dict):
        return False
    value = value.get("low") or value.get("high") or value
    has_system, has_code = value.get("system"), value.get("code")
    if "currency" in value:
        has_system, has_code = CURRENCIES, value["currency"]
    if system:
        return has_system == system and (not code or has_code == code)
    return code in (has_code, value.get("unit"))


# Texts.

STRINGS = {"family", "given", "prefix", "suffix", "text", "line", "city", "district", "state", "postalCode", "country"}


def letter(character):
    """A letter with a stroke is the letter: Unicode says so in its name alone."""
    parts = re.fullmatch(r"LATIN SMALL LETTER (\w) WITH .*STROKE.*", unicodedata.name(character, ""))
    return parts[1].lower() if parts else character


@lru_cache(maxsize=None)
def bare(text):
    """Without case and without accents."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter(each) for each in apart if not unicodedata.combining(each))


def strings_of(value):
    if isinstance(value, str):
        return [value]
    found = []
    for name in sorted(STRINGS & value.keys()) if isinstance(value, dict) else []:
        found += value[name] if isinstance(value[name], list) else [value[name]]
    return [each for each in found if isinstance(each, str)]


def string_holds(modifier, text, value):
    for each in strings_of(value):
        if modifier == "exact":
            holds = each == text
        elif modifier == "contains":
            holds = bare(text) in bare(each)
        else:
            holds = bare(each).startswith(bare(text))
        if holds:
            return True
    return False


# Tokens.

PLAIN = object()


def codes_of(value):
    """Pairs of system and code. The system of a plain code is not in the resource."""
    if isinstance(value, bool):
        return [(PLAIN, str(value).lower())]
    if isinstance(value, (str, int, Decimal)):
        return [(PLAIN, str(value))]
    if "coding" in value:
        return [pair for coding in value["coding"] for pair in codes_of(coding)]
    code = value.get("value", value.get("code"))
    return [(value.get("system"), code)] if code is None or isinstance(code, str) else []


def token_holds(system, code, value, systems, is_string=False):
    """`system` is `None` where the search has no `|`, and empty before one; `code` is empty in `system|`."""
    for has_system, has_code in codes_of(value):
        if has_system is PLAIN:
            takes = not system or system in systems or (not systems and code)
        else:
            takes = system is None or system == (has_system or "")
        same = has_code == code or is_string and has_code.casefold() == code.casefold()
        if takes and (same or not code and system):
            return True
    return False


def texts_of(value):
    if not isinstance(value, dict):
        return []
    kind = value.get("type")
    texts = [value.get("text"), kind.get("text") if isinstance(kind, dict) else None]
    texts += [coding.get("display") for coding in value.get("coding", [value])]
    return [each for each in texts if isinstance(each, str)]


def text_holds(text, value):
    return any(string_holds("", text, each) for each in texts_of(value))


def of_type_holds(system, code, text, value):
    kinds = value.get("type", {}).get("coding", [])
    return value.get("value") == text and any((kind.get("system"), kind.get("code")) == (system, code) for kind in kinds)


# References and URIs.

LINK = re.compile(r"(https?://\S+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]+))?")


def reference_holds(text, of, value, base, targets):
    """`of` is the type that a modifier names; `base` our own address; `targets` the types that the parameter leads to.

    One rule is not the specification's: a reference in a resource to a resource of any server counts as one to the
    resource here, because fhirlite's files come from other servers.
    """
    if isinstance(value, dict) and "resourceType" in value:
        link = f"{value['resourceType']}/{value.get('id')}"
    else:
        link = value if isinstance(value, str) else value.get("reference")
    if not link:
        return False
    if link == text:
        return True
    if isinstance(value, str):
        return "|" not in text and link.split("|")[0] == text
    has, wanted = LINK.fullmatch(link), LINK.fullmatch(text.removeprefix(base + "/"))
    if wanted is None and re.fullmatch(r"[A-Za-z0-9.-]{1,64}", text):
        return bool(has) and has[3] == text and of in (None, has[2]) and has[2] in (targets or [has[2]])
    if has is None or wanted is None or wanted[1]:
        return False
    return has.group(2, 3) == wanted.group(2, 3) and wanted[4] in (None, has[4])


def uri_holds(modifier, text, value):
    if not isinstance(value, str):
        return False
    if modifier == "below":
        return value == text or value.startswith(text.rstrip("/") + "/")
    if modifier == "above":
        return value == text or text.startswith(value.rstrip("/") + "/")
    return value == text or "|" not in text and value.split("|")[0] == text
