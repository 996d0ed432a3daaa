# SPDX-License-Identifier: MIT
"""The tree of files/ is lost: all else of the store goes on, and repair sets files/ back when it is told to."""
import errno
import json
import os
import re
import signal
import subprocess
import time

import pytest

from mounting import PATIENCE, eventually
from stores import refused_with


def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def packs(store):
    return {name: path for name, path in store.files().items() if name.startswith("packs/")}


def damage(paths):
    """Every 97th byte of what objects there may be: little fits between."""
    for path in paths:
        content = bytearray(path.read_bytes())
        for at in range(40, len(content), 97):
            content[at] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)


def written(store, change):
    """The packs that CHANGE made."""
    before = packs(store)
    change()
    return [path for name, path in packs(store).items() if name not in before]


def is_there(path):
    try:
        return path.exists()
    except OSError:
        return False


@pytest.fixture
def lost(mount_store, store, database):
    """A mount beside a database, to be started: of files/ stand the first two states, not the last one."""
    top = mount_store(store, database)
    for name in ("first", "second"):
        top.path("files", name).write_bytes(name.encode())
        sync(top.path("files"))
    top.path("snapshots/one").mkdir()
    before = packs(store)
    top.path("files/last").write_bytes(b"last")
    top.unmount()
    damage([path for name, path in packs(store).items() if name not in before])
    return top


@pytest.mark.parametrize("options", ["", "ro"])
def test_all_else_can_be_read(mount_store, store, database, lost, options):
    top = mount_store(store, database, options=options)
    assert {".crmfs", "files", "live", "snapshots"} <= set(os.listdir(top.point))
    live = top.path("live/crm")
    for name in os.listdir(live):
        assert top.path("snapshots/one/crm", name).read_bytes() == (live / name).read_bytes(), name
    assert top.path("snapshots/one/files/second").read_bytes() == b"second"
    with refused_with(errno.EIO):
        os.listdir(top.path("files"))
    with refused_with(errno.EIO):
        top.path("files/last").read_bytes()
    assert "EIO files" in top.errors() and "crmfs repair --forget-damaged" in top.errors()


def test_set_back_under_a_mount(store, lost):
    """To what it was before; who has it mounted sees that."""
    said = store.check(status=1).out
    assert "`crmfs repair --forget-damaged --read-data" in said and "sets files/ back" in said, said
    assert lost.start().status == 0
    said = store.run("repair", "--forget-damaged", "--read-data", store.path).out
    assert "Set files/ back to what record" in said, said
    assert eventually(lambda: is_there(lost.path("files/second")))
    assert sorted(os.listdir(lost.path("files"))) == ["first", "second"]
    lost.path("files/new").write_bytes(b"new")
    lost.unmount()
    store.check()
    assert lost.start().status == 0
    assert lost.path("files/second").read_bytes() == b"second" and lost.path("files/new").read_bytes() == b"new"


def test_set_back_to_nothing(mount_store, store, database):
    """No tree of it is left."""
    store.take("one", database)
    top = mount_store(store)

    def change():
        top.path("files/a").write_bytes(b"a")
        top.unmount()

    damage(written(store, change))
    answer = json.loads(store.run("repair", "--json", "--forget-damaged", "--read-data", store.path).out)
    assert answer["files_set_back"].startswith("an empty one") and answer["lost"] == 0
    assert store.names() == ["one"]
    store.check()
    assert top.start().status == 0
    assert os.listdir(top.path("files")) == []


def test_snapshots_go_without(mount_store, store, database, lost):
    """What nobody can read is not in them, as if it could be; and that is told."""
    done = store.run("snapshot", "--store", store.path, "--name", "two", database, status=3)
    assert "files/ is left out: " in done.err and "exclude-table" not in done.err, done.err
    top = mount_store(store, database)
    top.path("snapshots/three").mkdir()
    assert "EIO snapshots/three/files: left out of the snapshot: " in top.errors()
    for name in ("two", "three"):
        assert os.listdir(top.path("snapshots", name)) == ["crm"]
        assert os.getxattr(top.path("snapshots", name), "user.crmfs.partial") == b"files\n"
    assert os.getxattr(top.path("snapshots/one"), "user.crmfs.partial") == b""
    assert top.path("snapshots/one/files/second").read_bytes() == b"second"


