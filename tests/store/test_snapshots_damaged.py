# SPDX-License-Identifier: MIT
"""A damaged store, seen through the mount: EIO and a line that names snapshot and table, or the right bytes."""
import errno
import os
import re
import sqlite3

import pytest

import crm
from mounting import eventually
from stores import refused_with, sql


@pytest.fixture
def filled(store, work):
    """Two snapshots of a database of 40,000 rows; what each file of them holds."""
    database = work / "crm.db"
    crm.make(database, 40000)
    store.take("one", database)
    sql(database, "UPDATE activities SET subject = 'another' WHERE id % 50 = 3")
    store.take("two", database)
    return database


def contents(top):
    """Path in the mount → bytes, or the errno of what cannot be read."""
    found = {}
    for snapshot in ("one", "two"):
        folder = top.path("snapshots", snapshot, "crm")
        try:
            names = sorted(os.listdir(folder))
        except OSError as problem:
            found[f"snapshots/{snapshot}/crm"] = problem.errno
            continue
        for name in names:
            try:
                found[f"snapshots/{snapshot}/crm/{name}"] = (folder / name).read_bytes()
            except OSError as problem:
                found[f"snapshots/{snapshot}/crm/{name}"] = problem.errno
    return found


def packs(store):
    return [path for name, path in store.files().items() if name.startswith("packs/")]


def overwrite(path, at, size):
    path.chmod(0o600)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(os.urandom(size))


def without_format(path):
    """One fault of a table is told once, with the format that met it first."""
    return re.sub(r"\.(csv|json|ndjson)$", ".", path)


def assert_told(top, found, wanted):
    """Each fault has its line, and each line a fault; all else is as it was. How many faults there were."""
    lines = [line.split(" ", 3) for line in top.errors().splitlines()]
    told = {without_format(words[2].rstrip(":")) for words in lines if words[1] == "EIO"}
    faults = set()
    for path, content in found.items():
        if isinstance(content, int):
            assert content == errno.EIO, (path, content)
            faults.add(path)
            assert any(path.startswith(said) for said in told), (path, top.errors())
        else:
            assert content == wanted[path], path
    assert all(words[1] == "EIO" and "snapshots/" in words[2] for words in lines), top.errors()
    assert all(any(fault.startswith(said) or said.startswith(fault) for fault in faults) for said in told), told
    return len(faults)


def test_each_place(mount_store, store, filled):
    """A piece of 200 bytes at a time, anywhere in the packs."""
    top = mount_store(store)
    wanted = contents(top)
    assert not any(isinstance(content, int) for content in wanted.values())
    top.unmount()
    faults = 0
    for path in packs(store):
        sound = path.read_bytes()
        for part in range(1, 8, 2):
            overwrite(path, len(sound) * part // 8, 200)
            top = mount_store(store)
            faults += assert_told(top, contents(top), wanted)
            top.unmount()
            path.write_bytes(sound)
    assert faults > 0
    store.check()


def test_names_what_is_lost(mount_store, store, filled):
    """One pack gone: what was in it fails by name, the database and what comes after do not."""
    top = mount_store(store)
    wanted = contents(top)
    top.unmount()
    largest = max(packs(store), key=lambda path: path.stat().st_size)
    largest.unlink()
    top = mount_store(store, filled)
    found = contents(top)
    assert assert_told(top, found, wanted) > 0
    assert re.search(r"EIO snapshots/one(/crm\S*)?: .*(damaged|lost|missing|gone)", top.errors()), top.errors()
    conn = sqlite3.connect(filled)
    rows = conn.execute("SELECT count(*) FROM activities").fetchone()[0]
    conn.close()
    assert top.path("live/crm/activities.csv").read_bytes().count(b"\n") > rows
    # What lost something is given up; what is taken from then on needs none of it.
    store.run("repair", "--forget-damaged", store.path)
    assert eventually(lambda: set(os.listdir(top.path("snapshots"))) <= {"latest"}, 2)
    top.path("snapshots/three").mkdir()
    for name in os.listdir(top.path("live/crm")):
        assert top.path("snapshots/three/crm", name).read_bytes() == top.path("live/crm", name).read_bytes(), name
    store.check()


def test_under_an_open_file(mount_store, store, filled):
    """What is damaged while it is read: the right bytes up to there, EIO from there on."""
    top = mount_store(store, options="max-memory=24M")
    wanted = top.path("snapshots/two/crm/activities.csv").read_bytes()
    top.unmount()
    top = mount_store(store, options="max-memory=24M")
    with open(top.path("snapshots/two/crm/activities.csv"), "rb", buffering=0) as file:
        start = file.read(1000)
        for path in packs(store):
            for at in range(100, path.stat().st_size, 5000):
                overwrite(path, at, 8)
        rest = bytearray()
        with refused_with(errno.EIO):
            while piece := file.read(1 << 16):
                rest += piece
    got = start + bytes(rest)
    assert wanted.startswith(got) and got != wanted
    assert "EIO snapshots/two/crm/activities.csv: " in top.errors()
    assert eventually(lambda: os.listdir(top.path("snapshots")) != [])


def test_a_mount_says_why_it_cannot_be(store, crm_db, refused, work):
    store.take("a", crm_db)
    record = store.path / "log/00000000000000000002"
    record.chmod(0o600)
    content = bytearray(record.read_bytes())
    content[200] ^= 1
    record.write_bytes(content)
    (work / "mnt").mkdir()
    for words in ([store.path], ["--store", store.path, crm_db]):
        answer = refused("mount", *words, work / "mnt", environment=store.environment)
        assert "log/00000000000000000002" in answer.err and "damaged" in answer.err
