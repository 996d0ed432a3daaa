# SPDX-License-Identifier: MIT
"""Whatever is killed while rows are written: the target is as it was, or as it was to become."""
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest

import mounting

ROWS = 120_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A database whose restore takes a while."""
    path = mounting.SESSION / "restore-large.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, t TEXT)")
        database.executemany("INSERT INTO small VALUES (?, ?)", [(i, f"row {i}") for i in range(100)])
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, small_id INTEGER REFERENCES small (id), "
                         "name TEXT NOT NULL, filler TEXT)")
        database.executemany("INSERT INTO things VALUES (?, ?, ?, ?)",
                             [(i, i % 100, f"name {i}", "x" * (i % 50)) for i in range(ROWS)])
    database.close()
    yield path
    path.unlink()


def run_and_kill(crmfs_words, delay, environment):
    """Starts crmfs and kills it after a while, unless it has ended before. Whether it was killed."""
    process = subprocess.Popen([mounting.BINARY, *map(str, crmfs_words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0
    return False


def count(place, table):
    """Rows; None: there is no such table."""
    known = {"sqlite": "SELECT count(*) FROM sqlite_master WHERE name = '%s'",
             "mysql": "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() "
                      "AND table_name = '%s'",
             "postgresql": "SELECT count(*) FROM pg_tables WHERE tablename = '%s'"}[place.kind]
    if place.value(known % table) == "0":
        return None
    return int(place.value(f"SELECT count(*) FROM {table}"))


def test_killed_at_any_time(kind, place, large, work):
    environment = {**os.environ, "HOME": str(work)}
    seen = set()
    began = time.monotonic()
    target = place(kind)
    assert not run_and_kill(["restore", "--to", target.url, large], 600, environment)
    whole = time.monotonic() - began
    for part in (0.15, 0.3, 0.5, 0.7, 0.85, 0.95):
        target = place(kind)
        run_and_kill(["restore", "--to", target.url, large], whole * part, environment)
        state = mounting.eventually(lambda: settled(target), mounting.PATIENCE)
        assert state in ((None, None), (100, ROWS)), (part, state)
        seen.add(state)
        # What it left is no hindrance to the next.
        if state[0] is None:
            assert not run_and_kill(["restore", "--to", target.url, large], 600, environment)
            assert (count(target, "small"), count(target, "things")) == (100, ROWS)
            break
    assert (None, None) in seen


def settled(place):
    """The state, once a server has taken back what a dead client left."""
    state = (count(place, "small"), count(place, "things"))
    return state if state in ((None, None), (100, ROWS)) else None


def test_a_migration_goes_on(kind, place, large, work):
    """Tables that are there are not copied again, and all is compared in the end."""
    environment = {**os.environ, "HOME": str(work)}
    target = place(kind)
    words = ["migrate", "--json", "--journal", work / "journal", large, target.url]
    # Once the first table is there.
    process = subprocess.Popen([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    journal = work / "journal"
    assert mounting.eventually(lambda: journal.exists() and journal.read_text().count("\n") >= 2, mounting.PATIENCE)
    assert mounting.eventually(lambda: count(target, "small") == 100 or process.poll() is not None,
                               mounting.PATIENCE, 0.01)
    process.send_signal(signal.SIGKILL)
    killed = process.wait() == -signal.SIGKILL
    done = subprocess.run([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, env=environment, timeout=600)
    assert done.returncode == 0 or not killed, done.stderr
    if killed:
        assert json.loads(done.stdout)["resumed"]
    assert (count(target, "small"), count(target, "things")) == (100, ROWS)
    assert not journal.exists() or not killed


def test_a_source_that_changes_meanwhile(kind, place, large, work):
    """A table that was passed over, and is another by now, is named; when it is dropped it comes anew."""
    environment = {**os.environ, "HOME": str(work)}
    target, source, journal = place(kind), work / "source.db", work / "journal"
    source.write_bytes(large.read_bytes())
    words = ["migrate", "--quiet", "--json", "--journal", journal, source, target.url]
    process = subprocess.Popen([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    assert mounting.eventually(lambda: count(target, "small") == 100, mounting.PATIENCE, 0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert mounting.eventually(lambda: count(target, "things") in (None, ROWS), mounting.PATIENCE)
    with sqlite3.connect(source) as database:
        database.execute("UPDATE small SET t = 'another' WHERE id = 7" if kind == "mysql"
                         else "INSERT INTO small VALUES (100, 'late')")
    database.close()
    for status in (3, 0):
        done = subprocess.run([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, env=environment, timeout=600)
        assert done.returncode == status, done.stderr
        assert ('table "small" was copied before the interruption' in done.stderr) == (status == 3)
        tables = json.loads(done.stdout)["tables"]
        assert [table["name"] for table in tables if table["outdated"]] == (["small"] if status == 3 else [])
        assert journal.exists() == (status == 3)
        if status == 3:
            assert (count(target, "small"), count(target, "things")) == (100, ROWS)
            target.sql("DROP TABLE things; DROP TABLE small")
    assert target.value("SELECT count(*) FROM small WHERE t IN ('another', 'late')") == "1"


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_the_server_dies(kind, place, large, work, request):
    """The connection is lost in the middle: an error, and nothing has changed."""
    target = place(kind)
    environment = {**os.environ, "HOME": str(work)}
    process = subprocess.Popen([mounting.BINARY, "restore", "--to", target.url, large], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    if kind == "mysql":
        server = request.getfixturevalue("maria")
        find = ("SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND "
                "info LIKE 'LOAD DATA%'")
        found = mounting.eventually(lambda: server.lines(find), mounting.PATIENCE, 0.01)
        for one in found or []:
            server.client(f"KILL {one}", check=False)
    else:
        server = request.getfixturevalue("postgres")
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY %'"
        mounting.eventually(lambda: server.rows(kill), mounting.PATIENCE, 0.01)
    _, words = process.communicate(timeout=600)
    assert process.returncode == 1, words
    assert mounting.eventually(lambda: settled(target), mounting.PATIENCE) == (None, None)
