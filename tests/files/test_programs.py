# SPDX-License-Identifier: MIT
"""Programs that are made to break file systems, in small; FILES_SCALE=20 lets each do twenty times as much."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest

import mounting
from running import kill, remount, run

SCALE = int(os.environ.get("FILES_SCALE", "1"))
PATIENCE = 120 + 30 * SCALE

FIO_JOBS = {
    "sequential": ["--rw=write", "--bs=64k", "--end_fsync=1"],
    "random": ["--rw=randwrite", "--bs=4k", "--fsync=64", "--norandommap"],
    "random and sync": ["--rw=randwrite", "--bs=4k", "--sync=1", f"--io_size={SCALE}M"],
    "blocks of any size": ["--rw=randrw", "--bsrange=1k-100k", "--bs_unaligned"],
    "past the kernel's pages": ["--rw=randwrite", "--bs=16k", "--direct=1"],
    "asynchronous": ["--rw=randwrite", "--bs=8k", "--ioengine=libaio", "--iodepth=16", "--direct=1"],
    "mapped": ["--rw=randwrite", "--bs=4k", "--ioengine=mmap"],
}


@pytest.mark.parametrize("job", FIO_JOBS, ids=lambda job: job.replace(" ", "-"))
def test_fio_reads_what_it_wrote(files, job):
    """After the kernel has let its pages go, too."""
    common = ["fio", "--name=a", "--filename=a", f"--size={4 * SCALE}M", "--verify=crc32c", "--verify_fatal=1",
              "--randrepeat=1", "--allow_file_create=1", *FIO_JOBS[job]]
    run(*common, "--do_verify=1", "--verify_state_save=0", cwd=files, timeout=PATIENCE)
    assert os.stat(files / "a").st_size > 0


STRESSORS = ["access", "aio", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "dup",
             "fallocate", "fcntl", "file-ioctl", "filename", "flock", "fpunch", "fsize", "fstat", "getdent", "hdd",
             "inode-flags", "iomix", "link", "locka", "lockf", "lockofd", "mknod", "open", "readahead", "rename",
             "revio", "seek", "sendfile", "splice", "symlink", "sync-file", "touch", "utime", "xattr"]


def test_stress_ng(files, top, store):
    """All of its stressors of file systems that a FUSE mount can have, at once, and what they verify."""
    said = run("stress-ng", *(word for name in STRESSORS for word in (f"--{name}", "1")), "--timeout", f"{4 * SCALE}s",
               "--verify", "--hdd-bytes", "4M", "--fallocate-bytes", "4M", "--seek-size", "4M",
               "--readahead-bytes", "4M", "--revio-bytes", "4M", "--temp-path", files, "--stdout", cwd=files, timeout=PATIENCE * 2)
    assert "successful run completed" in said, said
    assert not re.search(r"\bfail(ed)?:", said), said
    assert os.listdir(files) == []
    top.unmount()
    store.check()


def test_dbench(files, top, store):
    """What a file server does for its clients."""
    load = next(path for path in ("/usr/share/dbench/client.txt", "/usr/share/doc/dbench/loadfiles/client.txt")
                if os.path.exists(path))
    run("dbench", "-c", load, "-D", files, "-t", str(2 * SCALE), "-s", "2", timeout=PATIENCE)
    top.unmount()
    store.check()


def test_what_is_compiled_there_works(files):
    """The project itself, or in small a part of it."""
    for name in "Makefile", "fs", "backends", "tools":
        source = mounting.ROOT / name
        if source.is_dir():
            shutil.copytree(source, files / name)
        else:
            shutil.copy(source, files / name)
    (files / "tests").mkdir()
    target = "crmfs" if SCALE > 1 else "build/release/fs/base/buffer.o"
    run("make", "-j2", target, cwd=files, timeout=600)
    first = (files / target).read_bytes()
    assert first.startswith(b"\x7fELF")
    (files / target).unlink()
    run("make", target, cwd=files, timeout=600)
    assert (files / target).read_bytes() == first
    if SCALE > 1:
        assert "crmfs" in run(files / "crmfs", "--version")


BUSY_WRITER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("pragma journal_mode=" + sys.argv[2])
database.execute("pragma synchronous=extra")
database.execute("create table if not exists t (a integer primary key, b)")
number = database.execute("select count(*) from t").fetchone()[0]
while True:
    database.execute("begin")
    for _ in range(20):
        number += 1
        database.execute("insert into t values (?, ?)", (number, os.urandom(300)))
    database.execute("delete from t where a = ?", (number,))
    database.execute("insert into t values (?, ?)", (number, os.urandom(2000)))
    database.execute("commit")
    print(number, flush=True)
"""


@pytest.mark.parametrize("journal", ["wal", "delete", "persist"])
def test_sqlite_and_crashes_in_its_midst(top, files, journal):
    """The daemon is killed while transactions go on: those that were acknowledged are there, whole."""
    for life in range(2 * SCALE):
        writer = subprocess.Popen([sys.executable, "-c", BUSY_WRITER, files / "a.db", journal], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        acknowledged = 0
        for _ in range(3 + life % 5):
            acknowledged = int(writer.stdout.readline() or acknowledged)
        kill(top)
        for line in writer.stdout:
            acknowledged = int(line)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        remount(top)
        again = sqlite3.connect(files / "a.db")
        assert again.execute("pragma integrity_check").fetchone() == ("ok",)
        count, highest = again.execute("select count(*), max(a) from t").fetchone()
        assert count == highest >= acknowledged and count % 20 == 0
        again.close()


def test_a_clone_of_a_repository_is_whole(files, work):
    run("git", "init", "-q", work / "origin")
    git = ["git", "-C", work / "origin", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    shutil.copytree(mounting.ROOT / "fs", work / "origin/fs")
    run(*git, "add", ".")
    run(*git, "commit", "-qm", "one")
    run("git", "clone", "-q", f"file://{work}/origin", "clone", cwd=files, timeout=PATIENCE)
    run("git", "-C", files / "clone", "fsck", "--full", "--strict", timeout=PATIENCE)
    assert run("git", "-C", files / "clone", "status", "--porcelain") == ""
