# SPDX-License-Identifier: MIT
"""Tables from each kind of database into each other and back: what comes back is what went."""
import json
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

import test_mysql_fidelity as mysql_types
import test_postgres_types as postgres_types

CHINOOK = Path(__file__).resolve().parent.parent / "data" / "chinook" / "Chinook_Sqlite.sqlite"
CHINOOK_TABLES = 11


def shown(crmfs, store, name, place):
    """Every table of a place as CSV, as a snapshot of it shows them."""
    store.take(name, f"crm={place.url}")
    return {table: store.export(name, table) for table in tables_of(place)}


def tables_of(place):
    question = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    }[place.kind]
    return place.sql(question).split()


def test_chinook_through_all_three_and_back(crmfs, store, place):
    """SQLite → MariaDB → PostgreSQL → SQLite: equal, keys and all."""
    first, second, third = place("mysql"), place("postgresql"), place("sqlite")
    crmfs("restore", "--to", first.url, CHINOOK)
    crmfs("restore", "--to", second.url, first.url)
    crmfs("restore", "--to", third.url, second.url)
    store.take("before", f"crm={CHINOOK}")
    store.take("after", f"crm={third.url}")
    names = tables_of(third)
    assert len(names) == CHINOOK_TABLES
    for name in names:
        assert store.export("before", name) == store.export("after", name), name
    assert third.value("PRAGMA foreign_key_check") == ""
    assert third.value("SELECT count(*) FROM pragma_foreign_key_list('Track')") == "3"
    assert second.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == "11"
    assert second.value("INSERT INTO \"Artist\" (\"Name\") VALUES ('new') RETURNING \"ArtistId\"") == "276"
    assert first.value("INSERT INTO Artist (Name) VALUES ('new'); SELECT LAST_INSERT_ID()") == "276"


def test_every_type_of_mysql_to_mysql(crmfs, store, maria, place):
    source, target = place("mysql"), place("mysql")
    mysql_types.make(maria, database_of(source))
    source.sql("UPDATE every SET choice = NULL WHERE choice = ''")  # no value of the type: strict mode knows none
    crmfs("restore", "--to", target.url, source.url)
    assert shown(crmfs, store, "from", source) == shown(crmfs, store, "to", target)
    assert source.value("SHOW CREATE TABLE every") == target.value("SHOW CREATE TABLE every")


JOURNAL_STAYS = """
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int unlink(const char *path)
{
    const char *name = strrchr(path, '/');
    return name != NULL && strcmp(name, "/journal") == 0 ? 0 : (int)syscall(SYS_unlink, path);
}
"""


@pytest.mark.parametrize("kinds", [(None, "sqlite"), (None, "mysql"), (None, "postgresql"), ("mysql", "mysql"),
                                   ("postgresql", "postgresql"), ("mysql", "sqlite")])
def test_a_migration_that_goes_on_tells_values_for_what_they_were(crmfs, maria, place, work, kinds):
    """It ended before its journal went: no table is taken for one whose source has changed."""
    source, target, library = place(kinds[0] or "sqlite"), place(kinds[1]), work / "stays.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=JOURNAL_STAYS, text=True, check=True)
    if kinds[0] == "mysql":
        mysql_types.make(maria, database_of(source))
        source.sql("UPDATE every SET choice = NULL WHERE choice = ''")
    elif kinds[0] == "postgresql":
        source.sql(postgres_types.make_table())
    words = ["migrate", "--json", "--journal", work / "journal", source.url if kinds[0] else CHINOOK, target.url]
    first = json.loads(crmfs(*words, LD_PRELOAD=str(library)).stdout)
    assert json.loads(crmfs(*words).stdout) == {**first, "resumed": True}
    assert not (work / "journal").exists()


def test_every_type_of_mysql_in_a_table_of_its_own(crmfs, maria, place):
    """How its rows are sent depends on what a table has beside."""
    source, target = place("mysql"), place("mysql")
    mysql_types.make(maria, database_of(source))
    source.sql("UPDATE every SET choice = NULL WHERE choice = '';"
               + ";".join(f"CREATE TABLE of_{name} (PRIMARY KEY (id)) AS SELECT id, {name} FROM every"
                          for name in mysql_types.TYPES))
    crmfs("restore", "--to", target.url, source.url)
    for name in mysql_types.TYPES:
        question = f"SELECT id, HEX({name}), {name} * 1e0 FROM of_{name} ORDER BY id"
        question = question if name in mysql_types.FLOATS else question.replace(f", {name} * 1e0", "")
        assert source.value(question) == target.value(question), name
        assert source.value(f"SHOW CREATE TABLE of_{name}") == target.value(f"SHOW CREATE TABLE of_{name}")


def test_every_type_of_postgresql_to_postgresql(crmfs, store, place):
    source, target = place("postgresql"), place("postgresql")
    source.sql(postgres_types.make_table())
    crmfs("restore", "--to", target.url, source.url)
    assert shown(crmfs, store, "from", source) == shown(crmfs, store, "to", target)


def database_of(place):
    return place.url.split("/")[3].split("?")[0]


