# SPDX-License-Identifier: MIT
"""
A restore and a migration are struck at what they send to a server: crmfs is killed, the connection is
cut, the server is killed; before the server gets it, or when it has done it and nobody has heard. The
target is as it was or as it is to become, and the next restore or migration is not hindered.

RESTORE_CUTS says at how many places of each it is tried, 24 at most; "all": at every one.
"""
import json
import os
import random
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

import mounting
import states
from between import AFTER, BEFORE, Between, kill_peer

CUTS = os.environ.get("RESTORE_CUTS", "")
SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER, chief INTEGER REFERENCES contacts (id));
CREATE TABLE contacts (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), body TEXT);
CREATE TABLE prices (country VARCHAR(2), code VARCHAR(9), price DECIMAL(9,2), raw BLOB, PRIMARY KEY (country, code));
CREATE INDEX contacts_by_account ON contacts (account_id);
"""
PARTS = ["accounts", "contacts", "prices"]


def make(path, day):
    """A CRM whose every table is another on another day, rows gone and new among them."""
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?)",
                             [(i, f"account {i}", i * day, 2 * i + day) for i in range(day, 12 + day)])
        database.executemany("INSERT INTO contacts VALUES (?, ?, ?)",
                             [(i, day + i % 12, f"day {day} of {i}") for i in range(day, 40 + day)])
        database.executemany("INSERT INTO prices VALUES (?, ?, ?, ?)",
                             [("de" if i % 2 else "se", f"c{i}", i + day / 4, bytes([i, 0, day])) for i in range(day, 20)])
    database.close()
    return path


@pytest.fixture(scope="module")
def days():
    """The CRM on two days."""
    made = [make(mounting.SESSION / f"restore-day{day}.db", day) for day in (1, 2)]
    yield made
    for path in made:
        path.unlink()


class Struck:
    """A server's database, and the way to it on which crmfs is struck."""

    def __init__(self, kind, place, request, work):
        self.kind, self.place = kind, place
        self.name = place.url.split("/")[3].split("?")[0]
        self.server = request.getfixturevalue("maria" if kind == "mysql" else "postgres")
        if kind == "mysql":
            self.socket, self.real = work / "s", self.server.socket
            self.url = self.server.url(self.name, socket=self.socket)
        else:
            self.socket = work / f".s.PGSQL.{self.server.port}"
            self.real = Path(self.server.directory) / self.socket.name
            self.url = place.url.replace(str(self.server.directory), str(work))

    def state(self, **how):
        if self.kind == "mysql":
            return states.of_mysql(self.server, self.name, **how)
        return states.of_postgres(self.server, self.name)

    def settled(self, allowed, patience=20):
        """What it is, once the server has taken back what a dead client left; the last one that was seen."""
        seen = []

        def look():
            seen.append(self.state())
            return seen[-1] in allowed

        mounting.eventually(look, patience)
        return seen[-1]

    def kill_server(self, *_):
        if self.kind == "mysql":
            self.server.kill()
        else:
            self.server.stop(signal.SIGKILL)

    def empty(self):
        if self.kind == "mysql":
            self.place.sql("SET foreign_key_checks=0; DROP TABLE IF EXISTS accounts, contacts, prices")
        else:
            self.place.sql("SET client_min_messages=error; DROP TABLE IF EXISTS accounts, contacts, prices CASCADE")


@pytest.fixture(params=["mysql", "postgresql"])
def struck(request, place, work):
    return Struck(request.param, place(request.param), request, work)


