# SPDX-License-Identifier: MIT
"""Table names as file names."""
import contextlib
import hashlib
import json
import os
import sqlite3

import oddities
import reference
from folder import slurp, stems, table_path

PLAIN = {
    "Order Details": b"Order Details", "a/b": b"a%2Fb", "a%2Fb": b"a%252Fb", ".x": b"%2Ex", "..": b"%2E.",
    "x.": b"x.", "über": "über".encode(), "new\nline": b"new%0Aline", "\x01\x1f\x7f": b"%01%1F%7F",
    "100%": b"100%25", "-rf": b"-rf", "🦆": "🦆".encode(), " leading": b" leading", "\u0085": b"\xc2\x85",
    "schema.sql": b"schema.sql", "t.csv": b"t.csv", "n" * 248: b"n" * 248,
}


def hashed(name):
    """The 16 digits that tell apart what could not keep its name."""
    return hashlib.blake2b(name.encode(), digest_size=32).hexdigest()[:16].encode()


def test_known_names(mount, odd_db):
    found = stems(mount(odd_db).live())
    for table, stem in PLAIN.items():
        assert found[table.encode()] == stem


def test_all_names(mount, odd_db):
    """Each table has its own three files, under its encoded name or a cut one."""
    folder = os.fsencode(mount(odd_db).live())
    found = stems(folder)
    listed = os.listdir(folder)
    assert len(listed) == len(set(listed))
    for name in oddities.NAMES:
        stem, encoded = found[name.encode()], reference.encode_name(name)
        for form in reference.FORMATS:
            assert stem + b"." + form.encode() in listed
        if stem != encoded:
            assert stem[-17:] == b"~" + hashed(name), f"{name!r} is called {stem!r}"
            assert encoded.startswith(stem[:-17])
            assert len(encoded) + len(b".ndjson") > 255 or name == "datapackage", f"{name!r}: {stem!r}"
        stem.decode("utf-8")
        assert len(stem + b".ndjson") <= 255
    assert b"datapackage.json" in listed and b"schema.sql" in listed
    assert found[b"datapackage"] != b"datapackage"


def test_names_that_are_not_utf8(mount, work):
    database = work / "old.db"
    oddities.make_invalid_names(str(database))
    folder = os.fsencode(mount(database).live())
    names = [name for name in os.listdir(folder) if name.startswith(b"latin")]
    assert sorted(names) == [b"latin%E9.csv", b"latin%E9.json", b"latin%E9.ndjson"]
    assert slurp(os.path.join(folder, b"latin%E9.csv")) == "id\ufffd,b\n1,x\n".encode()
    assert slurp(os.path.join(folder, b"latin%E9.ndjson")) == '{"id\ufffd":1,"b":"x"}\n'.encode()


def test_names_stay(mount, odd_db):
    """A cut or numbered name is the same on the next mount."""
    assert stems(mount(odd_db).live()) == stems(mount(odd_db).live())


def test_unknown_names(mount, odd_db):
    """What is not there is ENOENT, and a name too long ENAMETOOLONG."""
    folder = mount(odd_db).live()
    for name in ("nothing.csv", "order details", "order details.csv", "t.xml", "%2ex.csv", "a%2fb.csv"):
        assert not os.path.lexists(folder / name), name
    try:
        os.stat(folder / ("x" * 256))
        raise AssertionError("a name of 256 bytes was found")
    except OSError as problem:
        assert os.strerror(problem.errno) == "File name too long"


def test_more_tables_than_most(mount, work):
    """Two thousand tables, each with its files."""
    database = work / "many.db"
    oddities.make_many_tables(str(database), 2000, 2)
    folder = mount(database).live()
    assert len(os.listdir(folder)) == 2000 * 3 + 2
    count = sqlite3.connect(database).execute("SELECT count(*) FROM t1999").fetchone()[0]
    assert slurp(table_path(folder, b"t1999", "csv")).count(b"\n") == count + 1


def test_table_without_a_name(mount, work):
    """SQLite has such tables; their files are not hidden ones, and the data package names them."""
    with contextlib.closing(sqlite3.connect(work / "x.db")) as conn:
        conn.executescript('CREATE TABLE "" (id INTEGER PRIMARY KEY); INSERT INTO "" VALUES (7); CREATE TABLE "%" (a)')
    folder = mount(work / "x.db").live()
    assert sorted(os.listdir(folder)) == sorted(
        [f"{stem}.{ending}" for stem in ("%", "%25") for ending in ("csv", "json", "ndjson")]
        + ["datapackage.json", "schema.sql"])
    assert (folder / "%.csv").read_bytes() == b"id\n7\n"
    package = json.loads((folder / "datapackage.json").read_bytes())
    assert "%.csv" in {resource["path"] for resource in package["resources"]}
    assert os.getxattr(folder / "%.csv", "user.crmfs.table") == b""
