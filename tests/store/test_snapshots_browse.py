# SPDX-License-Identifier: MIT
"""A store looked at without its database, without the right to change it, without a right at all."""
import errno
import os
import subprocess

import pytest

import reference
from mounting import NOBODY, PATIENCE, as_user
from stores import Kept, differences, refused_with, snapshots_of

TABLES = {"accounts", "activities", "contacts", "opportunities", "pipeline"}


@pytest.mark.sanitize
def test_browse_only(mount_store, store, database):
    """`crmfs mount STORE MNT`: no live/, nothing can be taken; the rest is as ever."""
    store.take("a", database)
    top = mount_store(store)
    assert sorted(os.listdir(top.point)) == [".crmfs", "files", "snapshots"]
    with refused_with(errno.EROFS, errno.EPERM, errno.ENOTSUP, errno.EACCES):
        top.path("snapshots/b").mkdir()
    assert top.errors()
    conn = reference.connect(database)
    for table in TABLES:
        for form in reference.FORMATS:
            assert top.read("snapshots/a/crm", f"{table}.{form}") == reference.render(conn, table, form)
    top.path("snapshots/a").rename(top.path("snapshots/c"))
    assert store.names() == ["c"]
    top.path("snapshots/c").rmdir()
    assert store.names() == []


def test_read_only(mount_store, store, database):
    """-o ro: looked at, and not changed."""
    store.take("a", database)
    top = mount_store(store, database, options="ro")
    for attempt in (lambda: top.path("snapshots/b").mkdir(), lambda: top.path("snapshots/a").rmdir(),
                    lambda: top.path("snapshots/a").rename(top.path("snapshots/b"))):
        with refused_with(errno.EROFS, errno.EPERM, errno.EACCES):
            attempt()
    assert snapshots_of(top) == store.names() == ["a"]


def test_store_that_may_not_be_written(root, mount_store, work, crm_db):
    """A store on a read-only file system is browsed all the same."""
    inner = work / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    try:
        store = Kept(inner)
        store.environment["XDG_STATE_HOME"] = str(work / "state")
        store.take("a", crm_db)
        subprocess.run(["mount", "-o", "remount,ro", inner], check=True)
        top = mount_store(store, crm_db)
        assert differences(top.path("snapshots/a"), top.path("live")) == ""
        with refused_with(errno.EROFS):
            top.path("snapshots/b").mkdir()
        top.unmount()
    finally:
        subprocess.run(["umount", "-l", inner], check=True)


def test_wrong_passphrase(refused, store, work, crm_db):
    point = work / "point"
    point.mkdir()
    answer = refused("mount", "--store", store.path, crm_db, point,
                     environment={**store.environment, "CRMFS_PASSPHRASE": "wrong"})
    assert "passphrase" in answer.err
    for missing in (work / "nothing", work):
        answer = refused("mount", "--store", missing, crm_db, point, environment=store.environment)
        assert str(missing) in answer.err


def test_unprivileged(root, work, crm_db, mount_store):
    """The whole of it as an ordinary user."""
    theirs = work / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
    store = Kept(theirs, user=NOBODY)
    assert all(path.stat().st_uid == NOBODY.pw_uid for path in store.path.rglob("*"))
    assert all(not path.stat().st_mode & 0o077 for path in store.path.rglob("*"))
    top = mount_store(store, crm_db, user=NOBODY)

    def run(*command):
        return subprocess.run(as_user(NOBODY, command), capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert run("mkdir", top.path("snapshots/a")).returncode == 0
    assert run("mv", top.path("snapshots/a"), top.path("snapshots/b")).returncode == 0
    assert run("ls", top.path("snapshots")).stdout.split() == ["b", "latest"]
    assert run("diff", "-r", top.path("snapshots/b"), top.path("live")).stdout == ""
    assert run("rsync", "-a", f"{top.path('snapshots/latest')}/", theirs / "out").returncode == 0
    assert run("rmdir", top.path("snapshots/b")).returncode == 0
    assert store.names() == []


@pytest.mark.sanitize
def test_single_rows(mount_store, store, database):
    """A row of a snapshot is a file as in live/, and the same file in the next mount."""
    store.take("a", database)
    conn = reference.connect(database)
    seen = []
    for _ in range(2):
        top = mount_store(store)
        folder = top.path("snapshots/a/crm/contacts")
        rows = [(os.fsdecode(name), content) for name, content in reference.records(conn, "contacts")]
        assert os.listdir(folder) == [f"{name}.json" for name, _ in rows]
        for name, content in rows[:: len(rows) // 20]:
            assert top.read("snapshots/a/crm/contacts", f"{name}.json") == content
        assert not (folder / "-7.json").exists()
        assert not top.path("snapshots/a/crm/pipeline").exists(), "a view has no key"
        assert "contacts" not in os.listdir(top.path("snapshots/a/crm"))
        with os.scandir(folder) as entries:
            seen.append({entry.name: (entry.inode(), entry.stat().st_ino, entry.stat().st_mtime_ns)
                         for entry in list(entries)[:50]})
        top.unmount()
    assert seen[0] == seen[1]
    assert all(listed == shown for listed, shown, _ in seen[0].values())
    assert os.fsencode("contacts") in [os.fsencode(name) for name in os.listdir(
        mount_store(store, options="records").path("snapshots/a/crm"))]
