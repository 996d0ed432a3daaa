# SPDX-License-Identifier: MIT
"""A target that is another now: what differs is said before, and no value is changed to fit it."""
import json
import sqlite3

import pytest

KINDS = ["sqlite", "mysql", "postgresql"]


def make(path, *statements):
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    return path


def test_what_differs_is_said(kind, place, counts, work):
    """Retyped, narrowed, added columns, another key; --ignore-columns for one that is gone."""
    source = make(work / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, gone TEXT, name VARCHAR(50), twice INTEGER)",
                  "INSERT INTO t VALUES (1, '12', 'x', 'short', 5)")
    target = place(kind)
    target.sql("CREATE TABLE t (id BIGINT NOT NULL, code BIGINT, name VARCHAR(9), added VARCHAR(9) DEFAULT 'new', "
               "twice BIGINT GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (name))")
    told = counts("--ignore-columns", "gone", "--to", target.url, source)["t"]
    notes = "\n".join(told["notes"])
    assert told["inserted"] == 1
    for words in ('column "gone" is ignored', 'column "added" is new: new rows get its default',
                  "the primary key is another one", 'column "code" was', 'column "twice" is generated in the target'):
        assert words in notes, notes
    assert target.value("SELECT added FROM t WHERE twice = 2") == "new"


# Column of the target → a value that it does not hold as it is, of the source's type.
LOSSY = {
    "mysql": [("VARCHAR(3)", "TEXT", "four", "more characters"), ("TINYINT", "INTEGER", 128, "out of the column's range"),
              ("INT UNSIGNED", "INTEGER", -1, ""), ("DECIMAL(5,2)", "TEXT", "1.234", ""),
              ("DATE", "TEXT", "2026-02-30", "no day"), ("DATETIME", "TEXT", "2026-01-01 25:00:00", ""),
              ("VARCHAR(9) CHARACTER SET latin1", "TEXT", "李", ""), ("VARCHAR(9) CHARACTER SET utf8mb3", "TEXT", "🙂", ""),
              ("ENUM('a','b')", "TEXT", "c", ""), ("FLOAT", "REAL", 0.1 + 1e-12, ""), ("CHAR(5)", "TEXT", "x ", ""),
              ("JSON", "TEXT", "{", ""), ("BINARY(3)", "BLOB", b"ab", ""), ("YEAR", "INTEGER", 1800, "")],
    "postgresql": [("varchar(3)", "TEXT", "four", "more characters"), ("smallint", "INTEGER", 32768, "out of the column's range"),
                   ("numeric(5,2)", "TEXT", "1.234", ""), ("date", "TEXT", "2026-02-30", "no day"),
                   ("timestamp", "TEXT", "2026-01-01 25:00:00", ""), ("text", "TEXT", "a\0b", "NUL"),
                   ("real", "REAL", 0.1 + 1e-12, ""), ("boolean", "INTEGER", 2, ""), ("uuid", "TEXT", "x", ""),
                   ("json", "TEXT", "{", ""), ("timestamp(0)", "TEXT", "2026-01-01 00:00:00.5", "")],
    "sqlite": [("INTEGER", "TEXT", "007", ""), ("REAL", "TEXT", "9007199254740993", "read back")],
}


@pytest.mark.parametrize("kind, column, declared, value, words",
                         [(kind, *one) for kind in KINDS for one in LOSSY[kind]],
                         ids=lambda one: one if isinstance(one, str) and len(one) < 30 else "")
def test_no_value_is_changed(kind, column, declared, value, words, place, crmfs, work):
    """Too long, out of range, no date, another character set: refused with row, column and reason."""
    source = work / "s.db"
    with sqlite3.connect(source) as database:
        database.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(1, None), (2, value)])
    database.close()
    target = place(kind)
    target.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, source, status=1).stderr
    assert 'table "t"' in told and words in told, told
    assert "row 2 (id 2): " in told or words == "read back", told
    assert target.value("SELECT count(*) FROM t") == "0", "nothing is changed"


def test_counting_goes_on_behind_the_rows(kind, place, crmfs, work):
    """Of a table that was there."""
    source = make(work / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)",
                  "INSERT INTO t VALUES (500, 'x')")
    target = place(kind)
    target.sql({"sqlite": "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)",
                "mysql": "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(9))",
                "postgresql": "CREATE TABLE t (id serial PRIMARY KEY, v text)"}[kind] + "; INSERT INTO t (v) VALUES ('y')")
    crmfs("restore", "--mode", "upsert", "--to", target.url, source)
    target.sql("INSERT INTO t (v) VALUES ('z')")
    assert target.value("SELECT id FROM t WHERE v = 'z'") == "501"


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_the_row_that_is_bad_is_set_aside(kind, place, counts, work):
    """That one and no other, whatever the server says of where in its value it stopped."""
    source = make(work / "s.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, doc TEXT)",
                  "INSERT INTO t VALUES (1, '[]'), (2, '{\n\n}'), (3, '{\n,'), (4, '{}')")
    target = place(kind)
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON)")
    aside = work / "aside.ndjson"
    assert counts("--skip-bad", aside, "--to", target.url, source)["t"]["set_aside"] == 1
    assert [json.loads(line)["values"]["id"] for line in aside.read_text().splitlines()] == ["3"]
    assert target.sql("SELECT id FROM t ORDER BY id").split() == ["1", "2", "4"]


@pytest.mark.parametrize("mode", ["upsert", "missing", "replace"])
def test_rows_that_are_there_need_no_column_that_only_new_ones_need(place, crmfs, counts, kind, mode):
    """The column is NOT NULL and without a default: it stays as it is, and a new row is refused."""
    target, source = place(kind), place("sqlite")
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, note VARCHAR(20))")
    target.sql("INSERT INTO t VALUES (1, 'one', 'old'), (2, 'two', 'old'), (3, 'three', 'old')")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO t VALUES (1, 'new'), (3, 'new')")
    counts("--mode", mode, "--to", target.url, source.url)
    stays = {"upsert": ["new", "old", "new"], "missing": ["old"] * 3, "replace": ["new", "new"]}[mode]
    names = ["one", "three"] if mode == "replace" else ["one", "two", "three"]
    assert target.sql("SELECT note FROM t ORDER BY id").split() == stays
    assert target.sql("SELECT name FROM t ORDER BY id").split() == names
    source.sql("INSERT INTO t VALUES (4, 'new')")
    assert "name" in crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=1).stderr
    assert target.sql("SELECT note FROM t ORDER BY id").split() == stays
