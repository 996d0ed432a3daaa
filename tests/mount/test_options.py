# SPDX-License-Identifier: MIT
"""Mount options: those that are taken, those that are refused, and what they do."""
import os
import subprocess

import pytest

from mounting import NOBODY, as_user

TAKEN = [
    "ro", "rw", "default_permissions", "auto_unmount", "noauto_unmount", "max-memory=32M", "refresh=0.5",
    "refresh=10", "busy-timeout=1", "busy-timeout=0.5", "fsname=mycrm", "subtype=thing", "uid=0", "gid=0",
    "umask=077", "spool-size=1G", "noauto", "nofail", "_netdev", "user", "users", "x-systemd.automount",
    "nosuid", "nodev", "noexec", "noatime", "suid,dev,exec,relatime,defaults,x-a.b=c", "max-memory=100m", "max_memory=32M",
    "uid=nobody,gid=nogroup", "allow_other=no",
]


@pytest.mark.parametrize("option", TAKEN)
def test_taken(mount, crm_db, option):
    top = mount(crm_db, options=option)
    assert os.listdir(top.path("live")) == ["crm_db"]


@pytest.mark.parametrize("option", ["nonsense", "refresch=3", "allow_others", "cache=yes", "no"])
def test_unknown(refused, work, crm_db, option):
    """An unknown option is refused by name."""
    (work / "point").mkdir()
    for options in (option, f"ro,{option}", f"{option},ro"):
        answer = refused("mount", "-o", options, crm_db, work / "point", status=2)
        assert option.split("=")[0] in answer.err


BAD = ["refresh=soon", "refresh=-1", "refresh=", "refresh", "refresh=nan", "refresh=1e999", "max-memory=lots",
       "max-memory=-1M", "max-memory=1", "max-memory=99999999999999T", "max-memory=0", "uid=-2", "uid=x",
       "uid=4294967296", "umask=8", "umask=99999", "umask=-1", "gid=", "spool-size=x", "busy-timeout=x",
       "allow_other=maybe", "spool=", "config="]


@pytest.mark.parametrize("option", BAD)
def test_bad_value(refused, work, crm_db, option):
    (work / "point").mkdir()
    answer = refused("mount", "-o", option, crm_db, work / "point", status=2)
    assert option.split("=")[0] in answer.err


def test_spool_must_be_there(refused, work, crm_db):
    (work / "point").mkdir()
    answer = refused("mount", "-o", f"spool={work}/nothing", crm_db, work / "point", status=(1, 2))
    assert f"{work}/nothing" in answer.err


def test_several_o(mount, crm_db):
    top = mount(crm_db, arguments=["-o", "uid=11", "-o", "gid=12,umask=0777", "-oro"])
    about = os.stat(top.path("live"))
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (11, 12, 0)


def test_fsname_and_subtype(mount, crm_db):
    top = mount(crm_db, options="fsname=my crm")
    line = next(line for line in open("/proc/self/mounts") if str(top.point) in line)
    assert line.startswith("my\\040crm ") and " fuse.crmfs ro" in line
    top = mount(crm_db)
    line = next(line for line in open("/proc/self/mounts") if str(top.point) in line)
    assert "nosuid,nodev" in line


def try_as_nobody(path):
    return subprocess.run(as_user(NOBODY, ["cat", path]), capture_output=True, check=False)


def test_allow_other(mount, root, crm_db):
    """Without it nobody else may look; with it everybody, as far as the modes allow."""
    closed = mount(crm_db)
    assert try_as_nobody(closed.path("live/crm_db/accounts.csv")).returncode != 0
    opened = mount(crm_db, options="allow_other")
    assert try_as_nobody(opened.path("live/crm_db/accounts.csv")).stdout.startswith(b"id,")


def test_modes_guard(mount, root, crm_db):
    """With allow_other the shown modes count, whether or not default_permissions is given."""
    for options in ("allow_other,default_permissions,umask=077", "allow_other,umask=077"):
        top = mount(crm_db, options=options)
        assert try_as_nobody(top.path("live/crm_db/accounts.csv")).returncode != 0


def test_allow_other_as_user(refused, root, work, crm_db):
    """Where fuse.conf does not let ordinary users, the message says so."""
    conf = open("/etc/fuse.conf").read() if os.path.exists("/etc/fuse.conf") else ""
    assert not any(line.strip() == "user_allow_other" for line in conf.splitlines()), \
        "this test needs an /etc/fuse.conf without user_allow_other"
    (work / "point").mkdir()
    os.chown(work / "point", NOBODY.pw_uid, NOBODY.pw_gid)
    answer = refused("mount", "-o", "allow_other", crm_db, work / "point", user=NOBODY)
    assert "allow_other" in answer.err and "fuse.conf" in answer.err


@pytest.mark.parametrize("arguments", [[], ["-o"], ["--nonsense"], ["-x"], ["one"], ["-o", "ro"]])
def test_usage(refused, arguments):
    answer = refused("mount", *arguments, status=2)
    assert answer.err.startswith("crmfs: ") and "--help" in answer.err
