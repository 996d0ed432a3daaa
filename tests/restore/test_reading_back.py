# SPDX-License-Identifier: MIT
"""Rows of servers are read back before anything is committed: in MariaDB while those behind them are loaded."""
import contextlib
import re
import sqlite3

import pytest

import mounting

ROWS = 60_000
THINGS = "CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)"


@pytest.fixture(scope="module")
def many():
    """A table that takes several batches, and a small one that is loaded behind it."""
    path = mounting.SESSION / "restore-read-back.db"
    with sqlite3.connect(path) as database:
        database.execute(THINGS)
        database.execute("CREATE TABLE things_behind (id INTEGER PRIMARY KEY)")
        database.executemany("INSERT INTO things VALUES (?, ?, ?)", [(i, -i, f"{i} " * 60) for i in range(ROWS)])
        database.execute("INSERT INTO things_behind VALUES (1)")
    database.close()
    yield path
    path.unlink()


@contextlib.contextmanager
def log_of(maria):
    """A list that gets what was asked meanwhile: (connection, the statement's first line)."""
    log, statements = maria.directory / "statements.log", []
    maria.sql(f"SET GLOBAL log_output = 'FILE', general_log_file = '{log}', general_log = 1")
    try:
        yield statements
    finally:
        maria.sql("SET GLOBAL general_log = 0")
    statements += re.findall(r"\t *(\d+) Query\t(.*)", log.read_text(errors="replace"))
    log.unlink()


def readers(statements):
    """Whether the connection that loads has read the rows back, and whether another one has."""
    loading = {who for who, what in statements if what.startswith("LOAD DATA")}
    reading = {who for who, what in statements if what.startswith("SELECT `id`, `amount`, `note` FROM")}
    assert len(loading) == 1
    return bool(reading & loading), bool(reading - loading)


@pytest.mark.parametrize("is_made", [True, False])
def test_they_are_read_while_others_are_loaded(crmfs, place, maria, many, is_made):
    target = place("mysql")
    if not is_made:
        target.sql(THINGS)
    with log_of(maria) as statements:
        crmfs("restore", "--table", "things", "--to", target.url, many)
    assert readers(statements) == (False, True)
    assert target.value("SELECT COUNT(*), SUM(amount) FROM things").split() == [str(ROWS), str(-sum(range(ROWS)))]


def test_rows_in_another_order_than_that_of_the_key_are_read_in_the_end(crmfs, place, maria, many):
    target = place("mysql")
    target.sql("CREATE TABLE things (id INTEGER, amount INTEGER PRIMARY KEY, note TEXT)")
    with log_of(maria) as statements:
        crmfs("restore", "--mode", "append", "--table", "things", "--to", target.url, many)
    assert readers(statements)[0]
    assert target.value("SELECT COUNT(*), SUM(amount) FROM things").split() == [str(ROWS), str(-sum(range(ROWS)))]


@pytest.mark.parametrize("change", ["UPDATE things SET amount = 1 WHERE id = 5", "DELETE FROM things WHERE id = 5",
                                    f"INSERT INTO things VALUES ({ROWS}, 0, '')",
                                    "REPLACE INTO things VALUES (5, 0, '')"])
def test_what_changes_when_it_was_read_is_noticed(crmfs, place, many, change):
    """Rows of one table are read back, and then a trigger of the next table changes them."""
    target = place("mysql")
    target.sql(f"{THINGS}; CREATE TABLE things_behind (id INTEGER PRIMARY KEY);"
               f"CREATE TRIGGER g AFTER INSERT ON things_behind FOR EACH ROW {change}")
    assert "read back" in crmfs("restore", "--to", target.url, many, status=1).stderr
    assert target.value("SELECT COUNT(*) FROM things") == "0"


def test_whoever_allows_one_connection_has_them_read_in_the_end(crmfs, place, maria, many):
    target = place("mysql")
    with log_of(maria) as statements:
        crmfs("restore", "--table", "things", "--to", f"{target.url}&connections=1", many)
    assert readers(statements) == (True, False)
    assert target.value("SELECT COUNT(*) FROM things") == str(ROWS)


def test_new_rows_of_postgres_need_no_second_writing(crmfs, place, many):
    """They are frozen: an index alone says which are there, without a VACUUM before."""
    target = place("postgresql")
    crmfs("restore", "--table", "things", "--to", target.url, many)
    said = target.sql("SET enable_seqscan = off; SET enable_bitmapscan = off;"
                      "EXPLAIN (ANALYZE, TIMING OFF) SELECT count(id) FROM things")
    assert "Index Only Scan" in said and "Heap Fetches: 0" in said, said
