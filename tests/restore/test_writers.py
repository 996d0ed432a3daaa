# SPDX-License-Identifier: MIT
"""Others write while a restore goes on: it is as if one had come after the other, whichever first."""
import os
import random
import sqlite3
import subprocess
import threading
import time

import pytest

import mounting
from between import BEFORE, GO_ON, Between
from test_every_statement import CUTS, Struck, run

SECONDS = float(os.environ.get("RESTORE_WRITERS", "1"))
ACCOUNTS = 20
SCHEMA = """
CREATE TABLE accounts (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE entries (id INTEGER NOT NULL PRIMARY KEY, account_id INTEGER NOT NULL,
                      FOREIGN KEY (account_id) REFERENCES accounts (id));
"""
# What each writer does, and what is so before and after: an account's n is how many entries it has.
WRITE = "UPDATE accounts SET n = n + 1 WHERE id = {account}; INSERT INTO entries VALUES ({id}, {account});"
HOLDS = ("SELECT count(*) FROM accounts a WHERE n <> (SELECT count(*) FROM entries e WHERE e.account_id = a.id)")


@pytest.fixture
def source(work):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO accounts VALUES (?, ?)", [(i, 10) for i in range(ACCOUNTS)])
        database.executemany("INSERT INTO entries VALUES (?, ?)", [(i, i % ACCOUNTS) for i in range(10 * ACCOUNTS)])
    database.close()
    return path


class Writer(threading.Thread):
    """Writes until it is told to end; `done` are the entries tried. It rests the longer between them the longer all
    of it takes, so that however slow the machine a restore comes between two of them in the end."""

    def __init__(self, place, number):
        super().__init__()
        self.place, self.number, self.ends, self.done = place, number, False, 0

    def run(self):
        began = time.monotonic()
        while not self.ends:
            time.sleep((time.monotonic() - began) / 10)
            first = 1_000_000 * (self.number + 1) + self.done
            ids = range(first, first + 20)
            self.done += len(ids)
            try:
                self.place.sql("".join(self.transaction(one) for one in ids))
            except subprocess.CalledProcessError:
                pass  # a deadlock, or the file was locked: the others were faster

    def transaction(self, one):
        words = WRITE.format(account=(one * 7 + self.number) % ACCOUNTS, id=one)
        if self.place.kind == "sqlite":
            return f".timeout 60000\n.bail on\nBEGIN IMMEDIATE; {words} COMMIT;\n"
        if self.place.kind == "mysql":
            # All of it or nothing, for what comes after an error would be of another transaction.
            return ("BEGIN NOT ATOMIC DECLARE EXIT HANDLER FOR SQLEXCEPTION ROLLBACK; "
                    f"START TRANSACTION; {words} COMMIT; END//\n")
        return f"BEGIN; {words} COMMIT;\n"


@pytest.fixture
def written(kind, place, request):
    """The target that is written to, by whole transactions of any client."""
    target = place(kind)
    if kind == "mysql":
        server = request.getfixturevalue("maria")
        name = target.url.split("/")[3].split("?")[0]
        plain = target.sql
        target.sql = lambda sql: (plain(sql) if "//" not in sql
                                  else server.client("DELIMITER //\n" + sql, name, raw=False).stdout.decode())
    return target


def invariant(place):
    """As any reader has it."""
    return place.value((".timeout 60000\n" if place.kind == "sqlite" else "") + HOLDS)


def test_one_after_the_other(written, crmfs, source):
    """A restore takes back what came before it as a whole, and nothing of what comes after."""
    target = written
    crmfs("restore", "--to", target.url, source)
    both = [Writer(target, number) for number in range(2)]
    for one in both:
        one.start()
    ends = {0: 0, 1: 0}
    began = time.monotonic()
    try:
        while time.monotonic() - began < SECONDS or not ends[0] or min(one.done for one in both) <= 20:
            done = crmfs("restore", "--quiet", "--mode", "replace", "--to", target.url, source, status=None)
            ends[done.returncode] += 1
            assert done.returncode == 0 or "again" in done.stderr, done.stderr
            assert invariant(target) == "0"
            assert time.monotonic() - began < mounting.PATIENCE, ("there never was a way between the writers", ends,
                                                                       [one.done for one in both])
    finally:
        for one in both:
            one.ends = True
        for one in both:
            one.join()
    assert invariant(target) == "0"


