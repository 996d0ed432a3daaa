# SPDX-License-Identifier: MIT
"""pg_dump's files of tables that are made of others: partitions, INHERITS; of generated and of quoted columns."""
import subprocess

import pytest

from test_postgres_dump import assert_same, dump, table_files

PARTS = """
CREATE TABLE part (id integer NOT NULL, v text, k integer NOT NULL) PARTITION BY RANGE (k);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 (k integer NOT NULL, id integer NOT NULL, v text);
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (100) TO (200);
CREATE SCHEMA deep; CREATE TABLE deep.part3 PARTITION OF part FOR VALUES FROM (200) TO (400) PARTITION BY LIST (k);
CREATE TABLE deep.a PARTITION OF deep.part3 FOR VALUES IN (200, 201, 202);
CREATE TABLE deep."Rest" PARTITION OF deep.part3 DEFAULT;
ALTER TABLE part ADD PRIMARY KEY (id, k);
INSERT INTO part (id, v, k) SELECT n, 'row ' || n, (n * 7) % 400 FROM generate_series(1, 2000) AS n;
CREATE TABLE hollow (id integer PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE hollow0 PARTITION OF hollow FOR VALUES WITH (MODULUS 1, REMAINDER 0);
"""
HEIRS = """
CREATE TABLE person (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE badge (id integer, number bigint);
CREATE TABLE employee (wage numeric(8,2), name text NOT NULL DEFAULT 'nobody', PRIMARY KEY (id)) INHERITS (person, badge);
CREATE TABLE same () INHERITS (person);
INSERT INTO person VALUES (1, 'p'); INSERT INTO badge VALUES (7, 8); INSERT INTO same VALUES (5, 'e'), (4, 'd');
INSERT INTO employee (id, name, number, wage) VALUES (3, 'x', 2, 9.50), (2, 'y', NULL, NULL);
"""
QUOTED = """
CREATE DOMAIN cents AS integer; CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE kinds (id integer PRIMARY KEY, a bytea, b boolean, c double precision, d "char", e character varying(7),
    f timestamp with time zone, g jsonb, h cents, i mood, j uuid, k bigint[], l numeric(9,3), m bit(3), n text);
INSERT INTO kinds VALUES (1, '\\x00ff', true, 0.1, 'q', 'v', '2020-01-01 00:00:00Z', '{"a": 1}', 7, 'bad',
    '00000000-0000-0000-0000-000000000001', '{1,2}', 1.500, B'101', 't'); INSERT INTO kinds (id) VALUES (2);
CREATE TABLE letters ("A" integer, a integer PRIMARY KEY, "b c" text); INSERT INTO letters VALUES (1, 2, 'x');
"""
WAYS = {
    "copy": [],
    "inserts": ["--inserts"],
    "columns": ["--column-inserts"],
    "many": ["--inserts", "--rows-per-insert=50"],
    "root": ["--load-via-partition-root"],
    "clean": ["--clean", "--if-exists"],
    "quoted": ["--quote-all-identifiers"],
    "custom": ["-Fc"],
    "tar": ["-Ft"],
}


def compare(mount, postgres, name, work, ways):
    for way in ways:
        (work / way).write_bytes(dump(postgres, name, *WAYS[way]))
    dump(postgres, name, "-Fd", "-f", work / "folder")
    top = mount(f"crm={postgres.url(name)}", *(work / way for way in [*ways, "folder"]))
    for way in [*ways, "folder"]:
        print(way, table_files(top.path(f"archives/{way}")))
        assert_same(top.path("live/crm"), top.path(f"archives/{way}"))
    return top


def test_partitions(mount, postgres, database, work):
    """Their rows are the table's, and they are no tables themselves."""
    top = compare(mount, postgres, database(PARTS), work, WAYS)
    assert table_files(top.path("archives/copy")) == sorted(f"{name}.{ending}" for name in ("part", "hollow")
                                                            for ending in ("csv", "json", "ndjson"))
    assert (top.path("archives/copy/part.csv")).read_bytes().count(b"\n") == 2001


def test_partitions_cut(mount, postgres, database, work):
    """Where the rows of one partition are missing, the table is not whole; one whose rows are all there is."""
    whole = dump(postgres, database(PARTS))
    at = whole.index(b"\nCOPY public.part2")
    assert whole.index(b"\nCOPY public.part1") < at
    (work / "cut.sql").write_bytes(whole[:at])
    top = mount(work / "cut.sql")
    with pytest.raises(OSError, match="Input/output"):
        (top.path("archives/cut.sql/part.csv")).read_bytes()
    assert "part may lack rows" in top.errors()
    assert "part1.csv" not in table_files(top.path("archives/cut.sql"))


