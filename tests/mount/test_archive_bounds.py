# SPDX-License-Identifier: MIT
"""Backups that are large, or many: memory, room and time are bounded all the same."""
import bz2
import gzip
import os
import signal
import subprocess

import pytest

from folder import slurp
from mounting import PATIENCE, eventually, is_alive
from small_dump import ACCOUNTS, DUMP


def test_bomb(mount, work):
    """A gigabyte of the same row in a megabyte: what was read before is there, the table is an error."""
    path = work / "bomb.sql.bz2"
    row = b"INSERT INTO `empty` VALUES (1);" + b" " * 1000000 + b"\n"
    path.write_bytes(bz2.compress(DUMP.split("-- Dump")[0].encode()) + 30 * bz2.compress(20 * row))
    top = mount(path)
    assert slurp(top.path("archives/bomb.sql.bz2/accounts.csv")) == ACCOUNTS
    with pytest.raises(OSError):
        slurp(top.path("archives/bomb.sql.bz2/empty.csv"))
    assert "bomb" in slurp(top.path(".crmfs/errors")).decode()


def test_full_spool(mount, work):
    """What does not fit is an error that says what to do; what fits is there, then and afterwards."""
    small = work / "small.sql"
    small.write_text(DUMP)
    large = work / "large.sql"
    large.write_text("-- MariaDB dump 10.19\nCREATE TABLE t (id int NOT NULL, v text, PRIMARY KEY (id));\n" + "".join(
        f"INSERT INTO t VALUES ({number},'{os.urandom(2000).hex()}');\n" for number in range(3000))
        + "-- Dump completed\n")
    top = mount(small, large, options="spool-size=4M")
    with pytest.raises(OSError, match="No space left"):
        os.listdir(top.path("archives/large.sql"))
    assert "spool-size" in top.errors()
    assert slurp(top.path(f"archives/{small.name}/accounts.csv")) == ACCOUNTS
    assert top.status()["spool"]["used_bytes"] < 1 << 20


def test_many_at_once(mount, work):
    """Of a shelf of backups, looked into by many processes at the same time, each shows its own."""
    shelf = work / "shelf"
    shelf.mkdir()
    for number in range(40):
        with gzip.open(shelf / f"crm-{number}.sql.gz", "wt") as file:
            file.write(DUMP.replace("'b'", f"'of {number}'"))
    top = mount(shelf)
    readers = {number: subprocess.Popen(["cat", top.path(f"archives/crm-{number}.sql.gz/accounts.csv")],
                                        stdout=subprocess.PIPE) for number in range(40)}
    for number, reader in readers.items():
        assert reader.communicate(timeout=PATIENCE)[0] == ACCOUNTS.replace(b"2,b", b"2,of %d" % number)
    assert eventually(lambda: not any(each["indexing"] for each in top.status()["archives"]))


def test_ended_while_reading(mount, work):
    """A mount that is to end does not wait for an archive to be read through."""
    large = work / "large.sql"
    with open(large, "w", encoding="ascii") as file:
        file.write("CREATE TABLE t (id int NOT NULL, v text, PRIMARY KEY (id));\n")
        for start in range(300):
            file.write("INSERT INTO t VALUES " + ",".join(
                f"({start * 1000 + number},'{'x' * 400}')" for number in range(1000)) + ";\n")
    top = mount(large)
    reader = subprocess.Popen(["ls", top.path("archives/large.sql")], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    assert eventually(lambda: top.status()["archives"][0]["rows_indexed"] > 0)
    os.kill(top.pid, signal.SIGTERM)
    assert eventually(lambda: not is_alive(top.pid), PATIENCE)
    reader.wait(PATIENCE)


def test_memory(mount, work, crm_db):
    """A dump of a hundred megabytes, not in the order of its key, within the bound."""
    path = work / "large.sql"
    row = "(%d,'" + "x" * 400 + "'),"
    with open(path, "w", encoding="ascii") as file:
        file.write("CREATE TABLE t (id int NOT NULL, v text, PRIMARY KEY (id));\n")
        for start in range(250, 0, -1):
            file.write("INSERT INTO t VALUES " + "".join(row % (start * 1000 - n) for n in range(1000))[:-1] + ";\n")
    top = mount(path)
    with open(top.path("archives/large.sql/t.csv"), "rb") as file:
        assert file.readline() == b"id,v\n"
        for expected, line in enumerate(file, 1):
            assert line.startswith(b"%d," % expected)
    assert expected == 250000
    with open(f"/proc/{top.pid}/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak <= 64 << 10
