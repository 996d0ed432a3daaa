# SPDX-License-Identifier: MIT
"""The database goes on living: what changes shows, what is open stays."""
import mmap
import os
import sqlite3
import subprocess
import time

import pytest

import reference
from folder import slurp
from mounting import PATIENCE, eventually

QUICK = "refresh=0.2"


@pytest.fixture(params=["wal", "delete"])
def living(request, work):
    """A small database in either journal mode, with its writer."""
    path = work / "crm.db"
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA journal_mode = {request.param}")
    conn.executescript("""
        CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO a VALUES (1, 'one');
        INSERT INTO b VALUES (1, 'other');
    """)
    yield conn
    conn.close()


def database(conn):
    return conn.execute("PRAGMA database_list").fetchone()[2]


def cat(path):
    """What a new process reads: nothing that this one has seen binds it."""
    done = subprocess.run(["cat", path], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def assert_shows(path, wanted):
    assert eventually(lambda: cat(path) == wanted, PATIENCE, 0.1), f"{path} is {cat(path)!r}"


@pytest.mark.sanitize
def test_change_shows(mount, living):
    folder = mount(database(living), options=QUICK).live()
    assert cat(folder / "a.csv") == b"id,v\n1,one\n"
    living.execute("INSERT INTO a VALUES (2, 'two')")
    assert_shows(folder / "a.csv", b"id,v\n1,one\n2,two\n")
    living.execute("UPDATE a SET v = 'ett' WHERE id = 1")
    assert_shows(folder / "a.csv", b"id,v\n1,ett\n2,two\n")
    living.execute("DELETE FROM a")
    assert_shows(folder / "a.json", b"[\n]\n")


def test_change_shows_within_refresh(mount, living):
    """Default refresh: 2 s, and one for the machine; more where that is slow with an ordinary file, too."""
    ordinary = database(living)
    folder = mount(ordinary).live()
    cat(folder / "a.csv")
    for number in range(3):
        living.execute("UPDATE a SET v = ?", (f"v{number}",))
        start, held_up = time.monotonic(), 0
        while cat(folder / "a.csv") != b"id,v\n1,v%d\n" % number:
            before = time.monotonic()
            cat(ordinary)
            time.sleep(0.1)
            held_up += 2 * (time.monotonic() - before - 0.1)  # once here, once with the mount's file
            assert time.monotonic() - start - held_up < 3.5


def test_change_shows_to_a_process_that_read_before(mount, living):
    """This process has walked the folder; after a rest it sees the new state as well."""
    folder = mount(database(living), options=QUICK).live()
    assert slurp(folder / "a.csv") == b"id,v\n1,one\n"
    living.execute("INSERT INTO a VALUES (2, 'two')")
    assert eventually(lambda: slurp(folder / "a.csv") == b"id,v\n1,one\n2,two\n", 15, 1.0)


@pytest.mark.sanitize
def test_open_file_stays(mount, living):
    """By descriptor, by offset and by mmap an open file is what it was when opened."""
    folder = mount(database(living), options=QUICK).live()
    living.execute("WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                   "INSERT INTO a SELECT i, hex(randomblob(20)) FROM n")
    assert eventually(lambda: (cat(folder / "a.csv") or b"").count(b"\n") == 20001)
    with open(folder / "a.csv", "rb", buffering=0) as whole, open(folder / "a.csv", "rb", buffering=0) as late:
        before = whole.read()
        about = os.fstat(late.fileno())
        view = mmap.mmap(late.fileno(), 0, prot=mmap.PROT_READ)
        living.execute("UPDATE a SET v = 'changed ' || v")
        assert eventually(lambda: b"changed" in (cat(folder / "a.csv") or b""))
        living.execute("DELETE FROM a")
        assert_shows(folder / "a.csv", b"id,v\n")
        assert os.pread(late.fileno(), len(before) + 10, 0)[:1000] == before[:1000]
        assert late.read() == before
        assert view[:] == before
        assert os.fstat(late.fileno()).st_size == about.st_size == len(before)
        assert os.fstat(late.fileno()).st_ino == about.st_ino
        assert os.pread(whole.fileno(), 100, len(before) - 100) == before[-100:]
        view.close()


def test_opened_but_unread_file_stays(mount, living):
    """What counts is the moment of open, not of the first read."""
    folder = mount(database(living), options=QUICK).live()
    with open(folder / "a.csv", "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        living.execute("UPDATE a SET v = 'something much longer'")
        assert_shows(folder / "a.csv", b"id,v\n1,something much longer\n")
        assert file.read() == b"id,v\n1,one\n"
        assert size == 11


def test_new_content_is_a_new_inode(mount, living):
    folder = mount(database(living), options=QUICK).live()
    about = os.stat(folder / "a.csv")
    cat(folder / "a.csv")
    living.execute("UPDATE a SET v = 'two' WHERE id = 1")  # of the same size
    assert_shows(folder / "a.csv", b"id,v\n1,two\n")
    fresh = int(subprocess.check_output(["stat", "-c", "%i", folder / "a.csv"]))
    assert fresh != about.st_ino


def test_times(mount, living):
    """A changed table gets a new time, an unchanged one keeps its own."""
    folder = mount(database(living), options=QUICK).live()
    stat = ["stat", "-c", "%.9Y"]
    a, b = (subprocess.check_output([*stat, folder / name]) for name in ("a.csv", "b.csv"))
    for path in (folder / "a.csv", folder / "b.csv"):
        assert os.stat(path).st_mtime <= time.time() + 1
    time.sleep(1.1)
    changed = time.time()
    living.execute("UPDATE a SET v = 'new'")
    assert_shows(folder / "a.csv", b"id,v\n1,new\n")
    assert subprocess.check_output([*stat, folder / "b.csv"]) == b
    after = subprocess.check_output([*stat, folder / "a.csv"])
    assert float(after) > float(a)
    assert changed - 1 <= float(after) <= time.time() + 1


def test_three_formats_share_the_time(mount, crm_db):
    folder = mount(crm_db).live()
    assert len({os.stat(folder / f"accounts.{form}").st_mtime_ns for form in reference.FORMATS}) == 1


def test_table_comes_and_goes(mount, living):
    folder = mount(database(living), options=QUICK).live()
    assert cat(folder / "c.csv") is None
    living.execute("CREATE TABLE c (x)")
    assert_shows(folder / "c.csv", b"x\n")
    names = subprocess.check_output(["ls", folder]).split()
    assert {b"c.csv", b"c.json", b"c.ndjson"} <= set(names)
    with open(folder / "a.csv", "rb") as held:
        living.execute("DROP TABLE a")
        assert eventually(lambda: cat(folder / "a.csv") is None)
        assert b"a.csv" not in subprocess.check_output(["ls", folder]).split()
        assert held.read() == b"id,v\n1,one\n"
    assert b'"a"' not in cat(folder / "datapackage.json")


def test_table_is_altered(mount, living):
    folder = mount(database(living), options=QUICK).live()
    assert cat(folder / "a.csv") == b"id,v\n1,one\n"
    living.execute("ALTER TABLE a ADD COLUMN extra TEXT DEFAULT 'x'")
    assert_shows(folder / "a.csv", b"id,v,extra\n1,one,x\n")
    assert b"extra" in cat(folder / "schema.sql") and b"extra" in cat(folder / "datapackage.json")
    living.execute("ALTER TABLE a RENAME COLUMN v TO w")
    assert_shows(folder / "a.csv", b"id,w,extra\n1,one,x\n")
    living.execute("ALTER TABLE a RENAME TO z")
    assert_shows(folder / "z.csv", b"id,w,extra\n1,one,x\n")
    assert cat(folder / "a.csv") is None


def test_uncommitted_changes_do_not_show(mount, living):
    if living.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        living.execute("PRAGMA cache_size = 1000")
    folder = mount(database(living), options=QUICK).live()
    living.execute("BEGIN")
    living.execute("UPDATE a SET v = 'not yet'")
    time.sleep(0.5)
    assert cat(folder / "a.csv") == b"id,v\n1,one\n"
    living.execute("ROLLBACK")
    time.sleep(0.5)
    assert cat(folder / "a.csv") == b"id,v\n1,one\n"


def test_vacuum_and_checkpoint(mount, living):
    """Rewriting the file changes no byte that is shown."""
    folder = mount(database(living), options=QUICK).live()
    living.execute("INSERT INTO a SELECT id + 1, v FROM a")
    assert_shows(folder / "a.csv", b"id,v\n1,one\n2,one\n")
    living.execute("VACUUM")
    living.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    time.sleep(0.5)
    assert cat(folder / "a.csv") == b"id,v\n1,one\n2,one\n"
    living.execute("INSERT INTO a VALUES (9, 'nine')")
    assert_shows(folder / "a.csv", b"id,v\n1,one\n2,one\n9,nine\n")


def test_unchanged_database_is_read_once(mount, crm_db):
    """Time alone makes no new generation: the same inodes, and the same generation's number."""
    folder = mount(crm_db, options=QUICK).live()
    first = os.stat(folder / "accounts.csv"), os.getxattr(folder / "accounts.csv", "user.crmfs.generation")
    time.sleep(1)
    assert os.stat(folder / "accounts.csv").st_ino == first[0].st_ino
    assert os.getxattr(folder / "accounts.csv", "user.crmfs.generation") == first[1]


def test_what_goes_by_the_clock_is_read_anew(mount, living):
    """Views over the time are as of now, as is what uses them; tables and other views stay what they were."""
    living.executescript("""
        CREATE VIEW clock AS SELECT strftime('%s', 'now') AS t; CREATE VIEW above AS SELECT t + 0 AS t FROM Clock;
        INSERT INTO b VALUES (2, 'now');
        CREATE VIEW lasting AS SELECT julianday(v) FROM b WHERE id = 2 /* nobody could tell, so it shows what is kept */""")
    folder = mount(database(living), options=QUICK).live()
    lasting, first = cat(folder / "lasting.csv"), int(cat(folder / "above.csv").split()[1])
    with open(folder / "clock.csv", "rb") as file:
        opened = os.stat(file.fileno())
        assert eventually(lambda: int(cat(folder / "above.csv").split()[1]) > first + 1, PATIENCE, 0.1)
        assert time.time() - int(cat(folder / "clock.csv").split()[1]) < 10
        # The open file is another than the one of that name now, and goes on.
        assert os.stat(file.fileno()).st_size == opened.st_size == len(file.read())
        assert os.stat(folder / "clock.csv").st_ino != opened.st_ino
    assert os.stat(folder / "clock.csv").st_mtime_ns > opened.st_mtime_ns
    assert cat(folder / "lasting.csv") == lasting
