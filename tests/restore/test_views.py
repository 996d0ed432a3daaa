# SPDX-License-Identifier: MIT
"""Views go along into a database of their own kind, as they are; into another they are said not to."""
import json

import pytest

TABLES = "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20)); INSERT INTO t VALUES (1, 'one'), (2, 'two');"
# In an order in which no view finds what it reads.
VIEWS = "CREATE VIEW z AS SELECT id, name FROM t WHERE id > 1; CREATE VIEW a AS SELECT name FROM z;"
MORE = {
    "sqlite": "CREATE TRIGGER g INSTEAD OF INSERT ON z BEGIN INSERT INTO t VALUES (new.id, new.name); END;",
    "mysql": "CREATE USER IF NOT EXISTS gone; CREATE DEFINER = gone SQL SECURITY INVOKER VIEW d AS SELECT 1 AS one; "
             "DROP USER gone;",
    "postgresql": "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM a; CREATE INDEX m_n ON m (n); "
                  "CREATE VIEW c WITH (security_barrier = true) AS SELECT n FROM m; COMMENT ON VIEW c IS 'said';",
}
NAMES = {"sqlite": {"z", "a"}, "mysql": {"z", "a", "d"}, "postgresql": {"z", "a", "m", "c"}}
QUESTION = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE type <> 'table' ORDER BY 2",
    "mysql": "SELECT TABLE_NAME, REPLACE(VIEW_DEFINITION, DATABASE(), 'db'), SECURITY_TYPE FROM "
             "information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1",
    "postgresql": "SELECT c.relname, c.relkind, c.reloptions, pg_get_viewdef(c.oid), obj_description(c.oid) FROM "
                  "pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm') ORDER BY 1;"
                  "SELECT indexdef FROM pg_indexes WHERE tablename = 'm'; SELECT * FROM m; SELECT * FROM c",
}


@pytest.fixture
def source(place, kind):
    one = place(kind)
    one.sql(TABLES + VIEWS + MORE[kind])
    return one


def views(crmfs, *words):
    return {view["name"]: view for view in json.loads(crmfs("restore", "--json", *words).stdout)["views"]}


@pytest.mark.parametrize("kind, how", [("sqlite", "snapshot"), ("mysql", "restore"), ("postgresql", "restore"),
                                       ("sqlite", "migrate"), ("mysql", "migrate"), ("postgresql", "migrate")])
def test_as_they_are(crmfs, source, place, store, how):
    target = place(source.kind)
    if how == "migrate":
        crmfs("migrate", source.url, target.url)
    elif how == "restore":
        told = views(crmfs, "--to", target.url, source.url)
        assert set(told) == NAMES[source.kind] and all(view["made"] for view in told.values()), told
    else:
        store.take("day", f"crm={source.url}")
        store.run("restore", "--to", target.url, "--store", store.path, "day")
    assert target.sql(QUESTION[source.kind]) == source.sql(QUESTION[source.kind]) != ""
    assert views(crmfs, "--mode", "upsert", "--to", target.url, source.url) == {}, "they are there"


def test_one_that_was_dropped(crmfs, source, place):
    """It comes back with the tables, though they are there, or alone; not where nothing is to be made."""
    target = place(source.kind)
    crmfs("restore", "--to", target.url, source.url)
    target.sql("DROP VIEW a" if source.kind != "postgresql" else "DROP VIEW a CASCADE")
    assert not views(crmfs, "--no-create", "--mode", "missing", "--to", target.url, source.url)["a"]["made"]
    assert views(crmfs, "-n", "--mode", "missing", "--to", target.url, source.url)["a"]["made"]
    assert views(crmfs, "--mode", "missing", "--table", "a", "--to", target.url, source.url)["a"]["made"]
    assert target.value("SELECT name FROM a") == "two"


def test_one_that_is_named_and_there(crmfs, source, place):
    """It stays as it is, and what else is named comes; alone, or with rows chosen, it is told what it is."""
    target = place(source.kind)
    crmfs("restore", "--to", target.url, source.url)
    target.sql("DELETE FROM t")
    crmfs("restore", "--mode", "missing", "--table", "t,a", "--to", target.url, source.url)
    assert target.value("SELECT count(*) FROM t") == "2"
    assert 'has the view "a" already' in crmfs("restore", "--table", "a", "--to", target.url, source.url, status=1).stderr
    told = crmfs("restore", "--table", "a", "--where", "1 = 1", "--to", target.url, source.url, status=1).stderr
    assert '"a" is a view' in told
    assert 'no table "b"' in crmfs("restore", "--table", "b", "--to", target.url, source.url, status=1).stderr


def test_one_that_cannot_be_made(crmfs, source, place):
    """It reads what is not there: said in the database's words, and the tables come."""
    target = place(source.kind)
    told = views(crmfs, "--table", "t,a", "--to", target.url, source.url)
    if source.kind == "sqlite":  # which looks when it is read
        assert told["a"]["made"]
    else:
        assert not told["a"]["made"] and "z" in told["a"]["why"], told
    assert target.value("SELECT count(*) FROM t") == "2"


def test_elsewhere(crmfs, source, place):
    target = place({"sqlite": "mysql", "mysql": "postgresql", "postgresql": "sqlite"}[source.kind])
    said = crmfs("restore", "--to", target.url, source.url).stdout
    assert "view a is not brought along: it is in the words of another kind of database" in said
    assert target.value("SELECT count(*) FROM t") == "2"


def test_tables_named_as_a_virtual_tables_own(crmfs, place, store):
    """SQLite takes them for shadow tables by their names: they are shown, kept and written all the same."""
    tables = ("CREATE TABLE notes_content (id INTEGER PRIMARY KEY, title TEXT, owner TEXT);"
              "CREATE TABLE mail_stat (id INTEGER PRIMARY KEY, n INT);")
    virtual = ("CREATE VIRTUAL TABLE notes USING fts5 (title, content = 'notes_content', content_rowid = 'id');"
               "CREATE VIRTUAL TABLE mail USING fts4 (subject, matchinfo=fts3);")
    question = "SELECT * FROM notes_content; SELECT * FROM mail_stat;"
    source, empty, changed, lacking = (place("sqlite") for _ in range(4))
    source.sql(tables + "INSERT INTO notes_content VALUES (1, 'one', 'Eve'); INSERT INTO mail_stat VALUES (7, 8);" + virtual +
               "CREATE VIRTUAL TABLE own USING fts5 (content, columnsize = 1); CREATE VIRTUAL TABLE box USING rtree (id, a, b);")
    changed.sql(tables + "INSERT INTO notes_content VALUES (1, 'two', 'Bob');" + virtual)
    lacking.sql("CREATE VIRTUAL TABLE notes USING fts5 (title, content = ''); CREATE VIRTUAL TABLE mail USING fts3 (subject);")
    store.take("day", f"crm={source.url}")
    told = {table["name"] for table in json.loads(
        store.run("restore", "--json", "--to", empty.url, "--store", store.path, "day").out)["tables"]}
    assert told == {"notes_content", "mail_stat"}
    for target in changed, lacking:
        store.run("restore", "--mode", "replace", "--to", target.url, "--store", store.path, "day")
    for target in empty, changed, lacking:
        assert target.sql(question) == source.sql(question) == "1|one|Eve\n7|8\n"
