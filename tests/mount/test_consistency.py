# SPDX-License-Identifier: MIT
"""A writer commits all the time while the folder is copied: every copy is one moment."""
import sqlite3
import subprocess
import sys
import time

import pytest

import strict
from mounting import eventually

TRANSACTIONS, COPIES, TOTAL = 1000, 20, 1000 * 100

# Run as another process: moves money between two tables, one log line a transaction.
WRITER = """
import json, random, sqlite3, sys, time
path, timeout, stop = sys.argv[1], float(sys.argv[2]), sys.argv[3]
import os
conn = sqlite3.connect(path, isolation_level=None, timeout=timeout)
dice, done, longest, busy = random.Random(4), 0, 0.0, 0
while done < %d or not os.path.exists(stop):
    amount, one, two = dice.randint(1, 50), dice.randint(1, 500), dice.randint(1, 500)
    start = time.monotonic()
    try:
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("UPDATE a SET balance = balance - ? WHERE id = ?", (amount, one))
        conn.execute("UPDATE b SET balance = balance + ? WHERE id = ?", (amount, two))
        conn.execute("INSERT INTO log (amount) VALUES (?)", (amount,))
        conn.execute("COMMIT")
        done += 1
    except sqlite3.OperationalError as problem:
        busy += 1
        print("writer:", problem, file=sys.stderr)
        if conn.in_transaction:
            conn.execute("ROLLBACK")
    longest = max(longest, time.monotonic() - start)
    time.sleep(0.002)
print(json.dumps({"done": done, "longest": longest, "busy": busy}))
""" % TRANSACTIONS


def make(path, journal):
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA journal_mode = {journal}")
    conn.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, amount INTEGER)")
    for table in ("a", "b"):
        conn.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, balance INTEGER, note TEXT)")
        conn.execute("BEGIN")
        conn.executemany(f"INSERT INTO {table} VALUES (?, 100, ?)", ((n, "x" * 200) for n in range(1, 501)))
        conn.execute("COMMIT")
    conn.close()


