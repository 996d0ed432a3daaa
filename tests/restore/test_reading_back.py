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


def change_new_rows(target, table, condition, value="'x'"):
    """A trigger that writes another note in new rows, or (value None, PostgreSQL's) leaves them out."""
    if target.kind == "sqlite":
        target.sql(f"CREATE TRIGGER g AFTER INSERT ON {table} WHEN new.{condition} "
                   f"BEGIN UPDATE {table} SET note = {value} WHERE rowid = new.rowid; END")
    elif target.kind == "mysql":
        target.sql(f"CREATE TRIGGER g BEFORE INSERT ON {table} FOR EACH ROW SET new.note = IF(new.{condition}, {value}, new.note)")
    else:
        action = "RETURN NULL;" if value is None else f"new.note = {value};"
        target.sql("CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS "
                   f"$$ BEGIN IF new.{condition} THEN {action} END IF; RETURN new; END $$;"
                   f"CREATE TRIGGER g BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION g()")


NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, amount INTEGER, note VARCHAR(9))"


@pytest.mark.parametrize("there", ["(9, 9, '')", "(1, 1, 'theirs')", "(1, 1, 'a'), (4, 4, 'd')"])
def test_what_a_trigger_makes_of_missing_rows_is_noticed(crmfs, counts, place, kind, there):
    """Rows that are there already may be as they are."""
    source, target = place("sqlite"), place(kind)
    source.sql(f"{NOTES}; INSERT INTO notes VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd')")
    target.sql(f"{NOTES}; INSERT INTO notes VALUES {there}")
    before = target.value("SELECT * FROM notes ORDER BY id")
    change_new_rows(target, "notes", "id = 3")
    words = ["--mode", "missing", "--to", target.url, source.url]
    crmfs("restore", *words, status=1)
    assert target.value("SELECT * FROM notes ORDER BY id") == before
    target.sql("INSERT INTO notes VALUES (3, 3, 'x')")
    kept = sum(f"({id}," in there for id in (1, 4)) + 1
    for inserted in (4 - kept, 0):
        told = counts(*words)["notes"]
        assert (told["inserted"], told["kept"]) == (inserted, 4 - inserted)
    assert target.value("SELECT count(*) FROM notes WHERE note IN ('x', 'theirs')") == ("2" if "theirs" in there else "1")


def test_what_a_trigger_makes_of_parents_is_noticed(crmfs, place, kind):
    source, target = place("sqlite"), place(kind)
    tables = f"{NOTES}; CREATE TABLE parts (id INTEGER PRIMARY KEY, note INTEGER, FOREIGN KEY (note) REFERENCES notes (id))"
    source.sql(f"{tables}; INSERT INTO notes VALUES (1, 1, 'a'), (3, 3, 'c'); INSERT INTO parts VALUES (1, 1), (2, 3)")
    target.sql(f"{tables}; INSERT INTO notes VALUES (1, 1, 'a')")
    change_new_rows(target, "notes", "id = 3")
    crmfs("restore", "--mode", "upsert", "--table", "parts", "--with-parents", "--to", target.url, source.url, status=1)
    assert target.value("SELECT count(*) FROM notes") == "1"


@pytest.mark.parametrize("columns", ["amount INTEGER, note VARCHAR(9)", "id INTEGER PRIMARY KEY, amount INTEGER, note VARCHAR(9)"])
@pytest.mark.parametrize("rows_there", [0, 2])
def test_what_a_trigger_makes_of_rows_without_a_key_is_noticed(crmfs, place, kind, columns, rows_there):
    """Of the same two rows, one is changed."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE notes (amount INTEGER, note TEXT); INSERT INTO notes VALUES (1, 'a'), (1, 'a'), (3, 'c')")
    columns = columns.replace("id INTEGER", {"sqlite": "id INTEGER", "mysql": "id INTEGER AUTO_INCREMENT",
                                             "postgresql": "id serial"}[kind])
    target.sql(f"CREATE TABLE notes ({columns})")
    for _ in range(rows_there):
        target.sql("INSERT INTO notes (amount, note) VALUES (1, 'a')")
    change_new_rows(target, "notes", "amount = 3")
    words = ["restore", "--mode", "append", "--to", target.url, source.url]
    crmfs(*words, status=1)
    assert target.value("SELECT count(*) FROM notes") == str(rows_there)
    source.sql("DELETE FROM notes WHERE amount = 3")
    crmfs(*words)
    assert target.value("SELECT count(*) FROM notes WHERE note = 'a'") == str(rows_there + 2)


@pytest.mark.parametrize("mode, columns", [("append", "amount INTEGER, note VARCHAR(9)"),
                                           ("missing", "id INTEGER PRIMARY KEY, amount INTEGER, note VARCHAR(9)")])
def test_rows_that_a_trigger_leaves_out_are_missed(crmfs, place, mode, columns):
    source, target = place("sqlite"), place("postgresql")
    source.sql(f"CREATE TABLE notes ({columns})")
    source.sql("INSERT INTO notes (amount, note) VALUES (1, 'a'), (2, 'b')")
    target.sql(f"CREATE TABLE notes ({columns})")
    change_new_rows(target, "notes", "amount = 2", None)
    told = crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=1).stderr
    assert "takes 1 rows of 2" in told and "a trigger" in told
    assert target.value("SELECT count(*) FROM notes") == "0"
