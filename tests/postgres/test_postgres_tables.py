# SPDX-License-Identifier: MIT
"""Which tables there are, in which order their rows stand, their keys, and the statements that make them."""
import json
import os
import subprocess

import pytest

import mounting
import strict

KINDS = """
CREATE SCHEMA sales; CREATE SCHEMA "odd.one";
CREATE TABLE plain (id int PRIMARY KEY, name text);
CREATE TABLE sales.orders (id int PRIMARY KEY, plain_id int REFERENCES plain);
CREATE TABLE "odd.one"."x.y" (a int); CREATE TABLE "say ""x"" now" (a int); CREATE TABLE "a/b" (a int);
CREATE TABLE "Größe" (a int);
CREATE UNLOGGED TABLE loose (a int);
CREATE TABLE parted (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu') PARTITION BY HASH (id);
CREATE TABLE parted_eu_0 PARTITION OF parted_eu FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_eu_1 PARTITION OF parted_eu FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (extra text) INHERITS (parent);
CREATE VIEW seen AS SELECT name, id FROM plain ORDER BY id;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM plain;
CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE outside (line text) SERVER files OPTIONS (filename '/etc/hostname');
CREATE SEQUENCE numbers;
CREATE TABLE heir () INHERITS (outside); INSERT INTO heir VALUES ('not from outside');
INSERT INTO plain VALUES (2, 'b'), (1, 'a');
INSERT INTO parted VALUES (3, 'us'), (1, 'eu'), (2, 'eu'), (1, 'asia');
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'x');
INSERT INTO made (a) VALUES (5), (NULL);
REFRESH MATERIALIZED VIEW kept;
"""
SHOWN = ["Größe", "a%2Fb", "child", "heir", "kept", "loose", "made", '"odd.one"."x.y"', "outside", "parent", "parted", "plain",
         "sales.orders", '"say ""x"" now"', "seen"]


def stems(folder):
    return sorted(path.name[:-4] for path in folder.iterdir() if path.suffix == ".csv")


def table(folder, title):
    package = json.loads((folder / "datapackage.json").read_text())
    (found,) = [one for one in package["resources"] if one["title"] == title]
    return found


@pytest.mark.sanitize
def test_every_kind_of_table_is_shown_once(postgres, database, mount):
    folder = mount(postgres.url(database(KINDS))).live()
    assert stems(folder) == sorted(SHOWN)
    texts = {stem: (folder / f"{stem}.csv").read_text() for stem in SHOWN}
    assert texts["plain"] == "id,name\n1,a\n2,b\n"
    assert texts["parted"] == "id,region\n1,asia\n1,eu\n2,eu\n3,us\n"
    assert texts["parent"] == "id\n1\n" and texts["child"] == "id,extra\n2,x\n"
    assert texts["seen"] == "name,id\na,1\nb,2\n"
    assert texts["kept"] == "n\n2\n"
    assert texts["made"] == "id,a,twice\n1,5,10\n2,,\n"
    assert texts["outside"] == "line\n" + open("/etc/hostname", encoding="utf-8").read()
    kinds = {title: table(folder, title)["crmfs:kind"] for title in ("plain", "parted", "seen", "kept", "outside")}
    assert kinds == {"plain": "table", "parted": "table", "seen": "view", "kept": "materialized", "outside": "virtual"}
    fields = {field["name"]: field for field in table(folder, "made")["schema"]["fields"]}
    assert fields["twice"]["crmfs:generated"] and "crmfs:generated" not in fields["id"]


def test_keys_are_told(postgres, database, mount):
    folder = mount(postgres.url(database(KINDS + """
        CREATE TABLE pairs (b int, a int, PRIMARY KEY (b, a));
        CREATE TABLE users_of_pairs (id int PRIMARY KEY, x int, y int, FOREIGN KEY (y, x) REFERENCES pairs (b, a),
                                     FOREIGN KEY (id) REFERENCES users_of_pairs);
        CREATE TABLE of_parted (id int PRIMARY KEY, p int, r text, FOREIGN KEY (p, r) REFERENCES parted);
    """))).live()
    assert table(folder, "pairs")["schema"]["primaryKey"] == ["b", "a"]
    keys = table(folder, "users_of_pairs")["schema"]["foreignKeys"]
    assert {"fields": ["y", "x"], "reference": {"resource": "pairs", "fields": ["b", "a"]}} in keys
    assert {"fields": ["id"], "reference": {"resource": "", "fields": ["id"]}} in keys and len(keys) == 2
    assert table(folder, "of_parted")["schema"]["foreignKeys"] == [
        {"fields": ["p", "r"], "reference": {"resource": "parted", "fields": ["id", "region"]}}]
    (key,) = table(folder, "sales.orders")["schema"]["foreignKeys"]
    assert key["fields"] == ["plain_id"] and key["reference"]["fields"] == ["id"]


