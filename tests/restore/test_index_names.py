# SPDX-License-Identifier: MIT
"""Every index of a table comes along, whatever it is called and whatever that name is cut to elsewhere."""
import pytest

from test_dumps import dumped

LONG = "aos_products_quotes_line_items_audit_table"
UNIQUE = {
    "sqlite": "SELECT m.name, (SELECT group_concat(i.name || ':' || l.\"unique\" || ':' || replace(l.name, char(10), ''), ',') FROM "
              "pragma_index_list(m.name) AS l, pragma_index_info(l.name) AS i WHERE l.origin = 'c') FROM sqlite_master "
              "AS m WHERE m.type = 'table' ORDER BY 1",
    "mysql": "SELECT TABLE_NAME, GROUP_CONCAT(COLUMN_NAME, ':', 1 - NON_UNIQUE, ':', REPLACE(INDEX_NAME, CHAR(10), '')) FROM "
             "information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME <> 'PRIMARY' GROUP BY 1",
    "postgresql": "SELECT c.relname, string_agg(a.attname || ':' || x.indisunique::int || ':' || replace(i.relname, chr(10), ''), ',') FROM "
                  "pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid JOIN "
                  "pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0] WHERE NOT indisprimary AND "
                  "c.relnamespace = 'public'::regnamespace GROUP BY 1",
}


def indexes(place):
    """{table: {(column, is unique): name}}"""
    lines = (line.replace("\t", "|").split("|") for line in place.sql(UNIQUE[place.kind]).splitlines())
    split = {table: [one.split(":") for one in all_.split(",")] for table, all_ in lines if ":" in all_}
    return {table: {(column, unique == "1"): name for column, unique, name in each} for table, each in split.items()}


def columns(place):
    return {table: set(each) for table, each in indexes(place).items()}


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_too_long(crmfs, place, kind):
    """Two that are the same as far as there is room, one with letters of several bytes, one in quotes of strings."""
    source, target = place("sqlite"), place(kind)
    source.sql(f"CREATE TABLE {LONG} (id INTEGER PRIMARY KEY, a VARCHAR(9), b VARCHAR(9), c INT, d INT);"
               f"CREATE INDEX {LONG}_one_that_takes_much_room_a ON {LONG} (a);"
               f"CREATE UNIQUE INDEX {LONG}_one_that_takes_much_room_b ON {LONG} (b);"
               f"CREATE INDEX \"{'üñ' * 40}\" ON {LONG} (c); CREATE INDEX 'quoted;\n 🐟 ' ON {LONG} (d);"
               f"INSERT INTO {LONG} VALUES (1, 'x', 'y', 2, 3)")
    crmfs("migrate", source.url, target.url)
    assert columns(target) == {LONG: {("a", False), ("b", True), ("c", False), ("d", False)}}
    again = place("sqlite")
    crmfs("migrate", target.url, again.url)
    assert columns(again) == columns(target)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_taken(crmfs, place, kind):
    """Names that are two tables' own are one where they are the database's, or a table has it."""
    source, target = place("mysql"), place(kind)
    source.sql("CREATE TABLE x (id INT PRIMARY KEY, a INT, b INT, KEY y_z (a), KEY x_b (b));"
               "CREATE TABLE x_y (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY z (a), KEY b (b));"
               "CREATE TABLE x_b (id INT PRIMARY KEY, a INT); INSERT INTO x_y VALUES (1, 2, 3)")
    crmfs("migrate", source.url, target.url)
    assert columns(target) == columns(source) == {"x": {("a", False), ("b", False)}, "x_y": {("a", True), ("b", False)}}


def test_there_and_back(crmfs, place):
    """Names are made wider once, however often they move."""
    places = [place(kind) for kind in ("mysql", "postgresql", "sqlite", "postgresql", "mysql")]
    places[0].sql("CREATE TABLE deal (id INT PRIMARY KEY, due INT, KEY by_due (due)); INSERT INTO deal VALUES (1, 2)")
    for one, next_ in zip(places, places[1:]):
        crmfs("migrate", one.url, next_.url)
    assert [indexes(one)["deal"][("due", False)] for one in places] == ["by_due"] + ["deal_by_due_idx"] * 4


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_unique_ones_are_there_for_foreign_keys(crmfs, place, kind):
    """SQLite writes no row of a table that refers to columns which are not unique, nor of the one that it refers to."""
    source, target = place(kind), place("sqlite")
    source.sql("CREATE TABLE lands (id INTEGER PRIMARY KEY, a INTEGER, code VARCHAR(9), name VARCHAR(9) UNIQUE);"
               "CREATE INDEX lands_a ON lands (a); CREATE UNIQUE INDEX lands_code ON lands (code, a);"
               "CREATE UNIQUE INDEX \"odd ;\" ON lands (name, a);"
               "CREATE TABLE towns (id INTEGER PRIMARY KEY, a INTEGER, land VARCHAR(9), twin VARCHAR(9), "
               "FOREIGN KEY (land, a) REFERENCES lands (code, a), FOREIGN KEY (twin) REFERENCES lands (name));"
               "INSERT INTO lands VALUES (1, 2, 'x', 'n'); INSERT INTO towns VALUES (1, 2, 'x', 'n')")
    crmfs("restore", "--to", target.url, source.url)
    assert target.sql("PRAGMA foreign_key_check; SELECT * FROM towns") == "1|2|x|n\n"
    names = target.sql("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE%INDEX%' ORDER BY 1").split("\n")[:-1]
    assert names == sorted(["lands_a", "lands_code", "odd ;"] + (["lands_name_key"] if kind == "postgresql" else []))


@pytest.mark.parametrize("options", [None, [], ["--inserts"]], ids=["live", "dump", "inserts"])
def test_taken_by_the_table_that_was(crmfs, place, work, options):
    """PostgreSQL's are the schema's: those of a table that was put aside by another name are still there."""
    source, target = place("postgresql"), place("postgresql")
    make = ("CREATE TABLE {0} (id integer CONSTRAINT deal_pkey PRIMARY KEY, a integer "
            "CONSTRAINT \"odd ;\" UNIQUE, b integer, CONSTRAINT {2} EXCLUDE USING btree (b WITH =));"
            "CREATE INDEX by_a ON {0} (a); CREATE UNIQUE INDEX {1} ON {0} (b, a); INSERT INTO {0} VALUES (1, 2, 3);")
    long = "n" * 63
    source.sql(make.format("deal", long, "apart"))
    target.sql(make.format("deal_old", long, "apart") + "CREATE VIEW by_b AS SELECT 1")
    source.sql("CREATE INDEX by_b ON deal (b)")
    url = source.url
    if options is not None:
        url = work / "crm.sql"
        url.write_bytes(dumped("postgresql", source, *options))
    crmfs("restore", "--to", target.url, url)
    question = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'deal'::regclass ORDER BY 1;" \
               "SELECT indkey, indisunique, indisprimary FROM pg_index WHERE indrelid = 'deal'::regclass ORDER BY 1, 2, 3"
    assert target.sql(question) == source.sql(question) != ""
    assert target.value(question.replace("deal", "deal_old")) != ""
