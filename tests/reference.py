# SPDX-License-Identifier: MIT
"""The format rules of fs/table/README.md once more, written from the rules alone.

Renders any table of a SQLite file to the bytes that crmfs has to show. Slow and plain on purpose:
it holds a whole table in memory and shares no line with the C code.
"""
import base64
import hashlib
import math
import re
import sqlite3
from decimal import Decimal

FORMATS = ("csv", "json", "ndjson")


class Text(bytes):
    """A TEXT cell, byte for byte; a BLOB cell is plain bytes."""


def connect(path):
    """Opens a database so that texts arrive as they are stored."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.text_factory = Text
    return conn


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def rows_of(conn, sql, *params):
    return conn.execute(sql, params).fetchall()


# --- what is in the database -------------------------------------------------------------------


def tables(conn, shadow=False):
    """Names of all tables and views, without SQLite's own; shadow tables of FTS when asked."""
    found = []
    for schema, name, kind, *_ in rows_of(conn, "PRAGMA table_list"):
        name = name.decode()
        if schema == b"main" and not name.startswith("sqlite_") and (shadow or kind != b"shadow"):
            found.append(name)
    return sorted(found)


class Column:
    def __init__(self, name, declared, notnull, key, hidden):
        self.name, self.declared, self.notnull = name, declared, bool(notnull)
        self.key = key  # position in the primary key from 1; 0: not part of it
        self.generated = hidden in (2, 3)
        self.kind = kind_of(declared)


