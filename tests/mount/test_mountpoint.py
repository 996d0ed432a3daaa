# SPDX-License-Identifier: MIT
"""Mountpoints that cannot be used are refused in words."""
import os
import subprocess


def test_missing(refused, work, crm_db):
    answer = refused("mount", crm_db, work / "nowhere")
    assert str(work / "nowhere") in answer.err and "o such file" in answer.err


def test_not_a_directory(refused, work, crm_db):
    (work / "file").write_bytes(b"x")
    answer = refused("mount", crm_db, work / "file")
    assert str(work / "file") in answer.err and "ot a directory" in answer.err


def test_not_empty(refused, work, crm_db):
    (work / "full").mkdir()
    (work / "full/file").write_bytes(b"x")
    answer = refused("mount", crm_db, work / "full")
    assert str(work / "full") in answer.err and "not empty" in answer.err.lower()
    assert (work / "full/file").read_bytes() == b"x"


def test_spool_and_store_within(refused, work, crm_db):
    """What the mount would cover cannot be what it works with."""
    point = work / "point"
    point.mkdir()
    (work / "link").symlink_to(point)
    for place in (point, f"{point}/.", point / "below", work / "link"):
        for arguments, word in ((["-o", f"spool={place}"], "spool"), (["--store", place], "store")):
            answer = refused("mount", *arguments, crm_db, point, status=2)
            assert word in answer.err and "lies in the mountpoint" in answer.err, answer
    assert os.listdir(point) == []


def test_empty_name(refused, crm_db):
    answer = refused("mount", crm_db, "", status=2)
    assert "the mountpoint is missing" in answer.err and "mount :" not in answer.err


def test_busy(mount, refused, crm_db):
    """A second crmfs on the same mountpoint is refused; the first goes on."""
    first = mount(crm_db)
    answer = refused("mount", crm_db, first.point)
    assert str(first.point) in answer.err
    assert "mounted" in answer.err or "busy" in answer.err
    assert first.status()["pid"] == first.pid


def test_no_permission(refused, root, work, crm_db):
    from mounting import NOBODY

    (work / "theirs").mkdir(mode=0o755)
    answer = refused("mount", crm_db, work / "theirs", user=NOBODY)
    assert str(work / "theirs") in answer.err
    assert "permi" in answer.err.lower() or "not own" in answer.err.lower()


def test_relative_and_odd_mountpoints(mount, work, crm_db):
    """A mountpoint may be relative, end in a slash, hold blanks and commas."""
    for name in ("with blank", "with,comma", "über", "new\nline", "-dash", "back\\slash"):
        (work / name).mkdir()
        top = mount(crm_db, mountpoint=work / name)
        assert os.listdir(top.path("live")) == ["crm_db"]
        top.unmount()
    top = mount(crm_db, start=None)
    top.command[-1] = "mnt/"
    assert top.start().status == 0
    assert os.listdir(top.path("live")) == ["crm_db"]


def test_relative_source(mount, copy_of, crm_db, work):
    """A daemon changes its directory: a relative source has to mean what it meant."""
    copy_of(crm_db)
    top = mount("../crm.db")
    assert os.listdir(top.path("live")) == ["crm"]
    assert (top.live() / "accounts.csv").read_bytes().startswith(b"id,")


def test_dead_mount_is_replaced(mount, crm_db):
    """What a killed daemon without auto_unmount left behind is taken away by the next mount."""
    first = mount(crm_db, options="noauto_unmount")
    os.kill(first.pid, 9)
    subprocess.run(["sleep", "0.5"], check=True)
    second = mount(crm_db, mountpoint=first.point)
    assert os.listdir(second.path("live")) == ["crm_db"]
    second.unmount()


def test_symbolic_link(mount, work, crm_db):
    (work / "real").mkdir()
    (work / "link").symlink_to("real")
    top = mount(crm_db, start=None, mountpoint=work / "real")
    top.command[-1] = work / "link"
    assert top.start().status == 0
    assert os.listdir(work / "link/live") == ["crm_db"]
