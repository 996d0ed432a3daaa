# SPDX-License-Identifier: MIT
"""The spool: sealed, without a name, bounded; and a full disk is an error, never a short file."""
import errno
import os
import random
import sqlite3
import subprocess
from pathlib import Path

import pytest

import reference
from folder import slurp
from mounting import eventually

MARK = "PLAINTEXT-MARKER"


@pytest.fixture(scope="session")
def marked_db(tmp_path_factory):
    """A table of 10 MB in which every cell, column and table name holds a mark."""
    path = tmp_path_factory.mktemp("marked") / "marked.db"
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f'CREATE TABLE "table {MARK}" (id INTEGER PRIMARY KEY, "column {MARK}" TEXT, noise TEXT)')
    conn.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("INSERT INTO small VALUES (1, 'x')")
    dice = random.Random(5)
    conn.execute("BEGIN")
    conn.executemany(f'INSERT INTO "table {MARK}" VALUES (?, ?, ?)',
                     ((n, f"{MARK} {n}", dice.randbytes(200).hex()) for n in range(25000)))
    conn.execute("COMMIT")
    conn.close()
    return path


def large(folder):
    return folder / f"table {MARK}.csv"


def unnamed_files(top, directory):
    """Paths in /proc of the files without a name that the daemon has open below DIRECTORY."""
    found = []
    for entry in Path(f"/proc/{top.pid}/fd").iterdir():
        target = os.readlink(entry)
        if target.startswith(str(directory)) and target.endswith(" (deleted)"):
            found.append(entry)
    return found


@pytest.mark.parametrize("option", [False, True])
def test_sealed_and_nameless(mount, root, marked_db, work, option):
    """In $TMPDIR or spool=DIR: no name, and no plaintext in what is there."""
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    top = mount(marked_db, options=f"spool={elsewhere}" if option else "")
    directory = elsewhere if option else top.spool
    folder = top.live()
    whole = slurp(large(folder))
    assert whole.count(MARK.encode()) == 25001
    assert os.listdir(elsewhere) == [] and os.listdir(top.spool) == []
    files = unnamed_files(top, directory)
    spooled = b"".join(entry.read_bytes() for entry in files)
    assert len(spooled) > 2_000_000, "nothing is spooled; then where is the table?"
    for secret in (MARK, "column", "small", whole[5000:5040].decode()):
        assert secret.encode() not in spooled
    assert b"\0" * 4096 not in spooled[:100000]


def test_two_mounts_share_no_bytes(mount, root, marked_db):
    """Each process has a key of its own."""
    blocks = []
    for _ in range(2):
        top = mount(marked_db)
        slurp(large(top.live()))
        spooled = b"".join(entry.read_bytes() for entry in unnamed_files(top, top.spool))
        blocks.append({spooled[at:at + 32] for at in range(0, len(spooled) - 32, 32)})
        top.unmount()
    shared = blocks[0] & blocks[1]
    assert len(shared) < len(blocks[0]) / 100, f"{len(shared)} of {len(blocks[0])} pieces are the same"


def test_key_is_in_locked_memory(mount, root, crm_db):
    top = mount(crm_db)
    slurp(top.live() / "accounts.csv")
    about = Path(f"/proc/{top.pid}/status").read_text()
    locked = next(line for line in about.splitlines() if line.startswith("VmLck:"))
    assert int(locked.split()[1]) > 0
    # A process that may not dump core has its files in /proc owned by root.
    assert b"MARK" not in Path(f"/proc/{top.pid}/cmdline").read_bytes()


def fails_whole(top, path):
    """Reading PATH must fail from the start or midway, with errno; what it was."""
    with pytest.raises(OSError) as problem:
        slurp(path)
    assert problem.value.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    with pytest.raises(OSError):
        os.stat(path)
    done = subprocess.run(["cat", path], capture_output=True, check=False)
    assert done.returncode != 0
    words = top.errors()
    assert "space" in words or "spool" in words, words
    return problem.value.errno


@pytest.mark.sanitize
def test_bound_is_kept(mount, marked_db):
    """spool-size: a table that does not fit is ENOSPC with a word; one that does is there."""
    top = mount(marked_db, options="spool-size=2M")
    folder = top.live()
    assert fails_whole(top, large(folder)) == errno.ENOSPC
    assert slurp(folder / "small.csv") == b"id,v\n1,x\n"
    assert "spool-size" in top.errors()


def test_full_disk(mount, root, marked_db, work):
    """The disk is full although the bound is not reached; with room again it goes on."""
    disk = work / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "spool", disk], check=True)
    try:
        top = mount(marked_db, options=f"spool={disk},spool-size=1G,refresh=0.2")
        folder = top.live()
        assert slurp(folder / "small.csv") == b"id,v\n1,x\n"
        assert fails_whole(top, large(folder)) == errno.ENOSPC
        assert slurp(folder / "small.csv") == b"id,v\n1,x\n"
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        wanted = reference.render(reference.connect(marked_db), f"table {MARK}", "csv")
        assert eventually(lambda: subprocess.run(["cat", large(folder)], capture_output=True,
                                                 check=False).stdout == wanted, 15, 0.5)
        top.unmount()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_disk_full_at_first(mount, root, marked_db, work):
    """Without a bound of one's own, room that is made later counts; and the words say what is full."""
    disk = work / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "spool", disk], check=True)
    try:
        filler = disk / "filler"
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, (100 << 20) - (1 << 20))
        top = mount(marked_db, options=f"spool={disk},refresh=0.2")
        assert fails_whole(top, large(top.live())) == errno.ENOSPC
        assert "the disk of the spool" in top.errors()
        filler.unlink()
        assert eventually(lambda: subprocess.run(["cat", large(top.live())], stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL, check=False).returncode == 0, 15, 0.5)
        top.unmount()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_room_is_given_back(mount, root, copy_of, marked_db):
    """Generations that nobody looks at any more leave the spool."""
    database = copy_of(marked_db)
    top = mount(database, options="refresh=0.2")
    conn = sqlite3.connect(database, isolation_level=None)
    path = large(top.live())
    for number in range(5):
        conn.execute(f'UPDATE "table {MARK}" SET "column {MARK}" = ?', (f"round {number}",))
        wanted = f",round {number},".encode()
        assert eventually(lambda: wanted in subprocess.run(["cat", path], capture_output=True,
                                                           check=False).stdout, 10, 0.3)

    def used():
        return sum(entry.stat().st_blocks * 512 for entry in unnamed_files(top, top.spool))

    one = os.path.getsize(marked_db)
    assert eventually(lambda: used() < 2.5 * one, 10, 0.5), f"{used()} bytes for a table of {one}"
    conn.close()