def places_of(count, usual):
    """Where it is struck: every place, or some, half of them among the last, where it is committed."""
    every = [(at, when) for at in range(1, count + 1) for when in (BEFORE, AFTER)]
    if CUTS == "all":
        return every
    usual = min(int(CUTS), 24) if CUTS else usual
    dice, late = random.Random(count), 12
    return dice.sample(every[:-late], usual - usual // 2) + dice.sample(every[-late:], usual // 2)


def run(words):
    """crmfs; status -9: it was killed."""
    return subprocess.run([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=mounting.PATIENCE * 5)


def strike(struck, words, at, when, how, word=b""):
    """Runs crmfs, strikes if it comes that far, and has the server up again; the exit status."""
    what = {"crmfs": kill_peer, "connection": lambda _: None, "server": struck.kill_server}[how]
    with Between(struck.socket, struck.real, at, when, what, word) as between:
        done = run(words)
    if how == "server" and between.struck:
        struck.server.start()
    assert done.returncode in ({0, -signal.SIGKILL} if how == "crmfs" else {0, 1}), done.stderr
    return done


def undisturbed(struck, *words, word=b""):
    """How many times something, with WORD in it, is sent; there must be no error."""
    with Between(struck.socket, struck.real, word=word) as between:
        done = run(words)
    assert done.returncode == 0, done.stderr
    return between.count


USUAL = {"crmfs": 4, "connection": 4, "server": 2}


@pytest.mark.parametrize("how", USUAL)
@pytest.mark.parametrize("act", ["make", "change"])
def test_restore(struck, days, act, how):
    words = ["restore", "--quiet", "--to", struck.url]
    if act == "change":
        undisturbed(struck, *words, days[0])
        words += ["--mode", "replace"]
    before = struck.state()
    count = undisturbed(struck, *words, days[1])
    after = struck.state()
    assert before != after
    seen = set()
    now = after
    for at, when in places_of(count, USUAL[how]):
        if now == after:
            struck.empty() if act == "make" else undisturbed(struck, *words, days[0])
            assert struck.state() == before
        done = strike(struck, [*words, days[1]], at, when, how)
        now = struck.settled((before, after))
        assert now in (before, after), (at, when, now)
        assert done.returncode != 0 or now == after, "what ended well is there"
        assert done.returncode != 1 or now == before or "is not known" in done.stderr, done.stderr
        seen.add(now)
    if now == after:
        struck.empty() if act == "make" else undisturbed(struck, *words, days[0])
    undisturbed(struck, *words, days[1])
    assert struck.state(half_made=True) == after, "nothing is left of those that were struck"
    assert before in seen


@pytest.mark.parametrize("how", USUAL)
def test_migrate(struck, days, how, work):
    """The same command again finishes what was begun, wherever that was."""
    words = ["migrate", "--quiet", "--journal", work / "journal", days[0], struck.url]
    count = undisturbed(struck, *words)
    after = struck.state(half_made=True)
    for at, when in places_of(count, USUAL[how]):
        struck.empty()
        status = strike(struck, words, at, when, how).returncode
        # Without its journal, it had done nothing yet, or all.
        if status != 0 and ((work / "journal").exists() or struck.settled((after,), 3) != after):
            undisturbed(struck, *words)
        assert struck.state(half_made=True) == after, (at, when)
        assert not (work / "journal").exists(), (at, when)


def test_what_is_set_aside_stays_where_the_others_may_be_in(struck, work):
    """The connection is cut when the server has committed, and nobody has heard of it."""
    source, aside, in_doubt = work / "source.db", work / "aside", False
    with sqlite3.connect(source) as database:
        database.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
                               "INSERT INTO t VALUES (1, 'fits'), (2, 'is much too long')")
    database.close()
    struck.place.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(9))")
    words = ["restore", "--quiet", "--skip-bad", aside, "--to", struck.url, source]
    count = undisturbed(struck, *words, word=b"COMMIT")
    assert json.loads(aside.read_text())["row"] == 2
    # Several connections end their transactions, not always in the same order.
    for at in 4 * list(range(count, 0, -1)):
        aside.unlink(missing_ok=True)
        struck.place.sql("DELETE FROM t")
        done = strike(struck, words, at, AFTER, "connection", b"COMMIT")
        in_doubt |= "is not known" in done.stderr
        assert struck.place.value("SELECT count(*) FROM t") == "0" or json.loads(aside.read_text())["row"] == 2
    assert in_doubt


def test_a_journal_ahead_of_its_tables(struck, days, work):
    """It names tables whose transaction did not end; their foreign keys go round, and are all there then."""
    words = ["migrate", "--quiet", "--journal", work / "journal", days[0], struck.place.url]
    assert run(words).returncode == 0
    after = struck.state(half_made=True)
    struck.empty()
    tables = [json.dumps({"table": name, "rows": 1, "high": "0", "low": "0"}) for name in ("contacts", "accounts")]
    head = json.dumps({"source": str(days[0]), "target": struck.place.url}, separators=(",", ":"))
    (work / "journal").write_text("\n".join([head, *tables, ""]))
    done = run(words)
    assert done.returncode == 0, done.stderr
    assert struck.state(half_made=True) == after
