# SPDX-License-Identifier: MIT
"""A database that is damaged, locked, replaced or taken away: loud errors, never wrong or short files."""
import os
import shutil
import sqlite3
import subprocess
import time

import pytest

import reference
from folder import slurp, table_path
from mounting import eventually

QUICK = "refresh=0.2,busy-timeout=0.5"


def whole_or_error(top, path, wanted):
    """Reads a file: all of WANTED, or an error that .crmfs/errors tells of. True: it was whole."""
    try:
        got = slurp(path)
    except OSError as problem:
        assert problem.errno is not None
        assert top.errors() != "", f"errno {problem.errno} without a word"
        return False
    assert got == wanted, f"{len(got)} wrong bytes for {len(wanted)}"
    return True


def check_all(top, database):
    """Every file is whole or an error; the names of the tables with errors."""
    conn, failed = reference.connect(database), set()
    for table in reference.tables(conn):
        for form in reference.FORMATS:
            path = table_path(top.live(), table.encode(), form)
            if not whole_or_error(top, path, reference.render(conn, table, form)):
                failed.add(table)
    return failed


def root_page(database, table):
    return sqlite3.connect(database).execute(
        "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]


def a_leaf(database, table):
    """Some page in the middle of a table, by SQLite's own account."""
    pages = sqlite3.connect(database).execute(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)).fetchall()
    return pages[len(pages) // 2][0]


def overwrite_page(database, page, content):
    with open(database, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(content)


@pytest.mark.sanitize
@pytest.mark.parametrize("what", ["a leaf", "the root", "zeros"])
def test_corrupted_page(mount, crm_db, copy_of, what):
    """A damaged table gives EIO; the other tables are as they were."""
    database = copy_of(crm_db)
    page = root_page(database, "activities") if what == "the root" else a_leaf(database, "activities")
    overwrite_page(database, page, bytes(4096) if what == "zeros" else b"\xff" * 4096)
    top = mount(database)
    conn = reference.connect(crm_db)
    for table in reference.tables(conn):
        for form in reference.FORMATS:
            whole = whole_or_error(top, top.live() / f"{table}.{form}", reference.render(conn, table, form))
            assert whole == (table != "activities"), f"{table}.{form}"
    assert "activities" in top.errors()
    with pytest.raises(OSError):
        os.stat(top.live() / "activities.csv")


@pytest.mark.parametrize("part", [0.9, 0.5, 0.1])
def test_truncated(mount, crm_db, copy_of, part):
    """Cut anywhere: refused at once, or each table whole or an error."""
    database = copy_of(crm_db)
    os.truncate(database, int(os.path.getsize(database) * part))
    top = mount(database, start=None)
    answer = top.start()
    if answer.status != 0:
        assert str(database) in answer.err
        return
    conn, failed = reference.connect(crm_db), set()
    for table in reference.tables(conn):
        path = top.live() / f"{table}.csv"
        if not whole_or_error(top, path, reference.render(conn, table, "csv")):
            failed.add(table)
    assert "activities" in failed
    assert top.errors() != ""


def test_locked_at_mount(mount, crm_db, copy_of):
    """An exclusive lock: refused or EBUSY within the busy timeout, and fine when it is gone."""
    database = copy_of(crm_db)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    top = mount(database, options=QUICK, start=None)
    answer = top.start()
    if answer.status == 0:
        with pytest.raises(OSError):
            slurp(top.live() / "accounts.csv")
        assert "lock" in top.errors()
    else:
        assert "lock" in answer.err, answer
    assert time.monotonic() - start < 10
    holder.execute("COMMIT")
    if answer.status != 0:
        assert top.start().status == 0
    assert check_all(top, database) == set()


def test_locked_later(mount, crm_db, copy_of):
    """While a writer holds all locks, a file is as it was or an error, within the busy timeout."""
    database = copy_of(crm_db)
    top = mount(database, options=QUICK)
    wanted = slurp(top.live() / "accounts.csv")
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    time.sleep(0.5)
    start = time.monotonic()
    whole_or_error(top, top.live() / "accounts.csv", wanted)
    assert time.monotonic() - start < 5
    assert os.listdir(top.path("live")) == ["crm"]
    holder.execute("ROLLBACK")
    assert eventually(lambda: check_all(top, database) == set(), 10, 0.5)


def test_deleted_while_mounted(mount, crm_db, copy_of):
    """What was read stays while it is open; what is not known any more is an error."""
    database = copy_of(crm_db)
    top = mount(database, options=QUICK)
    conn = reference.connect(crm_db)
    wanted = reference.render(conn, "accounts", "csv")
    with open(top.live() / "accounts.csv", "rb") as held:
        os.unlink(database)
        time.sleep(0.6)
        assert held.read() == wanted
    time.sleep(0.6)
    done = subprocess.run(["cat", top.path("live/crm/accounts.csv")], capture_output=True, check=False)
    assert done.returncode != 0 or done.stdout == wanted
    if done.returncode != 0:
        assert str(database) in top.errors() or "crm" in top.errors()
    assert os.listdir(top.path("live")) == ["crm"]
    assert not database.exists(), "crmfs made a new database"
    shutil.copy(crm_db, database)
    assert eventually(lambda: subprocess.run(["cat", top.path("live/crm/accounts.csv")], capture_output=True,
                                             check=False).stdout == wanted, 10, 0.3)


@pytest.mark.sanitize
def test_replaced_while_mounted(mount, crm_db, chinook_db, copy_of, work):
    """Another database under the same name, by rename: its tables show."""
    database = copy_of(crm_db)
    top = mount(database, options=QUICK)
    slurp(top.live() / "accounts.csv")
    shutil.copy(chinook_db, work / "new.db")
    os.replace(work / "new.db", database)
    wanted = reference.render(reference.connect(chinook_db), "Artist", "csv")
    path = top.path("live/crm/Artist.csv")
    assert eventually(lambda: path.exists() and subprocess.check_output(["cat", path]) == wanted, 10, 0.3)
    assert subprocess.run(["test", "-e", top.path("live/crm/accounts.csv")], check=False).returncode == 1


def test_replaced_by_rubbish(mount, crm_db, copy_of, work):
    database = copy_of(crm_db)
    top = mount(database, options=QUICK)
    slurp(top.live() / "accounts.csv")
    (work / "rubbish").write_bytes(b"rubbish" * 1000)
    os.replace(work / "rubbish", database)
    path = top.path("live/crm/accounts.csv")
    assert eventually(lambda: subprocess.run(["cat", path], capture_output=True, check=False).returncode != 0,
                      10, 0.3)
    assert "not a" in top.errors()
    assert os.listdir(top.path("live")) == ["crm"]


def test_overwritten_in_place(mount, crm_db, chinook_db, copy_of):
    """Copied over, against all advice: whole files of one or the other, or errors."""
    database = copy_of(crm_db)
    top = mount(database, options=QUICK)
    slurp(top.live() / "accounts.csv")
    shutil.copyfile(chinook_db, database)
    wanted = reference.render(reference.connect(chinook_db), "Artist", "csv")
    path = top.path("live/crm/Artist.csv")
    assert eventually(lambda: subprocess.run(["cat", path], capture_output=True, check=False).stdout == wanted,
                      10, 0.3)


def test_damage_during_the_scan(mount, large_crm_db, copy_of):
    """The file is cut while its largest table is being read through: whole or an error."""
    database = copy_of(large_crm_db)
    wanted = os.path.getsize(large_crm_db)
    top = mount(database, options=QUICK)
    path = top.live() / "activities.csv"
    reader = subprocess.Popen(["cat", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.15)
    os.truncate(database, wanted // 3)
    out, _ = reader.communicate(timeout=60)
    if reader.returncode == 0:
        assert out == reference.render(reference.connect(large_crm_db), "activities", "csv")
    else:
        assert top.errors() != ""
    assert top.status()["pid"] == top.pid
