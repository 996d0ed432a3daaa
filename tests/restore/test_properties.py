# SPDX-License-Identifier: MIT
"""
Random tables (keys of one column, of several, none; NULLs, bytes, empty texts, a child with a foreign
key), random edits of the target, a restore in some mode: the target is what the mode says, row by row.

RESTORE_SEEDS says how many are tried of each kind of database.
"""
import math
import os
import random
import sqlite3

import pytest

SEEDS = int(os.environ.get("RESTORE_SEEDS", "2"))
TEXTS = ["", " ", "a", "A", "ä", "a ", "NULL", "\\N", "\\", "a\tb", "line\nend\r\n", '"quoted"', "'", "%", "x,y", "李 🙂",
         "0", "007", "z" * 300]
NUMBERS = [0, 1, -1, 2**31, -2**31, 2**63 - 1, -2**63]
FLOATS = [0.0, 1.5, -0.1, 1e300, 5e-324, 1e15, 1 / 3]
BYTES = [b"", b"\0", b"\xff\x00\t\n\\", bytes(range(256)), b"text"]
# Kind → its declared type in SQLite, and what a value of it may be.
KINDS = {
    "whole": ("INTEGER", NUMBERS), "text": ("TEXT", TEXTS), "short": ("VARCHAR(300)", TEXTS),
    "real": ("DOUBLE", FLOATS), "bytes": ("BLOB", BYTES),
    "day": ("DATE", ["2026-11-29", "1970-01-01", "9999-12-31"]),
}
KEYS = [["whole"], ["short"], ["short", "whole"], ["whole", "short"], []]


class Table:
    """Columns with their kinds; rows as a dictionary by key, or as a list where there is none."""

    def __init__(self, dice, name, parent=None):
        self.name, self.parent = name, parent
        self.key_kinds = dice.choice(KEYS[:-1] if parent is None else KEYS)
        self.kinds = {f"k{i}": kind for i, kind in enumerate(self.key_kinds)}
        self.key = list(self.kinds)
        if parent is not None:
            self.kinds.update({f"p{i}": kind for i, kind in enumerate(parent.key_kinds)})
        self.kinds.update({f"c{i}": dice.choice(list(KINDS)) for i in range(dice.randint(1, 5))})

    def value(self, dice, column):
        kind = self.kinds[column]
        if column not in self.key and dice.random() < 0.2:
            return None
        if kind == "whole" and column in self.key:
            return dice.randint(-5, 25)
        if column in self.key:
            return dice.choice(TEXTS)[:100] + dice.choice(["", "x", "y"])
        return dice.choice(KINDS[kind][1])

    def row(self, dice, parents):
        """A random row; of a child, its parent is one of PARENTS or none."""
        row = {column: self.value(dice, column) for column in self.kinds}
        if self.parent is not None:
            chosen = dice.choice(sorted(parents, key=repr)) if parents and dice.random() < 0.8 else None
            row.update({f"p{i}": chosen[i] if chosen else None for i in range(len(self.parent.key))})
        return tuple(row.values())

    def key_of(self, row):
        return row[:len(self.key)]

    def parent_of(self, row):
        return row[len(self.key):len(self.key) + len(self.parent.key)]

    def declaration(self):
        lines = [f"{column} {KINDS[kind][0]}{' NOT NULL' if column in self.key else ''}"
                 for column, kind in self.kinds.items()]
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(self.key)})")
        if self.parent is not None:
            mine = ", ".join(f"p{i}" for i in range(len(self.parent.key)))
            lines.append(f"FOREIGN KEY ({mine}) REFERENCES {self.parent.name} ({', '.join(self.parent.key)})")
        return f"CREATE TABLE {self.name} ({', '.join(lines)})"