def restore_what_fits(crmfs, target, source):
    """Restores with fewer and fewer columns, until the rest fits; the columns that were refused, with why."""
    refused = {}
    while True:
        ignored = ["--ignore-columns", ",".join(refused)] if refused else []
        done = crmfs("restore", *ignored, "--to", target.url, source.url, status=None)
        if done.returncode == 0:
            return refused
        (column,) = re.findall(r'column "(\w+)": ', done.stderr)
        assert column not in refused, done.stderr
        refused[column] = done.stderr


# What another database cannot hold is refused in words that name the row, the column, the value.
REFUSED = {
    "sqlite": {},
    "postgresql": {"day": "0000-00-00", "moment": "0000-00-00 00:00:00", "stamp": "0000-00-00 00:00:00",
                   "clock": "-838:59:59", "clock3": "-01:02:03.004"},
}


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_every_type_of_mysql_elsewhere_and_back(crmfs, maria, place, other):
    source, there, back = place("mysql"), place(other), place("mysql")
    mysql_types.make(maria, database_of(source))
    refused = restore_what_fits(crmfs, there, source)
    assert set(refused) == set(REFUSED[other]), refused
    for column, value in REFUSED[other].items():
        assert value in refused[column], refused[column]
    crmfs("restore", "--to", back.url, there.url)
    for column, (declaration, _) in mysql_types.TYPES.items():
        if column in refused or " AS (" in declaration:
            continue
        same = source.value(f"SELECT COUNT(*) FROM every a JOIN {database_of(back)}.every b USING (id) "
                            f"WHERE {equality(column)}")
        assert same == str(mysql_types.ROWS), (column, declaration)


def equality(column):
    """Whether both databases have the same value, in MariaDB's own words."""
    if column in ("bits", "bit1"):
        return f"a.{column} + 0 <=> b.{column} + 0"
    if column in ("single", "fixed"):  # a double now, of the float's digits: of the least float, that is one
        return f"a.{column} <=> b.{column} OR ABS(a.{column} - b.{column}) <= 1e-7 * ABS(b.{column}) + 1e-45"
    if column in mysql_types.BINARY:
        return f"HEX(a.{column}) <=> HEX(b.{column})"
    if column in mysql_types.FLOATS or column in ("filled", "year4"):
        return f"a.{column} <=> b.{column}"
    return f"HEX(CONVERT(a.{column} USING utf8mb4)) <=> HEX(CONVERT(b.{column} USING utf8mb4))"


# What another database cannot hold of PostgreSQL's values: NaN, infinities, years before 1.
LACKING = {"sqlite": {"real", "double precision"},
           "mysql": {"real", "double precision", "numeric", "date", "timestamp", "timestamptz"}}


@pytest.mark.parametrize("other", ["sqlite", "mysql"])
def test_every_type_of_postgresql_elsewhere_and_back(crmfs, place, other):
    """Every value that the other database holds comes back as it was; what it does not is said."""
    source, there, back = place("postgresql"), place(other), place("postgresql")
    source.sql(postgres_types.make_table())
    refused = restore_what_fits(crmfs, there, source)
    types = {postgres_types.name_of(number): kind for number, kind in enumerate(postgres_types.VALUES)}
    assert {types[column] for column in refused} == LACKING[other], refused
    crmfs("restore", "--mode", "append", "--to", back.url, there.url)
    for column, kind in types.items():
        if column in refused or kind == "cents":
            continue
        ours = source.sql(f"SELECT id, {column} FROM fidelity ORDER BY id")
        theirs = back.sql(f"SELECT id, {column} FROM fidelity ORDER BY id")
        if kind == "boolean" and other == "mysql":  # whose booleans are numbers
            ours = ours.replace("t", "1").replace("f", "0")
        assert ours == theirs or (other == "sqlite" and kind in ("numeric", "char(5)")), (kind, ours, theirs)


# Declared type in SQLite → values of it, and what each is there.
OF_SQLITE = {
    "INTEGER": [0, -1, 2**63 - 1, -2**63], "REAL": [0.1, -1.5, 1e300, 5e-324, 1e15], "BOOLEAN": [0, 1],
    "DECIMAL(10,2)": [1.5, 12345678.25, -0.75], "VARCHAR(40)": ["", " x ", "Zoë 李 🙂", "a\tb\n\\", "NULL"],
    "TEXT": ["", "é" * 70_000, "\x01\x7f", "'\"`"], "BLOB": [b"", b"\0\xff\n", bytes(range(256)) * 300],
    "DATE": ["1970-01-01", "9999-12-31"], "TIME": ["00:00:00", "23:59:59"],
    "DATETIME": ["2026-11-29 10:11:12.123456", "1970-01-01 00:00:00.000001"], "JSON": ['{"b":[1,2.50,null],"a":"ü"}', "[]"],
    "UUID": ["123e4567-e89b-12d3-a456-426655440000"],
}


@pytest.mark.parametrize("others", [["mysql"], ["postgresql"], ["mysql", "postgresql"], ["postgresql", "mysql"]],
                         ids=" ".join)
