# SPDX-License-Identifier: MIT
"""A snapshot costs what has changed, not what there is."""
import json
import random
import sqlite3
import statistics

import pytest

import crm
from stores import Kept

KIB = 1 << 10
FEW_PACKS = 2 * 64 * KIB  # what is written ends in one pack, whatever is at work
ROWS = 20000
PIECES = crm.sentences()


@pytest.fixture
def database(work):
    path = work / "crm.db"
    crm.make(str(path), ROWS)
    return path


@pytest.fixture(params=["64K", "384K"])
def store(request, work):
    return Kept(work, "--group-size", request.param)


def change(database, dice, share):
    """New text in a share of the rows, chosen at random; one added and one deleted."""
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("BEGIN")
    for key in dice.sample(range(1, ROWS + 1), int(ROWS * share)):
        conn.execute("UPDATE activities SET subject = ?, minutes = ? WHERE id = ?",
                     (dice.choice(PIECES)[:40], dice.random() * 90, key))
    conn.execute("DELETE FROM activities WHERE id = (SELECT min(id) FROM activities)")
    conn.execute("INSERT INTO activities (kind, subject) VALUES ('note', 'added')")
    conn.execute("COMMIT")
    conn.close()


def growth(store, action):
    """How many bytes of the store in packs, and of it all, an action adds."""
    before, packs = store.size(), store.size("packs/")
    action()
    return store.size("packs/") - packs, store.size() - before


def objects(store):
    """How many there are of each kind, and their bytes as they are stored, without what packs are padded with."""
    stats = json.loads(store.run("stats", "--json", store.path).out)
    return {kind: (stats[kind]["count"], stats[kind]["bytes"])
            for kind in ("row_groups", "pages", "images", "schemas", "trees")}


def content(store):
    return sum(size for _, size in objects(store).values())


def test_unchanged(store, database):
    """Less than a pack's padding, and a record."""
    store.take("first", database)
    for name in ("second", "third"):
        packs, whole = growth(store, lambda name=name: store.take(name, database))
        assert packs <= 64 * KIB
        assert whole <= 64 * KIB + 16 * KIB, "more than a pack, an index and a record"
    store.check()


def test_other_name_and_source(store, database, copy_of):
    """The same tables from another file under another name are the same objects."""
    store.take("first", f"a={database}")
    packs, _ = growth(store, lambda: store.take("second", f"b={copy_of(database, 'b.db')}"))
    assert packs <= 64 * KIB


def test_one_percent(store, database):
    """A day's snapshot is a small part of the first, and ten days together are less than half of it."""
    dice = random.Random(9)
    store.take("day 0", database)
    sizes = [content(store)]
    for number in range(1, 11):
        change(database, dice, 0.01)
        packs, _ = growth(store, lambda number=number: store.take(f"day {number}", database))
        assert packs <= FEW_PACKS
        sizes.append(content(store))
    days = [after - before for before, after in zip(sizes, sizes[1:])]
    assert max(days) <= 0.1 * sizes[0], days
    assert sum(days) <= 0.4 * sizes[0], days
    store.check()


def test_no_day_stands_out(work, database):
    """Chains of deltas that began together do not end together: every day costs about the same."""
    store, dice = Kept(work, "--group-size", "64K"), random.Random(11)
    store.take("day 0", database)
    sizes = [content(store)]
    for number in range(1, 13):
        change(database, dice, 0.05)
        store.take(f"day {number}", database)
        sizes.append(content(store))
    days = [after - before for before, after in zip(sizes, sizes[1:])]
    assert max(days) <= 2 * statistics.median(days), days


def test_one_row(store, database):
    store.take("first", database)
    size = content(store)
    conn = sqlite3.connect(database)
    conn.execute("UPDATE activities SET body = 'one' WHERE id = 12345")
    conn.commit()
    conn.close()
    packs, _ = growth(store, lambda: store.take("second", database))
    assert packs <= FEW_PACKS
    assert content(store) - size <= 8 * KIB


def test_rows_in_front(store, database):
    """Rows added before all others move no boundary but the first."""
    store.take("first", database)
    conn = sqlite3.connect(database)
    conn.executemany("INSERT INTO activities (id, kind, subject) VALUES (?, 'note', 'added')",
                     ((-number,) for number in range(1, 101)))
    conn.commit()
    conn.close()
    before = objects(store)
    packs, _ = growth(store, lambda: store.take("second", database))
    assert packs <= FEW_PACKS
    added = {kind: tuple(now - then for now, then in zip(after, before[kind]))
             for kind, after in objects(store).items()}
    count, size = added["row_groups"]
    assert count <= 5 and size <= 4 * KIB, added
    assert added["pages"][0] <= 2 and added["images"][0] == 1, added
    # A page among the first of its chain is stored whole by chance, which costs what all pages did.
    assert added["pages"][1] + added["images"][1] <= before["pages"][1] + KIB, added


def test_forgotten_and_pruned(store, database):
    """What only a forgotten snapshot had is given back."""
    dice = random.Random(10)
    store.take("kept", database)
    size = store.size("packs/")
    change(database, dice, 1.0)
    grown, _ = growth(store, lambda: store.take("gone", database))
    assert grown > size / 10
    store.run("forget", store.path, "gone")
    store.run("prune", store.path, "--grace", "0h")
    store.run("prune", store.path, "--grace", "0h")
    assert store.size("packs/") <= size + FEW_PACKS
    store.check()
