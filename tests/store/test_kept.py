# SPDX-License-Identifier: MIT
"""Tables that were read through once are there at once in the next mount, and never others."""
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

import reference
from mounting import eventually
from stores import Kept, sql

ROUND = 65536
MORE_THAN_IS_READ_AHEAD = 40000  # rows: some 10 MB, of which a reader at the start has 2 at most


def make(path, tables=("contacts",), rows=8000, seed=1, wal=False):
    """Tables of some 2 MB each that hardly compress."""
    dice = random.Random(seed)
    conn = sqlite3.connect(path, isolation_level=None)
    if wal:
        conn.execute("PRAGMA journal_mode = WAL")
    for table in tables:
        conn.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
        conn.execute("BEGIN")
        conn.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)",
                         ((n, f"name {n}", dice.randbytes(120).hex()) for n in range(rows)))
        conn.execute("COMMIT")
    conn.close()
    return path


@pytest.fixture
def crm(work):
    return make(work / "crm.db")


def expected(database, table="contacts", form="csv"):
    with closing(reference.connect(database)) as plain:
        return reference.render(plain, table, form)


def kept_files(store):
    return sorted((store.path / "cache").iterdir()) if (store.path / "cache").exists() else []


def live(top):
    return top.status()["live"][0]


def is_warm(top, tables=1):
    """Whether as many tables are known, none of which was read in this mount."""
    about = live(top)
    return about["tables_read"] == tables and about["spool_bytes"] == 0 and about["kept_bytes"] > 0


def read_all(top, form="csv"):
    return {path.name: path.read_bytes() for path in sorted(top.live().glob(f"*.{form}"))}


def keep(mount_store, store, *sources, options="refresh=0.2"):
    """Mounts, reads all tables, unmounts: what is kept then."""
    top = mount_store(store, *sources, options=options)
    shown = read_all(top)
    top.unmount()
    return shown


# --- the next mount ----------------------------------------------------------------------------


@pytest.mark.parametrize("wal", [False, True])
def test_next_mount_is_warm(work, store, mount_store, wal):
    """Sizes and bytes of all formats, without the database being read again."""
    database = make(work / "crm.db", ["contacts", "calls"], wal=wal)
    # Before: to open a database in WAL mode is to change what lies beside it.
    wanted = {f"{table}.{form}": expected(database, table, form)
              for form in ("csv", "json", "ndjson") for table in ("contacts", "calls")}
    keep(mount_store, store, database)
    assert len(kept_files(store)) == 2
    for _ in range(2):
        top = mount_store(store, database)
        for name, content in wanted.items():
            assert (top.live() / name).stat().st_size == len(content)
            assert (top.live() / name).read_bytes() == content
        assert is_warm(top, 2), live(top)
        assert top.errors() == ""
        top.unmount()
    assert len(kept_files(store)) == 2


def test_while_a_program_has_it_open_in_wal_mode(work, store, mount_store):
    """The -wal says what is committed: kept while it stands still, read again after a commit."""
    database = make(work / "crm.db", wal=True)
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("UPDATE contacts SET name = 'changed' WHERE id % 100 = 3")
    wanted = expected(database)
    assert keep(mount_store, store, database)["contacts.csv"] == wanted
    top = mount_store(store, database)
    assert read_all(top)["contacts.csv"] == wanted and is_warm(top)
    top.unmount()
    conn.execute("UPDATE contacts SET name = 'again' WHERE id % 100 = 4")
    top = mount_store(store, database)
    assert read_all(top)["contacts.csv"] == expected(database) != wanted
    assert not is_warm(top)
    # A transaction that is under way is none yet.
    conn.execute("BEGIN IMMEDIATE")
    conn.execute("UPDATE contacts SET name = 'never'")
    top.unmount()
    top = mount_store(store, database)
    wanted = read_all(top)["contacts.csv"]
    conn.execute("ROLLBACK")
    conn.close()
    assert wanted == expected(database) and b"never" not in wanted


