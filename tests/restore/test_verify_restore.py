# SPDX-License-Identifier: MIT
"""crmfs verify-restore and crmfs migrate: what they say, and what their exit status says."""
import json
import os
import sqlite3
import subprocess

import pytest

from mounting import PATIENCE, eventually
from stores import PASSPHRASE


@pytest.fixture
def taken(work, store):
    path = work / "crm.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)",
                             [(i, f"text {i}", os.urandom(200)) for i in range(5000)])
    database.close()
    store.take("day", f"crm={path}", f"other={path}")
    return path


def shared_memory():
    return {name for name in os.listdir("/dev/shm") if name.startswith("crmfs-verify")}


def test_every_table_of_every_source(taken, store, place, kind):
    before = shared_memory()
    where = [] if kind == "sqlite" else ["--to", place(kind).url]
    told = json.loads(store.run("verify-restore", "--json", *where, "--store", store.path, "day").out)
    assert [(one["source"], one["table"], one["rows"]) for one in told] == [("crm", "t", 5000), ("other", "t", 5000)]
    assert told[0]["digest"] == told[1]["digest"]
    assert eventually(lambda: shared_memory() <= before)  # others restore there, too


def test_a_passphrase_that_can_be_read_once(taken, store):
    """From standard input, whatever number of sources the snapshot has."""
    environment = {**os.environ, **store.environment, "CRMFS_PASSPHRASE": ""}
    done = subprocess.run(store.command("verify-restore", "--json", "--passphrase-file", "-", "--store", store.path, "latest"),
                          input=PASSPHRASE, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert [one["source"] for one in json.loads(done.stdout)] == ["crm", "other"]


def test_a_damaged_store_fails(taken, store):
    """What cannot be read cannot be restored."""
    for name, path in store.files().items():
        if name.startswith("packs/") and path.stat().st_size > 100_000:
            damaged = bytearray(path.read_bytes())
            for at in range(1000, len(damaged), 5000):
                damaged[at] ^= 0x55
            path.chmod(0o600)
            path.write_bytes(damaged)
    assert "cannot be restored" in store.run("verify-restore", "--store", store.path, "day", status=1).err


def test_migrate_says_what_it_did(taken, crmfs, place, kind):
    target = place(kind)
    told = json.loads(crmfs("migrate", "--json", taken, target.url).stdout)
    assert [(one["name"], one["rows"]) for one in told["tables"]] == [("t", 5000)] and not told["resumed"]
    assert "already" in crmfs("migrate", taken, target.url, status=1).stderr
    assert int(target.value("SELECT count(*) FROM t")) == 5000


def test_a_migration_of_a_snapshot_goes_on_with_the_same(store, place):
    """"latest" is another one once there is a newer: tables of both do not get into one database."""
    source, target = place("sqlite"), place("sqlite")
    source.sql("CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);"
               "CREATE INDEX by_a ON b (a); INSERT INTO a VALUES (1, 'old'); INSERT INTO b VALUES (1, 1)")
    store.take("one", f"crm={source.url}")
    target.sql("CREATE TABLE by_a (stands, in_the_way)")
    words = ["migrate", "--store", store.path, "latest", target.url]
    assert "by_a" in store.run(*words, status=1).err
    assert target.value("SELECT n FROM a") == "old"
    source.sql("UPDATE a SET n = 'new'; INSERT INTO b VALUES (2, 1)")
    store.take("two", f"crm={source.url}")
    target.sql("DROP TABLE by_a")
    assert 'has a table "a" already' in store.run(*words, status=1).err
    words[3] = "one"
    assert json.loads(store.run(*words, "--json").out)["resumed"]
    assert target.value("SELECT n, (SELECT count(*) FROM b) FROM a") == "old|1"
    words[3:] = ["two/crm/a", place("sqlite").url]
    assert "all tables" in store.run(*words, status=1).err


def test_a_migration_of_a_file_goes_on_with_the_same(crmfs, place, work):
    """The same words said in another directory mean another file: rows of both do not get into one database."""
    target = place("sqlite")
    words = ["migrate", "crm.db", target.url]
    for day in ("monday", "tuesday"):
        (work / day).mkdir()
        with sqlite3.connect(work / day / "crm.db") as source:
            source.executescript("CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, "
                                 f"a INTEGER REFERENCES a); CREATE INDEX by_a ON b (a); INSERT INTO a VALUES (1, '{day}')")
        source.close()
    target.sql("CREATE TABLE by_a (stands, in_the_way)")
    assert "by_a" in crmfs(*words, cwd=work / "monday", status=1).stderr
    assert target.value("SELECT n FROM a") == "monday"
    target.sql("DROP TABLE by_a")
    assert 'has a table "a" already' in crmfs(*words, cwd=work / "tuesday", status=1).stderr
    assert json.loads(crmfs(*words, "--json", cwd=work / "monday").stdout)["resumed"]
    assert target.value("SELECT n FROM a") == "monday"


def test_a_migration_of_what_has_odd_names_goes_on(crmfs, place, work):
    """The journal has a path, and names of tables, with bytes that are no UTF-8."""
    target, path = place("sqlite"), work / "caf\udce9.db"
    subprocess.run(["sqlite3", work / "made.db"], check=True, input=(
        b'CREATE TABLE "a\xff" (id INTEGER PRIMARY KEY); CREATE TABLE "a\xfe" (id INTEGER PRIMARY KEY, n TEXT);'
        b'CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES "a\xff"); CREATE INDEX by_a ON b (a);'
        b'INSERT INTO "a\xff" VALUES (1)'))
    (work / "made.db").rename(path)
    target.sql("CREATE TABLE by_a (stands, in_the_way)")
    assert "by_a" in crmfs("migrate", path, target.url, status=1).stderr
    target.sql("DROP TABLE by_a")
    told = json.loads(crmfs("migrate", "--json", path, target.url).stdout)
    assert told["resumed"] and len(told["tables"]) == 3


@pytest.mark.parametrize("text", ["a line without its end", "a line\n", '{"source":"other'])
def test_a_file_that_is_no_journal_stays_as_it_is(taken, crmfs, place, work, text):
    journal, target = work / "notes.txt", place("sqlite")
    journal.write_text(text)
    assert "journal" in crmfs("migrate", "--journal", journal, taken, target.url, status=1).stderr
    assert journal.read_text() == text
    journal.write_text(f'{{"source":"{taken}","tar')
    crmfs("migrate", "--journal", journal, taken, target.url)
    assert not journal.exists() and target.value("SELECT count(*) FROM t") == "5000"


def test_migrate_keeps_documents_as_they_are_written(crmfs, place, kind):
    """JSON with blanks, a sign that nobody needs and members out of order, from SQLite and from PostgreSQL."""
    source, middle, target = place("sqlite"), place("postgresql"), place(kind)
    source.sql("""CREATE TABLE t (id INTEGER PRIMARY KEY, d JSON);
                  INSERT INTO t VALUES (1, '{"b": 1.50, "a": [1, 2]}'), (2, '[ ]'), (3, NULL), (4, '"x"');""")
    crmfs("migrate", source.url, middle.url)
    crmfs("migrate", middle.url, target.url)
    assert target.value("SELECT d FROM t WHERE id = 1").replace(" ", "") == '{"b":1.50,"a":[1,2]}'


def test_a_table_without_those_that_it_refers_to(store, crmfs, place, kind):
    """It can be seen by itself whether it can be restored; to have it without them is said, or refused."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);"
               "INSERT INTO a VALUES (1); INSERT INTO b VALUES (7, 1)")
    store.take("day", f"crm={source.url}")
    store.run("verify-restore", "--store", store.path, "day/crm/b")
    store.run("verify-restore", "--store", store.path, "--to", place(kind).url, "day/crm/b")
    words = ["restore", "--store", store.path, "--to", target.url, "day/crm/b"]
    if kind == "sqlite":
        assert '"b" refers to "a", which is not there' in store.run(*words, status=1).err
        store.run(*words[:1], "--with-parents", *words[1:])
    else:
        assert 'the foreign key to "a" is not made' in store.run(*words).out
    assert target.value("SELECT a FROM b") == "1"


def test_archives_and_live_sources_are_restored(taken, crmfs, counts, place, kind, work):
    """An SQL dump of sqlite3, and the database itself."""
    dump = work / "crm.sql"
    with sqlite3.connect(taken) as database:
        dump.write_text("\n".join(database.iterdump()))
    database.close()
    for source in (dump, taken):
        assert counts("--to", place(kind).url, source)["t"]["inserted"] == 5000, source


@pytest.mark.parametrize("words, said", [
    (["--to", "x.db"], "usage"), (["--to", "/", "{db}"], "directory"), (["{db}"], "--to TARGET"),
    (["--mode", "all", "--to", "x.db", "{db}"], "--mode"), (["--map", "x", "--to", "x.db", "{db}"], "OLD=NEW"),
    (["--table", "none", "--to", "{work}/x.db", "{db}"], "no table"),
    (["--key", "1", "--mode", "replace", "--to", "{work}/x.db", "--table", "t", "{db}"], "replace"),
    (["--key", "99999", "--to", "{work}/x.db", "--table", "t", "{db}"], "99999"),
])
def test_what_makes_no_sense_is_refused(taken, crmfs, work, words, said):
    words = [word.format(db=taken, work=work) for word in words]
    done = crmfs("restore", *words, status=None)
    assert done.returncode in (1, 2) and said in done.stderr, done.stderr
    assert not (work / "x.db").exists()
