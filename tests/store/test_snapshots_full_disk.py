# SPDX-License-Identifier: MIT
"""Snapshots on a disk that holds the store and nothing else: one that has no room leaves enough to make some."""
import os
import random
import shutil
import subprocess
import time

import pytest

import mounting
from stores import Kept, sql

KIB = 1 << 10
DISK = 2 << 20


@pytest.fixture
def small_disk(work, root):
    with mounting.small_disk(work / "disk", DISK) as place:
        yield place


@pytest.fixture
def store(small_disk, work):
    """A store that has the disk for its own: what is remembered of it stands elsewhere."""
    store = Kept.copied(small_disk)
    shutil.move(small_disk / "state", work / "state")
    store.environment["XDG_STATE_HOME"] = str(work / "state")
    return store


def changed(database, dice, size):
    """Another content of the database, which compresses to about SIZE."""
    sql(database, "CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY, b)")
    sql(database, "INSERT OR REPLACE INTO a VALUES (1, ?)", dice.randbytes(size))
    return database


def free(disk):
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def leave(disk, size):
    """Fills the disk but for SIZE."""
    with open(disk / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free(disk) - size)
    assert free(disk) == size


@pytest.mark.parametrize("room", [32, 64, 68, 76, 80, 100, 128, 160, 200, 216, 240, 280])
def test_what_has_no_room_leaves_what_there_was(store, small_disk, work, room):
    """Its packs do not stay, which nobody could remove for a day; so some room can be made."""
    dice = random.Random(room)
    store.take("a", changed(work / "a.db", dice, 300 * KIB))
    leave(small_disk, room * KIB)
    before = set(store.files())
    changed(work / "a.db", dice, 2 * KIB)
    took = subprocess.run(store.command("snapshot", "--store", store.path, "--name", "b", work / "a.db"),
                          env={**os.environ, **store.environment}, capture_output=True, text=True, check=False)
    if took.returncode != 0:
        assert "No space left" in took.stderr and set(store.files()) == before
        assert free(small_disk) == room * KIB
    else:
        assert free(small_disk) >= 120 * KIB
    store.run("forget", store.path, "a")
    store.run("prune", "--grace", "0", store.path)
    assert free(small_disk) > (room + 100) * KIB
    store.take("c", work / "a.db")
    store.check()


def test_a_store_that_fills_its_disk_can_be_made_smaller(store, small_disk, work):
    dice = random.Random(5)
    taken = []
    for number in range(100):
        changed(work / "a.db", dice, dice.choice([100, 30 * KIB, 150 * KIB]))
        words = ("snapshot", "--store", store.path, "--name", f"s{number}", work / "a.db")
        took = subprocess.run(store.command(*words), env={**os.environ, **store.environment}, capture_output=True,
                              text=True, check=False)
        if took.returncode != 0:
            assert "No space left" in took.stderr
            break
        taken.append(f"s{number}")
    assert 4 < len(taken) < 100
    store.run("forget", "--keep-last", "2", store.path)
    store.run("prune", "--grace", "0", store.path)
    store.take("again", work / "a.db")
    assert store.names() == [*taken[-2:], "again"]
    store.check()


def test_what_dead_writers_left_gives_way_to_a_record(store, small_disk, work):
    """As prune would remove it in the end, for which it would need a record first."""
    store.take("a", changed(work / "a.db", random.Random(1), 300 * KIB))
    store.take("b", work / "a.db")
    left = store.path / "tmp" / ("0" * 32)
    for age, works in ((3600, False), (2 * 86400, True)):
        left.write_bytes(bytes(32 * KIB))
        os.utime(left, (time.time() - age,) * 2)
        if not works:
            leave(small_disk, 0)
        store.run("forget", store.path, "a", status=0 if works else 1)
        assert left.exists() != works
    assert store.names() == ["b"]


def test_old_records_give_way_to_those_of_a_prune(store, small_disk, work, mount):
    """Which needs some to remove anything, and removes those only in the end where there is room."""
    store.take("a", changed(work / "a.db", random.Random(1), 300 * KIB))
    top = mount(store.path, environment=store.environment)
    for _ in range(80):
        top.path("snapshots/a").rename(top.path("snapshots/b"))
        top.path("snapshots/b").rename(top.path("snapshots/a"))
    top.path("snapshots/a").rmdir()
    top.unmount()
    assert len(os.listdir(store.path / "checkpoints")) > 1
    leave(small_disk, 0)
    store.run("prune", "--grace", "0", store.path)
    assert len(os.listdir(store.path / "log")) < 120 and not list((store.path / "packs").rglob("*/*"))
    store.take("c", work / "a.db")
    store.check()
