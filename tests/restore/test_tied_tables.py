# SPDX-License-Identifier: MIT
"""
PostgreSQL's tables that need the same things, or are tied to each other: whatever they are called, and in
whatever order they are made, each has what it needs, and its own ties.
"""
import json

import pytest

from test_dumps import schema_of

# What is referred to comes last by its name, and what both need stands with the one that comes first; one
# schema has no tables.
TABLES = """
    CREATE SCHEMA apart; CREATE TYPE mood AS ENUM ('good', 'bad');
    CREATE DOMAIN apart.cents AS integer CHECK (VALUE >= 0);
    CREATE TYPE apart.sum AS (amount apart.cents, said mood); CREATE SEQUENCE apart.numbers;
    CREATE TABLE zebra (id integer PRIMARY KEY DEFAULT nextval('apart.numbers'), m mood, c apart.cents,
                        n integer GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5));
    CREATE TABLE ant (id integer PRIMARY KEY DEFAULT nextval('apart.numbers'), m mood, c apart.cents, s apart.sum,
                      z integer REFERENCES zebra ON DELETE CASCADE);
    INSERT INTO zebra VALUES (1, 'good', 5); INSERT INTO ant VALUES (1, 'bad', 7, (3, 'good'), 1);
"""
HEIRS = """
    CREATE TABLE yak (id integer NOT NULL, name text DEFAULT 'y', CHECK (id > 0)); CREATE TABLE bee (w bigint);
    CREATE TABLE ass (own date, PRIMARY KEY (id)) INHERITS (yak, bee);
    INSERT INTO yak VALUES (4, 'four'); INSERT INTO ass VALUES (5, 'five', 6, '2020-01-01');
"""
PARTS = """
    CREATE SCHEMA parts;
    CREATE TABLE herd (id integer, k integer, UNIQUE (id, k)) PARTITION BY RANGE (k);
    CREATE TABLE parts.low PARTITION OF herd FOR VALUES FROM (0) TO (5);
    CREATE INDEX "by ON ONLY k" ON herd (k); CREATE UNIQUE INDEX once ON herd (k, id DESC);
    INSERT INTO herd VALUES (1, 2);
"""
# What partitions have, and the table that they are of has not.
OWN = """
    CREATE TABLE kinds (code text PRIMARY KEY); INSERT INTO kinds VALUES ('a');
    CREATE TABLE herd (id integer, k integer, code text DEFAULT 'a') PARTITION BY RANGE (k);
    CREATE TABLE low PARTITION OF herd FOR VALUES FROM (0) TO (5);
    CREATE TABLE high PARTITION OF herd FOR VALUES FROM (5) TO (9) PARTITION BY LIST (id);
    CREATE TABLE "high 1" PARTITION OF high DEFAULT;
    ALTER TABLE low ADD PRIMARY KEY (id), ADD CHECK (id > 0), ADD UNIQUE (code), ADD FOREIGN KEY (code) REFERENCES kinds,
        ALTER code SET DEFAULT 'b';
    ALTER TABLE "high 1" ALTER code DROP DEFAULT, ALTER code SET NOT NULL, ADD UNIQUE (k);
    CREATE INDEX by_code ON "high 1" (code) WHERE id > 3;
    INSERT INTO herd VALUES (1, 2, 'a'), (2, 6, 'a');
"""
# What a range is made of says which values are in it, and how it is ordered.
RANGES = """
    CREATE SCHEMA apart; CREATE TYPE span AS RANGE (SUBTYPE = integer, MULTIRANGE_TYPE_NAME = apart."Many spans");
    CREATE TYPE apart.float_range AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
    CREATE TYPE words AS RANGE (SUBTYPE = text, COLLATION = "ucs_basic", SUBTYPE_OPCLASS = text_pattern_ops);
    CREATE TABLE herd (s span PRIMARY KEY, m apart."Many spans", f apart.float_range, w words);
    CREATE TABLE many (m apart."Many spans" PRIMARY KEY, f apart.float_multirange);
    INSERT INTO herd VALUES ('[10,11]', '{[1,2],[4,5]}', '[0.5,1)', '[B,a)'), ('[9,100]', NULL, NULL, '(,z]');
    INSERT INTO many VALUES ('{[10,11]}', '{}'), ('{[9,11]}', '{[1.5,2)}');
"""