def literal(kind, value):
    """A value in SQL of a kind of database, in no way that crmfs writes one."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea" if kind == "postgresql" else f"x'{value.hex()}'"
    digits = value.encode().hex()
    return {"sqlite": f"CAST(x'{digits}' AS TEXT)", "mysql": f"CONVERT(x'{digits}' USING utf8mb4)",
            "postgresql": f"convert_from('\\x{digits}', 'UTF8')"}[kind] + (
                "::date" if kind == "postgresql" and value[4:5] == "-" and len(value) == 10 else "")


def shown(kind, column, of):
    """SQL that shows a column as text without odd characters, NULL as "-"."""
    hexed = {"sqlite": f"hex({column})", "mysql": f"HEX({column})",
             "postgresql": f"upper(encode({column if of == 'bytes' else f'convert_to({column}::text, %s)' % repr('UTF8')},"
                           " 'hex'))"}[kind]
    if kind == "mysql" and of in ("text", "short", "day"):
        hexed = f"HEX(CONVERT({column} USING utf8mb4))"
    plain = {"sqlite": f"CAST({column} AS TEXT)", "mysql": f"CONCAT({column})", "postgresql": f"{column}::text"}[kind]
    if kind == "sqlite" and of == "real":
        plain = f"printf('%!.17g', {column})"
    return f"CASE WHEN {column} IS NULL THEN '-' ELSE {plain if of in ('whole', 'real') else hexed} END"


def read_back(text, of):
    if text == "-":
        return None
    if of in ("whole", "real"):
        return int(text) if of == "whole" else float(text)
    return bytes.fromhex(text) if of == "bytes" else bytes.fromhex(text).decode()


def rows_of(place, table):
    """The rows that are there, sorted."""
    columns = [shown(place.kind, column, kind) for column, kind in table.kinds.items()]
    all_of_them = f"CONCAT_WS('|', {', '.join(columns)})" if place.kind == "mysql" else " || '|' || ".join(columns)
    parted = [line.split("|") for line in place.sql(f"SELECT {all_of_them} FROM {table.name}").splitlines()]
    return sorted((tuple(map(read_back, line, table.kinds.values())) for line in parted), key=repr)


def insert(kind, table, row):
    return f"INSERT INTO {table.name} VALUES ({', '.join(literal(kind, value) for value in row)})"


def where_key(kind, table, row):
    parts = zip(table.key, table.key_of(row))
    return " AND ".join(f"{column} = {literal(kind, value)}" for column, value in parts)


def make_source(path, tables, contents):
    with sqlite3.connect(path) as database:
        for table in tables:
            database.execute(table.declaration())
            marks = ", ".join("?" * len(table.kinds))
            database.executemany(f"INSERT INTO {table.name} VALUES ({marks})", contents[table.name])
    database.close()


def random_rows(dice, table, parents, most):
    rows = {}
    for number in range(dice.randint(0, most)):
        row = table.row(dice, parents)
        rows[table.key_of(row) if table.key else number] = row
    return list(rows.values())


def edit(dice, place, tables, contents):
    """Random rows changed, deleted and added in the target, so that every foreign key holds."""
    parent, child = tables
    result, statements = {}, []
    for table in tables:
        parents = {parent.key_of(row) for row in result.get(parent.name, ())}
        kept, keys = [], set()
        needed = {child.parent_of(row) for row in contents[child.name]} if table is parent else set()
        for row in contents[table.name]:
            fate = dice.random()
            if fate < 0.3 and table.key and table.key_of(row) not in needed:
                statements.append(f"DELETE FROM {table.name} WHERE {where_key(place.kind, table, row)}")
                continue
            if fate < 0.6 and table.key:
                new = table.key_of(row) + table.row(dice, parents)[len(table.key):]
                sets = ", ".join(f"{column} = {literal(place.kind, value)}"
                                 for column, value in list(zip(table.kinds, new))[len(table.key):])
                statements.append(f"UPDATE {table.name} SET {sets} WHERE {where_key(place.kind, table, row)}")
                row = new
            kept.append(row)
            keys.add(table.key_of(row))
        added = [row for row in random_rows(dice, table, parents, 6) if not table.key or table.key_of(row) not in keys]
        statements += [insert(place.kind, table, row) for row in added]
        result[table.name] = kept + added
    first = ["SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')"] if place.kind == "mysql" else []
    place.sql(";\n".join([*first, "BEGIN", *statements, "COMMIT;"]))
    return result


def expected(mode, table, source, target):
    """What the target's table is to hold; None: the restore is to be refused."""
    if not table.key:
        return None if mode != "append" else source + target
    old = {table.key_of(row): row for row in target}
    new = {table.key_of(row): row for row in source}
    if mode == "append":
        return None if old.keys() & new.keys() else target + source
    if mode == "replace":
        return source
    return list(({**old, **new} if mode == "upsert" else {**new, **old}).values())


def same(rows, wanted):
    """Equal, a float's sign and all."""
    def form(row):
        return tuple((value, math.copysign(1, value)) if isinstance(value, float) else value for value in row)
    return sorted(map(repr, map(form, rows))) == sorted(map(repr, map(form, wanted)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_restore_is_what_its_mode_says(kind, place, crmfs, work, seed):
    dice = random.Random(f"{kind} {seed}")
    parent = Table(dice, "parents")
    tables = [parent, Table(dice, "children", parent)]
    source = {"parents": random_rows(dice, parent, (), 20)}
    source["children"] = random_rows(dice, tables[1], {parent.key_of(row) for row in source["parents"]}, 30)
    make_source(work / "source.db", tables, source)
    target = place(kind)
    crmfs("restore", "--to", target.url, work / "source.db")
    for table in tables:
        assert same(rows_of(target, table), source[table.name]), f"made anew: {table.declaration()}"
    there = source
    for mode in dice.sample(["append", "upsert", "replace", "missing"], 4):
        there = edit(dice, target, tables, there)
        wanted = {table.name: expected(mode, table, source[table.name], there[table.name]) for table in tables}
        refused = None in wanted.values()
        done = crmfs("restore", "--mode", mode, "--to", target.url, work / "source.db", status=int(refused))
        if not refused:
            there = wanted
        for table in tables:
            assert same(rows_of(target, table), there[table.name]), (mode, table.declaration(), done.stderr)
