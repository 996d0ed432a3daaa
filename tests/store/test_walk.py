# SPDX-License-Identifier: MIT
"""Whoever walks through many snapshots with many tables takes no memory without bound."""
import mmap
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mounting import eventually
from stores import Kept

SNAPSHOTS, TABLES = 80, 80
FILES = TABLES * 3 + 2
MEMORY = 24 << 20
KNOWN = MEMORY // 2048  # inodes that the kernel may know


@pytest.fixture(scope="module")
def many(shared_work):
    """Eighty snapshots of eighty tables: 19,360 files."""
    store, database = Kept(shared_work), shared_work / "crm.db"
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("BEGIN")
    for number in range(TABLES):
        conn.execute(f"CREATE TABLE table_{number:02} (id INTEGER PRIMARY KEY, name TEXT, number REAL)")
        conn.executemany(f"INSERT INTO table_{number:02} VALUES (?, ?, ?)",
                         ((n, f"row {n} of {number}", n / 7) for n in range(5)))
    conn.execute("COMMIT")
    return store, database, conn


@pytest.fixture(scope="module")
def expected():
    return {}


def test_taken(many, mount_store, expected):
    store, database, conn = many
    top = mount_store(store, database, options="refresh=0")
    for number in range(SNAPSHOTS):
        conn.execute("UPDATE table_07 SET name = ? WHERE id = 3", (f"moment {number}",))
        os.mkdir(top.path(f"snapshots/{number:02}"))
        expected[f"{number:02}"] = f"moment {number}".encode()
    conn.close()


def resident(top):
    for line in Path(f"/proc/{top.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def known(top):
    return int(os.getxattr(top.point, "user.crmfs.known"))


def lines(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.count(b"\n")


def test_walked(many, mount_store, expected):
    """find, ls -lR and grep -r over all of it, twice: the kernel is had to forget, and all is right."""
    store, _, _ = many
    top = mount_store(store, options=f"max-memory={MEMORY >> 20}M")
    folder = top.path("snapshots")
    before = resident(top)
    sizes = []
    for _ in range(2):
        assert lines("find", folder) == 2 + SNAPSHOTS * (2 + FILES)
        # Each folder has a head of two lines, all but the first a blank one before; and `latest`.
        assert lines("ls", "-lR", folder) == SNAPSHOTS * (FILES + 3 + 1 + 3) + SNAPSHOTS + 1 + 2
        assert eventually(lambda: known(top) <= KNOWN, 20), known(top)
        found = subprocess.run(["grep", "-rho", "--include=table_07.csv", "moment [0-9]*", folder],
                               stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
        assert sorted(found[:-1]) == sorted(expected.values())
        sizes.append(resident(top))
    # What rendering and the store take is bounded elsewhere (test_memory.py).
    assert sizes[-1] - before <= MEMORY, (before, sizes)
    assert sizes[1] - sizes[0] <= 2 << 20, sizes
    assert top.errors() == ""


def test_in_use_meanwhile(many, mount_store, expected):
    """What is open, mapped or somebody's working directory stays what it was."""
    store, _, _ = many
    top = mount_store(store, options=f"max-memory={MEMORY >> 20}M")
    name = min(expected)
    folder = top.path("snapshots", name, "crm")
    with open(folder / "table_07.csv", "rb") as file, open(folder / "table_08.json", "rb") as other:
        want = (folder / "table_08.json").read_bytes()
        mapped = mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ)
        about = os.fstat(file.fileno())
        shell = subprocess.Popen(["sh", "-c", "read line; pwd -P; cat table_07.csv"], cwd=folder,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2):
            lines("ls", "-lR", top.path("snapshots"))
        assert eventually(lambda: known(top) <= KNOWN, 20)
        assert expected[name] in file.read()
        assert mapped[:] == want
        again = os.stat(folder / "table_07.csv")
        assert (again.st_ino, again.st_size, again.st_mtime_ns) == (about.st_ino, about.st_size, about.st_mtime_ns)
        said, _ = shell.communicate(b"\n")
        assert said.startswith(os.fsencode(folder) + b"\n") and expected[name] in said
        mapped.close()
    assert top.errors() == ""


def test_all_at_once(many, mount_store, expected):
    """Ten walks side by side, while the kernel is asked to forget all the time."""
    store, _, _ = many
    top = mount_store(store, options=f"max-memory={MEMORY >> 20}M")
    walks = [subprocess.Popen(["grep", "-rhoc", "--include=table_07.*", "moment", top.path("snapshots")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(10)]
    for walk in walks:
        out, err = walk.communicate()
        assert walk.returncode == 0 and err == b""
        assert out.count(b"1\n") == 3 * SNAPSHOTS
    assert top.errors() == ""


def test_unmounted_meanwhile(many, mount_store):
    """A mount that ends while the kernel is asked to forget, as it is from the last files on, ends as any other."""
    store, _, _ = many
    enough = (SNAPSHOTS * (FILES + 2) - 100) * 2048
    for _ in range(8):
        top = mount_store(store, options=f"max-memory={enough >> 10}K", start="front")
        lines("find", top.path("snapshots"), "-size", "+0")
        subprocess.run(["fusermount3", "-u", top.point], check=True)
        assert top.process.wait(20) == 0