def test_kept_in_the_background(store, crm, mount_store):
    """Not only at the end: a mount that is killed later has kept what it read."""
    top = mount_store(store, crm)
    wanted = read_all(top)
    assert eventually(lambda: len(kept_files(store)) == 1, 20)
    os.kill(top.pid, signal.SIGKILL)
    top.assert_gone()
    top = mount_store(store, crm)
    assert read_all(top) == wanted and is_warm(top)


def test_killed_before(store, crm, mount_store):
    """Nothing is left of what was not finished, and nothing is wrong."""
    wanted = expected(crm)
    for _ in range(6):
        top = mount_store(store, crm, options="refresh=0.2")
        assert read_all(top)["contacts.csv"] == wanted
        subprocess.run(["fusermount3", "-u", top.point], check=True)  # begins to keep, and is killed
        try:
            os.kill(top.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        top.assert_gone()
        assert all(path.stat().st_size % ROUND == 0 for path in kept_files(store))
        assert {path.name for path in (store.path / "tmp").glob("*")} == set()
        for path in kept_files(store):
            path.unlink()
    assert "damaged" not in store.check().out


def test_without_a_store_nothing_is_kept(mount, crm, work):
    for _ in range(2):
        top = mount(crm)
        read_all(top)
        assert live(top)["kept_bytes"] == 0
        top.unmount()
    assert not [path for path in work.rglob("*") if re.fullmatch("[0-9a-f]{64}", path.name)]


def test_read_only(store, crm, mount_store):
    """ro: nothing is written to the store; what is there already is used."""
    top = mount_store(store, crm, options="ro")
    read_all(top)
    top.unmount()
    assert kept_files(store) == []
    wanted = keep(mount_store, store, crm)
    before = [path.stat() for path in kept_files(store)]
    top = mount_store(store, crm, options="ro")
    assert read_all(top) == wanted and is_warm(top)
    top.unmount()
    assert [path.stat().st_mtime_ns for path in kept_files(store)] == [one.st_mtime_ns for one in before]


def test_views_are_read_each_time(work, store, mount_store):
    """What a view shows may depend on more than the database."""
    database = make(work / "crm.db", rows=10)
    sql(database, "CREATE VIEW dice AS SELECT hex(randomblob(16)) AS number")
    first = keep(mount_store, store, database)
    assert len(kept_files(store)) == 1
    top = mount_store(store, database)
    second = read_all(top)
    assert second["contacts.csv"] == first["contacts.csv"]
    assert second["dice.csv"] != first["dice.csv"]


# --- another content ---------------------------------------------------------------------------


def copied_over(database, other, times):
    """In place, so that the inode stays."""
    with open(database, "r+b") as to:
        to.write(other.read_bytes())
        to.truncate()
    os.utime(database, ns=times)


def renamed_over(database, other, times):
    fresh = database.with_suffix(".fresh")
    shutil.copy(other, fresh)
    os.utime(fresh, ns=times)
    fresh.rename(database)


def through_sqlite(database, other, times):
    source, target = sqlite3.connect(other), sqlite3.connect(database)
    source.backup(target)
    source.close()
    target.close()
    os.utime(database, ns=times)


@pytest.mark.parametrize("replace", [copied_over, renamed_over, through_sqlite])
def test_replaced(work, store, crm, mount_store, replace):
    """Another database of the same length, times and counters in its place is told apart."""
    other = shutil.copy(crm, work / "other.db")
    # As many transactions in both: SQLite's own counters are the same.
    sql(crm, "UPDATE contacts SET name = 'name A' WHERE id = 5")
    sql(other, "UPDATE contacts SET name = 'name B' WHERE id = 5")
    about = crm.stat()
    assert crm.read_bytes()[:100] == Path(other).read_bytes()[:100]
    assert Path(other).stat().st_size == about.st_size
    wanted = expected(other)
    assert keep(mount_store, store, crm)["contacts.csv"] != wanted
    replace(crm, Path(other), (about.st_atime_ns, about.st_mtime_ns))
    assert crm.stat().st_mtime_ns == about.st_mtime_ns and crm.stat().st_size == about.st_size
    top = mount_store(store, crm)
    assert read_all(top)["contacts.csv"] == wanted


def test_newer_content_takes_the_place_of_older(store, crm, mount_store):
    for number in range(4):
        sql(crm, "UPDATE contacts SET name = ? WHERE id = 7", f"name {number}")
        assert keep(mount_store, store, crm)["contacts.csv"] == expected(crm)
        assert len(kept_files(store)) == 1


def test_changes_under_the_mount(store, crm, mount_store):
    """What is kept is what was last there; a warm mount sees changes as any does."""
    keep(mount_store, store, crm)
    top = mount_store(store, crm, options="refresh=0.2")
    assert read_all(top)["contacts.csv"] == expected(crm) and is_warm(top)
    for number in range(3):
        sql(crm, "UPDATE contacts SET name = ? WHERE id % 10 = ?", f"round {number}", number)
        wanted = expected(crm)
        assert eventually(lambda: read_all(top)["contacts.csv"] == wanted)
    top.unmount()
    top = mount_store(store, crm)
    assert read_all(top)["contacts.csv"] == wanted and is_warm(top)


def test_another_schema(store, crm, mount_store):
    """A column more, and two tables that have changed names."""
    keep(mount_store, store, crm)
    sql(crm, "ALTER TABLE contacts ADD COLUMN extra TEXT DEFAULT 'x'")
    top = mount_store(store, crm)
    assert read_all(top)["contacts.csv"] == expected(crm)


# --- damage ------------------------------------------------------------------------------------


def flip(path, *places):
    """One bit at each place; of the file that was there at first, should crmfs remove it meanwhile."""
    path.chmod(0o600)
    with open(path, "r+b") as file:
        for at in places:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))


