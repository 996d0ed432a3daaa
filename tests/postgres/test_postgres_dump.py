# SPDX-License-Identifier: MIT
"""pg_dump's plain files under archives/, byte for byte as the live database that they are of."""
import os
import subprocess

import pytest

from server import programs
from test_postgres_types import TYPES, VALUES

DUMPS = {
    "copy": [],
    "inserts": ["--inserts"],
    "columns": ["--column-inserts", "--rows-per-insert=3"],
    "clean": ["--clean", "--if-exists", "--create"],
}
KEYS = """
CREATE TABLE unordered (id integer PRIMARY KEY, v text);
INSERT INTO unordered SELECT (n * 7919) % 20011, 'row ' || n FROM generate_series(1, 20000) AS n;
CREATE TABLE two (a timestamp NOT NULL, b uuid NOT NULL, c integer, UNIQUE (b, a));
INSERT INTO two SELECT timestamp '2020-01-01' + n * interval '1 day', md5(n::text)::uuid, n FROM generate_series(1, 50) AS n;
CREATE TABLE indexed (a integer NOT NULL, b integer); CREATE UNIQUE INDEX i ON indexed (a);
INSERT INTO indexed VALUES (3, 1), (1, NULL), (2, 7);
CREATE TABLE heap (a integer, b text); INSERT INTO heap VALUES (3, 'x'), (1, NULL), (2, '');
CREATE TABLE nothing (id integer PRIMARY KEY);
CREATE TABLE "We ""ird.name" ("co l" integer PRIMARY KEY); INSERT INTO "We ""ird.name" VALUES (1);
CREATE SCHEMA other; CREATE TABLE other.heap (a bytea PRIMARY KEY); INSERT INTO other.heap VALUES ('\\x02'), ('\\x01');
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $x$ INSERT INTO public.heap VALUES (666, 'no; no') $x$;
CREATE FUNCTION g() RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO public.heap VALUES (667, 'no'); END;
"""


def literal(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


@pytest.fixture
def filled(database):
    """A database with a table of every type."""
    statements = [TYPES]
    for number, (declared, values) in enumerate(VALUES.items()):
        statements.append(f"CREATE TABLE t{number} (id integer PRIMARY KEY, v {declared});")
        for row, value in enumerate([*values, None] if declared != "cents" else values):
            statements.append(f"INSERT INTO t{number} VALUES ({row}, {literal(value)}::{declared});")
    return database("\n".join(statements) + KEYS)


@pytest.mark.parametrize("kind", DUMPS)
def test_as_live(mount, postgres, filled, work, kind):
    path = work / "crm.sql"
    with open(path, "wb") as file:
        subprocess.run([programs() / "pg_dump", "-h", postgres.directory, "-p", str(postgres.port), "-U", "postgres",
                        *DUMPS[kind], filled], stdout=file, check=True, env={**os.environ, "PGTZ": "UTC"})
    top = mount(f"crm={postgres.url(filled)}", path)
    live, archive = top.path("live/crm"), top.path("archives/crm.sql")
    names = sorted(name for name in os.listdir(live) if name.endswith(("csv", "json")) and name != "datapackage.json")
    assert names == sorted(name for name in os.listdir(archive)
                           if name.endswith(("csv", "json")) and name != "datapackage.json")
    different = [name for name in names if (live / name).read_bytes() != (archive / name).read_bytes()]
    assert different == []
