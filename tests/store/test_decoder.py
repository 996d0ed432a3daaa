# SPDX-License-Identifier: MIT
"""FORMAT.md is enough: a decoder written from it alone reads what crmfs wrote, and nothing else."""
import ast
import json
import os
import random
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

import decoder
import reference
from stores import PASSPHRASE, Kept

SOURCE = Path(decoder.__file__)
CHANGES = 12  # more than a chain of deltas has links


def changed(database, number):
    """Alters some rows here and there, deletes some and adds some."""
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("BEGIN")
    conn.execute("UPDATE activities SET minutes = ?, subject = subject || ? WHERE id % 97 = ?",
                 (number, f" {number}", number))
    conn.execute("DELETE FROM activities WHERE id % 1009 = ?", (number,))
    conn.execute("INSERT INTO activities (id, kind, body) VALUES (?, 'call', ?)", (-number, f"new, {number}"))
    conn.execute("UPDATE accounts SET name = name || '.' WHERE id % 50 = ?", (number,))
    conn.execute("COMMIT")
    conn.close()


class History:
    """A store of snapshots "day 0", …, and a copy of the database of each."""

    def __init__(self, directory, odd_db, crm_db, options):
        self.store, self.odd, self.days = Kept(directory, *options, dear=True), odd_db, []
        live = directory / "crm.db"
        shutil.copy(crm_db, live)
        for number in range(CHANGES):
            if number:
                changed(live, number)
            self.days.append(shutil.copy(live, directory / f"day{number}.db"))
            # What is odd is there from the third day on.
            self.store.take(f"day {number}", f"crm={live}", *([f"odd={odd_db}"] if number > 2 else []))


KINDS = {
    "aes": ["--cipher", "aes-256-gcm", "--group-size", "64K"],
    "xchacha": ["--cipher", "xchacha20-poly1305", "--compression", "max", "--group-size", "64K"],
    "plain": ["--compression", "none"],
}


@pytest.fixture(scope="module", params=KINDS)
def history(request, shared_work, odd_db, crm_db):
    directory = shared_work / request.param
    directory.mkdir()
    return History(directory, odd_db, crm_db, KINDS[request.param])


def assert_equal_tables(store, snapshot, source, database):
    """Every table's CSV is what the rules make of DATABASE."""
    conn = reference.connect(database)
    found = store.tables(snapshot)[source.encode()]
    assert set(found) == {name.encode() for name in reference.tables(conn)}
    for name, table in found.items():
        csv = b"".join(store.csv(table))
        assert csv == reference.render(conn, name.decode(), "csv"), f"{snapshot}/{source}/{name}"
        assert len(csv) == table["csv"]


def test_short_and_alone():
    """300 lines at most; the standard library, python3-nacl and python3-zstandard at most."""
    text = SOURCE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    used = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            used |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            used.add(node.module.split(".")[0])
    assert used - set(sys.stdlib_module_names) == {"nacl", "zstandard"}


def test_csv_follows_the_rules(history):
    store = history.store.decoded()
    for number in (0, 8, CHANGES - 1):
        assert_equal_tables(store, f"day {number}", "crm", history.days[number])
    assert_equal_tables(store, f"day {CHANGES - 1}", "odd", history.odd)


def test_the_list(history):
    ours, theirs = history.store.decoded().snapshots(), history.store.snapshots()
    assert list(ours) == [f"day {n}" for n in range(CHANGES)] == [each["name"] for each in theirs]
    for mine, other in zip(ours.values(), theirs):
        assert (mine["snapshot"], mine["host"], mine["tags"]) == (other["id"], other["host"], other["tags"])
        assert (mine["raw"], mine["stored"]) == (other["raw_bytes"], other["stored_bytes"])


def test_csv_equals_export(history):
    store, last = history.store.decoded(), f"day {CHANGES - 1}"
    for table, entry in store.tables(last)[b"crm"].items():
        exported = history.store.export(last, f"crm/{table.decode()}")
        assert b"".join(store.csv(entry)) == exported, table


