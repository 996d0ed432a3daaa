# SPDX-License-Identifier: MIT
"""Folders and archives of mysqldump --tab: two files a table, which are one table."""
import errno
import gzip
import os
import shutil
import tarfile
import zipfile

import pytest

from folder import slurp

HEAD = "-- MySQL dump 10.13  Distrib 8.0.30, for Linux (x86_64)\n/*!40101 SET NAMES utf8mb4 */;\n"
END = "-- Dump completed on 2022-03-01  2:00:00\n"


def table(name, columns):
    return f"{HEAD}DROP TABLE IF EXISTS `{name}`;\nCREATE TABLE `{name}` (\n  {columns}\n) DEFAULT CHARSET=utf8mb4;\n{END}"


FILES = {
    "contacts.sql": table("contacts", "`id` int NOT NULL,\n  `name` varchar(40),\n  PRIMARY KEY (`id`)"),
    "contacts.txt": "2\tBo \\\nEk\n1\t\\N\n",
    "empty.sql": table("empty", "`id` int NOT NULL"),
    "empty.txt": "",
    "notes.sql": f"{HEAD}CREATE TABLE `other` (`a` int);\nINSERT INTO `other` VALUES (7);\n{END}",
    "notes.txt": "What the dump beside this is for.\n",
}


def zipped(folder):
    """Its files, without the folder, in a ZIP beside it."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return packed


@pytest.mark.sanitize
@pytest.mark.parametrize("packing", ["plain", "rows", "both"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_joined(mount, work, kind, packing):
    folder = work / "tab"
    folder.mkdir()
    files = {}
    for name, text in FILES.items():
        packed = packing == "both" or (packing == "rows" and name.endswith(".txt"))
        files[f"{name}.gz" if packed else name] = gzip.compress(text.encode()) if packed else text.encode()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    source = folder
    if kind == "zip":
        source = work / "tab.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in files:
                archive.write(folder / name, f"tab/{name}")
    elif kind == "tar.gz":
        source = work / "tab.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(folder, "tab")
    shown = mount(source).path(f"archives/{source.name}")
    names = {name for name in os.listdir(shown) if name.endswith(".csv")}
    assert names == {"contacts.csv", "empty.csv", "other.csv"}
    assert slurp(shown / "contacts.csv").decode() == 'id,name\n1,\n2,"Bo \nEk"\n'
    assert slurp(shown / "empty.csv").decode() == "id\n"
    assert slurp(shown / "other.csv").decode() == "a\n7\n"


@pytest.mark.parametrize("other", ["crm.sql", "crm.sql.gz", "leads.csv", "old.zip", "copy.db"])
def test_among_other_backups(mount, work, chinook_db, other):
    """A folder of backups is not one of --tab because two of its files are."""
    shelf = work / "shelf"
    shelf.mkdir()
    for name in "contacts.sql", "contacts.txt":
        (shelf / name).write_text(FILES[name])
    dump = f"{HEAD}CREATE TABLE `big` (`a` int);\nINSERT INTO `big` VALUES (7);\n{END}"
    if other == "copy.db":
        shutil.copy(chinook_db, shelf / other)
    elif other == "old.zip":
        with zipfile.ZipFile(shelf / other, "w") as archive:
            archive.writestr("leads.csv", "a,b\n1,2\n")
    else:
        text = dump if "sql" in other else "a,b\n1,2\n"
        (shelf / other).write_bytes(gzip.compress(text.encode()) if other.endswith(".gz") else text.encode())
    top = mount(shelf)
    assert {other, "contacts.sql"} <= set(os.listdir(top.path("archives")))


@pytest.mark.parametrize("name, text", [("view.sql", f"{HEAD}CREATE VIEW `v` AS SELECT 1;\n{END}"), ("README.md", "Read this.\n"),
                                        ("notes.txt", "a,b\n1,2\n3,4\n")])
def test_beside_other_files(mount, work, name, text):
    """What is no backup by itself does not keep the folder from being one."""
    folder = work / "tab"
    folder.mkdir()
    for file in "contacts.sql", "contacts.txt":
        (folder / file).write_text(FILES[file])
    (folder / name).write_text(text)
    assert slurp(mount(folder).path("archives/tab/contacts.csv")).startswith(b"id,name\n")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_packed_rows_that_cannot_be_read(mount, work, kind):
    """Compressed and cut, to nothing as well: the table fails, it is not empty."""
    folder = work / "tab"
    folder.mkdir()
    (folder / "contacts.sql").write_text(FILES["contacts.sql"])
    (folder / "contacts.txt.gz").write_bytes(gzip.compress(FILES["contacts.txt"].encode())[:-9])
    (folder / "none.sql").write_text(table("none", "`id` int NOT NULL"))
    (folder / "none.txt.gz").write_bytes(b"")
    source = folder if kind == "folder" else zipped(folder)
    shown = mount(source).path(f"archives/{source.name}")
    for name in "contacts.csv", "none.csv":
        with pytest.raises(OSError, match="Input/output"):
            slurp(shown / name)


def test_rows_that_cannot_be_read(mount, work):
    """A table whose rows are damaged is not shown as if it had none."""
    path = work / "tab.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contacts.sql", FILES["contacts.sql"])
        archive.writestr("contacts.txt", FILES["contacts.txt"] * 100)
    data = path.read_bytes()
    place = data.index(b"Bo \\")
    path.write_bytes(data[:place] + b"X" + data[place + 1:])
    shown = mount(path).path("archives/tab.zip")
    with pytest.raises(OSError) as error:
        slurp(shown / "contacts.csv")
    assert error.value.errno == errno.EIO


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_signs(mount, work, kind, quote, end):
    """--fields-optionally-enclosed-by and --lines-terminated-by are seen in the rows."""
    rows = f"2\t{quote}Bo Ek{quote}{end}1\t\\N{end}"
    folder = work / "tab"
    folder.mkdir()
    (folder / "contacts.sql").write_text(FILES["contacts.sql"])
    (folder / "contacts.txt").write_bytes(rows.encode())
    source = folder if kind == "folder" else zipped(folder)
    top = mount(source)
    assert slurp(top.path(f"archives/{source.name}/contacts.csv")).decode() == "id,name\n1,\n2,Bo Ek\n"
    assert ("quote=none" in top.errors()) == (quote == '"')


@pytest.mark.parametrize("kind", ["folder", "zip", "gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_signs_of_a_large_first_row(mount, work, kind, end, delimiter):
    """They are seen in it, though it is larger than what is looked at otherwise."""
    text = "A line, and\\\nanother. " * 30000
    rows = f'"2"{delimiter}"{text}"{end}"1"{delimiter}"Bo, Ek"{end}'.encode()
    folder = work / "tab"
    folder.mkdir()
    (folder / "contacts.sql").write_text(FILES["contacts.sql"])
    (folder / ("contacts.txt.gz" if kind == "gz" else "contacts.txt")).write_bytes(gzip.compress(rows) if kind == "gz" else rows)
    source = folder
    if kind == "zip":
        source = work / "tab.zip"
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
    top = mount(f"archive://{source}" + ("?delimiter=%2C" if delimiter == "," else ""))
    shown = text.replace("\\\n", "\n")
    right = slurp(top.path(f"archives/{source.name}/contacts.csv")).decode() == f'id,name\n1,"Bo, Ek"\n2,"{shown}"\n'
    assert right


def test_said_signs(mount, work):
    """What the user says of them counts; another escape is refused, when it is said and when it is seen."""
    (work / "contacts.sql").write_text(FILES["contacts.sql"])
    (work / "contacts.txt").write_text('2\t"Bo"\n1\t\\N\n')
    top = mount(f"archive://{work}?quote=none")
    assert slurp(top.path(f"archives/{work.name}/contacts.csv")).decode() == 'id,name\n1,\n2,"""Bo"""\n'
    top.unmount()
    top = mount(f"archive://{work}?escape=%5E")
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path(f"archives/{work.name}/contacts.csv"))
    assert "another escape than a backslash" in top.errors()
    top.unmount()
    (work / "contacts.txt").write_text('"1","Bo"\n')
    top = mount(work)
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path(f"archives/{work.name}/contacts.csv"))
    assert "delimiter=%2C" in top.errors()
    top.unmount()
    (work / "contacts.txt").write_text("^N\tBo\n")
    top = mount(work)
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path(f"archives/{work.name}/contacts.csv"))
    assert "--fields-escaped-by" in top.errors()


@pytest.mark.parametrize("packing", ["plain", "packed"])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_rows_that_are_not_there(mount, work, kind, packing):
    """Each table has a file of rows, an empty one as well: one that has none fails, and its name is told."""
    folder = work / "tab"
    folder.mkdir()
    for name in "contacts.sql", "contacts.txt", "empty.sql":
        data = FILES[name].encode()
        (folder / f"{name}{'.gz' if packing == 'packed' else ''}").write_bytes(gzip.compress(data) if packing == "packed" else data)
    source = folder if kind == "folder" else zipped(folder)
    top = mount(source)
    shown = top.path(f"archives/{source.name}")
    assert slurp(shown / "contacts.csv").startswith(b"id,name\n1,")
    with pytest.raises(OSError, match="Input/output"):
        slurp(shown / "empty.csv")
    assert "table empty: there is a file that makes it and none of its rows" in top.errors()
    assert "the dump has none of its rows" not in top.errors()


def test_no_rows_beside_a_note(mount, work):
    """What makes a table and stands beside something else than such a dump was made without rows."""
    path = work / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "notes.sql", "notes.txt", "empty.sql":
            archive.writestr(name, FILES[name])
    top = mount(path)
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path("archives/x.zip/empty.csv"))
    assert slurp(top.path("archives/x.zip/other.csv")) == b"a\n7\n"
    assert "the dump has none of its rows" in top.errors()
