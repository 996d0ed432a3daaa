# SPDX-License-Identifier: MIT
"""Every type at its limits, cell by cell as the server's own client prints it."""
import base64
import json
import struct
import subprocess
import time

import pytest

import strict
from mounting import eventually

# name → declaration, values as SQL. What FLOAT and DOUBLE print is compared as numbers.
TYPES = {
    "tiny": ("TINYINT", ["-128", "127", "0", "NULL"]),
    "utiny": ("TINYINT UNSIGNED", ["0", "255"]),
    "small": ("SMALLINT", ["-32768", "32767"]),
    "medium": ("MEDIUMINT", ["-8388608", "8388607"]),
    "normal": ("INT", ["-2147483648", "2147483647"]),
    "big": ("BIGINT", ["-9223372036854775808", "9223372036854775807"]),
    "ubig": ("BIGINT UNSIGNED", ["0", "18446744073709551615"]),
    "filled": ("INT(8) UNSIGNED ZEROFILL", ["42", "4294967295"]),
    "truth": ("BOOLEAN", ["TRUE", "FALSE"]),
    "exact": ("DECIMAL(65,30)", ["99999999999999999999999999999999999.999999999999999999999999999999",
                                 "-0.000000000000000000000000000001", "0"]),
    "money": ("DECIMAL(10,2)", ["12345678.90", "-0.01"]),
    "single": ("FLOAT", ["0.1", "3.4028234e38", "-1.17549435e-38", "1.4e-45", "16777216", "1e15", "0.3333333333"]),
    "fixed": ("FLOAT(7,3)", ["9999.999", "-0.001", "1.5"]),
    "real8": ("DOUBLE", ["0.1", "1.7976931348623157e308", "-2.2250738585072014e-308", "5e-324", "1e15",
                         "123456789012345680", "0.30000000000000004"]),
    "fixed8": ("DOUBLE(15,4)", ["12345678901.2345", "-0.0001"]),
    "bits": ("BIT(64)", ["b'1'", "18446744073709551615", "0"]),
    "bit1": ("BIT(1)", ["b'0'", "b'1'"]),
    "year4": ("YEAR", ["1901", "2155", "0"]),
    "day": ("DATE", ["'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "'2024-02-00'"]),
    "moment": ("DATETIME", ["'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'0000-00-00 00:00:00'"]),
    "moment6": ("DATETIME(6)", ["'2026-11-21 03:04:05.000001'", "'9999-12-31 23:59:59.999999'"]),
    "stamp": ("TIMESTAMP NULL", ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"]),
    "stamp6": ("TIMESTAMP(6) NULL", ["'2026-06-01 12:00:00.123456'"]),
    "clock": ("TIME", ["'-838:59:59'", "'838:59:59'", "'00:00:00'"]),
    "clock3": ("TIME(3)", ["'-01:02:03.004'", "'99:00:00.5'"]),
    "choice": ("ENUM('a','b,c','ü')", ["'b,c'", "'ü'", "''"]),
    "choices": ("SET('x','y','z')", ["'x,z'", "''"]),
    "plain": ("VARCHAR(50)", ["''", "'NULL'", "'a,b'", "'\"quoted\"'", "'Zoë 李 🙂'", "' x '", "'tab\\tend'"]),
    "chars": ("CHAR(5)", ["'ab'", "''"]),
    "latin": ("VARCHAR(50) CHARACTER SET latin1", ["'Åsa €'", "'ÿ'"]),
    "chinese": ("VARCHAR(50) CHARACTER SET gbk", ["'李小龍'"]),
    "three": ("TEXT CHARACTER SET utf8mb3", ["'Ωmega ह'"]),
    "wide": ("TEXT CHARACTER SET utf16", ["'🙂 wide'"]),
    "long4": ("LONGTEXT", ["'four 🙂 bytes'"]),
    "document": ("JSON", ["'{\"b\": [1, 2.50, null], \"a\": \"ü\"}'", "'[]'", "'3'"]),
    "raw": ("VARBINARY(20)", ["x'00ff27220a'", "''", "'text'"]),
    "padded": ("BINARY(4)", ["x'01'", "'abcd'"]),
    "blob1": ("BLOB", ["x'fffe00'", "'plain'"]),
    "shape": ("GEOMETRY", ["ST_GeomFromText('POINT(1 -2)')", "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)"]),
    "ident": ("UUID", ["'123e4567-e89b-12d3-a456-426655440000'"]),
    "address": ("INET6", ["'2001:db8::1'", "'::ffff:1.2.3.4'"]),
    "twice": ("INT AS (tiny * 2) VIRTUAL", []),
    "thrice": ("INT AS (tiny * 3) STORED", []),
    "unseen": ("INT INVISIBLE DEFAULT 7", ["8"]),
}
BINARY = {"raw", "padded", "blob1", "shape"}
FLOATS = {"single": 4, "fixed": 4, "real8": 8, "fixed8": 8}
ROWS = max(len(values) for _, values in TYPES.values()) + 1


def make(server, database):
    columns = ", ".join(f"{name} {declaration}" for name, (declaration, _) in TYPES.items())
    statements = ["SET sql_mode='', NAMES utf8mb4", f"CREATE TABLE every (id INT PRIMARY KEY, {columns})"]
    for row in range(ROWS):
        given = {name: values[row] if row < len(values) else "NULL"
                 for name, (declaration, values) in TYPES.items() if " AS (" not in declaration}
        statements.append(f"INSERT INTO every (id, {', '.join(given)}) VALUES ({row}, {', '.join(given.values())})")
    server.sql(";\n".join(statements), database)


def client_cell(server, database, name, row):
    """None, or the bytes that the client prints for one cell."""
    answer = server.sql(f"SELECT {name} IS NULL FROM every WHERE id={row}; "
                        f"SELECT {name} FROM every WHERE id={row}", database)
    is_null, printed = answer.split(b"\n", 1)
    assert printed.endswith(b"\n")
    return None if is_null == b"1" else printed[:-1]


def expected(name, printed):
    """What CSV shows for what the client printed."""
    if printed is None:
        return None
    if name in BINARY:
        return base64.b64encode(printed)
    if name in ("bits", "bit1"):
        return str(int.from_bytes(printed, "big")).encode()
    return printed


@pytest.fixture(scope="module")
def made(server):
    server.sql("CREATE DATABASE fidelity")
    make(server, "fidelity")
    yield "fidelity"
    server.sql("DROP DATABASE fidelity")


def test_every_cell(mount, server, made):
    folder = mount(server.url(made)).live()
    header, *records = strict.read_csv((folder / "every.csv").read_bytes())
    assert header == [b"id", *(name.encode() for name in TYPES)]
    assert len(records) == ROWS
    for row, record in enumerate(records):
        for name, field in zip(TYPES, record[1:]):
            printed = client_cell(server, made, name, row)
            if name in FLOATS and printed is not None:
                exact = float(server.sql(f"SELECT {name} * 1e0 FROM every WHERE id={row}", made))
                shown = float(field)
                same = struct.pack("<f", shown) == struct.pack("<f", exact) if FLOATS[name] == 4 else shown == exact
                assert same, (name, row, field, exact)
            else:
                assert field == expected(name, printed), (name, row)


def test_floats_are_short(mount, server, made):
    """The fewest digits that read back, for single precision too."""
    folder = mount(server.url(made)).live()
    header, *records = strict.read_csv((folder / "every.csv").read_bytes())
    column = header.index(b"single")
    assert [record[column] for record in records[:7]] == [
        b"0.1", b"3.4028235e+38", b"-1.1754944e-38", b"1.0e-45", b"16777216.0", b"1.0e+15", b"0.33333334"]
    assert [record[header.index(b"fixed")] for record in records[:3]] == [b"9999.999", b"-0.001", b"1.5"]


def as_field(value):
    """The CSV field of a JSON value that is no document."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    words = dict(value[1])
    return (words.get("encoded") if "$base64" in words else words["$number"]).encode()


def test_formats_agree(mount, server, made):
    folder = mount(server.url(made)).live()
    header, *records = strict.read_csv((folder / "every.csv").read_bytes())
    objects = strict.read_ndjson((folder / "every.ndjson").read_bytes())
    assert objects == strict.read_json((folder / "every.json").read_bytes())
    for record, pairs in zip(records, objects):
        assert [key.encode() for key, _ in pairs] == header
        for (name, value), field in zip(pairs, record):
            if name == "document" and field is not None:
                assert strict.load_json(field.decode()) == value
            else:
                assert as_field(value) == field, name


def test_descriptor(mount, server, database):
    server.sql("CREATE TABLE parent (a INT, b VARCHAR(9), PRIMARY KEY (b, a));"
               "CREATE TABLE child (id INT UNSIGNED PRIMARY KEY, pb VARCHAR(9), pa INT, doc JSON,"
               " hid INT INVISIBLE, gen INT AS (pa + 1) STORED,"
               " CONSTRAINT up FOREIGN KEY (pb, pa) REFERENCES parent (b, a));"
               "CREATE VIEW both_of AS SELECT pa FROM child JOIN parent ON pa = a", database)
    folder = mount(server.url(database)).live()
    package = json.loads((folder / "datapackage.json").read_text())
    tables = {resource["title"]: resource for resource in package["resources"]}
    assert tables["parent"]["schema"]["primaryKey"] == ["b", "a"]
    assert tables["child"]["schema"]["foreignKeys"] == [
        {"fields": ["pb", "pa"], "reference": {"resource": "parent", "fields": ["b", "a"]}}]
    fields = {field["name"]: field for field in tables["child"]["schema"]["fields"]}
    assert fields["id"]["crmfs:nativeType"] == "int(10) unsigned" and fields["id"]["type"] == "integer"
    assert fields["doc"]["crmfs:type"] == "json"
    assert fields["hid"]["crmfs:hidden"] and fields["gen"]["crmfs:generated"]
    assert tables["both_of"]["crmfs:kind"] == "view"
    statements = (folder / "schema.sql").read_text()
    for table in ("parent", "child", "both_of"):
        (printed,) = server.client(f"SHOW CREATE TABLE {table}", database, raw=True).stdout.decode().split(
            "\t", 1)[1:]
        printed = printed.rstrip("\n")
        if table == "both_of":
            printed = printed.rsplit("\t", 2)[0]
        assert printed + ";" in statements


def test_broken_view_harms_no_other(mount, server, database):
    server.sql("CREATE TABLE base (id INT PRIMARY KEY, x INT); INSERT INTO base VALUES (1, 2);"
               "CREATE VIEW gone AS SELECT x FROM base; ALTER TABLE base DROP COLUMN x", database)
    top = mount(server.url(database))
    assert (top.live() / "base.csv").read_bytes() == b"id\n1\n"
    with pytest.raises(OSError) as problem:
        (top.live() / "gone.csv").read_bytes()
    assert problem.value.errno == 5
    assert "view" in top.errors()


def test_a_view_over_the_time_is_as_of_now(mount, server, database):
    """Though nothing is written."""
    server.sql("CREATE TABLE t (id INT PRIMARY KEY, d DATETIME); INSERT INTO t VALUES (1, '2020-01-01');"
               "CREATE VIEW due AS SELECT id, now(6) AS n FROM t WHERE d < now(); CREATE VIEW lasting AS SELECT year(d) AS y FROM t",
               database)
    folder = mount(server.url(database), options="refresh=0.2").live()

    def cat(name):
        return subprocess.run(["cat", folder / name], capture_output=True, check=True).stdout

    time.sleep(2.5)  # the server knows when a table was changed to the second; it has settled then
    first = cat("due.csv")
    assert eventually(lambda: cat("due.csv") not in (first, b""), 10, 0.1)
    assert cat("lasting.csv") == b"y\n2020\n"


def test_odd_names(mount, server, database):
    server.sql("CREATE TABLE `a/b ``c``` (`id``x` INT PRIMARY KEY, `ü%` TEXT); "
               "INSERT INTO `a/b ``c``` VALUES (1, 'x')", database)
    folder = mount(server.url(database)).live()
    assert (folder / "a%2Fb `c`.csv").read_bytes() == "id`x,ü%\n1,x\n".encode()


def test_keyless_rows_have_an_order(mount, server, database):
    """Without a key: by all columns, bytes for bytes."""
    server.sql("CREATE TABLE bag (a VARCHAR(9), b INT); INSERT INTO bag VALUES "
               "('b', 1), ('B', 1), ('a', 2), (NULL, 3), ('a', 1), ('a', 1)", database)
    folder = mount(server.url(database)).live()
    assert (folder / "bag.csv").read_bytes() == b"a,b\n,3\nB,1\na,1\na,1\na,2\nb,1\n"


def test_keyless_rows_that_differ_late_have_an_order(mount, server, database):
    """Servers compare no more than the first max_sort_length bytes of a value, which are 1024."""
    rows = [f"({n % 2}, CONCAT(REPEAT('x', 2000), {n}), CONCAT(REPEAT(x'00', 3000), {n * 7 % 40}), 'y')" for n in range(40)]
    for name, some in (("one", rows), ("other", rows[::-1])):
        server.sql(f"CREATE TABLE {name} (n INT, words VARCHAR(3000), bytes BLOB, more TEXT);"
                   f"INSERT INTO {name} VALUES {','.join(some)}", database)
    folder = mount(server.url(database)).live()
    assert (folder / "one.csv").read_bytes() == (folder / "other.csv").read_bytes()


def test_unique_key_is_the_order(mount, server, database):
    server.sql("CREATE TABLE coded (code CHAR(3) NOT NULL UNIQUE, n INT UNIQUE);"
               "INSERT INTO coded VALUES ('c', 1), ('A', 3), ('b', 2)", database)
    folder = mount(server.url(database)).live()
    assert (folder / "coded.csv").read_bytes() == b"code,n\nA,3\nb,2\nc,1\n"


def test_filled_doubles(server, database, mount):
    """ZEROFILL changes how the server prints a double, not the number that it is."""
    server.sql("CREATE TABLE t (n DOUBLE ZEROFILL); INSERT INTO t VALUES (1e-7), (1.5), (0), (123456789012345678)", database)
    text = (mount(server.url(database)).live() / "t.csv").read_text()
    assert sorted(text.split()[1:]) == ["0.0", "1.0e-07", "1.2345678901234568e+17", "1.5"], text