def copied_state(folder):
    """The state a copy shows: the two sums and the log; all formats must tell the same."""
    rows = {}
    for table in ("a", "b", "log"):
        records = strict.read_csv((folder / f"{table}.csv").read_bytes())[1:]
        for form, read in (("ndjson", strict.read_ndjson), ("json", strict.read_json)):
            objects = read((folder / f"{table}.{form}").read_bytes())
            assert [[v.encode() for _, v in pairs] for pairs in objects] == records, f"{table}.{form}"
        rows[table] = records
    sums = [sum(int(record[1]) for record in rows[table]) for table in ("a", "b")]
    moved = sum(int(record[1]) for record in rows["log"])
    assert sum(sums) == TOTAL, "money was made or lost"
    assert sums[1] - TOTAL // 2 == moved, "the log and the balances are of different moments"
    return len(rows["log"])


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_every_copy_is_one_moment(mount, work, journal):
    database = work / "bank.db"
    make(database, journal)
    folder = mount(database, options="refresh=0.3").live()
    # In WAL nothing that crmfs does may make a writer wait at all.
    timeout = "0" if journal == "wal" else "30"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, database, timeout, work / "stop"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    states = []
    try:
        for number in range(COPIES):
            target = work / f"copy{number}"
            done = subprocess.run(["cp", "-r", folder, target], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
            states.append(copied_state(target))
            time.sleep(0.2)
    finally:
        (work / "stop").touch()
        out, err = writer.communicate(timeout=120)
    assert writer.returncode == 0, err
    import json

    said = json.loads(out)
    assert said["done"] >= TRANSACTIONS
    assert said["busy"] == 0, err
    assert said["longest"] < 3, f"a writer waited {said['longest']:.2f} s"
    assert states == sorted(states), "a later copy shows an earlier state"
    assert len(set(states)) >= COPIES // 4, f"the copies stand still: {states}"


# Run as another process: as WRITER, but as web pages and cron jobs do it.
VISITOR = """
import os, random, sqlite3, sys, time
path, stop, dice = sys.argv[1], sys.argv[2], random.Random(4)
while not os.path.exists(stop):
    conn = sqlite3.connect(path, isolation_level=None, timeout=0)
    amount = dice.randint(1, 50)
    conn.execute("BEGIN IMMEDIATE")
    conn.execute("UPDATE a SET balance = balance - ? WHERE id = ?", (amount, dice.randint(1, 500)))
    conn.execute("UPDATE b SET balance = balance + ? WHERE id = ?", (amount, dice.randint(1, 500)))
    conn.execute("INSERT INTO log (amount) VALUES (?)", (amount,))
    conn.execute("COMMIT")
    conn.close()
    time.sleep(0.05)
"""


def test_a_connection_a_commit(mount, work):
    """A WAL database that somebody opens and closes all the time, so that its -wal comes and goes."""
    database = work / "bank.db"
    make(database, "wal")
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("UPDATE a SET note = hex(randomblob(1000))")
    conn.execute("UPDATE b SET note = hex(randomblob(1000))")
    conn.close()
    top = mount(database, options="refresh=0.3")
    folder = top.live()
    visitor = subprocess.Popen([sys.executable, "-c", VISITOR, database, work / "stop"],
                               stderr=subprocess.PIPE, text=True)
    states = []
    try:
        for number in range(10):
            done = subprocess.run(["cp", "-r", folder, work / f"copy{number}"], capture_output=True, check=False)
            assert done.returncode == 0, (done.stderr, top.errors())
            states.append(copied_state(work / f"copy{number}"))
            time.sleep(0.35)
    finally:
        (work / "stop").touch()
        _, err = visitor.communicate(timeout=60)
    assert visitor.returncode == 0, err
    assert states == sorted(states)
    assert len(set(states)) >= 5, f"the copies stand still: {states}"


def test_idle_reader_holds_nobody_up(mount, work):
    """A file held open, half read, does not stop a writer, a checkpoint or a VACUUM."""
    for journal in ("wal", "delete"):
        database = work / f"{journal}.db"
        make(database, journal)
        folder = mount(database).live()
        with open(folder / "a.csv", "rb", buffering=0) as file:
            file.read(100)
            time.sleep(1)
            conn = sqlite3.connect(database, isolation_level=None, timeout=3)
            conn.execute("UPDATE a SET balance = 0")
            assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            conn.execute("VACUUM")
            conn.close()


def test_wal_does_not_grow_when_the_clock_is_put_back(mount, work, clock_ahead):
    """Who looks now and then whether anybody reads looks as often."""
    database = work / "wal.db"
    make(database, "wal")
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("UPDATE a SET balance = 1")
    folder = mount(database, environment=clock_ahead).live()
    subprocess.run(["cat", folder / "a.csv"], stdout=subprocess.DEVNULL, check=True)
    conn.execute("UPDATE a SET balance = 0")
    assert eventually(lambda: conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, 10)
    conn.close()


def test_wal_does_not_grow(mount, work):
    """An idle mount pins no old snapshot: the log is reset by ordinary checkpoints."""
    database = work / "wal.db"
    make(database, "wal")
    folder = mount(database, options="refresh=0.2").live()
    (folder / "a.csv").read_bytes()
    conn = sqlite3.connect(database, isolation_level=None)
    for _ in range(10):
        conn.execute("UPDATE a SET note = note || 'y'")
        conn.execute("UPDATE b SET note = note || 'y'")
        subprocess.run(["cat", folder / "a.csv"], stdout=subprocess.DEVNULL, check=True)
        time.sleep(0.5)
        assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert (work / "wal.db-wal").stat().st_size == 0
    conn.close()


# Run as another process: what rsync and tar do when there is much between looking and reading.
LOOK_THEN_READ = """
import os, sys, time
folder, go = sys.argv[1], sys.argv[2]
names = sorted(os.listdir(folder))
looked = {name: os.stat(f"{folder}/{name}").st_ino for name in names}
print("looked", flush=True)
while not os.path.exists(go):
    time.sleep(0.1)
time.sleep(5)
for name in names:
    fd = os.open(f"{folder}/{name}", os.O_RDONLY)
    about, size = os.fstat(fd), 0
    while chunk := os.read(fd, 100000):
        size += len(chunk)
    assert about.st_size == size, name
    os.close(fd)
    print(name, size, "same" if about.st_ino == looked[name] else "other")
"""


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_look_long_before_reading(mount, work, journal):
    """After a pause it may be the next moment that is read: of the size that an open file tells."""
    database = work / "crm.db"
    make(database, journal)
    folder = mount(database, options="refresh=0.2").live()
    before = {path.name: path.stat().st_size for path in folder.iterdir()}
    reader = subprocess.Popen([sys.executable, "-c", LOOK_THEN_READ, folder, work / "go"], stdout=subprocess.PIPE,
                              text=True)
    assert reader.stdout.readline() == "looked\n"
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("INSERT INTO log VALUES (1, 4711)")
    conn.close()
    (work / "go").touch()
    out, _ = reader.communicate(timeout=60)
    assert reader.returncode == 0
    read = {name: (int(size), which) for name, size, which in map(str.split, out.splitlines())}
    assert set(read) == set(before)
    assert read["log.csv"] == (before["log.csv"] + len("1,4711\n"), "other")
    assert read["a.csv"][0] == before["a.csv"]
