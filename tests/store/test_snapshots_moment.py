# SPDX-License-Identifier: MIT
"""A writer commits all the time while snapshots are taken: each is one moment, to the byte."""
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import reference
from mounting import PATIENCE


ACCOUNTS, START = 300, 100
TRANSFERS = """
import os, sqlite3, sys, time
sys.path.insert(0, %r)
from test_snapshots_moment import transfer
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
number = 0
while not os.path.exists(sys.argv[2]):
    number += 1
    transfer(conn, number)
    time.sleep(0.001)  # or, with a rollback journal, nobody else ever gets the lock
print(number)
""" % str(Path(__file__).parent)


def make_bank(path, journal):
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA journal_mode = {journal}")
    conn.execute("PRAGMA synchronous = OFF")
    conn.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, amount INTEGER)")
    for table in ("a", "b"):
        conn.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, balance INTEGER, note TEXT)")
        conn.execute("BEGIN")
        conn.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)",
                         ((n, START, "x" * 200) for n in range(ACCOUNTS)))
        conn.execute("COMMIT")
    return conn


def transfer(conn, number):
    """Transaction NUMBER, always the same: so that the state after it can be made again."""
    amount, one, two = number * 7 % 50 + 1, number * 31 % ACCOUNTS, number * 17 % ACCOUNTS
    conn.execute("BEGIN IMMEDIATE")
    conn.execute("UPDATE a SET balance = balance - ? WHERE id = ?", (amount, one))
    conn.execute("UPDATE b SET balance = balance + ?, note = note || ? WHERE id = ?", (amount, number % 10, two))
    conn.execute("INSERT INTO log VALUES (?, ?)", (number, amount))
    conn.execute("COMMIT")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_under_a_writer(mount_store, store, work, journal):
    """Each snapshot is one moment: its sums agree, and it is to the byte the state after some transaction."""
    database, stop = work / "bank.db", work / "stop"
    make_bank(database, journal).close()
    top = mount_store(store, database, options="refresh=0")
    writer = subprocess.Popen([sys.executable, "-c", TRANSFERS, database, stop], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": ":".join(map(str, sys.path))})
    try:
        time.sleep(0.5)
        for number in range(12):
            top.path("snapshots", f"{number:02}").mkdir()
            time.sleep(0.05)
    finally:
        stop.touch()
        out, err = writer.communicate(timeout=PATIENCE)
    assert writer.returncode == 0, err
    again, done, moments = make_bank(work / "again.db", "memory"), 0, []
    replayed = reference.connect(work / "again.db")
    for number in range(12):
        folder = top.path("snapshots", f"{number:02}", "bank")
        log = (folder / "log.ndjson").read_bytes()
        moments.append(log.count(b"\n"))
        while done < moments[-1]:
            done += 1
            transfer(again, done)
        for table in ("a", "b", "log"):
            for form in reference.FORMATS:
                shown = (folder / f"{table}.{form}").read_bytes()
                assert shown == reference.render(replayed, table, form), f"{number}: {table}.{form}"
        balances = [int(line.split(b",")[1]) for table in "ab"
                    for line in (folder / f"{table}.csv").read_bytes().splitlines()[1:]]
        assert sum(balances) == 2 * ACCOUNTS * START
    assert moments == sorted(moments) and moments[-1] <= int(out)
    assert len(set(moments)) > 3, f"the snapshots stand still: {moments}"
    again.close()


def test_a_snapshot_dated_ahead_is_told_of_while_it_stays_the_latest(store, mount_store, database, clock_ahead):
    """Taken while a clock was wrong; what is taken since is older than it, though it is newer."""
    right = dict(store.environment)
    store.environment |= clock_ahead
    assert store.take("ahead", database).err == ""
    store.environment = right
    said = store.take("now", database).err
    assert "snapshot ahead, of 20" in said and "clock" in said and "forget" in said
    top = mount_store(store, database)
    assert top.path(".crmfs/errors").read_text() == ""
    top.path("snapshots/mounted").mkdir()
    assert " snapshots/latest: ahead, of 20" in top.path(".crmfs/errors").read_text()
    top.path("snapshots/ahead").rmdir()
    top.path("snapshots/again").mkdir()
    top.unmount()
    assert store.take("last", database).err == ""