def places(size):
    dice = random.Random(size)
    return [0, 7, 8, 39, 40, 41, *(dice.randrange(size) for _ in range(24)), size - 33, size - 32, size - 17, size - 1]


def test_every_damage_is_read_around(work, store, mount_store):
    """Flipped bytes: never wrong bytes, never a failure, a line in errors, and kept anew."""
    database = make(work / "crm.db", rows=3000)
    wanted = keep(mount_store, store, database)
    (path,) = kept_files(store)
    sound = path.read_bytes()
    for at in places(len(sound)):
        flip(path, at)
        top = mount_store(store, database)
        assert read_all(top) == wanted, at
        words = top.errors()
        assert "live/crm/contacts" in words and "kept" in words, at
        assert "\n" in words and "contacts" in words
        top.unmount()
        (path,) = kept_files(store)
        assert len(path.read_bytes()) == len(sound)
    top = mount_store(store, database)
    assert read_all(top) == wanted and is_warm(top) and top.errors() == ""


@pytest.mark.parametrize("cut", [0, 1, 39, 40, 70000, 65536, -1, -65536])
def test_cut(store, crm, mount_store, cut):
    wanted = keep(mount_store, store, crm)
    (path,) = kept_files(store)
    path.chmod(0o600)
    os.truncate(path, cut if cut >= 0 else path.stat().st_size + cut)
    top = mount_store(store, crm)
    assert read_all(top) == wanted
    assert "kept" in top.errors()


