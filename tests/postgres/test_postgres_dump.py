# SPDX-License-Identifier: MIT
"""pg_dump's plain files under archives/, byte for byte as the live database that they are of."""
import gzip
import os
import subprocess
from pathlib import Path

import pytest

from powershell import written
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
CREATE TABLE settings (key text PRIMARY KEY, index integer, period text, exclude boolean, vector text);
INSERT INTO settings VALUES ('b', 1, 'x', true, NULL), ('a', NULL, '', false, 'y');
CREATE RULE r AS ON DELETE TO nothing DO ALSO (NOTIFY x; INSERT INTO public.heap VALUES (665, 'no'));
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


def dump(postgres, database, *options):
    done = subprocess.run([programs() / "pg_dump", "-h", postgres.directory, "-p", str(postgres.port), "-U", "postgres",
                           *options, database], capture_output=True, check=False, env={**os.environ, "PGTZ": "UTC"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def table_files(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(("csv", "json")) and name != "datapackage.json")


def assert_same(live, archive):
    assert table_files(live) == table_files(archive)
    assert [name for name in table_files(live) if (live / name).read_bytes() != (archive / name).read_bytes()] == []


def test_own_formats(mount, postgres, filled, work):
    """pg_dump's custom, tar and directory formats, alone, compressed, and in archives."""
    (work / "custom.dump").write_bytes(dump(postgres, filled, "-Fc"))
    (work / "stored.dump").write_bytes(dump(postgres, filled, "-Fc", "-Z0"))
    (work / "tape.tar").write_bytes(dump(postgres, filled, "-Ft"))
    dump(postgres, filled, "-Fd", "-f", work / "folder")
    dump(postgres, filled, "-Fd", "-j2", "-Z0", "-f", work / "jobs")
    subprocess.run(["gzip", "-k", work / "tape.tar"], check=True)
    subprocess.run(["zip", "-qj", work / "both.zip", work / "custom.dump", work / "tape.tar"], check=True)
    subprocess.run(["tar", "-cJf", work / "custom.tar.xz", "-C", work, "custom.dump"], check=True)
    names = ["custom.dump", "stored.dump", "tape.tar", "tape.tar.gz", "folder", "jobs", "custom.tar.xz"]
    top = mount(f"crm={postgres.url(filled)}", *(work / name for name in [*names, "both.zip"]))
    for name in names:
        assert_same(top.path("live/crm"), top.path(f"archives/{name}"))
    both = set(table_files(top.path("archives/both.zip")))
    assert {"heap.csv", "heap (2).csv"} <= both
    raw = top.path("archives")
    assert (raw / "custom.dump/raw/custom.dump").read_bytes() == (work / "custom.dump").read_bytes()
    subprocess.run(["diff", "-r", work / "folder", raw / "folder/raw"], check=True)
    listed = subprocess.run(["tar", "-tf", work / "tape.tar"], capture_output=True, text=True, check=True).stdout
    assert sorted(os.listdir(raw / "tape.tar/raw")) == sorted(listed.split())
    assert sorted(os.listdir(raw / "tape.tar.gz/raw")) == sorted(listed.split())


def test_folder_in_an_archive(mount, postgres, filled, work):
    """pg_dump's directory format, in archives of any order, under any name; others beside it."""
    dump(postgres, filled, "-Fd", "-f", work / "folder")
    dump(postgres, filled, "-Fd", "-Z0", "--inserts", "-f", work / "plain")
    files = sorted(os.listdir(work / "folder"), reverse=True)
    subprocess.run(["tar", "-cf", work / "packed.tar", "-C", work, "folder"], check=True)
    subprocess.run(["tar", "-czf", work / "flat.tgz", "-C", work / "folder", *files], check=True)
    subprocess.run(["zip", "-qr", work / "plain.zip", "plain"], cwd=work, check=True)
    names = ["packed.tar", "flat.tgz", "plain.zip"]
    top = mount(f"crm={postgres.url(filled)}", *(work / name for name in names))
    for name in names:
        assert_same(top.path("live/crm"), top.path(f"archives/{name}"))
    archives = top.path("archives")
    subprocess.run(["diff", "-r", work / "folder", archives / "packed.tar/raw/folder"], check=True)
    subprocess.run(["diff", "-r", work / "folder", archives / "flat.tgz/raw"], check=True)
    assert not Path(top.path(".crmfs/errors")).read_text()


def test_own_formats_damaged(mount, postgres, filled, work):
    """No table is shown as if it were whole."""
    whole = dump(postgres, filled, "-Fc", "-Z0")
    (work / "cut.dump").write_bytes(whole[:whole.index(b"row 10000") + 5])
    (work / "broken.dump").write_bytes(whole[:500])
    dump(postgres, filled, "-Fd", "-f", work / "folder")
    subprocess.run(["tar", "-cf", work / "inner.tar", "-C", work, "folder"], check=True)
    subprocess.run(["zip", "-qj", work / "outer.zip", work / "inner.tar"], check=True)
    lacking = max((work / "folder").glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    bytes_of = lacking.read_bytes()
    lacking.unlink()
    subprocess.run(["tar", "-cf", work / "packed.tar", "-C", work, "folder"], check=True)
    lacking.write_bytes(bytes_of[:-20])
    subprocess.run(["tar", "-cf", work / "cut.tar", "-C", work, "folder"], check=True)
    lacking.unlink()
    names = ["cut.dump", "broken.dump", "folder", "packed.tar", "cut.tar", "outer.zip"]
    top = mount(*(work / name for name in names))
    for name in "cut.dump", "folder", "packed.tar", "cut.tar":
        with pytest.raises(OSError, match="Input/output"):
            (top.path(f"archives/{name}/unordered.csv")).read_bytes()
    for name in "broken.dump", "outer.zip":
        assert table_files(top.path(f"archives/{name}")) == []
    errors = (top.path(".crmfs/errors")).read_text()
    assert "broken.dump: pg_restore cannot read it" in errors and "cut.dump" in errors
    assert "directory format in an archive within an archive" in errors
    assert f"folder/{lacking.name}: it is cut short" in errors and "the file of its rows, " in errors


def fails(path):
    try:
        path.read_bytes()
    except OSError:
        return True
    return False


def test_files_that_are_not_there(mount, postgres, filled, work):
    """Of pg_dump's folder one file of rows lacks: its table fails, all others are as live."""
    dump(postgres, filled, "-Fd", "-f", work / "folder")
    lacking = max((work / "folder").glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    lacking.unlink()
    subprocess.run(["tar", "-czf", work / "packed.tgz", "-C", work, "folder"], check=True)
    top = mount(f"crm={postgres.url(filled)}", work / "folder", work / "packed.tgz")
    live = top.path("live/crm")
    for name in "folder", "packed.tgz":
        archive = top.path(f"archives/{name}")
        assert table_files(archive) == table_files(live)
        failing = [each for each in table_files(live) if fails(archive / each)]
        assert failing == ["unordered.csv", "unordered.json", "unordered.ndjson"]
        assert [each for each in table_files(live) if each not in failing
                and (live / each).read_bytes() != (archive / each).read_bytes()] == []
    number = lacking.name.split(".")[0]
    assert f"table unordered: the file of its rows, {number}.dat, is not there, or cannot be read" in top.errors()


def test_files_cut_short(mount, postgres, filled, work):
    """Files of rows without their end, as a full disk leaves them, take nothing from the table that comes next."""
    postgres.psql("CREATE TABLE zz1 (a text); INSERT INTO zz1 VALUES ('zz1-1'); CREATE TABLE zz2 (a text); "
                  "INSERT INTO zz2 VALUES ('zz2-1'), ('zz2-2')", filled)
    dump(postgres, filled, "-Fd", "-Z0", "-f", work / "folder")
    for path in (work / "folder").glob("*.dat"):
        text = path.read_bytes()
        if b"row 10000\n" in text:
            path.write_bytes(text[:text.index(b"row 10000\n") + 5])
        elif b"zz1-1" in text:
            path.write_bytes(b"")
    top = mount(f"crm={postgres.url(filled)}", work / "folder")
    live, archive = top.path("live/crm"), top.path("archives/folder")
    assert table_files(archive) == table_files(live)
    failing = {each.split(".")[0] for each in table_files(live) if fails(archive / each)}
    assert failing == {"unordered", "zz1"}
    assert [each for each in table_files(live) if each.split(".")[0] not in failing
            and (live / each).read_bytes() != (archive / each).read_bytes()] == []
    assert "table zz1: the file of its rows, " in top.errors() and ".dat, ends without the end" in top.errors()


def test_inserts_cut_between_lines(mount, postgres, database, work):
    """Of statements in a file of their own nothing is amiss, each being whole, but that the file has another end."""
    name = database("CREATE TABLE a (id integer PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 500); "
                    "CREATE TABLE b (id integer); CREATE TABLE c (id integer); INSERT INTO c VALUES (1)")
    dump(postgres, name, "-Fd", "--inserts", "-Z0", "-f", work / "folder")
    cut = max((work / "folder").glob("[0-9]*.dat"), key=lambda path: path.stat().st_size)
    text = cut.read_bytes()
    cut.write_bytes(text[:text.index(b"VALUES (250);\n") + 14])
    subprocess.run(["tar", "-czf", work / "packed.tgz", "-C", work, "folder"], check=True)
    top = mount(work / "folder", work / "packed.tgz")
    for archive in top.path("archives/folder"), top.path("archives/packed.tgz"):
        assert fails(archive / "a.csv")
        assert (archive / "b.csv").read_bytes() == b"id\n"
        assert (archive / "c.csv").read_bytes() == b"id\n1\n"
    assert f"table a: the file of its rows, {cut.name}, ends without the end that it should have" in top.errors()


@pytest.mark.parametrize("how", ["damaged", "cut"])
def test_one_file_damaged(mount, postgres, filled, work, how):
    """pg_restore goes no further than a file that cannot be unfolded; what is in others is as live."""
    dump(postgres, filled, "-Fd", "-f", work / "folder")
    damaged = max((work / "folder").glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    text = bytearray(damaged.read_bytes())
    text[len(text) // 2] ^= 0xff
    damaged.write_bytes(text if how == "damaged" else text[:-100])
    top = mount(f"crm={postgres.url(filled)}", work / "folder")
    live, archive = top.path("live/crm"), top.path("archives/folder")
    assert table_files(archive) == table_files(live)
    failing = {each.split(".")[0] for each in table_files(live) if fails(archive / each)}
    assert failing == {"unordered"}
    assert [each for each in table_files(live) if each.split(".")[0] not in failing
            and (live / each).read_bytes() != (archive / each).read_bytes()] == []
    number = damaged.name.split(".")[0]
    assert f"table unordered: the file of its rows, {number}.dat, is damaged" in top.errors()


def test_without_pg_restore(mount, postgres, filled, work):
    """A clear word, and the file as it is."""
    (work / "custom.dump").write_bytes(dump(postgres, filled, "-Fc"))
    top = mount(work / "custom.dump", environment={"CRMFS_PG_RESTORE": "/nowhere/pg_restore"})
    folder = top.path("archives/custom.dump")
    assert table_files(folder) == []
    assert (folder / "raw/custom.dump").read_bytes() == (work / "custom.dump").read_bytes()
    errors = (top.path(".crmfs/errors")).read_text()
    assert "/nowhere/pg_restore is not there: install it" in errors


ORDERS = """
CREATE SCHEMA "Oth er"; CREATE TYPE mood AS ENUM ('z', 'it''s', 'a'); CREATE TYPE "Oth er"."Mo od" AS ENUM ('2', '10', '1');
CREATE DOMAIN feeling AS mood; CREATE DOMAIN host AS inet;
CREATE TABLE e (m mood PRIMARY KEY, v int); INSERT INTO e VALUES ('a', 1), ('z', 2), ('it''s', 3);
CREATE TABLE o (m "Oth er"."Mo od", n int, PRIMARY KEY (m, n)); INSERT INTO o VALUES ('1', 1), ('10', 2), ('10', 1), ('2', 7);
CREATE TABLE f (m feeling PRIMARY KEY); INSERT INTO f VALUES ('a'), ('it''s'), ('z');
CREATE TABLE ea (m mood[] PRIMARY KEY); INSERT INTO ea VALUES ('{a}'), ('{z,a}'), ('{z}'), ('{"it''s"}'), ('{z,NULL}'), ('{}');
CREATE TABLE i (i inet PRIMARY KEY); INSERT INTO i VALUES ('10.0.0.1'), ('9.0.0.1'), ('::1'), ('fe80::/10'), ('10.0.0.1/8'),
    ('10.0.0.0/8'), ('10.128.0.0/9'), ('2.0.0.0'), ('10.0.0.2/31'), ('10.0.0.2'), ('0.0.0.0/0'), ('::/0'), ('::ffff:1.2.3.4');
CREATE TABLE h (i host PRIMARY KEY); INSERT INTO h SELECT i FROM i;
CREATE TABLE c (c cidr PRIMARY KEY); INSERT INTO c VALUES ('10.0.0.0/8'), ('9.0.0.0/24'), ('10.0.0.0/16'), ('10.64.0.0/10'), ('::/96');
CREATE TABLE ia (i inet[] PRIMARY KEY); INSERT INTO ia VALUES ('{10.0.0.1}'), ('{9.0.0.1,10.0.0.1}'), ('{9.0.0.1}');
CREATE TABLE n (a int[] PRIMARY KEY); INSERT INTO n VALUES ('{10}'), ('{9}'), ('{9,NULL}'), ('{9,-3}'), ('{}'), ('{-1,5}'),
    ('{{1,2},{3,4}}'), ('{1,2,3,4}'), ('[2:3]={1,2}'), ('{1,2}'), ('[-1:0]={1,2}'), ('{{1},{2}}'), ('{{1,2}}');
CREATE TABLE d (a numeric[], b int, PRIMARY KEY (b, a)); INSERT INTO d VALUES ('{10.5}', 1), ('{9.25,NaN}', 1), ('{9.250}', 1), ('{1e3}', 0);
CREATE TABLE x (a double precision[] PRIMARY KEY); INSERT INTO x VALUES ('{1e30}'), ('{5}'), ('{-Infinity}'), ('{NaN}'), ('{1e-7}');
CREATE TABLE t (a text[] COLLATE "C" PRIMARY KEY); INSERT INTO t VALUES ('{b}'), ('{"a b"}'), ('{a,b}'), ('{"a\\"z"}'), ('{"a,"}'), ('{"NULL"}'),
    (ARRAY[repeat('x', 1100) || '"b']), (ARRAY[repeat('x', 1100) || '"a']), ('{NULL}'), ('{B}');
CREATE TABLE tz (a timestamptz[] PRIMARY KEY); INSERT INTO tz VALUES ('{2021-01-01 00:00+00}'), ('{2020-01-01 00:00+00,2020-01-01 00:00+00}');
CREATE TABLE bs (a bytea[] PRIMARY KEY); INSERT INTO bs VALUES ('{"\\\\x02"}'), ('{"\\\\x0101"}'), ('{"\\\\x01"}');
CREATE TYPE span AS RANGE (SUBTYPE = integer); CREATE TYPE "Oth er".words AS RANGE (SUBTYPE = text, COLLATION = "C",
    MULTIRANGE_TYPE_NAME = "Many words"); CREATE DOMAIN far AS span CHECK (NOT isempty(VALUE)); CREATE TYPE moods AS RANGE (SUBTYPE = mood);
CREATE TABLE sp (s span PRIMARY KEY); INSERT INTO sp VALUES ('[10,12]'), ('[9,12]'), ('(9,12]'), ('(,)'), ('[,3]'), ('empty'), ('[9,)'), ('[9,100]');
CREATE TABLE fa (s far[], w "Oth er".words, PRIMARY KEY (w, s)); INSERT INTO fa VALUES ('{"[10,11]"}', '[a,"b c")'), ('{"[9,11]"}', '[a,"b c")'), ('{}', '[B,a)');
CREATE TABLE mw (w "Many words" PRIMARY KEY, m moods UNIQUE); INSERT INTO mw VALUES ('{[b,c),[d,e)}', '[z,a]'), ('{[B,C)}', '[a,]'), ('{}', NULL);
CREATE TABLE mo (m moods PRIMARY KEY); INSERT INTO mo VALUES ('[a,]'), ('[z,a]'), ('[it''s,a]'), ('[z,z]');
CREATE TABLE na (a name PRIMARY KEY); INSERT INTO na VALUES ('b'), ('a'), ('B'), ('_');
CREATE TABLE p (a int, m mood, j json, s int[]) PARTITION BY RANGE (a);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (10) TO (20); CREATE TABLE p_0 PARTITION OF p DEFAULT;
INSERT INTO p VALUES (15, 'a', '1', '{9}'), (15, 'z', '2', '{10}'), (11, NULL, NULL, NULL), (99, 'a', NULL, '{9}'), (99, 'a', NULL, '{10}'),
    (NULL, 'z', '3', NULL), (2, 'a', '{"b":1}', NULL), (2, 'a', '{"a":1}', NULL);
"""


@pytest.mark.parametrize("options", [[], ["-Fc"], ["--inserts"]])
def test_orders(mount, postgres, database, work, options):
    """Rows stand as the database compares their keys, whatever that is of their texts."""
    name = database(ORDERS)
    dump(postgres, name, *options, "-f", work / "crm.dump")
    top = mount(f"crm={postgres.url(name)}", work / "crm.dump")
    live, archive = top.path("live/crm"), top.path("archives/crm.dump")
    assert table_files(live) == table_files(archive) and top.errors() == ""
    assert [each for each in table_files(live) if (archive / each).read_bytes() != (live / each).read_bytes()] == []


MOMENTS = """
CREATE TABLE moments (id serial PRIMARY KEY, a timestamptz, b timestamptz(3), c tstzrange, d timestamptz[], e text, f timestamptz);
CREATE TABLE ordered AS SELECT timestamptz '2020-01-01 00:00+00' + n * interval '1 hour' AS at FROM generate_series(1, 9000) AS n;
ALTER TABLE ordered ADD PRIMARY KEY (at);
INSERT INTO moments (a, b, c, d, e, f) SELECT at, at, tstzrange(at, at + interval '1 month'), ARRAY[at, NULL, 'infinity'], at::text, '-infinity'
    FROM (SELECT '0001-03-02 00:00+00'::timestamptz + n * interval '97 days 17 hours 3 minutes 7.123 seconds' AS at
          FROM generate_series(-500, 12000) AS n) AS moments;
INSERT INTO moments (a) SELECT '294276-12-30 00:00+00'::timestamptz - n * interval '1 day' FROM generate_series(0, 400) AS n;
"""


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("options", [[], ["--inserts"]])
def test_zones_of_time(mount, postgres, database, work, zone, options):
    """pg_dump writes moments in the zone of its session, live they are in UTC."""
    name = database(MOMENTS)
    path = work / "crm.sql"
    with open(path, "wb") as file:
        subprocess.run([programs() / "pg_dump", "-h", postgres.directory, "-p", str(postgres.port), "-U", "postgres",
                        *options, name], stdout=file, check=True, env={**os.environ, "PGTZ": zone})
    top = mount(f"crm={postgres.url(name)}", path)
    for file in ("moments.csv", "moments.json", "ordered.csv"):
        assert (top.path("live/crm") / file).read_bytes() == (top.path("archives/crm.sql") / file).read_bytes()


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


@pytest.mark.parametrize("kind", DUMPS)
def test_wide(mount, postgres, filled, work, kind):
    """As PowerShell writes it: the same files as of the dump that it was, live as well."""
    plain = dump(postgres, filled, *DUMPS[kind])
    (work / "plain.sql").write_bytes(plain)
    (work / "wide.sql.gz").write_bytes(gzip.compress(written(plain)))
    top = mount(f"crm={postgres.url(filled)}", work / "plain.sql", work / "wide.sql.gz")
    wide = top.path("archives/wide.sql.gz")
    assert_same(top.path("live/crm"), wide)
    assert (top.path("archives/plain.sql") / "schema.sql").read_bytes() == (wide / "schema.sql").read_bytes()
    assert (wide / "raw/wide.sql").read_bytes() == written(plain)
