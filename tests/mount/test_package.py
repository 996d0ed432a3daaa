# SPDX-License-Identifier: MIT
"""What `cp -r live/crm there` made is a source: a data package with its tables' files."""
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from folder import slurp
from mounting import eventually


def copy(mount, database, there):
    """A copy of the database's folder, the mount that it came from gone again."""
    top = mount(database)
    subprocess.run(["cp", "-r", top.live(), there], check=True)
    top.unmount()
    return there


def without_raw(folder):
    return sorted(name for name in os.listdir(os.fsencode(folder)) if name != b"raw")


def assert_same(folder, copied, but=()):
    assert without_raw(folder) == without_raw(copied)
    for name in without_raw(copied):
        if name not in but:
            assert slurp(os.path.join(os.fsencode(folder), name)) == slurp(
                os.path.join(os.fsencode(copied), name)), name


@pytest.mark.sanitize
@pytest.mark.parametrize("kept", [("csv", "json", "ndjson"), ("ndjson",), ("json",)])
def test_shown_as_it_was(mount, odd_db, work, kept):
    """Every oddity, from the files that tell classes: byte for byte, types and keys included."""
    copied = copy(mount, odd_db, work / "copied")
    reduced = work / "reduced"
    shutil.copytree(copied, reduced)
    for form in {"csv", "json", "ndjson"} - set(kept):
        for path in reduced.glob(f"*.{form}"):
            if path.name != "datapackage.json":
                path.unlink()
    top = mount(f"odd={reduced}")
    folder = top.path("archives/odd")
    descriptor = json.loads(slurp(folder / "datapackage.json"))
    expected = json.loads(slurp(copied / "datapackage.json"))
    assert descriptor["resources"] == expected["resources"]
    assert slurp(folder / "schema.sql") == slurp(copied / "schema.sql")
    # A line break within a JSON document is a space in JSON: CSV has it from there.
    documents = {b"documents.csv", b"every_value.csv", b"texts_in_blobs.csv"}
    assert_same(folder, copied, documents | {b"datapackage.json"})
    assert top.errors() == ""


def test_from_csv(mount, crm_db, work):
    """CSV alone gives the same where columns have types."""
    copied = copy(mount, crm_db, work / "crm")
    for form in ("json", "ndjson"):
        for path in copied.glob(f"*.{form}"):
            if path.name != "datapackage.json":
                path.unlink()
    top = mount(f"live={crm_db}", f"copied={copied}")
    live, shown = top.path("live/live"), top.path("archives/copied")
    for name in os.listdir(live):
        if name != "datapackage.json":
            assert slurp(live / name) == slurp(shown / name), name
    assert slurp(shown / "raw/contacts.csv") == slurp(copied / "contacts.csv")
    assert sorted(os.listdir(shown / "raw")) == sorted(os.listdir(copied))
    assert slurp(shown / "contacts/7.json") == slurp(live / "contacts/7.json")


def small(work):
    conn = sqlite3.connect(work / "small.db")
    conn.executescript("""
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE other (id INTEGER PRIMARY KEY);
        INSERT INTO t VALUES (1, 'one'), (2, NULL);
    """)
    conn.commit()
    return work / "small.db"


def test_the_edited_file_counts(mount, work):
    copied = copy(mount, small(work), work / "copied")
    newest = max(path.stat().st_mtime_ns for path in copied.iterdir())
    (copied / "t.csv").write_text('v,id\n"uno, due",1\n,2\n"",3\n')
    os.utime(copied / "t.csv", ns=(newest + 10**9, newest + 10**9))
    folder = mount(copied, options="refresh=0.1").path("archives/copied")
    assert slurp(folder / "t.ndjson") == b'{"id":1,"v":"uno, due"}\n{"id":2,"v":null}\n{"id":3,"v":""}\n'
    (copied / "t.csv").write_text("id,v\n9,x\n")
    os.utime(copied / "t.csv", ns=(newest + 2 * 10**9, newest + 2 * 10**9))

    def cat():
        return subprocess.run(["cat", folder / "t.csv"], capture_output=True, check=False).stdout

    assert eventually(lambda: cat() == b"id,v\n9,x\n"), cat()


@pytest.mark.parametrize("text, words", [
    ("id,v\n1,one\n2,tw", "no line end"), ("id,v\n1,\"one\n", "within quotes"), ("id,v\n1\n", "1 fields"),
    ("id,v,w\n1,2,3\n", "3 columns"), ("id\n1\n", "1 columns"), ("", "not a byte"), ("id,v\n1,\xff\n", "not UTF-8"),
])
def test_a_table_that_is_not_whole(mount, work, text, words):
    """It is refused with its line; the others are shown."""
    copied = copy(mount, small(work), work / "copied")
    for form in ("json", "ndjson"):
        (copied / f"t.{form}").unlink()
    (copied / "t.csv").write_bytes(text.encode("latin-1"))
    top = mount(copied)
    folder = top.path("archives/copied")
    for form in ("csv", "json", "ndjson"):
        with pytest.raises(OSError):
            slurp(folder / f"t.{form}")
    assert slurp(folder / "other.csv") == b"id\n"
    assert words in top.errors() and "t.csv" in top.errors()


def test_not_a_package(mount, refused, work):
    """Other descriptors, or none: the directory is a shelf of backups, or nothing."""
    copied = copy(mount, small(work), work / "copied")
    point = work / "point"
    point.mkdir()
    (copied / "t.ndjson").unlink()
    descriptor = slurp(copied / "datapackage.json")
    (copied / "datapackage.json").write_bytes(descriptor[:-40])
    assert "datapackage.json" in refused("mount", copied, point).err
    (copied / "datapackage.json").write_bytes(descriptor.replace(b'"crmfs:formatVersion": 1', b'"crmfs:formatVersion": 2'))
    assert "later version" in refused("mount", copied, point).err
    (copied / "datapackage.json").write_bytes(descriptor.replace(b'"t.csv"', b'"../t.csv"'))
    assert "datapackage.json" in refused("mount", copied, point).err


def test_links_are_not_followed(mount, work):
    copied = copy(mount, small(work), work / "copied")
    (work / "secret").write_text("id,v\n1,secret\n")
    for form in ("csv", "json", "ndjson"):
        (copied / f"t.{form}").unlink()
    (copied / "t.csv").symlink_to(work / "secret")
    top = mount(copied)
    with pytest.raises(OSError):
        slurp(top.path("archives/copied/t.csv"))
    assert "secret" not in os.listdir(top.path("archives/copied/raw"))
