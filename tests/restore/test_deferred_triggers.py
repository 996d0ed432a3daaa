# SPDX-License-Identifier: MIT
"""PostgreSQL's constraint triggers may wait for the end of the transaction: what they make of rows is seen before."""
import os

import pytest

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE log (id int PRIMARY KEY, v text);"
LOUD = """
    CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN UPDATE {table} SET v = upper(v) WHERE id = NEW.id AND v <> upper(v); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER "Loud one" AFTER INSERT OR UPDATE ON t DEFERRABLE INITIALLY {when}
        FOR EACH ROW EXECUTE FUNCTION loud();
"""
PAIRED = """
    CREATE FUNCTION paired() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NOT EXISTS (SELECT FROM log WHERE id = NEW.id) THEN RAISE 'no pair of %', NEW.id; END IF;
           RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER paired AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION paired();
"""
MODES = ["append", "upsert", "replace"]


@pytest.fixture
def source(place):
    one = place("postgresql")
    one.sql(TABLE + "INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO log VALUES (1, 'x'), (2, 'y')")
    return one


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("when", ["DEFERRED", "IMMEDIATE"])
def test_what_they_make_of_rows_is_refused(crmfs, place, source, mode, when):
    target = place("postgresql")
    target.sql(TABLE + LOUD.format(table="t", when=when))
    done = crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=1)
    assert 'table "t"' in done.stderr and "read back" in done.stderr, done.stderr
    assert target.value("SELECT count(*) FROM t") == "0"


def test_rows_of_other_tables_are_theirs(crmfs, place, source):
    target = place("postgresql")
    target.sql(TABLE + LOUD.format(table="log", when="DEFERRED"))
    crmfs("restore", "--table", "t", "--to", target.url, source.url)
    assert target.value("SELECT string_agg(v, '' ORDER BY id) FROM t") == "ab"


def test_those_that_look_at_other_tables_see_all_that_was_written(crmfs, place, source):
    target = place("postgresql")
    target.sql(TABLE + PAIRED)
    crmfs("restore", "--to", target.url, source.url)
    assert target.value("SELECT count(*) FROM t") == "2"
    target.sql("DELETE FROM t; DELETE FROM log")
    done = crmfs("restore", "--table", "t", "--to", target.url, source.url, status=1)
    assert "no pair of 1" in done.stderr
    assert target.value("SELECT count(*) FROM t") == "0"


@pytest.mark.parametrize("name", ["1", "3"])
def test_what_they_make_of_a_row_is_refused(mount, place, work, name):
    target = place("postgresql")
    target.sql(TABLE + "INSERT INTO t VALUES (1, 'a');" + LOUD.format(table="t", when="DEFERRED"))
    top = mount(f"crm={target.url}", options="rw-live")
    (work / "row").write_text(f'{{"id": {name}, "v": "new"}}')
    with pytest.raises(OSError):
        with open(top.path(f"live/crm/t/{name}.json"), "wb") as file:
            os.write(file.fileno(), (work / "row").read_bytes())
    assert "read back" in top.errors() or "makes another value" in top.errors(), top.errors()
    assert target.value("SELECT string_agg(v, '' ORDER BY id) FROM t") == "a"
