# SPDX-License-Identifier: MIT
"""PostgreSQL's inheritance: rows of tables that inherit from another are none of its own, and are left alone."""
import pytest

TABLES = """
    CREATE TABLE parent (id int PRIMARY KEY, v text UNIQUE, up int REFERENCES parent);
    CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
    INSERT INTO parent VALUES (1, 'old');
    INSERT INTO child VALUES (1, 'theirs', NULL), (5, 'fifth', 1), (9, 'ninth', NULL);
"""
CHILD = "SELECT string_agg(concat_ws(' ', id, v, up), ', ' ORDER BY id) FROM child"
PARENT = "SELECT string_agg(concat_ws(' ', id, v), ', ' ORDER BY id) FROM ONLY parent"


@pytest.fixture
def source(place):
    made = place("sqlite")
    made.sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, v TEXT, up INTEGER);"
             "INSERT INTO parent VALUES (1, 'new', NULL), (5, 'five', NULL)")
    return made


@pytest.mark.parametrize("mode, rows", [("replace", "1 new, 5 five"), ("upsert", "1 new, 5 five"), ("missing", "1 old, 5 five")])
def test_rows_of_tables_that_inherit_stay(crmfs, place, source, mode, rows):
    target = place("postgresql")
    target.sql(TABLES)
    crmfs("restore", "--mode", mode, "--table", "parent", "--to", target.url, source.url)
    assert (target.value(PARENT), target.value(CHILD)) == (rows, "1 theirs, 5 fifth 1, 9 ninth")


@pytest.mark.parametrize("aside", [False, True])
def test_a_key_of_a_table_that_inherits_is_no_key_of_its_parent(crmfs, place, work, source, aside):
    target = place("postgresql")
    target.sql(TABLES + "DELETE FROM ONLY parent WHERE id = 1")
    more = ["--skip-bad", work / "bad"] if aside else []
    crmfs("restore", "--mode", "append", *more, "--table", "parent", "--to", target.url, source.url)
    assert (target.value(PARENT), target.value(CHILD)) == ("1 new, 5 five", "1 theirs, 5 fifth 1, 9 ninth")
    assert not aside or not (work / "bad").exists() or (work / "bad").read_text() == ""


def test_unique_values_are_given_up_by_its_own_rows_alone(crmfs, place, source):
    target = place("postgresql")
    target.sql(TABLES + "DELETE FROM ONLY parent; INSERT INTO parent VALUES (1, 'five'), (5, 'new')")
    crmfs("restore", "--mode", "upsert", "--table", "parent", "--to", target.url, source.url)
    assert (target.value(PARENT), target.value(CHILD)) == ("1 new, 5 five", "1 theirs, 5 fifth 1, 9 ninth")


def test_what_rows_of_tables_that_inherit_refer_to_is_no_reason_to_refuse(crmfs, place, source):
    """A foreign key is not inherited: the server does not look at it there either."""
    target = place("postgresql")
    target.sql("CREATE TABLE parent (id int PRIMARY KEY, v text, up int);"
               "CREATE TABLE notes (id int PRIMARY KEY, parent int REFERENCES parent); CREATE TABLE more () INHERITS (notes);"
               "INSERT INTO parent VALUES (7, 'gone'); INSERT INTO more VALUES (1, 7)")
    crmfs("restore", "--mode", "replace", "--table", "parent", "--to", target.url, source.url)
    assert target.value(PARENT) == "1 new, 5 five" and target.value("SELECT parent FROM more") == "7"


def test_partitions_are_their_parents_own(crmfs, place, source):
    target = place("postgresql")
    target.sql("CREATE TABLE parent (id int PRIMARY KEY, v text, up int) PARTITION BY RANGE (id);"
               "CREATE TABLE low PARTITION OF parent FOR VALUES FROM (0) TO (4);"
               "CREATE TABLE high PARTITION OF parent FOR VALUES FROM (4) TO (99);"
               "INSERT INTO parent VALUES (1, 'old'), (2, 'gone'), (7, 'gone')")
    crmfs("restore", "--mode", "replace", "--table", "parent", "--to", target.url, source.url)
    assert target.value("SELECT string_agg(concat_ws(' ', id, v), ', ' ORDER BY id) FROM parent") == "1 new, 5 five"
