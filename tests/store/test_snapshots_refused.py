# SPDX-License-Identifier: MIT
"""What cannot be done in snapshots/, and that nothing half-made is left of it."""
import errno
import os
import sqlite3
import subprocess

import pytest

from mounting import eventually
from stores import Kept, differences, mkdir_works, refused_with, snapshots_of


def test_names(top, store):
    """A name is taken once; what is no name is refused; all others are kept as they are."""
    good = ["2026-11-20", "with blank", "Übersicht", "李小龍", ".hidden", "-n", "x" * 200, "a%b", "'\"\\", "*"]
    for name in good:
        top.path("snapshots", name).mkdir()
    assert snapshots_of(top) == sorted(good) == sorted(store.names())
    for name in good + ["latest"]:
        with refused_with(errno.EEXIST):
            top.path("snapshots", name).mkdir()
    bad = [b"tab\there", b"line\nend", b"\x01", b"\x7f", b"\xff\xfe", b"a\xc3", b"x" * 201, b"x" * 255]
    for name in bad:
        with refused_with(errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ):
            os.mkdir(os.path.join(os.fsencode(top.path("snapshots")), name))
    assert snapshots_of(top) == sorted(good)
    assert b"EINVAL" in top.read(".crmfs/errors")


def test_latest_is_no_name(top):
    """Not even before there is one."""
    with refused_with(errno.EINVAL, errno.EEXIST):
        top.path("snapshots/latest").mkdir()
    assert os.listdir(top.path("snapshots")) == []


def test_a_mode_that_is_said_again_passes(top):
    """mkdir -m says it once more when the snapshot is taken: the command does not fail for that."""
    subprocess.run(["mkdir", "-m", "750", top.path("snapshots/a")], check=True)
    shown = top.path("snapshots/a").stat().st_mode & 0o7777
    assert shown == 0o555
    os.chmod(top.path("snapshots/a"), shown)
    with refused_with(errno.EROFS):
        os.chmod(top.path("snapshots/a"), 0o700)
    assert top.path("snapshots/a").stat().st_mode & 0o7777 == shown


def test_a_source_called_files(mount_store, store, database):
    """In a snapshot that is where files/ stands: such a source could not be reached there."""
    answer = mount_store(store, f"files={database}", start=False).start()
    assert answer.status != 0 and "cannot be called files" in answer.err
    assert "cannot be called files" in store.run("snapshot", "--store", store.path, f"files={database}", status=1).err
    assert store.names() == []


def test_nothing_else_can_be_done(top):
    """No file is made, changed or removed anywhere, and no folder but in snapshots/."""
    top.path("snapshots/a").mkdir()
    before = differences(top.path("snapshots/a"), top.path("live"))
    attempts = [
        lambda: top.path("snapshots/file").write_text("x"),
        lambda: top.path("snapshots/a/file").write_text("x"),
        lambda: top.path("snapshots/a/crm/accounts.csv").write_text("x"),
        lambda: top.path("snapshots/a/crm/accounts.csv").unlink(),
        lambda: top.path("snapshots/a/crm").rmdir(),
        lambda: top.path("snapshots/a/more").mkdir(),
        lambda: top.path("snapshots/latest").unlink(),
        lambda: os.symlink("a", top.path("snapshots/b")),
        lambda: os.link(top.path("snapshots/a/crm/accounts.csv"), top.path("snapshots/link")),
        lambda: os.truncate(top.path("snapshots/a/crm/accounts.csv"), 0),
        lambda: os.chmod(top.path("snapshots/a"), 0o700),
        lambda: top.path("live/more").mkdir(),
        lambda: top.path("more").mkdir(),
        lambda: top.path("live").rmdir(),
        lambda: top.path("snapshots").rmdir(),
    ]
    for attempt in attempts:
        with refused_with(errno.EROFS, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EBUSY,
                          errno.ENOTEMPTY):
            attempt()
    assert snapshots_of(top) == ["a"]
    assert differences(top.path("snapshots/a"), top.path("live")) == before
    for name in ("accounts.csv", "new.csv"):
        with refused_with(errno.EROFS):
            top.path("live/crm", name).write_text("x")
    assert top.read(".crmfs/errors").count(b"rw-live") == 2
    for folder, word in (("a", "never changed"), ("a/crm", "never changed"), ("", "mkdir takes a snapshot")):
        assert f"EROFS snapshots/{folder}".rstrip("/") + ": " in top.errors() and word in top.errors()


def test_rmdir_refused(top):
    with refused_with(errno.ENOENT):
        top.path("snapshots/nothing").rmdir()
    with refused_with(errno.ENOTDIR, errno.ENOENT, errno.EPERM):
        top.path("snapshots/latest").rmdir()


@pytest.mark.parametrize("harm", ["missing", "overwritten", "locked"])
def test_failing_source(mount_store, store, database, crm_db, harm):
    """One of two sources fails: its error, no snapshot of the other, and the next try works."""
    top = mount_store(store, f"good={crm_db}", f"crm={database}", options="refresh=0,busy-timeout=0.2")
    top.path("snapshots/before").mkdir()
    sound, locker = database.read_bytes(), None
    if harm == "missing":
        database.unlink()
    elif harm == "overwritten":
        database.write_bytes(sound[:8192] + b"\xa5" * (len(sound) - 8192))
    else:
        locker = sqlite3.connect(database, isolation_level=None)
        locker.execute("PRAGMA locking_mode = EXCLUSIVE")
        locker.execute("BEGIN EXCLUSIVE")
    files = set(store.files())
    with refused_with(errno.ENOENT, errno.EIO, errno.EBUSY, errno.EAGAIN, errno.EILSEQ, errno.ESTALE):
        top.path("snapshots/half").mkdir()
    assert snapshots_of(top) == store.names() == ["before"]
    assert {name for name in set(store.files()) - files if name.startswith("log/")} == set()
    assert "half" in top.errors()
    if locker is not None:
        locker.close()
    database.write_bytes(sound)
    assert eventually(lambda: not top.path("snapshots/half").exists() and mkdir_works(top.path("snapshots/half")), 5)
    assert snapshots_of(top) == ["before", "half"]
    assert differences(top.path("snapshots/half"), top.path("snapshots/before")) == ""
    store.check()


def test_full_disk(root, mount_store, work, crm_db):
    """No room for the store: ENOSPC, nothing half-made; with room it works."""
    small = work / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        store = Kept(small)
        filler = small / "filler"
        filler.write_bytes(b"x" * 2500000)
        top = mount_store(store, crm_db)
        with refused_with(errno.ENOSPC):
            top.path("snapshots/a").mkdir()
        assert snapshots_of(top) == store.names() == []
        filler.unlink()
        top.path("snapshots/a").mkdir()
        assert differences(top.path("snapshots/a"), top.path("live")) == ""
        top.unmount()
    finally:
        subprocess.run(["umount", "-l", small], check=True)
