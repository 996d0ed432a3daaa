# SPDX-License-Identifier: MIT
"""Tables from each kind of database into each other and back: what comes back is what went."""
import re
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
    "sqlite": {"ubig": "18446744073709551615", "bits": "18446744073709551615"},
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


def test_every_type_of_postgresql_elsewhere_and_back(crmfs, place):
    """Through SQLite: every value that SQLite holds comes back as it was."""
    source, there, back = place("postgresql"), place("sqlite"), place("postgresql")
    source.sql(postgres_types.make_table())
    refused = restore_what_fits(crmfs, there, source)
    types = {postgres_types.name_of(number): kind for number, kind in enumerate(postgres_types.VALUES)}
    assert {types[column] for column in refused} == {"real", "double precision"}, refused
    crmfs("restore", "--mode", "append", "--to", back.url, there.url)
    for column, kind in types.items():
        if column in refused or kind == "cents":
            continue
        ours = source.sql(f"SELECT id, {column} FROM fidelity ORDER BY id")
        theirs = back.sql(f"SELECT id, {column} FROM fidelity ORDER BY id")
        assert ours == theirs or kind in ("numeric", "char(5)"), (kind, ours, theirs)
