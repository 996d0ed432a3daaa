# SPDX-License-Identifier: MIT
"""cp, rsync, tar and diff treat the mount as any directory."""
import os
import sqlite3
import subprocess
import time

import pytest

from folder import all_files, slurp

DATABASES = ["chinook_db", "odd_db", "crm_db"]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def rsync(source, target, *options):
    """The names of files and directories that rsync says it copied."""
    lines = run("rsync", "-a", "--out-format=%i %n", *options, f"{source}/", target).split(b"\n")
    return [line for line in lines if line.startswith(b">")]


@pytest.mark.parametrize("database", DATABASES)
def test_rsync_twice(mount, work, request, database):
    """By checksums the second run copies nothing; and what was copied is the same."""
    folder = mount(request.getfixturevalue(database)).live()
    assert len(rsync(folder, work / "copy", "--checksum")) == len(os.listdir(folder))
    assert rsync(folder, work / "copy", "--checksum") == []
    run("diff", "-r", folder, work / "copy")


def test_rsync_after_remount(mount, work, crm_db, copy_of):
    """By size and time alone another mount of an unchanged database has nothing to copy."""
    database = copy_of(crm_db)
    first = mount(database)
    assert rsync(first.live(), work / "copy") != []
    first.unmount()
    time.sleep(1.1)
    assert rsync(mount(database).live(), work / "copy") == []


@pytest.mark.parametrize("database", DATABASES)
def test_tar(mount, work, request, database):
    """tar says nothing of changed files or sizes, and unpacks to the same."""
    top = mount(request.getfixturevalue(database))
    run("tar", "-C", top.path("live"), "-cf", work / "all.tar", ".")
    (work / "out").mkdir()
    run("tar", "-C", work / "out", "-xf", work / "all.tar")
    run("diff", "-r", top.path("live"), work / "out")


def test_cp_keeps_times(mount, work, crm_db):
    folder = mount(crm_db).live()
    run("cp", "-a", folder, work / "copy")
    for name in os.listdir(folder):
        copied, shown = os.stat(work / "copy" / name), os.stat(folder / name)
        assert (copied.st_size, copied.st_mtime_ns) == (shown.st_size, shown.st_mtime_ns)


def test_plain_tools(mount, crm_db):
    """find, du, wc, tail, grep, sort and cmp give what the bytes say."""
    top = mount(crm_db)
    folder = top.live()
    raw = slurp(folder / "activities.csv")
    assert len(run("find", top.path("live"), "-type", "f").splitlines()) == len(all_files(top.path("live")))
    assert run("wc", "-c", folder / "activities.csv").split()[0] == b"%d" % len(raw)
    assert run("tail", "-c", "1000", folder / "activities.csv") == raw[-1000:]
    assert run("head", "-n", "1", folder / "activities.csv") == raw.split(b"\n")[0] + b"\n"
    assert run("tac", folder / "accounts.csv") != b""
    run("cmp", folder / "activities.csv", folder / "activities.csv")
    apparent = int(run("du", "--apparent-size", "-b", folder / "activities.csv").split()[0])
    assert apparent == len(raw)


def test_du_counts_blocks(mount, crm_db):
    """st_blocks fits the size, so that du, tar --sparse and cp do not take files for holes."""
    for path in all_files(mount(crm_db).path("live")):
        about = os.stat(path)
        assert about.st_blocks * 512 >= about.st_size


def test_emptied_copy(mount, work):
    """A power cut leaves names without bytes, which not even a table without rows has."""
    path = work / "crm.db"
    with sqlite3.connect(path) as made:
        made.executescript("CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id INTEGER PRIMARY KEY);"
                           "CREATE TABLE c (id INTEGER PRIMARY KEY); INSERT INTO c VALUES (1)")
    run("cp", "-r", mount(path).live(), work / "copy")
    for form in "csv", "json", "ndjson":
        (work / "copy" / f"c.{form}").write_bytes(b"")
    top = mount(work / "copy")
    shown = next(top.path("archives").iterdir())
    assert slurp(shown / "a.csv") == b"id\n1\n" and slurp(shown / "b.csv") == b"id\n"
    with pytest.raises(OSError, match="Input/output"):
        slurp(shown / "c.csv")
    assert "the table's files have not a byte" in top.errors()
