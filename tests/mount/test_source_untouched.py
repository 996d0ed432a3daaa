# SPDX-License-Identifier: MIT
"""crmfs never writes to a source, and reads those that cannot be written."""
import hashlib
import os
import shutil
import sqlite3
import subprocess

import pytest

from folder import all_files, slurp
from mounting import NOBODY, as_user


def fingerprint(directory):
    """Names, contents, times and modes of all files of a directory."""
    return {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns,
                        path.stat().st_mode, path.stat().st_ino)
            for path in sorted(directory.iterdir())}


def read_all(top):
    return {path: len(slurp(path)) for path in all_files(top.path("live"))}


@pytest.fixture
def home(work):
    """The database's own directory."""
    path = work / "home"
    path.mkdir()
    return path


def test_rollback_database(mount, home, crm_db):
    shutil.copy(crm_db, home / "crm.db")
    before = fingerprint(home)
    top = mount(home / "crm.db")
    assert read_all(top)
    top.unmount()
    assert fingerprint(home) == before


def wal_database(path, leave_log):
    """A WAL database; with its -wal and -shm left behind as by a killed program, or without."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = wal")
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("INSERT INTO t VALUES (1, 'in the file')")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.execute("INSERT INTO t VALUES (2, 'in the log')")
    if leave_log:
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{end}", f"{path}{end}.kept")
    conn.close()
    if leave_log:
        for end in ("", "-wal", "-shm"):
            os.replace(f"{path}{end}.kept", f"{path}{end}")


BOTH = b"id,v\n1,in the file\n2,in the log\n"


@pytest.mark.parametrize("log", ["no log", "log", "log without shm"])
def test_wal_database(mount, home, log):
    """The database's own bytes stay; SQLite's shared memory file may come and go."""
    wal_database(home / "crm.db", log != "no log")
    if log == "log without shm":
        (home / "crm.db-shm").unlink()
    before = fingerprint(home)
    top = mount(home / "crm.db")
    assert slurp(top.live() / "t.csv") == BOTH
    top.unmount()
    after = fingerprint(home)
    assert after["crm.db"][:2] == before["crm.db"][:2]
    if "crm.db-wal" in before:
        assert after["crm.db-wal"][0] == before["crm.db-wal"][0]
    conn = sqlite3.connect(home / "crm.db")
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("kind", ["rollback", "wal", "wal with log", "wal with log without shm"])
def test_read_only_directory(mount, root, home, kind):
    """As an ordinary user who may write neither the database nor its directory."""
    if kind == "rollback":
        conn = sqlite3.connect(home / "crm.db", isolation_level=None)
        conn.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
                           "INSERT INTO t VALUES (1, 'in the file'), (2, 'in the log');")
        conn.close()
    else:
        wal_database(home / "crm.db", "with log" in kind)
        if "without shm" in kind:
            (home / "crm.db-shm").unlink()
    for path in home.iterdir():
        path.chmod(0o444)
    home.chmod(0o555)
    before = fingerprint(home)
    assert subprocess.run(as_user(NOBODY, ["test", "-w", home]), check=False).returncode != 0
    top = mount(home / "crm.db", user=NOBODY)
    assert top.read("live/crm/t.csv") == BOTH
    assert top.errors() == ""
    top.unmount()
    assert fingerprint(home) == before


def test_read_only_file_system(mount, root, home):
    """On a medium that cannot be written at all."""
    wal_database(home / "crm.db", False)
    subprocess.run(["mount", "--bind", home, home], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", home], check=True)
        top = mount(home / "crm.db")
        assert slurp(top.live() / "t.csv") == BOTH
        top.unmount()
    finally:
        subprocess.run(["umount", home], check=True)


def test_hot_journal_is_left_alone(mount, home, refused):
    """A rollback journal of a crashed writer: the last whole state or a clear refusal, and no repair."""
    path = home / "crm.db"
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA cache_size = 5")
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                 "INSERT INTO t SELECT i, 'committed ' || i FROM n")
    conn.execute("BEGIN")
    conn.execute("UPDATE t SET v = 'torn ' || id")
    for end in ("", "-journal"):
        shutil.copy(f"{path}{end}", f"{path}{end}.kept")
    conn.execute("ROLLBACK")
    conn.close()
    for end in ("", "-journal"):
        os.replace(f"{path}{end}.kept", f"{path}{end}")
    before = fingerprint(home)
    top = mount(path, start=None)
    answer = top.start()
    if answer.status == 0:
        try:
            shown = slurp(top.live() / "t.csv")
            assert b"torn" not in shown and shown.count(b"\n") == 2001
        except OSError:
            assert top.errors() != ""
        top.unmount()
    else:
        assert "journal" in answer.err
    assert fingerprint(home) == before