def test_snapshots_without_are_in_part(store, database, lost, tmp_path):
    """Everywhere, as those that lack tables are; so a snapshot that has files/ is not forgotten for them."""
    for name in ("two", "three"):
        store.run("snapshot", "-q", "--store", store.path, "--name", name, database, status=3)
    said = store.run("snapshots", store.path).out
    assert said.count("(in part: files/)") == 2, said
    listed = json.loads(store.run("snapshots", "--json", store.path).out)
    assert [(one["partial"], one["lacks_files"]) for one in listed] == [(False, False), (True, True), (True, True)]

    done = store.run("diff", store.path, "one", "two")
    assert "removed" not in done.out and "two lacks files/" in done.err, done
    done = store.run("diff", "--json", store.path, "one", "two")
    assert json.loads(done.out)["files"] == "lacking"
    done = store.run("verify-restore", "--store", store.path, "two", status=3)
    assert "files/ is left out" in done.err
    done = store.run("export", store.path, "two", "--output", tmp_path / "out", status=3)
    assert "files/ is left out" in done.err
    store.run("forget", "--keep-last", "1", store.path)
    assert store.names() == ["one", "three"]


def test_files_that_went_on_during_a_scan(mount_store, store, large_crm_db):
    """What files/ was when the snapshot began is gone before it ends: nothing is lost, and nothing said to be."""
    top = mount_store(store)
    top.path("files/f").write_bytes(b"v1")
    sync(top.path("files"))
    before = set(store.files())
    taking = subprocess.Popen(store.command("snapshot", "-q", "--store", store.path, "--name", "s", large_crm_db),
                              env={**os.environ, **store.environment}, stderr=subprocess.PIPE)
    assert eventually(lambda: set(store.files()) != before, PATIENCE, 0.01)
    os.kill(taking.pid, signal.SIGSTOP)
    top.path("files/f").write_bytes(b"v2")
    top.unmount()
    old = packs(store)
    for _ in range(3):
        store.run("prune", "--grace", "1s", "--max-unused", "0", store.path)
        time.sleep(1.1)
    assert old.keys() - packs(store).keys()
    os.kill(taking.pid, signal.SIGCONT)
    said = taking.communicate(timeout=PATIENCE)[1]
    assert (taking.returncode, said) == (0, b"")
    (listed,) = store.snapshots()
    assert not listed["lacks_files"] and listed["files"] == 1
    store.check()


def given_up(store, back):
    """What repair says when the BACK-th record from the end is damaged: it finds no table in its stead."""
    record = sorted((store.path / "log").iterdir())[-back]
    content = bytearray(record.read_bytes())
    content[500] ^= 1
    record.chmod(0o600)
    record.write_bytes(content)
    return store.run("repair", "--drop-records", store.path, status=1).out


@pytest.mark.parametrize("back, now, set_back", [(2, b"v1", True), (3, b"v2", False)])
def test_records_of_files_are_given_up(mount_store, store, back, now, set_back):
    """Of files/ as it was last, or of a snapshot of it alone: what that may have cost is said."""
    top = mount_store(store)
    top.path("files/f").write_bytes(b"v1")
    sync(top.path("files"))
    top.path("snapshots/s").mkdir()
    top.path("files/f").write_bytes(b"v2")
    sync(top.path("files"))
    top.unmount()
    said = given_up(store, back)
    assert bool(re.search(r"files/: set back to what it was at \d{4}-\d\d-\d\dT[\d:]{8}Z", said)) == set_back, said
    assert "napshot of files/ alone that" in said and "took is gone" in said, said
    assert store.names() == (["s"] if set_back else [])
    assert "no record was given up" in store.run("repair", "--drop-records", store.path).out
    store.check()
    assert top.start().status == 0
    assert top.path("files/f").read_bytes() == now


def test_an_older_copy_in_its_place(top, store, database):
    """What others have seen since, which this mount has not read, is gone: it stores nothing in the place of that."""
    top.path("files/one").write_bytes(b"1")
    sync(top.path("files"))
    log = store.path / "log"
    before = set(log.iterdir())
    store.take("a", database)
    for path in set(log.iterdir()) - before:
        path.rename(store.directory / path.name)
    top.path("files/two").write_bytes(b"2")
    with refused_with(errno.EIO):
        sync(top.path("files"))
    with refused_with(errno.EIO):
        top.path("snapshots/b").mkdir()
    assert "EIO files" in top.errors() and "--accept-rollback" in top.errors()
    assert set(log.iterdir()) == before
    assert "--accept-rollback" in store.run("snapshots", store.path, status=1).err
    for path in store.directory.glob("0*"):
        path.rename(log / path.name)
    sync(top.path("files"))
    assert store.names() == ["a"]
