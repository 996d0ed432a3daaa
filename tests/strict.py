# SPDX-License-Identifier: MIT
"""Readers that accept the formats' own spelling and nothing else.

They are how a test gets cells back from a file: NULL and '' apart, numbers with every digit.
"""
import base64
import json
import re

from reference import Text, number_text

CSV_FIELD = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",\r\n]*))([,\n])')
NEEDS_QUOTES = re.compile(rb'[",\r\n]')


def read_csv(raw):
    """The records of a CSV file: None for NULL, else bytes. Refuses needless quotes."""
    records, record, position = [], [], 0
    while position < len(raw):
        match = CSV_FIELD.match(raw, position)
        assert match, f"not CSV at byte {position}: {raw[position:position + 60]!r}"
        position = match.end()
        quoted, bare, end = match.groups()
        if quoted is not None:
            value = quoted.replace(b'""', b'"')
            assert value == b"" or NEEDS_QUOTES.search(value), f"needless quotes around {value!r}"
        else:
            value = bare or None
        record.append(value)
        if end == b"\n":
            records.append(record)
            record = []
    assert not record, "the last line has no line end"
    return records


def csv_value(field, kind):
    """A field's cell as SQL knows it. A plain number comes back as Text: CSV does not tell."""
    if field is None:
        return None
    if kind == "bytes":
        if field.startswith(b"number:"):
            return number(field[7:])
        if field.startswith(b"text:"):
            return Text(field[5:])
    if field.startswith(b"text;base64:"):
        return Text(base64.b64decode(field[12:], validate=True))
    if kind == "bytes":
        return base64.b64decode(field, validate=True)
    if field.startswith(b"base64:"):
        return base64.b64decode(field[7:], validate=True)
    return Text(field)


def number(text):
    """int or float from the formats' digits."""
    return int(text) if re.fullmatch(rb"-?[0-9]+", text) else float(text)


class Digits(str):
    """A JSON number as it was written."""


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def load_json(text):
    """A JSON value with its numbers' digits kept and its objects as lists of pairs."""
    return json.loads(text, parse_int=Digits, parse_float=Digits, parse_constant=refuse,
                      object_pairs_hook=lambda pairs: ("object", pairs))


def read_ndjson(raw):
    """The objects of an NDJSON file, each a list of (key, value)."""
    assert raw == b"" or raw.endswith(b"\n"), "the last line has no line end"
    objects = []
    for line in raw.split(b"\n")[:-1]:
        tag, pairs = load_json(line.decode("utf-8"))
        assert tag == "object"
        objects.append(pairs)
    return objects


def read_json(raw):
    """The objects of a JSON file: one array, one object a line."""
    assert raw.startswith(b"[\n") and raw.endswith(b"]\n")
    lines = raw[2:-2]
    assert lines == b"" or lines.endswith(b"\n")
    parts = lines.split(b"\n")[:-1]
    assert all(line.endswith(b",") for line in parts[:-1])
    assert not parts or not parts[-1].endswith(b",")
    return read_ndjson(b"".join(line.removesuffix(b",") + b"\n" for line in parts))


def json_value(value):
    """The cell a JSON value stands for; a document of a json column comes back as it is."""
    if isinstance(value, Digits):
        return number(value.encode())
    if isinstance(value, str):
        return Text(value.encode())
    if isinstance(value, tuple) and value[1] and value[1][0][0].startswith("$"):
        fields = dict(value[1])
        if "$number" in fields:
            return float(fields["$number"])
        if "$text" in fields:
            return Text(fields["$text"].encode())
        kind = Text if fields.get("text") else bytes
        return kind(base64.b64decode(fields["encoded"], validate=True))
    return value


def same_cell(left, right):
    """Equal in value and in kind; -0.0 and 0.0 differ."""
    if isinstance(left, float) or isinstance(right, float):
        return type(left) is type(right) and number_text(left) == number_text(right)
    return type(left) is type(right) and left == right