def test_one_partition(mount, postgres, database, work):
    """Dumped alone, it is a table."""
    (work / "one.sql").write_bytes(dump(postgres, database(PARTS), "-t", "part1"))
    top = mount(work / "one.sql")
    assert {"part1.csv"} <= set(table_files(top.path("archives/one.sql")))
    assert (top.path("archives/one.sql/part1.csv")).read_bytes().startswith(b"id,v,k\n")


def test_partition_of(mount, work):
    """As pg_dump wrote it before version 12; and rows that come before it is known whose they are."""
    begin = "-- PostgreSQL database dump\n"
    (work / "old.sql").write_text(begin + """CREATE TABLE public.p (k integer NOT NULL, v text)
PARTITION BY RANGE (k);
CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (9);
COPY public.p1 (v, k) FROM stdin;\na\t1\n\\.\n-- PostgreSQL database dump complete\n""")
    (work / "late.sql").write_text(begin + """CREATE TABLE public.p (k integer) PARTITION BY RANGE (k);
CREATE TABLE public.p1 (k integer);\nCOPY public.p1 (k) FROM stdin;\n1\n\\.
ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES FROM (0) TO (9);
ALTER TABLE ONLY public.p ATTACH PARTITION public.p DEFAULT;\n-- PostgreSQL database dump complete\n""")
    top = mount(work / "old.sql", work / "late.sql")
    assert (top.path("archives/old.sql/p.csv")).read_bytes() == b"k,v\n1,a\n"
    assert "p1.csv" not in table_files(top.path("archives/old.sql"))
    with pytest.raises(OSError, match="Input/output"):
        (top.path("archives/late.sql/p.csv")).read_bytes()
    assert "rows of table p1 stand before" in top.errors()


def test_restore_replaces_partitions(postgres, database, work, mount):
    """What a dump of a partitioned table is restored over keeps its rows."""
    name = database(PARTS)
    (work / "crm.sql").write_bytes(dump(postgres, name))
    postgres.psql("UPDATE part SET v = 'changed' WHERE id = 7; DELETE FROM part WHERE id = 9", name)
    command = mount(work / "crm.sql").command[0]
    done = subprocess.run([command, "restore", "--mode", "replace", "--table", "part", "--to", postgres.url(name),
                           work / "crm.sql"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert postgres.rows("SELECT count(*), max(v) FILTER (WHERE id = 7) FROM part", name) == ["2000|row 7"]


def test_heirs(mount, postgres, database, work):
    """A table that inherits has its parents' columns first, and only its own rows."""
    compare(mount, postgres, database(HEIRS), work, WAYS)


def test_quoted(mount, postgres, database, work):
    """Every name quoted, types too; names that differ in their letters' case alone."""
    top = compare(mount, postgres, database(QUOTED), work, ["copy", "quoted"])
    assert (top.path("archives/quoted/datapackage.json")).read_text().replace("quoted", "copy") == \
        (top.path("archives/copy/datapackage.json")).read_text()


def test_generated(mount, postgres, database, work):
    """INSERT says DEFAULT for a generated column, of whose values no dump has any."""
    name = database("""CREATE TABLE made (id integer PRIMARY KEY, d integer GENERATED ALWAYS AS (id * 2) STORED, v text);
        INSERT INTO made (id, v) VALUES (1, 'x'), (2, NULL);
        CREATE TABLE cut (d integer GENERATED ALWAYS AS (id * 2) STORED, id integer PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE cut1 PARTITION OF cut FOR VALUES FROM (0) TO (9); INSERT INTO cut (id) VALUES (5), (3);""")
    ways = ["copy", "inserts", "columns", "many", "root"]
    for way in ways:
        (work / way).write_bytes(dump(postgres, name, *WAYS[way]))
    top = mount(*(work / way for way in ways))
    for way in ways:
        assert (top.path(f"archives/{way}/made.csv")).read_bytes() == b"id,v\n1,x\n2,\n"
        assert (top.path(f"archives/{way}/cut.csv")).read_bytes() == b"id\n3\n5\n"


def test_no_columns(mount, work):
    """A table without any is left out with a word; it was a crash."""
    (work / "min.sql").write_text("-- PostgreSQL database dump\nCREATE DOMAIN public.d AS integer;\n"
                                  "CREATE TABLE public.nocols (\n);\nCREATE TABLE public.t (a integer, b public.d);\n"
                                  "COPY public.t (a, b) FROM stdin;\n1\t2\n\\.\n-- PostgreSQL database dump complete\n")
    top = mount(work / "min.sql")
    assert (top.path("archives/min.sql/t.csv")).read_bytes() == b"a,b\n1,2\n"