ORDERS = """
CREATE TABLE by_text (k text PRIMARY KEY); INSERT INTO by_text VALUES ('b'), ('A'), ('a'), ('Z'), ('ä'), ('_'), ('aB');
CREATE COLLATION de (provider = icu, locale = 'de');
CREATE TABLE by_german (k text COLLATE de PRIMARY KEY); INSERT INTO by_german SELECT * FROM by_text;
CREATE TABLE by_uuid (k uuid PRIMARY KEY); INSERT INTO by_uuid SELECT md5(n::text)::uuid FROM generate_series(1, 50) n;
CREATE TABLE by_unique (a int, b int NOT NULL, c int NOT NULL, UNIQUE (a), UNIQUE (c, b));
INSERT INTO by_unique VALUES (NULL, 2, 1), (1, 1, 2), (NULL, 1, 1);
CREATE UNIQUE INDEX ON by_unique (c) WHERE false; CREATE UNIQUE INDEX ON by_unique ((b + c), a);
CREATE TABLE by_enum (k text); CREATE TYPE level AS ENUM ('low', 'high', 'Absurd');
CREATE TABLE by_level (k level PRIMARY KEY); INSERT INTO by_level VALUES ('Absurd'), ('low'), ('high');
CREATE TABLE by_place (a int); INSERT INTO by_place VALUES (3), (1), (2); DELETE FROM by_place WHERE a = 1;
CREATE VIEW by_all AS SELECT * FROM (VALUES (2, '{"b":1}'::json, 1.0), (1, NULL, 3), (2, '{"a":1}', 1.00), (2, '{"a":1}', 1.0)) v (a, b, c);
CREATE TABLE by_number (k numeric PRIMARY KEY); INSERT INTO by_number VALUES (10), (9.5), ('NaN'), (-1);
CREATE TABLE by_double (k double precision, v int, PRIMARY KEY (k, v)); INSERT INTO by_double VALUES (2, 1), (1.5, 2), (1.5, 1);
"""


@pytest.mark.sanitize
def test_rows_stand_in_the_order_of_their_key(postgres, database, mount):
    name = database(ORDERS)
    folder = mount(postgres.url(name)).live()

    def column(stem, number=0):
        return [row[number].decode() for row in strict.read_csv((folder / f"{stem}.csv").read_bytes())[1:]]

    for stem in ("by_text", "by_german", "by_uuid", "by_number"):
        assert column(stem) == postgres.rows(f"SELECT k FROM {stem} ORDER BY k", name)
    assert column("by_text") != column("by_german")
    assert (folder / "by_unique.csv").read_text() == "a,b,c\n,1,1\n,2,1\n1,1,2\n"
    assert column("by_level") == ["low", "high", "Absurd"]
    assert column("by_place") == ["3", "2"]
    assert (folder / "by_all.ndjson").read_text() == (
        '{"a":1,"b":null,"c":3}\n{"a":2,"b":{"a":1},"c":1.0}\n{"a":2,"b":{"a":1},"c":1.00}\n'
        '{"a":2,"b":{"b":1},"c":1.0}\n')
    assert (folder / "by_double.csv").read_text() == "k,v\n1.5,1\n1.5,2\n2.0,1\n"
    assert table(folder, "by_unique")["crmfs:orderKey"] == ["c", "b"]


def test_the_statements_make_the_same_database_again(postgres, database, mount):
    """schema.sql runs as it is, but for views of what comes later; what it makes says the same schema.sql."""
    name = database(KINDS + """
        CREATE TYPE mood AS ENUM ('it''s ok', 'bad'); CREATE DOMAIN positive AS int DEFAULT 1 CHECK (VALUE > 0);
        CREATE TYPE pair AS (m mood, p positive); CREATE TYPE span AS RANGE (SUBTYPE = float8);
        CREATE TABLE a_first (id serial PRIMARY KEY, p pair, ps positive[], m mood DEFAULT 'bad', s span, n int DEFAULT
            nextval('numbers'), t text COLLATE "C", z_id int, CHECK (id > 0), EXCLUDE USING gist (s WITH &&));
        CREATE TABLE z_last (id int PRIMARY KEY, a_id int REFERENCES a_first ON DELETE CASCADE);
        ALTER TABLE a_first ADD CONSTRAINT forth FOREIGN KEY (z_id) REFERENCES z_last DEFERRABLE INITIALLY DEFERRED;
        CREATE INDEX by_mood ON a_first (m) WHERE m = 'bad'; COMMENT ON TABLE a_first IS 'it''s'; COMMENT ON COLUMN a_first.t IS 'x';
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        ALTER TABLE z_last ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON z_last FOR SELECT TO PUBLIC USING (id > 1);
        ALTER TABLE plain SET (fillfactor = 70);
    """)
    text = (mount(postgres.url(name)).live() / "schema.sql").read_text()
    again = database("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;")
    without = "CREATE TABLE public.plain"
    assert without in text
    # The view over what comes later; pg_dump knows the order of all, a file that is a table after another cannot.
    postgres.psql("\\set ON_ERROR_STOP off\n" + text, again, stderr=subprocess.PIPE)
    late = text[text.index("CREATE MATERIALIZED VIEW public.kept"):].split(";", 1)[0] + ";"
    postgres.psql(late, again)
    assert (mount(postgres.url(again)).live() / "schema.sql").read_text() == text


