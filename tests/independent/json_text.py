"""JSON as text: where values begin and end, so that they can be compared byte for byte."""

import re
from json.decoder import scanstring

SPACE = " \t\r\n"
STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.S)


def minify(text):
    """The text without the space between its values."""
    return STRING_OR_SPACE.sub(lambda m: m.group(1) or "", text)


def one_line(text):
    """The text without line breaks."""
    text = text.strip(SPACE)
    return minify(text) if "\n" in text or "\r" in text else text


def skip(text, at):
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at


def value_end(text, at):
    """One past the JSON value that starts at `at`."""
    if text[at] == '"':
        return scanstring(text, at + 1, False)[1]
    if text[at] in "{[":
        depth = 0
        while True:
            c = text[at]
            if c == '"':
                at = scanstring(text, at + 1, False)[1]
                continue
            depth += (c in "{[") - (c in "}]")
            at += 1
            if depth == 0:
                return at
    while at < len(text) and text[at] not in SPACE + ",]}":
        at += 1
    return at


def members(text):
    """The members of the object that `text` is: name -> (start, end) of the value."""
    found, at = {}, skip(text, 0)
    at = skip(text, at + 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1, False)
        at = skip(text, skip(text, at) + 1)
        end = value_end(text, at)
        found.setdefault(name, (at, end))
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found


def elements(text):
    """The texts of the elements of the array that `text` is."""
    at = skip(text, 1)
    while text[at] != "]":
        end = value_end(text, at)
        yield text[at:end]
        at = skip(text, end)
        if text[at] == ",":
            at = skip(text, at + 1)
