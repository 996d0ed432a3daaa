# SPDX-License-Identifier: MIT
"""Every file is, byte for byte, what the format rules make of the table."""
import os

import pytest

import oddities
import reference
from folder import slurp, stems, table_path

pytestmark = pytest.mark.sanitize


def assert_same(folder, database):
    """Compares all files with the reference; says where the first difference is."""
    conn = reference.connect(database)
    files = stems(folder)
    missing = {name.encode() for name in reference.tables(conn)} - set(files)
    assert not missing, f"not shown: {missing}"
    known = {name.encode() for name in reference.tables(conn, shadow=True)}
    assert set(files) <= known, f"no such tables: {set(files) - known}"
    for table, stem in files.items():
        for form in reference.FORMATS:
            got = slurp(table_path(folder, stem, form))
            want = reference.render(conn, table.decode(), form)
            if got != want:
                at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
                around = slice(max(at - 60, 0), at + 60)
                pytest.fail(f"{table!r} as {form}, {len(got)} bytes for {len(want)}, differs at {at}:\n"
                            f"got  {got[around]!r}\nwant {want[around]!r}")


def test_oddities(mount, odd_db):
    assert_same(mount(odd_db).live(), odd_db)


def test_crm(mount, crm_db):
    assert_same(mount(crm_db).live(), crm_db)


def test_chinook(mount, chinook_db):
    assert_same(mount(chinook_db).live(), chinook_db)


def test_two_mounts_agree(mount, odd_db):
    """The same table gives the same bytes on every mount, on one thread's worth of memory too."""
    first, second = mount(odd_db).live(), mount(odd_db, options="max-memory=24M").live()
    assert sorted(os.listdir(first)) == sorted(os.listdir(second))
    for name in os.listdir(first):
        assert slurp(first / name) == slurp(second / name), name


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_utf16_database(mount, work, encoding):
    """A database in UTF-16 gives the same files as one in UTF-8."""
    import sqlite3

    folders = []
    for name in ("UTF-8", encoding):
        conn = sqlite3.connect(work / f"{name}.db", isolation_level=None)
        conn.execute(f"PRAGMA encoding = '{name}'")
        conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        # SQLite itself turns U+FFFE into U+FFFD on the way to UTF-16.
        oddities.insert(conn, "t", list(enumerate(text for text in oddities.TEXTS if text != "\ufffe")))
        conn.close()
        folders.append(mount(f"x={work}/{name}.db").live())
    for form in reference.FORMATS:
        assert slurp(folders[0] / f"t.{form}") == slurp(folders[1] / f"t.{form}")


def test_rows_in_ranges(mount, work):
    """A table read in ranges of keys by several threads loses no row and doubles none."""
    import sqlite3

    database = work / "ranges.db"
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("CREATE TABLE dense (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("CREATE TABLE sparse (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("CREATE TABLE clustered (id INTEGER PRIMARY KEY, v TEXT)")
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO dense VALUES (?, ?)", ((n, "d" * (n % 90)) for n in range(60000)))
    conn.executemany("INSERT INTO sparse VALUES (?, ?)",
                     ((n * 150000000000000 - 2**62, "s" * (n % 90)) for n in range(40000)))
    conn.executemany("INSERT INTO clustered VALUES (?, ?)",
                     ((n if n < 39000 else 2**62 + n, "c" * (n % 90)) for n in range(40000)))
    conn.execute("COMMIT")
    conn.close()
    assert_same(mount(database).live(), database)
