# SPDX-License-Identifier: MIT
"""Dumps in UTF-16, as Windows PowerShell makes them, under archives/: as the same dump in UTF-8."""
import gzip
import os
import sqlite3
import subprocess
import zipfile

import pytest

from folder import slurp
from powershell import written

HEAD = "-- MySQL dump 10.13\n/*!40101 SET NAMES latin1 */;\n"
FOOT = "-- Dump completed on 2019-03-01  2:00:00\n"
ACCOUNTS = "CREATE TABLE `accounts` (`id` int NOT NULL, `name` text, PRIMARY KEY (`id`));\n"


def shown(folder):
    return {name: slurp(folder / name) for name in os.listdir(folder) if name not in ("raw", "datapackage.json")}


@pytest.fixture
def dump(work):
    """sqlite3's, with characters of every size, with line breaks in a statement and in values."""
    path = work / "people.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (\n  id INTEGER PRIMARY KEY,\n  name TEXT, photo BLOB\n)")
        database.executemany("INSERT INTO people VALUES (?, ?, ?)",
                             [(number, name, bytes(range(number)))
                              for number, name in enumerate(["a\nb\r\nc\rd", "\u00e9\u20ac\U0001f600", "", None] * 50)])
        database.execute("CREATE VIEW v AS\nSELECT name\nFROM people")
    return subprocess.run(["sqlite3", path, ".dump"], capture_output=True, check=True).stdout


@pytest.mark.sanitize
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_as_in_utf8(mount, work, dump, encoding):
    """Alone, compressed, in a ZIP."""
    wide = written(dump, encoding)
    (work / "plain.sql").write_bytes(dump)
    (work / "wide.sql").write_bytes(wide)
    (work / "packed.sql.gz").write_bytes(gzip.compress(wide))
    with zipfile.ZipFile(work / "zipped.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("old/wide.sql", wide)
    names = ["wide.sql", "packed.sql.gz", "zipped.zip"]
    top = mount(*(work / name for name in ["plain.sql", *names]))
    expected = shown(top.path("archives/plain.sql"))
    assert {"people.csv", "people.json", "people.ndjson", "schema.sql"} <= set(expected)
    for name, raw in zip(names, ["wide.sql", "packed.sql", "old/wide.sql"]):
        assert shown(top.path(f"archives/{name}")) == expected, name
        assert slurp(top.path(f"archives/{name}/raw/{raw}")) == wide


def test_damaged(mount, work):
    """A lone surrogate, half a unit: told of, and no table that may lack something looks whole."""
    whole = written((HEAD + ACCOUNTS + "INSERT INTO `accounts` VALUES (1,'\u00e9'),(2,'!');\n" + FOOT).encode())
    at = whole.index("!'".encode("utf-16-le"))
    (work / "lone.sql").write_bytes(whole[:at] + b"\x00\xd8" + whole[at + 2:])
    (work / "odd.sql").write_bytes(whole[:at + 1])
    (work / "cut.sql").write_bytes(whole[:at])
    (work / "behind.sql").write_bytes(whole + b"x")
    top = mount(*sorted(work.glob("*.sql")))
    for name in "lone.sql", "odd.sql", "cut.sql", "behind.sql":
        with pytest.raises(OSError, match="Input/output"):
            slurp(top.path(f"archives/{name}/accounts.csv"))
    errors = top.errors()
    for name, place in ("lone.sql", at), ("odd.sql", at), ("behind.sql", len(whole)):
        assert f"{name}: at byte {place} of the file it is no text in UTF-16LE any more" in errors
    assert "table accounts may lack rows" in errors


def test_memory(mount, work):
    """A long line takes no more than in UTF-8."""
    rows = ",".join(f"({number},'\u20ac{'x' * 1000}')" for number in range(60000))
    (work / "wide.sql").write_bytes(written((HEAD + ACCOUNTS + f"INSERT INTO `accounts` VALUES {rows};\n" + FOOT).encode()))
    top = mount(work / "wide.sql")
    assert slurp(top.path("archives/wide.sql/accounts.csv")).count(b"\n") == 60001
    assert top.high_water() < 64 << 20
