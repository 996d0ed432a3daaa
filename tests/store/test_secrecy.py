# SPDX-License-Identifier: MIT
"""What lies on the disk tells nothing: no cell, no name, nothing that two stores have in common."""
import os
import random
import re
import shutil
import sqlite3
import struct
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from mounting import ROOT, eventually
from stores import PASSPHRASE, Kept

SNAPSHOTS = ["before the merger", "2026-11-20", "Übersicht"]
TAG, SOURCE = "quarterly-figures", "customers"
# Shorter ones are found in random bytes by chance: 5 bytes in 4 MB once in 250,000 searches.
SHORTEST_NAME, SHORTEST_CELL = 5, 6


@pytest.fixture(scope="module")
def demo_db(shared_work):
    """The sample of tools/demo.sql."""
    path = shared_work / "demo.db"
    subprocess.run(["sqlite3", path], stdin=open(ROOT / "tools/demo.sql", "rb"), check=True)
    return path


@pytest.fixture(scope="module")
def demo_store(shared_work, demo_db):
    """The sample in a store, three times: whole, changed by another, and with nothing changed."""
    store = Kept(shared_work, "--group-size", "64K")
    first = shutil.copy(demo_db, shared_work / "first.db")
    for number, name in enumerate(SNAPSHOTS):
        if number == 1:
            conn = sqlite3.connect(first)
            conn.execute("UPDATE contacts SET phone = '+46 8 765 43 21' WHERE id % 10 = 0")
            conn.commit()
            conn.close()
        store.take(name, f"{SOURCE}={first}", options=["--tag", TAG])
    return store


def names_and_cells(database):
    """Every name of the schema and every cell as text, as bytes."""
    conn = sqlite3.connect(database)
    conn.text_factory = bytes
    names, cells = {b"CREATE TABLE", b"PRIMARY KEY", b"sqlite"}, set()
    for (table,) in conn.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall():
        names |= {table, *(column[1] for column in conn.execute(f"PRAGMA table_xinfo({table.decode()})"))}
        for row in conn.execute(f"SELECT * FROM {table.decode()}"):
            cells |= {cell if isinstance(cell, bytes) else str(cell).encode() for cell in row if cell is not None}
    conn.close()
    return names, cells


def terms(database):
    """What is searched for."""
    names, cells = names_and_cells(database)
    names |= {word.encode() for word in (*SNAPSHOTS, TAG, SOURCE, PASSPHRASE, os.uname().nodename)}
    found = {name for name in names if len(name) >= SHORTEST_NAME}
    found |= {b'"name":"%s"' % name for name in names}
    return found | {cell for cell in cells if len(cell) >= SHORTEST_CELL}


