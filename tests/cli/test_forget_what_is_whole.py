# SPDX-License-Identifier: MIT
"""Rules of forgetting among snapshots that are damaged, or lack tables: none of them takes a whole one's place."""
import json
import re
import sqlite3

import pytest

from command import crmfs
from storing import memory, store  # noqa: F401


def ask(*words, status=0):
    done = crmfs(*map(str, words))
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def names(place):
    return [one["name"] for one in json.loads(ask("snapshots", "--json", place).stdout)]


def change(database, script):
    with sqlite3.connect(database) as connection:
        connection.executescript(script)
    connection.close()


def take(place, name, database, *words, status=0):
    ask("snapshot", "--quiet", "--store", place, "--name", name, *words, database, status=status)


def packs(place):
    return {path for path in (place / "packs").glob("*/*") if path.is_file()}


@pytest.fixture(name="series")
def make_series(store, work):  # noqa: F811
    """Four snapshots of one table; the packs that each of them has added."""
    database = work / "crm.db"
    change(database, """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
        WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
        INSERT INTO t SELECT i, hex(randomblob(30)) FROM c""")
    added = []
    for number in range(1, 5):
        before = packs(store)
        take(store, f"s{number}", database)
        added.append(packs(store) - before)
        change(database, f"UPDATE t SET a = a || {number} WHERE id % 100 = {number}")
    return added


def test_a_damaged_snapshot_fills_no_place(store, series):  # noqa: F811
    """What rests on a pack that is gone stays, is named, and a whole one is kept beside it."""
    for path in series[2]:
        path.unlink()
    for words in (["--dry-run"], []):
        done = ask("forget", "--keep-last", "1", *words, store, status=3)
        assert re.search(r"keep +s2 .*last snapshot", done.stdout) and re.search(r"forget +s1 ", done.stdout), done.stdout
        assert re.search(r"keep +s4 .*damaged", done.stdout), done.stdout
        assert all(f"{name} stays: " in done.stderr for name in ("s3", "s4")) and "s2" not in done.stderr, done.stderr
    assert names(store) == ["s2", "s3", "s4"]
    (group,) = json.loads(ask("forget", "--keep-last", "1", "--json", store, status=3).stdout)
    assert group["forget"] == [] and [one["reasons"] for one in group["keep"]] == [["last snapshot"], ["damaged"]]
    ask("forget", store, "s3", "s4")
    assert names(store) == ["s2"]


def test_without_a_whole_one_nothing_is_forgotten(store, series):  # noqa: F811
    """Where all of them are damaged, a rule has none to keep and none to forget."""
    for path in series[0]:
        path.unlink()
    done = ask("forget", "--keep-last", "1", "--json", store, status=3)
    (group,) = json.loads(done.stdout)
    assert group["forget"] == [] and [one["reasons"] for one in group["keep"]] == [["damaged"]] * 3, "what s1 holds cannot be read at all"
    assert names(store) == ["s1", "s2", "s3", "s4"]


def test_one_dated_ahead_takes_no_place(store, work, clock_ahead):  # noqa: F811
    """It stays and is named: the newest true one does not go for it, nor is a rule content with it."""
    database = work / "crm.db"
    change(database, "CREATE TABLE t (a)")
    for name in ("s1", "s2"):
        take(store, name, database)
    done = crmfs("snapshot", "-q", "--store", str(store), "--name", "ahead", "--tag", "odd", str(database), **clock_ahead)
    assert done.returncode == 0, done.stderr
    done = ask("forget", "--keep-last", "1", "--json", store)
    assert re.search("crmfs: ahead, of 20[-0-9T:]*Z, is of a time to come: until then it stays, ", done.stderr), done.stderr
    (group,) = json.loads(done.stdout)
    assert [one["reasons"] for one in group["keep"]] == [["last snapshot"], ["of a time to come"]]
    assert names(store) == ["s2", "ahead"]
    assert "keep no snapshot" in ask("forget", "--keep-tag", "none", store, status=1).stderr
    ask("forget", store, "ahead")
    assert ask("forget", "--keep-last", "1", store).stderr == "" and names(store) == ["s2"]


def test_what_a_snapshot_lacks_makes_its_group(store, work):  # noqa: F811
    """A small job of one table, and nights with a view that cannot be read, do not push each other out."""
    database = work / "crm.db"
    change(database, "CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE TABLE e (b); CREATE TABLE log (c)")
    take(store, "whole", database)
    change(database, "DROP TABLE log; CREATE TABLE log (c); CREATE VIEW bad AS SELECT nosuch(1)")
    for night in (1, 2):
        take(store, f"night{night}", database, status=3)
        take(store, f"e{night}", database, "--table", "e")
        take(store, f"nolog{night}", database, "--exclude-table", "log,bad")
    done = ask("forget", "--keep-last", "1", store)
    assert names(store) == ["whole", "night2", "e2", "nolog2"], done.stdout
    for label in ("sources crm:", "sources crm (in part: lacks bad):", "sources crm (in part: only e):",
                  "sources crm (in part: without bad, log):"):
        assert label in done.stdout, done.stdout
    change(database, "CREATE TABLE more (d)")
    take(store, "e3", database, "--table", "crm.e")
    take(store, "nolog3", database, "--exclude-table", "log", "--exclude-table", "crm.bad")
    ask("forget", "--keep-last", "1", store)
    assert names(store) == ["whole", "night2", "e3", "nolog3"], "a new table changes no group"


def test_what_was_left_out_on_purpose_is_listed(store, work):  # noqa: F811
    database = work / "crm.db"
    change(database, "CREATE TABLE t (a); CREATE TABLE e (b); CREATE VIEW bad AS SELECT nosuch(1)")
    take(store, "only", database, "--table", "e,bad", status=3)
    take(store, "without", database, "--exclude-table", "t,bad")
    text = ask("snapshots", store).stdout.splitlines()
    assert text[1].endswith("  (in part: crm/bad; of crm only bad, e)"), text
    assert text[2].endswith("  (in part: crm without bad, t)"), text
    only, without = json.loads(ask("snapshots", "--json", store).stdout)
    assert only["lacking"] == [{"source": "crm", "table": "bad"}] and without["lacking"] == []
    assert only["on_purpose"] == [{"source": "crm", "only": ["bad", "e"]}]
    assert without["on_purpose"] == [{"source": "crm", "without": ["bad", "t"]}]
    ask("check", "--read-data", store)