# --- between any two statements -----------------------------------------------------------------


class Others:
    """What another client does, and what of a restore is tried against it."""

    def __init__(self, name, tables, mode, before, does):
        self.name, self.tables, self.mode, self.before, self.does = name, tables, mode, before, does


OTHERS = [
    Others("a parent goes", "entries", "missing", "DELETE FROM entries WHERE account_id = 5",
           "DELETE FROM accounts WHERE id = 5"),
    Others("a parent of a new table goes", "entries", "append", "DROP TABLE entries",
           "DELETE FROM accounts WHERE id = 5"),
    Others("a child comes", "entries,accounts", "replace", "INSERT INTO accounts VALUES (99, 0)",
           "INSERT INTO entries VALUES (999, 99); UPDATE accounts SET n = 1 WHERE id = 99"),
    Others("the same row comes", "entries", "missing", "DELETE FROM entries WHERE id = 7",
           "INSERT INTO entries VALUES (7, 3)"),
    Others("the same row comes first", "entries", "upsert", "DELETE FROM entries WHERE id = 7",
           "INSERT INTO entries VALUES (7, 3)"),
    Others("a row is made new", "entries", "append", "DELETE FROM entries", "INSERT INTO entries VALUES (7, 3)"),
    Others("rows change", "entries,accounts", "replace", "UPDATE accounts SET n = 0",
           "UPDATE accounts SET n = n + 1; INSERT INTO entries SELECT 500 + id, id FROM accounts"),
    Others("a row goes", "entries", "upsert", "UPDATE entries SET account_id = 1", "DELETE FROM entries WHERE id = 7"),
]


def do(struck, what, **how):
    """Another client's transaction, which waits for nobody. Whether it was done."""
    if struck.kind == "mysql":
        words = f"SET innodb_lock_wait_timeout = 0; START TRANSACTION; {what}; COMMIT;"
        return struck.server.client(words, struck.name, check=False).returncode == 0
    try:
        struck.server.psql(f"SET lock_timeout = '1ms'; BEGIN; {what}; COMMIT;", struck.name, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        return False
    return True


def restore(url, source, mode, tables):
    return ["restore", "--quiet", "--mode", mode, "--table", tables, "--to", url, source]


def set_up(struck, others):
    accounts = ", ".join(f"({i}, 10)" for i in range(ACCOUNTS))
    entries = ", ".join(f"({i}, {i % ACCOUNTS})" for i in range(10 * ACCOUNTS))
    assert do(struck, "DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS accounts;" + SCHEMA +
              f"INSERT INTO accounts VALUES {accounts}; INSERT INTO entries VALUES {entries}; {others.before}")


def outcomes(struck, others, source):
    """(restore done, other done) → what is there then: of one after the other, and of either alone."""
    known = {}
    for order in (("restore", "other"), ("other", "restore"), ("restore",), ("other",)):
        set_up(struck, others)
        done = {"restore": False, "other": False}
        for one in order:
            done[one] = do(struck, others.does) if one == "other" else run(
                restore(struck.place.url, source, others.mode, others.tables)).returncode == 0
        known.setdefault((done["restore"], done["other"]), set()).add(struck.state())
    return known


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
@pytest.mark.parametrize("others", OTHERS, ids=lambda one: one.name)
def test_at_any_moment(kind, others, place, request, work, source):
    """What another client does between two statements of a restore came before it, or after, or one is refused."""
    struck = Struck(kind, place(kind), request, work)
    known = outcomes(struck, others, source)
    set_up(struck, others)
    words = restore(struck.url, source, others.mode, others.tables)
    with Between(struck.socket, struck.real) as between:
        run(words)
    places = range(1, between.count + 1)
    for at in places if CUTS == "all" else sorted(random.Random(others.name).sample(places, 3)):
        set_up(struck, others)
        did = []
        with Between(struck.socket, struck.real, at, BEFORE, lambda _: did.append(do(struck, others.does)) or GO_ON):
            done = run(words)
        assert done.returncode in (0, 1), done.stderr
        assert done.returncode == 0 or "read back" not in done.stderr, (at, done.stderr)
        assert struck.state() in known.get((done.returncode == 0, did == [True]), ()), (at, did, done.stderr)