def runs(raw, size):
    """Every run of SIZE bytes, each as a tuple of one; all in C, as millions are looked at."""
    shifted = (memoryview(raw)[shift:] for shift in range(min(size, len(raw) - size + 1)))
    return chain.from_iterable(struct.iter_unpack(f"{size}s", part[:len(part) // size * size]) for part in shifted)


class Search:
    """Which of the terms stand in some bytes."""

    def __init__(self, wanted):
        self.short = {term for term in wanted if len(term) < SHORTEST_CELL}
        self.long = {}
        for term in wanted - self.short:
            self.long.setdefault((term[:SHORTEST_CELL],), []).append(term)
        self.beginnings = set(self.long)

    def __call__(self, raw):
        begun = self.beginnings.intersection(runs(raw, SHORTEST_CELL))
        maybe = self.short.union(*(self.long[beginning] for beginning in begun))
        return {term for term in maybe if term in raw}


@pytest.fixture(scope="module")
def found_in(demo_db):
    """found_in(BYTES) → what of the sample stands there."""
    return Search(terms(demo_db))


def test_the_search_finds(demo_db):
    """It would find something: the database itself is full of it."""
    wanted = terms(demo_db)
    assert len(wanted) > 50000
    some = set(random.Random(1).sample(sorted(wanted), 300))
    # Numbers are not text there, and views' cells nowhere.
    assert len(Search(some)(demo_db.read_bytes())) > 0.8 * len(some)
    for shift in range(2 * SHORTEST_CELL):
        assert Search({b"Bertha", b"Berthold"})(bytes(shift) + b"Berthold") == {b"Berthold"}


def test_nothing_in_the_store(demo_store, found_in):
    assert sum(path.stat().st_size for path in demo_store.files().values()) > 1 << 20
    for name, path in demo_store.files().items():
        assert not found_in(path.read_bytes()), name
        assert re.fullmatch(r"store|keys/[0-9a-f]{32}|packs/([0-9a-f]{2})/\1[0-9a-f]{62}|index/[0-9a-f]{64}"
                            r"|(log|checkpoints)/[0-9]{20}|cache/[0-9a-f]{64}|tmp/[0-9a-z./-]*", name), name
    state = [path for path in (demo_store.directory / "state").rglob("*") if path.is_file()]
    assert state
    for path in state:
        assert not found_in(path.read_bytes()), path


def unnamed_files(pid):
    """What the process has open that has no name, but is no device or pipe."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(entry)
        if target.endswith(" (deleted)") and not target.startswith("/dev"):
            yield entry


def test_nothing_in_the_spool(demo_store, demo_db, found_in, mount_store, root):
    """While a mount shows the live tables and a snapshot of them, and after it was killed."""
    top = mount_store(demo_store, f"{SOURCE}={demo_db}")
    for folder in (top.path("live", SOURCE), top.path("snapshots", SNAPSHOTS[0], SOURCE)):
        assert subprocess.run(["grep", "-rc", "", folder], stdout=subprocess.DEVNULL, check=False).returncode == 0
    os.mkdir(top.path("snapshots/another"))
    assert eventually(lambda: top.status()["store"]["kept"]["tables"] > 1, 20)
    assert eventually(lambda: not top.status()["store"]["kept"]["busy"], 20)
    seen = 0
    for place in (*demo_store.files().values(), *unnamed_files(top.pid),
                  *(path for path in top.spool.rglob("*") if path.is_file())):
        raw = place.read_bytes()
        seen += len(raw)
        assert not found_in(raw), place
    assert seen > 4 << 20
    for place in ("cmdline", "environ"):
        assert PASSPHRASE.encode() not in Path(f"/proc/{top.pid}/{place}").read_bytes()
    os.kill(top.pid, 9)
    top.assert_gone()
    demo_store.run("forget", demo_store.path, "another")
    for name, path in demo_store.files().items():
        assert not found_in(path.read_bytes()), name


def test_lengths_are_padded(demo_store):
    lengths = {name: path.stat().st_size for name, path in demo_store.files().items()}
    packs = [size for name, size in lengths.items() if name.startswith("packs/")]
    assert packs and all(size % 65536 == 0 for size in packs)
    records = [size for name, size in lengths.items() if name.startswith(("log/", "checkpoints/"))]
    assert records and all(size % 1024 == 0 for size in records)
    indexes = [size for name, size in lengths.items() if name.startswith("index/")]
    assert indexes and all((size - 40) % 8208 == 0 for size in indexes)
    assert {size for name, size in lengths.items() if name.startswith("keys/")} == {256}


# --- two stores of the same data ---------------------------------------------------------------

RUN = 16


def hidden_part(name, raw):
    """A file without what FORMAT.md says is the same everywhere: the header, a key slot's parameters."""
    if name == "store":
        return b""
    return raw[32:240] if name.startswith("keys/") else raw


def shared_runs(left, right):
    """Runs of RUN bytes that stand in both. Each holds 8 bytes at a multiple of 8 of LEFT."""
    common = {eight for (eight,) in set(struct.iter_unpack("8s", left[:len(left) // 8 * 8])).intersection(runs(right, 8))}
    known = {}
    for at in range(0, len(left) - 7, 8) if common else ():
        known.setdefault(left[at:at + 8], []).append(at)
    for there in range(len(right) - 7) if common else ():
        eight = right[there:there + 8]
        for here in known[eight] if eight in common else ():
            for back in range(9):
                piece = left[here - back:here - back + RUN] if here >= back else b""
                if len(piece) == RUN and right[there - back:there - back + RUN] == piece:
                    return piece
    return None


def test_the_comparison_finds():
    dice = random.Random(3)
    left, right = dice.randbytes(100000), dice.randbytes(100000)
    assert shared_runs(left, right) is None
    for at in range(50000, 50008):
        assert shared_runs(left, right[:777] + left[at:at + RUN] + right[777:]) == left[at:at + RUN]
        assert shared_runs(left, right[:777] + left[at:at + RUN - 1] + right[777:]) is None


@pytest.mark.parametrize("compression", ["auto", "none"])
def test_two_stores_share_nothing(work, crm_db, compression):
    """The same data under the same names with the same passphrase, and still nothing is the same."""
    whole = []
    for number in range(2):
        directory = work / str(number)
        directory.mkdir()
        store = Kept(directory, "--compression", compression)
        store.take("one", crm_db)
        store.take("two", crm_db)
        whole.append(b"".join(hidden_part(name, path.read_bytes()) for name, path in store.files().items()))
    assert shared_runs(*whole) is None


def test_nothing_twice_in_a_store(store, crm_db):
    """Not even padding, and the same tables under another name."""
    store.take("one", f"a={crm_db}")
    store.take("two", f"b={crm_db}")
    seen = set()
    for name, path in store.files().items():
        raw = hidden_part(name, path.read_bytes())
        blocks = [raw[at:at + RUN] for at in range(0, len(raw) - RUN + 1, RUN)]
        assert len(set(blocks)) == len(blocks) and not seen & set(blocks), name
        seen |= set(blocks)
