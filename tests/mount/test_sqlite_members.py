# SPDX-License-Identifier: MIT
"""SQLite databases within archives: byte for byte what a mount of the database shows, at any depth."""
import os
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile

import pytest

from folder import slurp
from mounting import eventually


def packed(work, kind, database, name="crm.db"):
    """The database in an archive of that kind."""
    path = work / f"old.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(database, f"backup/{name}")
    elif kind == "tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            archive.add(database, f"backup/{name}")
    elif kind == "gz":
        with open(path, "wb") as file:
            subprocess.run(["gzip", "-c", database], stdout=file, check=True)
    else:  # a compressed file in a ZIP in a tar
        inner, packed_once = work / "inner.zip", work / f"{name}.gz"
        with open(packed_once, "wb") as file:
            subprocess.run(["gzip", "-c", database], stdout=file, check=True)
        with zipfile.ZipFile(inner, "w") as archive:
            archive.write(packed_once, packed_once.name)
        with tarfile.open(path, "w") as archive:
            archive.add(inner, "inner.zip")
    return path


def contents(folder):
    """Each file's bytes; None for what cannot be read."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if (folder / name).is_dir():
            continue
        try:
            found[name] = slurp(folder / name)
        except OSError:
            found[name] = None
    return found


def same(live, archive, but=()):
    expected, found = contents(live), contents(archive)
    assert expected.keys() - {*but} == found.keys() - {*but}
    for name in expected.keys() - {"datapackage.json", *but}:
        assert found[name] == expected[name], name


@pytest.mark.sanitize
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz", "tar"])
def test_as_live(mount, work, odd_db, kind):
    """All that a SQLite file may hold, views and generated columns included."""
    path = packed(work, kind, odd_db, "odd.db")
    top = mount(odd_db, path)
    same(top.live(), top.path("archives", path.name))


def test_raw_and_tables(mount, work, chinook_db):
    path = packed(work, "tar.gz", chinook_db)
    folder = mount(path).path("archives/old.tar.gz")
    assert slurp(folder / "raw/backup/crm.db") == chinook_db.read_bytes()
    assert slurp(folder / "Artist.csv").startswith(b"ArtistId,Name\n1,AC/DC\n")


def test_two_databases(mount, work, chinook_db):
    """Tables of one name stand beside each other."""
    path = work / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(chinook_db, "monday.db")
        archive.write(chinook_db, "tuesday.sqlite")
    folder = mount(path).path("archives/two.zip")
    assert slurp(folder / "Artist.csv") == slurp(folder / "Artist (2).csv")


def test_large_rows(mount, work):
    """Cells of some megabytes are read in pieces; a row above the limit fails its table, and no other."""
    database = work / "large.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, v BLOB)")
        connection.execute("INSERT INTO large VALUES (1, zeroblob(5000000)), (2, randomblob(3000000))")
        connection.execute("CREATE TABLE huge (id INTEGER PRIMARY KEY, v BLOB)")
        connection.execute("INSERT INTO huge VALUES (1, zeroblob(34000000))")
    connection.close()
    path = packed(work, "gz", database)
    top = mount(database, path)
    folder = top.path("archives", path.name)
    assert slurp(folder / "large.csv") == slurp(top.live() / "large.csv")
    with pytest.raises(OSError, match="Input/output"):
        slurp(folder / "huge.csv")
    assert "32 MiB" in top.errors() and top.high_water() < 160 << 20


def test_damaged(mount, work, crm_db):
    """A page in the middle overwritten: tables that do not need it are whole, those that do are errors."""
    database = work / "damaged.db"
    shutil.copyfile(crm_db, database)
    with sqlite3.connect(database) as connection:
        page, = connection.execute("SELECT pageno FROM dbstat WHERE name = 'activities' AND pagetype = 'leaf' "
                                   "ORDER BY path LIMIT 1 OFFSET 3").fetchone()
        size, = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(database.read_bytes())
    data[(page - 1) * size:page * size] = b"\xff" * size
    database.write_bytes(data)
    path = packed(work, "zip", database)
    top = mount(crm_db, path)
    folder = top.path("archives", path.name)
    assert slurp(folder / "contacts.csv") == slurp(top.live() / "contacts.csv")
    with pytest.raises(OSError, match="Input/output"):
        slurp(folder / "activities.csv")
    assert "activities" in top.errors()


def test_cut(mount, work, crm_db):
    """The first half of a database, and 100 bytes of one: no table is shown of either, and both are named."""
    data = crm_db.read_bytes()
    path = work / "cut.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("half.db", data[: len(data) // 2])
        archive.writestr("head.db", data[:100])
    top = mount(path)
    assert list(contents(top.path("archives/cut.zip"))) == ["datapackage.json", "schema.sql"]
    assert "half.db: the database is damaged" in top.errors()
    assert "head.db: the database is damaged" in top.errors()


def test_what_lies_beside(mount, work):
    """Of a database that is in use the -wal is not taken in, and that is said."""
    database = work / "wal.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    path = work / "wal.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(database, "wal.db")
        archive.write(f"{database}-wal", "wal.db-wal")
    connection.close()
    top = mount(path)
    assert slurp(top.path("archives/wal.zip/t.csv")) == b"id\n"
    assert eventually(lambda: "wal.db-wal" in top.errors())


def test_spool_is_sealed(mount, work):
    """Nothing of the database's text is on the disk while it is shown."""
    database = work / "secret.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"nobody-may-find-{n}") for n in range(20000)))
    connection.close()
    path = packed(work, "gz", database)
    top = mount(path)
    assert slurp(top.path("archives", path.name, "t.csv")).count(b"nobody-may-find") == 20000
    found = 0
    for entry in os.listdir(f"/proc/{top.pid}/fd"):
        try:
            target = f"/proc/{top.pid}/fd/{entry}"
            if "deleted" not in os.readlink(target):
                continue
            with open(target, "rb") as file:
                data = file.read()
        except OSError:
            continue
        found += len(data)
        assert b"nobody-may-find" not in data
    assert found > 100000
