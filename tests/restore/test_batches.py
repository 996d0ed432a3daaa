# SPDX-License-Identifier: MIT
"""Loads of several batches, what servers refuse of them, and MariaDB where it allows no LOAD DATA LOCAL."""
import json
import os
import sqlite3
import subprocess
import sys

import pytest

import mounting
import test_mysql_fidelity as mysql_types

ROWS = 30_000
BAD = range(4007, ROWS, 5000)  # the server alone knows that these are
SERVERS = {
    "mysql": "CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER CHECK (amount % 5000 <> 4007), note TEXT)",
    "postgresql": "CREATE DOMAIN amounts AS integer CHECK (VALUE % 5000 <> 4007);"
                  "CREATE TABLE things (id integer PRIMARY KEY, amount amounts, note text)",
}


@pytest.fixture(scope="module")
def many():
    """A table that takes several batches."""
    path = mounting.SESSION / "restore-many.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)")
        database.executemany("INSERT INTO things VALUES (?, ?, ?)", [(i, i, f"{i}\t" * 60) for i in range(1, ROWS)])
    database.close()
    yield path
    path.unlink()


@pytest.fixture(params=["server", "library"])
def without_load_data(request, maria, work):
    """A function: what is to be added to a URL so that the server, or the library, allows no LOAD DATA LOCAL."""
    if request.param == "library":
        file = work / "my.cnf"
        file.write_text("[client]\nlocal-infile=0\n")
        yield {"defaults_file": file}
    else:
        maria.sql("SET GLOBAL local_infile = 0")
        yield {}
        maria.sql("SET GLOBAL local_infile = 1")


def database_of(place):
    return place.value("SELECT DATABASE()")


def executed(server):
    """Prepared statements that it ever ran."""
    return int(server.lines("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")[0].split("\t")[1])


def check_set_aside(crmfs, place, url, many, work):
    """The bad rows are told as they were put, and all others are there."""
    aside = work / "aside.ndjson"
    crmfs("restore", "--skip-bad", aside, "--to", url, many)
    told = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [line["row"] for line in told] == list(BAD)
    assert [line["values"]["note"] for line in told] == [f"{i}\t" * 60 for i in BAD]
    assert int(place.value("SELECT count(*) FROM things")) == ROWS - 1 - len(BAD)
    assert int(place.value("SELECT sum(amount) FROM things")) == sum(range(ROWS)) - sum(BAD)


def twice(work, many, number):
    """A dump of the table in which row NUMBER stands a second time."""
    dump = work / "twice.sql"
    with sqlite3.connect(many) as database:
        lines = list(database.iterdump())
    database.close()
    lines.insert(-1, f"INSERT INTO \"things\" VALUES({number},{number},'again');")
    dump.write_text("\n".join(lines))
    return dump


def test_a_new_table_has_its_key_when_rows_are_many(crmfs, place, many):
    target = place("postgresql")
    crmfs("restore", "--to", target.url, many)
    assert target.value("SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE "
                        "conrelid = 'things'::regclass AND contype = 'p'") == "things_pkey PRIMARY KEY (id)"
    assert target.value("SELECT count(*) FROM things") == str(ROWS - 1)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_key_that_is_there_twice_is_refused(crmfs, place, many, work, kind):
    """In a new table, and far apart: nothing is there then; or it is set aside."""
    source, target, aside = twice(work, many, 77), place(kind), work / "aside.ndjson"
    told = crmfs("restore", "--to", target.url, source, status=1).stderr
    assert "things" in told and "77" in told and "uplicate" in told
    there = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'things' AND table_schema = "
    assert target.value(there + ("DATABASE()" if kind == "mysql" else "'public'")) == "0"
    crmfs("restore", "--skip-bad", aside, "--to", target.url, source, status=3)
    assert len(aside.read_text().splitlines()) == 1
    assert target.value("SELECT count(*) FROM things") == str(ROWS - 1)


@pytest.mark.parametrize("kind", SERVERS)
def test_what_a_server_refuses_is_set_aside(crmfs, place, many, work, kind):
    target = place(kind)
    target.sql(SERVERS[kind])
    check_set_aside(crmfs, target, target.url, many, work)


@pytest.mark.parametrize("kind", SERVERS)
def test_what_a_server_refuses_ends_the_load(crmfs, place, many, kind):
    target = place(kind)
    target.sql(SERVERS[kind])
    told = crmfs("restore", "--to", target.url, many, status=1).stderr
    assert f"row {BAD[0]} (id {BAD[0]})" in told
    assert target.value("SELECT count(*) FROM things") == "0"


def test_mariadb_without_load_data_sets_aside_too(crmfs, maria, place, many, work, without_load_data):
    target = place("mysql")
    target.sql(SERVERS["mysql"])
    before = executed(maria)
    check_set_aside(crmfs, target, maria.url(database_of(target), **without_load_data), many, work)
    assert executed(maria) > before


def test_every_type_goes_without_load_data(crmfs, store, maria, place, without_load_data):
    """Into a new table, and into one with other rows."""
    source, target = place("mysql"), place("mysql")
    mysql_types.make(maria, database_of(source))
    source.sql("UPDATE every SET choice = NULL WHERE choice = ''")
    url = maria.url(database_of(target), **without_load_data)
    before = executed(maria)
    crmfs("restore", "--to", url, source.url)
    assert executed(maria) > before
    store.take("from", f"crm={source.url}")
    store.take("new", f"crm={target.url}")
    target.sql("DELETE FROM every ORDER BY id LIMIT 2; UPDATE every SET id = id + 1000 ORDER BY id DESC LIMIT 2")
    crmfs("restore", "--mode", "replace", "--to", url, source.url)
    store.take("again", f"crm={target.url}")
    assert store.export("from", "every") == store.export("new", "every") == store.export("again", "every")


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_keys_that_are_there_are_not_held_in_memory(crmfs, place, work, kind):
    """Forty MB of them: with --skip-bad they are told of as they come, without it the first ends it."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE t (k VARCHAR(250) PRIMARY KEY); INSERT INTO t WITH RECURSIVE n (i) AS "
               "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 160000) SELECT printf('%0250d', i) FROM n")

    def peak(*words, status=0):
        """In KiB, of what it took beside that of its program and libraries."""
        measure = ("import os, sys; _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0);"
                   "print(os.waitstatus_to_exitcode(status), used.ru_maxrss)")
        command = [mounting.BINARY, "restore", "--mode", "append", *words, "--to", target.url, source.url]
        done = subprocess.run([sys.executable, "-c", measure, *map(str, command)], env={**os.environ, "XDG_STATE_HOME": str(work)},
                              capture_output=True, text=True, check=True, timeout=mounting.PATIENCE * 5)
        ended, used = map(int, done.stdout.split()[-2:])
        assert ended == status, done
        return used, done.stderr

    first, _ = peak()
    assert target.value("SELECT count(*) FROM t") == "160000"
    again, told = peak(status=1)
    assert "is there already" in told and again < first + (20 << 10)
    aside, _ = peak("--skip-bad", work / "bad")
    with open(work / "bad", encoding="utf-8") as file:
        assert sum(1 for _ in file) == 160000 and aside < first + (20 << 10)