@pytest.mark.parametrize("how", ["restore", "migrate"])
@pytest.mark.parametrize("tables", [TABLES, HEIRS, PARTS, OWN, RANGES], ids=["keys", "heirs", "parts", "own", "ranges"])
def test_all_of_them(crmfs, place, how, tables):
    source, target = place("postgresql"), place("postgresql")
    source.sql(tables)
    crmfs(*(["migrate", source.url, target.url] if how == "migrate" else ["restore", "--to", target.url, source.url]))
    # Of a table that became an heir later, all columns are its own as well.
    named = [[line for line in schema_of("postgresql", one) if not line.startswith(("INHERITS", "    own date"))]
             for one in (source, target)]
    if tables != HEIRS:
        assert named[0] == named[1]
    question = "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits ORDER BY 1, 2;" \
               "SELECT indexrelid::regclass::text, indisvalid, indisunique FROM pg_index " \
               "WHERE indrelid > 16384 AND indexrelid::regclass::text NOT LIKE 'pg_toast%' ORDER BY 1"
    assert target.sql(question) == source.sql(question)
    if tables == HEIRS:
        assert target.value("SELECT id, name FROM yak ORDER BY id") == "4|four\n5|five"


@pytest.mark.parametrize("name", ["ant", "zebra"])
def test_one_alone(crmfs, place, name):
    """Without the other what ties them is not made, and said; the other, restored later, has it."""
    source, target = place("postgresql"), place("postgresql")
    source.sql(TABLES)
    told = json.loads(crmfs("restore", "--json", "--table", name, "--to", target.url, source.url).stdout)
    notes = [note for note in told["tables"][0]["notes"] if "foreign key" in note]
    assert notes == (['the foreign key to "zebra" is not made: there is no such table'] if name == "ant" else [])
    assert target.sql(f"SELECT * FROM {name}") == source.sql(f"SELECT * FROM {name}")
    other = "zebra" if name == "ant" else "ant"
    crmfs("restore", "--table", other, "--to", target.url, source.url)
    keys = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
    assert target.value(keys) == ("" if name == "ant" else source.value(keys))


def test_a_table_that_was_dropped_has_its_foreign_key_again(crmfs, place):
    """Also where what it refers to is there, and nothing of that is made."""
    source, target = place("postgresql"), place("postgresql")
    source.sql(TABLES)
    crmfs("restore", "--to", target.url, source.url)
    before = schema_of("postgresql", target)
    target.sql("DROP TABLE ant")
    crmfs("restore", "--mode", "missing", "--to", target.url, source.url)
    assert schema_of("postgresql", target) == before


def test_a_partitions_own_key_to_what_is_not_there(crmfs, place):
    source, target = place("postgresql"), place("postgresql")
    source.sql(OWN)
    told = json.loads(crmfs("restore", "--json", "--table", "herd", "--to", target.url, source.url).stdout)
    assert any("partition public.low" in note and "kinds" in note for note in told["tables"][0]["notes"]), told
    assert target.sql("SELECT * FROM herd ORDER BY id") == source.sql("SELECT * FROM herd ORDER BY id")
    assert target.value("SELECT count(*) FROM pg_constraint WHERE conrelid = 'low'::regclass") == "3"


def test_a_range_that_would_be_another(crmfs, place):
    """A function that says which of its values are one cannot be made with it, and nothing is made without."""
    source, target = place("postgresql"), place("postgresql")
    source.sql("CREATE TYPE span; CREATE FUNCTION one (span) RETURNS span LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';"
               "CREATE TYPE span AS RANGE (SUBTYPE = integer, CANONICAL = one); CREATE TABLE herd (s span PRIMARY KEY);"
               "INSERT INTO herd VALUES ('[1,2]')")
    assert "canonical" in crmfs("restore", "--to", target.url, source.url, status=1).stderr
    assert target.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
