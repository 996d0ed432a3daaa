# SPDX-License-Identifier: MIT
"""Rows that refer to what is not there, as a source has them that does not look at its foreign keys."""
import pytest

ROWS = "1|1\n2|9"
TABLES = """PRAGMA foreign_keys = 0; CREATE TABLE a (id INTEGER PRIMARY KEY);
    CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);
    INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 9);"""


@pytest.mark.parametrize("how", ["restore", "migrate", "of one kind"])
def test_they_come_where_somebody_says_so(crmfs, place, kind, how):
    source = place("sqlite")
    source.sql(TABLES)
    if how == "of one kind" and kind != "sqlite":
        first = place(kind)
        crmfs("restore", "--orphans", "--to", first.url, source.url)
        source = first
    target = place(kind)
    command = ["migrate", source.url, target.url] if how == "migrate" else ["restore", "--to", target.url, source.url]
    if how != "of one kind" or kind != "postgresql":  # which says of the key that it is not valid for them
        assert "--orphans" in crmfs(*command, status=1).stderr
        assert "--orphans" in crmfs(command[0], "--dry-run", *command[1:], status=1).stderr
    if how == "migrate":  # what was done before it failed
        target = place(kind)
        command[2] = target.url
    crmfs(command[0], "--orphans", *command[1:])
    assert target.value("SELECT * FROM b ORDER BY id").replace("\t", "|") == ROWS
    with pytest.raises(Exception):
        target.sql(("PRAGMA foreign_keys = 1;" if kind == "sqlite" else "") + "INSERT INTO b VALUES (3, 7)")


@pytest.mark.parametrize("rows, status", [
    ("b VALUES (1, 8), (2, 1)", 1),  # one more, and one less
    ("b VALUES (1, 8), (2, NULL)", 1),
    ("b VALUES (2, 8)", 1),
    ("b VALUES (2, 9)", 1),
    ("a VALUES (9); INSERT INTO b VALUES (3, 8)", 1),
    ("a VALUES (7); INSERT INTO b VALUES (3, 7)", 0)])
@pytest.mark.parametrize("more", ["", " WITHOUT ROWID"])
def test_old_ones_hide_no_new_one(crmfs, place, rows, status, more):
    """SQLite counts both: those that the target had before are nobody's fault, and no credit either."""
    source, target = place("sqlite"), place("sqlite")
    target.sql(TABLES.replace("a);", f"a){more};"))
    source.sql("PRAGMA foreign_keys = 0; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY "
               f"KEY, a INTEGER REFERENCES a); INSERT INTO {rows}")
    before = target.sql(".dump")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, source.url, status=status).stderr
    assert (target.sql(".dump") == before) == (status == 1)
    assert ("--orphans" in told) == (status == 1)
    assert "crmfs" not in target.sql(".schema")


@pytest.mark.parametrize("mode", ["append", "missing", "upsert"])
@pytest.mark.parametrize("chief, status", [(8, 1), (9, 0)])
def test_nor_does_one_that_a_later_row_settles(crmfs, place, mode, chief, status):
    """Rows that are only added: where none misses anything, the table need not be read for old ones before."""
    source, target = place("sqlite"), place("sqlite")
    make = "PRAGMA foreign_keys = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, chief INTEGER REFERENCES t); INSERT INTO t VALUES "
    target.sql(make + "(2, 9), (3, 7)")
    source.sql(make + f"(1, {chief}), (5, 3), (9, NULL)")
    told = crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=status).stderr
    assert ("(id 1)" in told) == (status == 1)
    assert target.value("SELECT count(*) FROM t") == ("5" if status == 0 else "2")
    assert "crmfs" not in target.sql(".schema")