def test_csv_equals_the_mount(history, mount_store):
    top, store, last = mount_store(history.store), history.store.decoded(), f"day {CHANGES - 1}"
    for source, tables in store.tables(last).items():
        folder = os.fsencode(top.path("snapshots", last)) + b"/" + source
        shown = {}
        for name in os.listdir(folder):
            if name.endswith(b".csv"):
                path = os.path.join(folder, name)
                shown[os.getxattr(path, "user.crmfs.table")] = Path(os.fsdecode(path)).read_bytes()
        assert set(shown) == set(tables)
        for table, entry in tables.items():
            assert b"".join(store.csv(entry)) == shown[table], table


def test_cells_in_fragments(store, large_cells_db):
    """Rows too large for a group are kept in pieces."""
    store.take("large", f"large={large_cells_db}")
    assert_equal_tables(store.decoded(), "large", "large", large_cells_db)


def test_a_long_log(store, crm_db, copy_of, mount_store):
    """Beyond a checkpoint; with snapshots renamed, forgotten, and their objects moved by prune."""
    database = copy_of(crm_db)
    first = shutil.copy(database, database.with_name("first.db"))
    store.take("first", database)
    for number, name in ((1, "gone"), (2, "last")):
        changed(database, number)
        store.take(name, database)
    folder = mount_store(store).path("snapshots")
    for number in range(70):
        os.rename(folder / ("first" if number == 0 else f"first {number}"), folder / f"first {number + 1}")
    assert os.listdir(store.path / "checkpoints")
    store.run("forget", store.path, "gone")
    store.run("prune", store.path)
    assert list(store.decoded().snapshots()) == store.names() == ["first 70", "last"]
    assert_equal_tables(store.decoded(), "first 70", "crm", first)
    assert_equal_tables(store.decoded(), "last", "crm", database)


def test_a_store_with_files(store, crm_db, mount_store):
    """What files/ adds to the log and to checkpoints is passed over; crmfs diff sees that they differ."""
    top = mount_store(store, crm_db)
    for number in range(70):
        (top.path("files") / "note").write_text(str(number))
        descriptor = os.open(top.path("files"), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        if number in (0, 69):
            top.path(f"snapshots/{number}").mkdir()
    assert os.listdir(store.path / "checkpoints")
    for _ in range(2):
        assert list(store.decoded().snapshots()) == store.names() == ["0", "69"]
        assert_equal_tables(store.decoded(), "69", "crm_db", crm_db)
        if top:
            top.unmount()
            top = None
    assert "files/" in store.run("diff", store.path, "0", "69", status=1).out
    assert json.loads(store.run("diff", "--json", store.path, "0", "69", status=1).out)["files"] == "changed"
    assert store.run("diff", store.path, "69", "69").out == ""


def test_keys(store, crm_db):
    """Whatever opens the store for crmfs opens it here, and nothing else does."""
    store.take("one", crm_db)
    recovery = json.loads(store.run("key", "recovery", "--json", store.path).out)["recovery_key"]
    for given in (PASSPHRASE, recovery, recovery.lower().replace("-", " "), recovery.replace("0", "o")):
        assert list(store.decoded(given).snapshots()) == ["one"], given
    changed_one = recovery[:-1] + ("A" if recovery[-1] != "A" else "B")
    for given in ("", PASSPHRASE + " ", changed_one):
        with pytest.raises(decoder.Damaged):
            store.decoded(given)


def test_damage_gives_no_other_bytes(store, crm_db):
    """A flipped byte anywhere is noticed, or in what nobody needs."""
    store.take("one", crm_db)
    tables = store.decoded().tables("one")[b"crm_db"]
    right = {name: b"".join(store.decoded().csv(table)) for name, table in tables.items() if table["rows"] < 3000}
    dice, noticed = random.Random(11), 0
    keys = store.decoded().keys
    for name, path in store.files().items():
        if name == "store" or name.startswith("keys/"):
            continue  # all of these is bound into the key slots; tests/unit has them
        whole = path.read_bytes()
        path.chmod(0o600)
        for _ in range(12):
            at = dice.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1:])
            damaged = decoder.Store.__new__(decoder.Store)
            damaged.unlock = lambda _: keys
            try:
                damaged.__init__(store.path, PASSPHRASE)
                found = damaged.tables("one")[b"crm_db"]
                for table, csv in right.items():
                    assert b"".join(damaged.csv(found[table])) == csv
            except (decoder.Damaged, decoder.struct.error):
                noticed += 1
        path.write_bytes(whole)
    assert noticed > 12