def test_triggers_stand_with_their_table(postgres, database, mount):
    folder = mount(postgres.url(database("""
        CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"""))).live()
    assert "CREATE TRIGGER g BEFORE INSERT ON public.t" in (folder / "schema.sql").read_text()


def test_tables_without_columns_and_rows(postgres, database, mount):
    folder = mount(postgres.url(database(
        "CREATE TABLE empty (a int, b text); CREATE TABLE wide (" + ", ".join(f"c{n} int" for n in range(1600)) + ");"
        "INSERT INTO wide (c1599) VALUES (7);"))).live()
    assert (folder / "empty.csv").read_text() == "a,b\n" and (folder / "empty.json").read_text() == "[\n]\n"
    assert (folder / "wide.csv").read_text().splitlines()[1] == "," * 1599 + "7"


ROLES = """
DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;
"""


def test_a_view_over_the_time_is_as_of_now(postgres, database, mount):
    """Though nothing is written."""
    name = database("CREATE TABLE t (id int PRIMARY KEY, d date); INSERT INTO t VALUES (1, '2020-01-01');"
                    "CREATE VIEW due AS SELECT id, clock_timestamp() AS n FROM t WHERE d < CURRENT_DATE;")
    folder = mount(postgres.url(name), options="refresh=0.2").live()

    def cat(file):
        return subprocess.run(["cat", folder / file], capture_output=True, check=True).stdout

    first = cat("due.csv")
    assert mounting.eventually(lambda: cat("due.csv") not in (first, b""), 10, 0.1)
    assert cat("t.csv") == b"id,d\n1,2020-01-01\n"


def test_row_level_security_shows_what_the_role_sees(postgres, database, mount):
    name = database(ROLES + """
        CREATE TABLE own (id int PRIMARY KEY, who text); INSERT INTO own VALUES (1, 'reader'), (2, 'boss');
        ALTER TABLE own ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON own USING (who = current_user);
        CREATE TABLE open (id int PRIMARY KEY, who text); GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
    """)
    top = mount(postgres.url(name, user="reader"))
    assert (top.live() / "own.csv").read_text() == "id,who\n1,reader\n"
    assert top.status()["live"][0]["row_security"] == ["own"]
    assert (mount(postgres.url(name)).live() / "own.csv").read_text() == "id,who\n1,reader\n2,boss\n"


def test_a_table_of_which_the_role_may_read_some_columns_is_refused(postgres, database, mount):
    """It is not shown without the others, as if these were all."""
    name = database(ROLES + """
        CREATE TABLE people (id int PRIMARY KEY, name text, salary int); INSERT INTO people VALUES (1, 'x', 2);
        GRANT SELECT (id, name) ON people TO reader;""")
    top = mount(postgres.url(name, user="reader"))
    with pytest.raises(PermissionError):
        (top.live() / "people.csv").read_text()
    assert "people" in top.errors() and "GRANT SELECT ON" in top.errors(), top.errors()


def test_many_tables_are_listed_and_read(postgres, database, mount):
    name = database("".join(
        f"CREATE TABLE t{n:04} (id int PRIMARY KEY, a text, b int REFERENCES t{max(n - 1, 0):04});"
        if n else "CREATE TABLE t0000 (id int PRIMARY KEY, a text, b int);" for n in range(300))
        + "INSERT INTO t0299 VALUES (1, 'x', NULL);")
    folder = mount(postgres.url(name)).live()
    assert len(stems(folder)) == 300
    assert (folder / "t0299.csv").read_text() == "id,a,b\n1,x,\n"
    assert sum(os.stat(folder / f"{stem}.csv").st_size for stem in stems(folder)) == 300 * 7 + 5


