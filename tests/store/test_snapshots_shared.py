# SPDX-License-Identifier: MIT
"""One store, several mounts, commands and readers at once; and a mount that ends in the middle."""
import errno
import os
import subprocess
import threading

import pytest

from mounting import PATIENCE, eventually, is_alive
from stores import differences, mkdir_works, refused_with, snapshots_of, sql


@pytest.mark.sanitize
def test_of_another_process(top, store, database):
    """What the command takes, renames and forgets shows within a second."""
    assert snapshots_of(top) == []
    store.take("theirs", database)
    assert eventually(lambda: snapshots_of(top) == ["theirs"], 1.0)
    assert differences(top.path("snapshots/theirs"), top.path("live")) == ""
    store.run("forget", store.path, "theirs")
    assert eventually(lambda: snapshots_of(top) == [], 1.0)
    assert eventually(lambda: not top.path("snapshots/theirs").exists(), 1.0)


def test_name_that_was_missing(top, store, database):
    """A name that was looked for in vain is there within a second of being taken."""
    assert not top.path("snapshots/theirs").exists()
    store.take("theirs", database)
    assert eventually(top.path("snapshots/theirs/crm/accounts.csv").exists, 1.0)


def test_two_mounts(mount_store, store, database, odd_db):
    """Of one store: each sees what the other does, and both may take at once."""
    one = mount_store(store, database, options="refresh=0")
    two = mount_store(store, f"odd={odd_db}")
    one.path("snapshots/a").mkdir()
    assert eventually(lambda: snapshots_of(two) == ["a"], 1.0)
    assert differences(one.path("snapshots/a"), two.path("snapshots/a")) == ""
    with refused_with(errno.EEXIST):
        two.path("snapshots/a").mkdir()
    failed = []

    def take(top, names):
        for name in names:
            try:
                top.path("snapshots", name).mkdir()
            except OSError as problem:
                failed.append(problem)

    threads = [threading.Thread(target=take, args=(top, [f"{which}{n}" for n in range(8)]))
               for top, which in ((one, "one"), (two, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failed
    want = sorted(["a"] + [f"{which}{n}" for which in ("one", "two") for n in range(8)])
    assert sorted(store.names()) == want
    assert eventually(lambda: snapshots_of(one) == want and snapshots_of(two) == want, 1.5)
    assert differences(two.path("snapshots/one7/crm"), one.path("live/crm")) == ""
    assert differences(one.path("snapshots/two7/odd"), two.path("live/odd")) == ""
    two.path("snapshots/a").rename(two.path("snapshots/b"))
    assert eventually(lambda: "b" in snapshots_of(one) and "a" not in snapshots_of(one), 1.5)
    store.check()


def test_same_name_at_once(mount_store, store, database):
    """Two mounts, one name: exactly one of them takes it."""
    tops = [mount_store(store, database) for _ in range(2)]
    for number in range(5):
        answers = []

        def take(top, number=number, answers=answers):
            answers.append(mkdir_works(top.path("snapshots", f"same{number}")))

        threads = [threading.Thread(target=take, args=(top,)) for top in tops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(answers) == [False, True]
    assert len(store.names()) == 5


def test_taking_while_reading(top, database):
    """Readers of a snapshot and of live go on, with the right bytes, while others are taken."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/activities.csv").read_bytes()
    stop, problems, reads = threading.Event(), [], [0]

    def read():
        while not stop.is_set():
            try:
                if top.path("snapshots/a/crm/activities.csv").read_bytes() != want:
                    problems.append("other bytes")
                if len(list(top.path("live/crm").iterdir())) != 17:
                    problems.append("live")
                reads[0] += 1
            except OSError as problem:
                problems.append(problem)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            sql(database, "UPDATE activities SET minutes = ? WHERE id % 50 = ?", number, number)
            top.path("snapshots", f"b{number}").mkdir()
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not problems
    assert reads[0] > 2
    assert len(snapshots_of(top)) == 11


def test_forgotten_while_open(top, store):
    """An open file of a snapshot that is forgotten goes on being read; its name is gone."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/activities.csv").read_bytes()
    with open(top.path("snapshots/a/crm/activities.csv"), "rb", buffering=0) as file:
        begun = file.read(1000)
        top.path("snapshots/a").rmdir()
        store.run("prune", store.path)
        rest = bytearray()
        while piece := file.read(1 << 20):
            rest += piece
        assert begun + rest == want
    assert not top.path("snapshots/a").exists()


def test_killed_while_taking(mount_store, store, large_crm_db):
    """kill -9 in the middle of mkdir: no snapshot, no harm."""
    top = mount_store(store, large_crm_db)
    process = subprocess.Popen(["mkdir", top.path("snapshots/a")], stderr=subprocess.DEVNULL)
    assert eventually(lambda: store.size("tmp/") + store.size("packs/") > 1 << 20, 20, 0.001)
    os.kill(top.pid, 9)
    assert process.wait(PATIENCE) != 0
    top.assert_gone()
    assert store.names() == []
    again = mount_store(store, large_crm_db)
    assert snapshots_of(again) == []
    again.path("snapshots/a").mkdir()
    again.unmount()
    store.check()


def test_unmounted_while_taking(mount_store, store, large_crm_db):
    """A mount that is told to end gives up what it takes, and ends."""
    top = mount_store(store, large_crm_db)
    process = subprocess.Popen(["mkdir", top.path("snapshots/a")], stderr=subprocess.DEVNULL)
    assert eventually(lambda: store.size("tmp/") + store.size("packs/") > 1 << 20, 20, 0.001)
    os.kill(top.pid, 15)
    status = process.wait(PATIENCE)
    top.assert_gone()
    assert not is_alive(process.pid)
    assert store.names() == ([] if status else ["a"])
    store.check()