def kind_of(declared):
    """'bytes', 'json' or 'plain', from the type a column was declared with."""
    word = declared.upper().split("(")[0].strip()
    if word in ("BLOB", "BYTEA", "BINARY", "VARBINARY", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB"):
        return "bytes"
    return "json" if word in ("JSON", "JSONB") else "plain"


def columns(conn, table):
    """The columns SELECT * shows: generated ones too, hidden ones of virtual tables not."""
    return [
        Column(name.decode("utf-8", "replace"), declared.decode("utf-8", "replace"), notnull, key, hidden)
        for _, name, declared, notnull, _, key, hidden in rows_of(
            conn, f"PRAGMA table_xinfo({quote(table)})"
        )
        if hidden != 1
    ]


def index_terms(conn, index):
    """ORDER BY terms of an index's key columns, or None if one is an expression."""
    terms = []
    for _, cid, name, desc, collation, is_key in rows_of(conn, f"PRAGMA index_xinfo({quote(index)})"):
        if is_key and cid < 0:
            return None
        if is_key:
            terms.append((name.decode(), collation.decode(), bool(desc)))
    return terms


def rowid_name(conn, table):
    """The name under which the rowid can be had, or None."""
    listed = rows_of(conn, f"PRAGMA table_list({quote(table)})")[0]
    if listed[2] == b"view" or listed[4]:
        return None
    taken = {c[1].decode("utf-8", "replace").lower()
             for c in rows_of(conn, f"PRAGMA table_xinfo({quote(table)})")}
    for name in ("rowid", "_rowid_", "oid"):
        if name not in taken:
            return name
    return None


def order_by(conn, table):
    """The rule "Order": primary key, unique key over NOT NULL columns, rowid, all columns."""
    cols = columns(conn, table)
    rowid = rowid_name(conn, table)
    tie = f", {rowid}" if rowid else ""
    keys = {c.name: c for c in cols}
    indexes = rows_of(conn, f"PRAGMA index_list({quote(table)})")
    for _, name, _, origin, _ in indexes:
        if origin == b"pk":
            return ", ".join(term(*t) for t in index_terms(conn, name.decode())) + tie
    pk = sorted((c for c in cols if c.key), key=lambda c: c.key)
    if pk:
        return ", ".join(quote(c.name) for c in pk)
    candidates = []
    for _, name, unique, _, partial in indexes:
        terms = index_terms(conn, name.decode()) if unique and not partial else None
        if terms and all(t[0] in keys and keys[t[0]].notnull for t in terms):
            candidates.append((len(terms), name, terms))
    if candidates:
        return ", ".join(term(*t) for t in min(candidates)[2])
    if rowid:
        return rowid
    return ", ".join(quote(c.name) for c in cols)


def term(name, collation, desc):
    return f"{quote(name)} COLLATE {collation}" + (" DESC" if desc else "")


def cells(conn, table):
    """All rows in their order: None, int, float, Text or bytes a cell."""
    names = ", ".join(quote(c.name) for c in columns(conn, table))
    return conn.execute(f"SELECT {names} FROM {quote(table)} ORDER BY {order_by(conn, table)}")


# --- file names --------------------------------------------------------------------------------


def encode_name(name):
    """A table's name as the beginning of its files' names, before any cutting."""
    raw = name if isinstance(name, bytes) else name.encode()
    out, first = bytearray(), True
    for char in raw.decode("utf-8", "surrogateescape"):
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            out += b"%%%02X" % (code - 0xDC00)
        elif char in "/%" or code < 0x20 or code == 0x7F or (first and char == "."):
            out += b"%%%02X" % code
        else:
            out += char.encode()
        first = False
    return bytes(out) or b"%"


# --- numbers -----------------------------------------------------------------------------------


def number_text(value):
    """An int or float as the formats write it."""
    if isinstance(value, int):
        return b"%d" % value
    if math.isnan(value):
        return b"NaN"
    if math.isinf(value):
        return b"Infinity" if value > 0 else b"-Infinity"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    power = len(digits) + exponent - 1 if digits else 0
    digits = digits.rstrip("0") or "0"
    if -4 <= power <= 14:
        if power < 0:
            digits, power = "0" * -power + digits, 0
        digits = digits.ljust(power + 1, "0")
        text = digits[: power + 1] + "." + (digits[power + 1 :] or "0")
    else:
        text = f"{digits[0]}.{digits[1:] or '0'}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return (("-" if sign else "") + text).encode()


def is_utf8(raw):
    try:
        raw.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


# --- CSV ---------------------------------------------------------------------------------------

NEEDS_QUOTES = re.compile(rb'[",\r\n]')


def csv_field(raw):
    if raw == b"" or NEEDS_QUOTES.search(raw):
        return b'"' + raw.replace(b'"', b'""') + b'"'
    return bytes(raw)


def csv_cell(cell, kind):
    if cell is None:
        return b""
    tagged = kind == "bytes"
    if isinstance(cell, (int, float)):
        return (b"number:" if tagged else b"") + number_text(cell)
    if not isinstance(cell, Text):
        return csv_field(base64.b64encode(cell)) if tagged else b"base64:" + base64.b64encode(cell)
    if not is_utf8(cell):
        return b"text;base64:" + base64.b64encode(cell)
    if tagged:
        return csv_field(b"text:" + cell)
    if cell.startswith((b"base64:", b"text;base64:")):
        return b"text;base64:" + base64.b64encode(cell)
    return csv_field(cell)


def csv_lines(conn, table):
    cols = columns(conn, table)
    kinds = [c.kind for c in cols]
    yield b",".join(csv_field(c.name.encode()) for c in cols) + b"\n"
    for row in cells(conn, table):
        yield b",".join(map(csv_cell, row, kinds)) + b"\n"


# --- JSON --------------------------------------------------------------------------------------

SHORT_ESCAPES = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
ESCAPED = re.compile(rb'["\\\x00-\x1f]')


def json_string(raw):
    def escape(match):
        code = match.group()[0]
        return SHORT_ESCAPES.get(code) or b"\\u%04x" % code

    return b'"' + ESCAPED.sub(escape, raw) + b'"'


JSON_STRING = rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
JSON_TOKEN = re.compile(
    rb"[ \t\r\n]*(?:(" + JSON_STRING + rb")"
    rb"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)|([][{},:]))"
)


JSON_DEPTH_LIMIT = 512


def json_document(raw):
    """True if raw is one JSON document (RFC 8259) of at most JSON_DEPTH_LIMIT levels."""
    position, stack, expect = 0, [], "value"
    while True:
        if expect == "end":
            return not raw[position:].strip(b" \t\r\n")
        match = JSON_TOKEN.match(raw, position)
        if not match:
            return False
        position = match.end()
        string, scalar, mark = match.groups()
        if expect in ("value", "value or ]") and (string or scalar):
            expect = "next" if stack else "end"
        elif expect in ("value", "value or ]") and mark in (b"[", b"{"):
            stack.append(mark)
            if len(stack) > JSON_DEPTH_LIMIT:
                return False
            expect = "value or ]" if mark == b"[" else "key or }"
        elif expect in ("key", "key or }") and string:
            expect = ":"
        elif expect == ":" and mark == b":":
            expect = "value"
        elif expect == "next" and mark == b",":
            expect = "value" if stack[-1] == b"[" else "key"
        elif mark == b"]" and stack and stack[-1] == b"[" and expect in ("next", "value or ]") or (
            mark == b"}" and stack and stack[-1] == b"{" and expect in ("next", "key or }")
        ):
            stack.pop()
            expect = "next" if stack else "end"
        else:
            return False


OURS = re.compile(rb'[ \t\r\n]*(?:null|\{[ \t\r\n]*"(?:\$|\\u0024))')


def json_cell(cell, kind):
    if cell is None:
        return b"null"
    if isinstance(cell, (int, float)):
        text = number_text(cell)
        return b'{"$number":"%s"}' % text if text[-1:] in b"yN" else text
    if not isinstance(cell, Text):
        return b'{"$base64":true,"encoded":"%s"}' % base64.b64encode(cell)
    if not is_utf8(cell):
        return b'{"$base64":true,"encoded":"%s","text":true}' % base64.b64encode(cell)
    if kind != "json":
        return json_string(cell)
    if json_document(cell) and not OURS.match(cell):
        return cell.replace(b"\n", b" ").replace(b"\r", b" ")
    return b'{"$text":%s}' % json_string(cell)


def json_objects(conn, table):
    cols = columns(conn, table)
    kinds = [c.kind for c in cols]
    keys = [json_string(c.name.encode()) + b":" for c in cols]
    for row in cells(conn, table):
        yield b"{" + b",".join(k + json_cell(c, t) for k, c, t in zip(keys, row, kinds)) + b"}"


# --- whole files -------------------------------------------------------------------------------


def render(conn, table, form):
    """The bytes of a table's file in one of FORMATS."""
    if form == "csv":
        return b"".join(csv_lines(conn, table))
    if form == "ndjson":
        return b"".join(line + b"\n" for line in json_objects(conn, table))
    body = b",\n".join(json_objects(conn, table))
    return b"[\n" + (body + b"\n" if body else b"") + b"]\n"


# --- Records -----------------------------------------------------------------------------------


def key_columns(conn, table):
    """The names of the columns that tell rows apart: the primary key's, else the unique key's that
    rows are ordered by."""
    cols = columns(conn, table)
    key = [c.name for c in sorted((c for c in cols if c.key), key=lambda c: c.key)]
    if key:
        return key
    best = None
    for _, name, unique, _, partial in rows_of(conn, f"PRAGMA index_list({quote(table)})"):
        terms = index_terms(conn, name.decode()) if unique and not partial else None
        if terms and all(any(c.name == t[0] and c.notnull for c in cols) for t in terms):
            best = min(best or (len(terms), name, terms), (len(terms), name, terms))
    return [t[0] for t in best[2]] if best else []


def record_name(key, kinds):
    """What a row's file is called, without .json; None: a part of its key is NULL."""
    if None in key:
        return None
    parts = []
    for cell, kind in zip(key, kinds):
        field = csv_cell(cell, kind)
        body = field[1:-1].replace(b'""', b'"') if field[:1] == b'"' else field
        parts.append(b"".join(b"%%%02X" % byte if byte < 0x20 or byte in b"\x7f/%," else bytes([byte])
                              for byte in body))
    name = b",".join(parts) or b"%"
    if name[:1] == b".":
        name = b"%2E" + name[1:]
    if len(name) > 250:
        digits = hashlib.blake2b(name, digest_size=32).hexdigest()[:16].encode()
        end = 250 - 17
        while name[end] & 0xC0 == 0x80:
            end -= 1
        if b"%" in name[end - 2:end]:
            end = name.rindex(b"%", 0, end)
        name = name[:end] + b"~" + digits
    return name


def records(conn, table):
    """(name or None, content) of every row, in order."""
    cols, key = columns(conn, table), key_columns(conn, table)
    places = [[c.name for c in cols].index(name) for name in key]
    kinds = [cols[place].kind for place in places]
    for row, line in zip(cells(conn, table), render(conn, table, "ndjson").splitlines(keepends=True)):
        yield record_name([row[place] for place in places], kinds), line
