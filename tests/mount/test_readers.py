# SPDX-License-Identifier: MIT
"""Other programs' readers get, cell for cell, what the sqlite3 shell says is in the database."""
import csv
import json
import subprocess

import pytest

import reference
import strict
from folder import slurp, stems, table_path

csv.field_size_limit(1 << 30)
CELL, ROW, NULL = b"\x1f", b"\x1e", b"\x02NULL"


def shell_rows(database, sql):
    """What the sqlite3 shell prints, as rows of bytes; NULL is None."""
    out = subprocess.run(["sqlite3", "-batch", "-ascii", "-nullvalue", NULL.decode(), database, sql],
                         stdout=subprocess.PIPE, check=True).stdout
    return [[None if cell == NULL else cell for cell in row.split(CELL)] for row in out.split(ROW)[:-1]]


def select_all(conn, table):
    return f"SELECT * FROM {reference.quote(table)} ORDER BY {reference.order_by(conn, table)}"


def same_as_shell(shown, said):
    """Texts are equal; of numbers the shell prints 15 digits only."""
    if shown == said:
        return True
    try:
        return b"." in said and b"%.15g" % float(shown) == b"%.15g" % float(said)
    except ValueError:
        return False


def test_python_csv_on_chinook(mount, chinook_db):
    """Python's csv cannot tell NULL from an empty text; everything else is equal."""
    folder, conn = mount(chinook_db).live(), reference.connect(chinook_db)
    for table in reference.tables(conn):
        with open(folder / f"{table}.csv", newline="", encoding="utf-8") as file:
            header, *records = csv.reader(file)
        assert header == [column.name for column in reference.columns(conn, table)]
        said = shell_rows(chinook_db, select_all(conn, table))
        assert len(records) == len(said)
        for record, row in zip(records, said):
            assert len(record) == len(row)
            assert all(same_as_shell(shown.encode(), cell or b"") for shown, cell in zip(record, row))


def test_jq_on_chinook(mount, chinook_db):
    folder, conn = mount(chinook_db).live(), reference.connect(chinook_db)
    for table in reference.tables(conn):
        for form, each in (("json", ".[]"), ("ndjson", ".")):
            program = each + r' | [.[] | if . == null then "\u0002NULL" else tostring end]' \
                r' | join("\u001f") + "\u001e"'
            out = subprocess.run(["jq", "-j", program, folder / f"{table}.{form}"],
                                 stdout=subprocess.PIPE, check=True).stdout
            records = [[None if cell == NULL else cell for cell in row.split(CELL)]
                       for row in out.split(ROW)[:-1]]
            said = shell_rows(chinook_db, select_all(conn, table))
            assert len(records) == len(said)
            for record, row in zip(records, said):
                assert len(record) == len(row)
                assert all(a == b or (a and b and same_as_shell(a, b)) for a, b in zip(record, row))


def test_python_csv_on_oddities(mount, odd_db):
    """Python's csv takes every file apart into as many cells as there are, each what strict says."""
    folder = mount(odd_db).live()
    for table, stem in stems(folder).items():
        path = table_path(folder, stem, "csv")
        with open(path, newline="", encoding="utf-8") as file:
            records = list(csv.reader(file))
        exact = strict.read_csv(slurp(path))
        exact = [[(cell or b"").decode() for cell in record] for record in exact]
        # A line of one NULL is an empty line, which csv.reader gives as no cells at all.
        assert [record or [""] for record in records] == exact, table


def test_jq_on_oddities(mount, odd_db):
    """jq takes every document; its numbers are doubles, so they are compared as such."""
    folder = mount(odd_db).live()
    for table, stem in stems(folder).items():
        raw = slurp(table_path(folder, stem, "ndjson"))
        lines = [line for line in raw.split(b"\n") if b"[" * 257 not in line and b'{"a":{"a":' not in line
                 and b"ud800" not in line]
        taken = subprocess.run(["jq", "-c", "."], input=b"\n".join(lines), stdout=subprocess.PIPE,
                               check=True).stdout.decode().split("\n")[:-1]
        ours = [line.decode() for line in lines if line]
        assert len(taken) == len(ours)
        for theirs, line in zip(taken, ours):
            assert as_doubles(theirs) == as_doubles(line), table


def as_doubles(text):
    """The value with every number as jq 1.6 holds it: a double of at most 17 digits."""
    return json.loads(text, parse_int=lambda n: "%.17g" % float(n), parse_float=lambda n: "%.17g" % float(n))


@pytest.mark.sanitize
def test_every_cell_comes_back(mount, odd_db):
    """From each format alone every cell can be had again, with its type."""
    folder, conn = mount(odd_db).live(), reference.connect(odd_db)
    for name, stem in stems(folder).items():
        table = name.decode()
        kinds = [column.kind for column in reference.columns(conn, table)]
        names = [column.name for column in reference.columns(conn, table)]
        rows = reference.cells(conn, table).fetchall()
        records = strict.read_csv(slurp(table_path(folder, stem, "csv")))[1:]
        objects = strict.read_ndjson(slurp(table_path(folder, stem, "ndjson")))
        assert objects == strict.read_json(slurp(table_path(folder, stem, "json")))
        assert len(rows) == len(records) == len(objects)
        for row, record, pairs in zip(rows, records, objects):
            assert [key for key, _ in pairs] == names
            for cell, field, (_, value), kind in zip(row, record, pairs, kinds):
                assert_cell(cell, field, value, kind)


def assert_cell(cell, field, value, kind):
    shown = strict.csv_value(field, kind)
    if kind != "bytes" and isinstance(cell, (int, float)):
        cell_in_csv = reference.Text(reference.number_text(cell))
    else:
        cell_in_csv = cell
    assert strict.same_cell(shown, cell_in_csv)
    if kind == "json" and isinstance(cell, reference.Text) and reference.json_document(cell):
        if not reference.OURS.match(cell):
            assert value == strict.load_json(cell.decode())
            return
    assert strict.same_cell(strict.json_value(value), cell)