def test_damage_under_an_open_file(work, store, mount_store):
    """A file that is being read goes on, in all formats, when what was kept is lost beneath it."""
    crm = make(work / "crm.db", rows=MORE_THAN_IS_READ_AHEAD)
    keep(mount_store, store, crm)
    (path,) = kept_files(store)
    top = mount_store(store, crm, options="max-memory=24M")
    files = {form: open(top.live() / f"contacts.{form}", "rb") for form in ("csv", "json", "ndjson")}
    parts = {form: [file.read(1000)] for form, file in files.items()}
    assert is_warm(top)
    flip(path, *range(50, path.stat().st_size - 40, 10000))
    threads = [threading.Thread(target=lambda form=form, file=file: parts[form].append(file.read()))
               for form, file in files.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for form, file in files.items():
        assert b"".join(parts[form]) == expected(crm, form=form), form
        file.close()
    assert "live/crm/contacts" in top.errors() and "(damaged): it is removed, and the table is read" in top.errors()
    assert not is_warm(top)


def test_lost_when_the_database_has_gone_on(work, store, mount_store):
    """Then nobody can give the rows any more: EIO with words, and the next look is right."""
    crm = make(work / "crm.db", rows=MORE_THAN_IS_READ_AHEAD)
    keep(mount_store, store, crm)
    (path,) = kept_files(store)
    top = mount_store(store, crm, options="refresh=0.2,max-memory=24M")
    with open(top.live() / "contacts.csv", "rb", buffering=0) as file:
        assert file.read(1000)
        sql(crm, "UPDATE contacts SET name = 'other'")
        flip(path, *range(50, path.stat().st_size - 40, 10000))
        with pytest.raises(OSError) as problem:
            while file.read(1 << 20):
                pass
        assert problem.value.errno == 5
    assert "changed" in top.errors()
    wanted = expected(crm)
    assert eventually(lambda: read_all(top)["contacts.csv"] == wanted)


def test_removed_under_an_open_mount(work, store, mount_store):
    """rm -r cache at any time: it is only a cache."""
    database = make(work / "crm.db", ["contacts", "calls"])
    wanted = keep(mount_store, store, database)
    top = mount_store(store, database)
    with open(top.live() / "contacts.csv", "rb") as file:
        start = file.read(10)
        shutil.rmtree(store.path / "cache")
        assert start + file.read() == wanted["contacts.csv"]
    assert read_all(top) == wanted
    top.unmount()
    assert keep(mount_store, store, database) == wanted


def test_swapped(work, store, mount_store):
    """One table's in another's place, and another store's: neither opens."""
    database = make(work / "crm.db", ["contacts", "calls"])
    (work / "second").mkdir()
    second = Kept(work / "second")
    wanted = keep(mount_store, store, database)
    keep(mount_store, second, database)
    one, other = kept_files(store)
    whole = one.read_bytes(), other.read_bytes()
    for path, content in ((one, whole[1]), (other, whole[0])):
        path.unlink()
        path.write_bytes(content)
    top = mount_store(store, database)
    assert read_all(top) == wanted
    assert "calls" in top.errors() and "contacts" in top.errors()
    top.unmount()
    for path, content in zip(kept_files(store), (path.read_bytes() for path in kept_files(second))):
        path.unlink()
        path.write_bytes(content)
    top = mount_store(store, database)
    assert read_all(top) == wanted and "damaged" in top.errors()
    assert {path.name for path in kept_files(store)}.isdisjoint(path.name for path in kept_files(second))


# --- bounded, shared -----------------------------------------------------------------------------


def test_bounded_and_evicted_by_use(work, store, mount_store):
    """spool-size holds for it; what was used longest ago goes first."""
    bound = 4 << 20
    databases = [make(work / f"crm{n}.db", seed=n) for n in range(6)]
    order = []
    for number in (0, 1, 2, 0, 3, 0, 4, 5):
        keep(mount_store, store, databases[number], options=f"spool-size={bound >> 20}M")
        order = [n for n in order if n != number] + [number]
        assert sum(path.stat().st_size for path in kept_files(store)) <= bound
    count = len(kept_files(store))
    assert 2 <= count <= 5
    warm = []
    for number in range(6):
        top = mount_store(store, databases[number], options=f"ro,spool-size={bound >> 20}M")
        assert read_all(top)["contacts.csv"] == expected(databases[number])
        if is_warm(top):
            warm.append(number)
        top.unmount()
    assert sorted(order[-count:]) == warm


def test_several_mounts_at_once(work, store, mount_store):
    """Of one store and one database, and of others, all at it at the same time."""
    databases = [make(work / f"crm{n}.db", ["contacts", "calls"], rows=2000, seed=n) for n in range(2)]
    for _ in range(2):
        tops = [mount_store(store, databases[n % 2], options="spool-size=100M") for n in range(4)]
        shown = [None] * len(tops)

        def look(number):
            shown[number] = read_all(tops[number])

        threads = [threading.Thread(target=look, args=(number,)) for number in range(len(tops))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, top in enumerate(tops):
            for table in ("contacts", "calls"):
                assert shown[number][f"{table}.csv"] == expected(databases[number % 2], table)
            assert top.errors() == ""
        threads = [threading.Thread(target=top.unmount) for top in tops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(kept_files(store)) == 4
    store.check()


def test_memory(work, mount_store):
    """Keeping and reading what is kept stay within the bound, as all else; so does opening the store."""
    store = Kept(work, dear=True)
    database = make(work / "crm.db", ["contacts"], rows=150000)
    top = mount_store(store, database)
    whole = read_all(top)
    assert eventually(lambda: len(kept_files(store)) == 1, 60)
    assert top.high_water() <= 64 << 20
    top.unmount()
    top = mount_store(store, database)
    assert read_all(top) == whole and is_warm(top)
    assert top.high_water() <= 64 << 20


# --- check, stats, prune --------------------------------------------------------------------------


def test_check_says_and_does_not_fail(store, crm, mount_store):
    keep(mount_store, store, crm)
    assert "1 kept table" in store.check().out
    (path,) = kept_files(store)
    flip(path, path.stat().st_size // 2)
    assert "damaged" not in store.run("check", store.path).out
    assert "1 of them damaged" in store.check().out
    flip(path, path.stat().st_size - 1)
    assert "1 of them damaged" in store.run("check", store.path).out
    assert kept_files(store) == [path]


def test_prune_and_stats(work, store, mount_store):
    """prune takes what is damaged and what nobody used for a month; stats tells what there is."""
    databases = [make(work / f"crm{n}.db", rows=2000, seed=n) for n in range(3)]
    made = []
    for database in databases:
        keep(mount_store, store, database)
        made.append((set(kept_files(store)) - set(made)).pop())
    assert "kept tables" in store.run("stats", store.path).out
    month = 31 * 24 * 3600
    about = made[0].stat()
    os.utime(made[0], (about.st_atime - month, about.st_mtime - month))
    flip(made[1], made[1].stat().st_size - 1)
    assert "kept tables" in store.run("prune", "--dry-run", store.path).out
    assert set(kept_files(store)) == set(made)
    assert "kept tables" in store.run("prune", store.path).out
    assert kept_files(store) == [made[2]]


# --- what it tells --------------------------------------------------------------------------------


def test_lengths_and_names(store, crm, mount_store):
    keep(mount_store, store, crm)
    assert kept_files(store)
    for path in kept_files(store):
        assert re.fullmatch("[0-9a-f]{64}", path.name)
        assert path.stat().st_size % ROUND == 0
        assert path.stat().st_mode & 0o077 == 0
        raw = path.read_bytes()
        assert raw[:8] == b"CRMFSKEP"
        for secret in (b"contacts", b"name 1", b"note", b"sqlite"):
            assert secret not in raw
        blocks = [raw[at:at + 16] for at in range(40, len(raw) - 16, 16)]
        assert len(set(blocks)) == len(blocks)


def test_what_is_kept_makes_room_in_the_spool(mount_store, store, work):
    """Of three databases, of which two fit into it, each can be read while nothing is open, again and again."""
    databases = [make(work / f"b{number}.db", seed=number, wal=True) for number in range(3)]
    top = mount_store(store, *databases, options="spool-size=3M")
    with closing(sqlite3.connect(databases[0])) as writer:
        writer.execute("SELECT count(*) FROM contacts").fetchone()
        for _ in range(2):
            for database in databases:
                assert top.read("live", database.stem, "contacts.csv") == expected(database)
        with open(top.path("live/b0/contacts.csv"), "rb") as held:
            beginning = held.read(100)
            writer.execute("UPDATE contacts SET name = 'another' WHERE id = 4")
            writer.commit()
            assert eventually(lambda: top.read("live/b0/contacts.csv") == expected(databases[0]))
            assert beginning + held.read() != expected(databases[0])
    assert "ENOSPC" not in top.errors()
