# SPDX-License-Identifier: MIT
"""Two hundred snapshots: listed, read, found again, thinned out."""
import os
import random
import sqlite3
from contextlib import closing

import pytest

import reference
from mounting import eventually
from stores import Kept

COUNT = 200


def make(path):
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("CREATE TABLE state (id INTEGER PRIMARY KEY, number INTEGER, note TEXT)")
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO state VALUES (?, 0, ?)", ((n, f"note {n} " * 5) for n in range(2000)))
    conn.execute("COMMIT")
    conn.close()


def name_of(number):
    return f"moment-{number:03}"


@pytest.fixture(scope="module")
def many(shared_work):
    """The store, and of each snapshot what its table's CSV must be."""
    store, database = Kept(shared_work, dear=True), shared_work / "crm.db"
    make(database)
    return store, database, {}


def test_taken(many, mount_store):
    """By mkdir; each shows its own state at once."""
    store, database, expected = many
    folder = mount_store(store, database, options="refresh=0").path("snapshots")
    conn, dice = sqlite3.connect(database, isolation_level=None), random.Random(6)
    for number in range(COUNT):
        low = dice.randrange(1900)
        conn.execute("UPDATE state SET number = ? WHERE id BETWEEN ? AND ?", (number, low, low + 9))
        os.mkdir(folder / name_of(number))
        with closing(reference.connect(database)) as plain:
            expected[name_of(number)] = reference.render(plain, "state", "csv")
        if number % 20 == 0:
            assert (folder / name_of(number) / "crm/state.csv").read_bytes() == expected[name_of(number)]
    conn.close()
    assert sorted(os.listdir(folder)) == ["latest", *map(name_of, range(COUNT))]


def test_listed(many, mount_store):
    """Another mount and the command tell the same."""
    store, _, expected = many
    assert store.names() == list(map(name_of, range(COUNT)))
    top = mount_store(store)
    assert sorted(os.listdir(top.path("snapshots"))) == ["latest", *sorted(expected)]
    assert os.readlink(top.path("snapshots/latest")) == name_of(COUNT - 1)


def test_read(many, mount_store):
    """Every one of them is what it was, in any order."""
    store, _, expected = many
    top = mount_store(store)
    names = list(expected)
    random.Random(7).shuffle(names)
    for name in names:
        assert top.path("snapshots", name, "crm/state.csv").read_bytes() == expected[name], name
    assert top.high_water() <= 64 << 20


def test_decoded(many):
    """FORMAT.md's decoder agrees, past checkpoints and chains."""
    store, _, expected = many
    opened = store.decoded()
    assert list(opened.snapshots()) == list(expected)
    for number in range(0, COUNT, 37):
        table = opened.tables(name_of(number))[b"crm"][b"state"]
        assert b"".join(opened.csv(table)) == expected[name_of(number)]


def test_small(many):
    """Two hundred snapshots of ten changed rows cost about a pack's padding each."""
    store, _, _ = many
    assert store.size("packs/") <= (COUNT + 8) * 65536
    assert store.size("log/") <= (COUNT + 8) * 2048


def test_thinned(many, mount_store):
    """forget --keep-last 5 while a mount looks; what is left is whole, after a prune as well."""
    store, _, expected = many
    top = mount_store(store)
    assert len(os.listdir(top.path("snapshots"))) == COUNT + 1
    store.run("forget", store.path, "--keep-last", "5")
    left = list(map(name_of, range(COUNT - 5, COUNT)))
    assert store.names() == left
    assert eventually(lambda: sorted(os.listdir(top.path("snapshots"))) == ["latest", *left], 2)
    store.run("prune", store.path)
    for name in left:
        assert top.path("snapshots", name, "crm/state.csv").read_bytes() == expected[name]
    store.check()