def test_every_type_of_sqlite_elsewhere_and_back(crmfs, place, work, others):
    """Through one other database, and through both: the same values of the same classes."""
    path = work / "every.db"
    columns = {f"c{number}": kind for number, kind in enumerate(OF_SQLITE)}
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE every (id INTEGER PRIMARY KEY, "
                         + ", ".join(f"{name} {kind}" for name, kind in columns.items()) + ")")
        for row in range(6):
            values = [held[row] if row < len(held) else None for held in OF_SQLITE.values()]
            database.execute(f"INSERT INTO every VALUES (?{', ?' * len(values)})", [row, *values])
    database.close()
    back = place("sqlite")
    url = path
    for other in others:
        there = place(other)
        crmfs("restore", "--to", there.url, url)
        url = there.url
    crmfs("restore", "--to", back.url, url)
    for column, kind in columns.items():
        question = f"SELECT id, typeof({column}), hex({column}) FROM every ORDER BY id"
        ours = subprocess.run(["sqlite3", path, question], capture_output=True, check=True, text=True).stdout
        assert ours == back.sql(question), kind


@pytest.mark.parametrize("other", ["mysql", "postgresql"])
def test_what_sqlite_holds_late(crmfs, place, work, other):
    """Columns whose values are of one kind for long, and of others in the last rows, or once in the middle."""
    columns = {"INTEGER": [2 ** 40, 0.5], "DATETIME": ["2026-11-20 01:02:03", "soon"],
               "DATE": ["2026-11-20", "2026-11-20 01:02:03.5"], "BOOLEAN": [1, 7]}
    path, rows = work / "late.db", 5000
    with sqlite3.connect(path) as database:
        names = [f"{kind.lower()}_{where}" for kind in columns for where in ("last", "once")]
        database.execute("CREATE TABLE late (id INTEGER PRIMARY KEY, "
                         + ", ".join(f"{name} {name.split('_')[0].upper()}" for name in names) + ")")
        for row in range(rows):
            late = [row >= rows - 5, row == rows // 2]
            database.execute(f"INSERT INTO late VALUES ({row}{', ?' * len(names)})",
                             [values[at] for values in columns.values() for at in late])
    database.close()
    there, back = place(other), place("sqlite")
    crmfs("restore", "--to", there.url, path)
    crmfs("restore", "--to", back.url, there.url)
    for name in names:
        question = f"SELECT id, {name} FROM late ORDER BY id"
        with sqlite3.connect(path) as database, sqlite3.connect(back.url) as again:
            assert database.execute(question).fetchall() == again.execute(question).fetchall(), name


@pytest.mark.parametrize("other", ["mysql", "postgresql"])
def test_large_values_have_a_say_in_their_type(counts, place, other):
    """Columns whose values are all above a MiB, or empty, and whatever was declared: bytes become bytes, texts texts."""
    source, target = place("sqlite"), place(other)
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT, c INTEGER, d, e DATE);"
               "INSERT INTO t VALUES (1, zeroblob(1500000), zeroblob(1500000), NULL, x'', NULL),"
               "                     (2, NULL, NULL, replace(hex(zeroblob(600000)), '0', 'x'), NULL, replace(hex(zeroblob(600000)), '0', 'x'))")
    assert counts("--to", target.url, source.url)["t"]["inserted"] == 2
    columns = "LENGTH(a), LENGTH(b), LENGTH(c), LENGTH(d), LENGTH(e)"
    told = target.sql(f"SELECT {columns} FROM t ORDER BY id").replace("|", "\t").replace("NULL", "").split("\n")
    assert told[:2] == ["1500000\t1500000\t\t0\t", "\t\t1200000\t\t1200000"]
    back = place("sqlite")
    counts("--to", back.url, target.url)
    assert back.sql("SELECT hex(a), hex(b), c, hex(d), e FROM t") == source.sql("SELECT hex(a), hex(b), c, hex(d), e FROM t")


@pytest.mark.parametrize("other", ["mysql", "postgresql"])
def test_what_sqlite_holds_and_others_do_not(crmfs, place, work, other):
    """Values of several classes in a column: those that no one type keeps as they are are refused in words."""
    path = work / "mixed.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE mixed (id INTEGER PRIMARY KEY, v)")
        database.executemany("INSERT INTO mixed VALUES (?, ?)", [(1, 5), (2, "text"), (3, b"\xff")])
    database.close()
    there = place(other)
    done = crmfs("restore", "--to", there.url, path, status=1)
    assert 'table "mixed": row 3 (id 3): column "v": "\\xff" are bytes' in done.stderr
    assert tables_of(there) == []


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_moments_that_come_to_be_written_otherwise(place, counts, kind):
    """SQLite keeps them as the texts that they are; a server writes them in one way."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a DATETIME, b DATETIME, c TIME, d DATETIME, e DATE);"
               "INSERT INTO t VALUES (1, '2020-01-02T03:04:05', '2020-01-02 03:04:05.50', '03:04:05', '2020-01-02 03:04:05', "
               "'2020-01-02')")
    notes = counts("--to", target.url, source.url)["t"]["notes"]
    assert [note.split('"')[1] for note in notes if "dates and times" in note] == ["a", "b"]