DEFINITIONS = """
CREATE ROLE writer; CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN small AS int; CREATE SCHEMA other;
CREATE SEQUENCE numbers; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE t (id int, m mood, s small, n int DEFAULT nextval('numbers'), v text); CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE VIEW w AS SELECT id FROM t; CREATE TABLE q (id int);
"""
REDEFINITIONS = [
    "ALTER TABLE t ALTER id SET NOT NULL", "ALTER TABLE t ADD PRIMARY KEY (id)", "CREATE INDEX i ON t (v)", "DROP INDEX i",
    "ALTER TABLE t ADD CHECK (n > 0)", "ALTER TABLE t ALTER n SET DEFAULT 7", "ALTER TABLE t ALTER n DROP DEFAULT",
    "ALTER TABLE t ADD FOREIGN KEY (s) REFERENCES u", "COMMENT ON COLUMN t.v IS 'said'", "COMMENT ON COLUMN t.v IS 'anew'",
    "ALTER TYPE mood ADD VALUE 'happy'", "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "ALTER DOMAIN small ADD CHECK (VALUE < 9)",
    "ALTER SEQUENCE numbers INCREMENT 2", "CREATE OR REPLACE VIEW w AS SELECT id FROM u", "ALTER VIEW w SET (security_barrier)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)", "ALTER TABLE p DETACH PARTITION p1", "ALTER TABLE q INHERIT u",
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "ALTER FUNCTION f RENAME TO h", "ALTER TABLE t SET (fillfactor = 50)",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY y ON t USING (id > 1)", "ALTER POLICY y ON t USING (id > 2)",
    "ALTER TABLE t RENAME v TO x", "ALTER TABLE t RENAME TO tt", "ALTER SCHEMA other RENAME TO another", "CREATE TABLE another.z (a int)",
    "ALTER SCHEMA another RENAME TO other", "ALTER TABLE q SET UNLOGGED", "DROP TABLE q", "REVOKE ALL ON u, tt FROM reader2",
    "GRANT SELECT (id) ON tt TO reader2", "GRANT pg_read_all_data TO reader2", "ALTER ROLE reader2 NOINHERIT",
    "ALTER ROLE reader2 INHERIT", "ALTER ROLE reader2 BYPASSRLS",
]


def test_every_redefinition_shows(postgres, database, mount):
    """A mount that goes on says the same as a new one, after every kind of statement."""
    name = database("DROP ROLE IF EXISTS reader2; DROP ROLE IF EXISTS writer; CREATE ROLE reader2 LOGIN;" + DEFINITIONS
                    + "ALTER TABLE q ALTER id SET NOT NULL; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader2;")
    top = mount(postgres.url(name, user="reader2"), options="refresh=0.05")

    def shown(one):
        folder = one.live()
        return (sorted(os.listdir(folder)), (folder / "schema.sql").read_text(), (folder / "datapackage.json").read_text(),
                one.status()["live"][0]["row_security"])

    before = shown(top)
    for statement in REDEFINITIONS:
        postgres.psql(statement, name)
        fresh = mount(postgres.url(name, user="reader2"))
        want = shown(fresh)
        fresh.unmount()
        assert mounting.eventually(lambda now=want: shown(top) == now), statement
        before = want
    assert before
    postgres.psql("DROP OWNED BY reader2; DROP ROLE reader2", name)


LARGE = "(SELECT string_agg(md5(n || '-' || i), '') FROM generate_series(1, 200) i)"  # not in the row's own page


def test_names_of_what_is_computed_are_not_taken_for_the_keys(postgres, database, mount):
    """Where cells may be large, the server computes what to send; the order is still that of the key's index."""
    name = database(f"""
        CREATE TABLE cases ("case" int PRIMARY KEY, note text);
        INSERT INTO cases SELECT n, {LARGE} FROM generate_series(2, 1, -1) n;
        CREATE TABLE named (k text PRIMARY KEY, note text);
        INSERT INTO named SELECT md5(n::text), repeat('x', 200) FROM generate_series(1, 20000) n;
        INSERT INTO named SELECT 'large', {LARGE} FROM generate_series(1, 1) n;""")
    postgres.psql(f"ALTER DATABASE {name} SET work_mem = '64kB'; ALTER DATABASE {name} SET random_page_cost = 1")
    postgres.psql("ANALYZE", name)
    folder = mount(postgres.url(name)).live()
    assert [row[0] for row in strict.read_csv((folder / "cases.csv").read_bytes())] == [b"case", b"1", b"2"]
    keys = [row[0].decode() for row in strict.read_csv((folder / "named.csv").read_bytes())[1:]]
    assert keys == sorted(keys) and len(keys) == 20001
    sorted_files = f"SELECT temp_files FROM pg_stat_database WHERE datname = '{name}'"
    postgres.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert postgres.rows(sorted_files) == ["0"]
