# SPDX-License-Identifier: MIT
"""Every type at its limits, compared cell by cell with what psql prints of the same table."""
import json
import re

import pytest

import reference
import strict
from reference import Text
from server import copy_rows

# Column type → what its cells hold, from the smallest to the largest and the oddest.
VALUES = {
    "smallint": ["-32768", "0", "32767"],
    "integer": ["-2147483648", "0", "2147483647"],
    "bigint": ["-9223372036854775808", "0", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "numeric": ["0", "-0.00", "1.50", "NaN", "Infinity", "-Infinity", "9" * 300 + "." + "1" * 200, "-1e-300"],
    "numeric(65,30)": ["1", "-99999999999999999999999999999999999.999999999999999999999999999999"],
    "real": ["0", "-0", "1", "1.5", "1e6", "1234567", "3.4028235e38", "1e-45", "0.0001", "1e-5", "NaN", "Infinity",
             "-Infinity", "16777216", "123456789"],
    "double precision": ["0", "-0", "1", "0.1", "1e15", "1e14", "123456789012345678", "-1.5e-7", "0.0001", "1e-5",
                         "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "NaN", "Infinity",
                         "-Infinity", "9007199254740993", "100"],
    "boolean": ["t", "f"],
    "text": ["", "a", "NULL", "\\N", "a,b", 'say "x"', "line\nbreak", "cr\rlf\n", "tab\there", "back\\slash", "\v\f\b",
             "Åsa 李 אבי 😀", " ", "base64:x", "text;base64:", "\\.", "x" * 5000, "\x7f\x01"],
    "varchar(10)": ["", "äöü", "1234567890"],
    "char(5)": ["", "ab", "abcde"],
    "name": ["pg_class"],
    '"char"': ["a", ""],
    "bytea": ["\\x", "\\x00", "\\x00ff5c0a2c22", "\\x" + "ab" * 3000],
    "date": ["2026-11-20", "4713-01-01 BC", "0044-03-15 BC", "5874897-12-31", "infinity", "-infinity", "0001-01-01"],
    "time": ["00:00:00", "24:00:00", "12:34:56.789012"],
    "timetz": ["00:00:00+14", "12:34:56.7-07:30"],
    "timestamp": ["2026-11-20 10:11:12.000001", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity",
                  "-infinity"],
    "timestamptz": ["2026-11-20 10:11:12+02", "1883-11-18 12:00:00-04:56:02", "0001-01-01 00:00:00+00 BC", "infinity"],
    "interval": ["0", "1 year 2 mons -3 days 04:05:06.789", "-178000000 years", "178000000 years", "24:00:01"],
    "json": ["{}", '{"b":1,\n "a":[1,2,{"c":null}]}', "null", "1e400", '"text"', '{"$number":"x"}',
             '{"a":1,"a":2}', "  [ ]  "],
    "jsonb": ["{}", '{"b":1,"a":[1.50,2]}', "null", '"\\u00e5"', "123456789012345678901234567890.10", "true"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
    "money": ["-92233720368547758.08", "0", "1234567.89"],
    "bit(5)": ["00000", "10101"],
    "bit varying": ["", "1011"],
    "inet": ["192.168.0.1/24", "::1", "10.0.0.1"],
    "cidr": ["10.0.0.0/8", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "xml": ["<a>1</a>", "text &amp; more"],
    "int4range": ["empty", "[1,5)", "(,)", "[10,)"],
    "tstzrange": ["[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)"],
    "int4multirange": ["{}", "{[1,3),[5,9)}"],
    "integer[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={7,8}"],
    "text[]": ['{"a,b",NULL,"NULL","","q\\"x","back\\\\slash"}'],
    "bytea[]": ['{"\\\\x00ff"}'],
    "double precision[]": ["{0.1,1e15,NaN}"],
    "point": ["(1.5,-2)"],
    "polygon": ["((0,0),(1,1),(2,0))"],
    "tsvector": ["'fat':2 'rat':3A"],
    "pg_lsn": ["16/B374D848"],
    "mood": ["sad", "very, \"happy\""],
    "email": ["a@example.org"],
    "cents": ["12"],
    "pair": ['(1,"a,""b""")', "(,)"],
    "pair[]": ['{"(1,x)"}'],
}
TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very, "happy"');
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
CREATE DOMAIN small AS integer; CREATE DOMAIN cents AS small NOT NULL;
CREATE TYPE pair AS (a integer, b text);
"""
CANONICAL = {
    "integer": ["smallint", "integer", "bigint", "oid", "cents"], "decimal": ["numeric", "numeric(65,30)"],
    "float": ["real", "double precision"], "boolean": ["boolean"], "bytes": ["bytea"], "date": ["date"],
    "time": ["time", "timetz"], "datetime": ["timestamp"], "timestamp": ["timestamptz"], "json": ["json", "jsonb"],
    "uuid": ["uuid"],
}
# As fs/table/README.md says values are written; the session in which psql is asked says the same.
SESSION = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1;"


def name_of(number):
    return f"c{number:02}"


def make_table():
    columns = ", ".join(f"{name_of(n)} {kind}" for n, kind in enumerate(VALUES) if kind != "cents")
    rows = max(map(len, VALUES.values()))
    sql = [TYPES, f"CREATE TABLE fidelity (id integer PRIMARY KEY, {columns});"]
    for row in range(rows + 1):  # the last one is all NULL
        cells = [(name_of(n), values[row]) for n, (kind, values) in enumerate(VALUES.items())
                 if row < len(values) and kind != "cents"]
        names = ", ".join(["id"] + [name for name, _ in cells])
        texts = ", ".join([str(row)] + ["'" + text.replace("'", "''") + "'" for _, text in cells])
        sql.append(f"INSERT INTO fidelity ({names}) VALUES ({texts});")
    sql.append("CREATE TABLE amounts (id integer PRIMARY KEY, c cents); INSERT INTO amounts VALUES (1, 12);")
    return "\n".join(sql)


def canonical(kind):
    return next((name for name, kinds in CANONICAL.items() if kind in kinds), "text")


class Number:
    def __init__(self, digits):
        self.digits = digits


def cell_of(field, kind):
    """What psql printed as a cell of the reference."""
    if field is None:
        return None
    shown = canonical(kind)
    if shown in ("integer", "decimal"):
        return Number(field)
    if shown == "float":
        return Number(reference.number_text(float(field)))
    if shown == "boolean":
        return field == b"t"
    return bytes.fromhex(field[2:].decode()) if shown == "bytes" else Text(field)


def csv_cell(cell, kind):
    if isinstance(cell, bool):
        return b"t" if cell else b"f"
    return cell.digits if isinstance(cell, Number) else reference.csv_cell(cell, kind)


def json_cell(cell, kind):
    if isinstance(cell, bool):
        return b"true" if cell else b"false"
    if isinstance(cell, Number):
        special = cell.digits in (b"NaN", b"Infinity", b"-Infinity")
        return b'{"$number":"%s"}' % cell.digits if special else cell.digits
    return reference.json_cell(cell, kind)


def plain(kind):
    return canonical(kind) if canonical(kind) in ("bytes", "json") else "plain"


@pytest.fixture(scope="module", name="kinds")
def column_kinds():
    return ["integer"] + [kind for kind in VALUES if kind != "cents"]


@pytest.mark.sanitize
def test_every_type_is_shown_as_psql_prints_it(postgres, database, mount, kinds):
    name = database(make_table())
    folder = mount(postgres.url(name)).live()
    printed = copy_rows(postgres.psql(SESSION + "COPY (SELECT * FROM fidelity ORDER BY id) TO STDOUT;", name))
    names = ["id"] + [name_of(n) for n, kind in enumerate(VALUES) if kind != "cents"]
    csv = [",".join(names).encode()]
    lines = []
    for row in printed:
        cells = [cell_of(field, kind) for field, kind in zip(row, kinds)]
        csv.append(b",".join(csv_cell(cell, plain(kind)) for cell, kind in zip(cells, kinds)))
        lines.append(b"{" + b",".join(
            b'"%s":%s' % (column.encode(), json_cell(cell, plain(kind)))
            for column, cell, kind in zip(names, cells, kinds)) + b"}")
    shown = strict.read_csv((folder / "fidelity.csv").read_bytes())
    for want, got, line in zip(strict.read_csv(b"".join(line + b"\n" for line in csv)), shown, range(len(csv))):
        for column, kind, one, other in zip(names, kinds, want, got):
            assert one == other, f"row {line}, {column} {kind}"
    assert (folder / "fidelity.csv").read_bytes() == b"".join(line + b"\n" for line in csv)
    assert (folder / "fidelity.ndjson").read_bytes() == b"".join(line + b"\n" for line in lines)
    assert (folder / "fidelity.json").read_bytes() == b"[\n" + b",\n".join(lines) + b"\n]\n"
    assert (folder / "amounts.csv").read_bytes() == b"id,c\n1,12\n"


def test_each_type_has_its_canonical_name_and_its_own(postgres, database, mount, kinds):
    name = database(make_table())
    folder = mount(postgres.url(name)).live()
    package = json.loads((folder / "datapackage.json").read_text())
    (table,) = [one for one in package["resources"] if one["name"] == "fidelity"]
    own = dict(row.split("|") for row in postgres.rows(
        "SET search_path = ''; SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'public.fidelity'::regclass AND attnum > 0", name))
    for field, kind in zip(table["schema"]["fields"], kinds):
        assert field["crmfs:type"] == canonical(kind), kind
        assert field["crmfs:nativeType"] == own[field["name"]], kind


def test_the_servers_settings_do_not_change_what_is_shown(postgres, database, mount):
    """A database and a role may have their own time zone, date style, output of bytes …"""
    name = database(make_table() + "; CREATE VIEW slow AS SELECT 1 AS one FROM pg_sleep(0.5)")
    before = {path.name: path.read_bytes() for path in mount(postgres.url(name)).live().iterdir()}
    for setting in ("timezone = 'Asia/Kathmandu'", "datestyle = 'German'", "intervalstyle = 'iso_8601'",
                    "bytea_output = 'escape'", "extra_float_digits = -5", "statement_timeout = '200ms'",
                    "client_encoding = 'LATIN1'", "row_security = off", "default_transaction_isolation = 'read committed'",
                    "standard_conforming_strings = off", "quote_all_identifiers = on", "xmlbinary = 'hex'"):
        postgres.psql(f"ALTER DATABASE {name} SET {setting}")
    after = {path.name: path.read_bytes() for path in mount(postgres.url(name)).live().iterdir()}
    assert before == after


@pytest.mark.parametrize("encoding, texts", [
    ("LATIN1", ["Åsa", "ÿ"]), ("EUC_JP", ["日本語", "漢字"]), ("WIN1251", ["Ольга"]), ("EUC_CN", ["小龙"]),
    ("LATIN9", ["€"])])
def test_every_encoding_arrives_as_utf8(postgres, database, mount, encoding, texts):
    name = database(options=f"ENCODING {encoding} LOCALE 'C' TEMPLATE template0")
    rows = ", ".join(f"({n}, '{text}', '{text * 400000}')" for n, text in enumerate(texts))
    postgres.psql(f"CREATE TABLE \"{texts[0]}\" (id int PRIMARY KEY, \"{texts[-1]}\" text, long text);"
                  f"INSERT INTO \"{texts[0]}\" VALUES {rows};", name, env={"PGCLIENTENCODING": "UTF8", "PATH": "/usr/bin:/bin"})
    folder = mount(postgres.url(name)).live()
    assert (folder / f"{texts[0]}.csv").read_text() == f"id,{texts[-1]},long\n" + "".join(
        f"{n},{text},{text * 400000}\n" for n, text in enumerate(texts))


def test_bytes_of_a_database_without_encoding_survive(postgres, database, mount):
    name = database(options="ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0")
    postgres.psql(b"CREATE TABLE t (id int PRIMARY KEY, \"caf\xe9\" text); CREATE TABLE \"caf\xe9\" (id int);"
                  b"INSERT INTO t VALUES (1, 'caf\xe9 \xff'), (2, 'caf\xc3\xa9');", name)
    folder = mount(postgres.url(name)).live()
    assert (folder / "t.csv").read_bytes() == (
        b"id,caf\xef\xbf\xbd\n1,text;base64:Y2Fm6SD/\n2,caf\xc3\xa9\n")
    assert (folder / "caf%E9.csv").read_bytes() == b"id\n"


def test_large_cells_come_in_pieces(postgres, database, mount):
    name = database("""
        CREATE TABLE t (id int PRIMARY KEY, a text, b bytea, c jsonb, d text[]);
        INSERT INTO t SELECT 1, repeat('å', 1500000), decode(repeat('00ff41', 2000000), 'hex'),
            jsonb_build_object('k', repeat('x', 3000000)), array[repeat('y', 2000000), NULL];
        INSERT INTO t VALUES (2, 'short', '\\x01', '{}', '{}');
        INSERT INTO t SELECT 3, string_agg(md5(n::text), ''), NULL, NULL, NULL FROM generate_series(1, 400000) n;
        ALTER TABLE t ALTER a SET STORAGE EXTERNAL; INSERT INTO t SELECT 4, a FROM t WHERE id = 3;
        CREATE TABLE p (id int, a text) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
        INSERT INTO p SELECT 15, repeat('z', 3000000); INSERT INTO p SELECT 5, repeat('w', 3000000);
        CREATE VIEW v AS SELECT id, a FROM t;
    """)
    top = mount(postgres.url(name))
    folder = top.live()
    printed = copy_rows(postgres.psql("COPY (SELECT * FROM t ORDER BY id) TO STDOUT", name))
    kinds = ["integer", "text", "bytea", "jsonb", "text[]"]
    want = b"id,a,b,c,d\n" + b"".join(
        b",".join(csv_cell(cell_of(field, kind), plain(kind)) for field, kind in zip(row, kinds)) + b"\n" for row in printed)
    assert (folder / "t.csv").read_bytes() == want
    lines = (folder / "t.ndjson").read_bytes().splitlines()
    assert json.loads(lines[0])["c"] == {"k": "x" * 3000000}
    assert (folder / "p.csv").read_bytes() == b"id,a\n5," + b"w" * 3000000 + b"\n15," + b"z" * 3000000 + b"\n"
    assert (folder / "v.csv").stat().st_size == len(b"id,a\n") + sum(
        len(row[0]) + len(row[1]) + 2 for row in printed)


def test_large_cells_are_written_as_small_ones_are(postgres, database, mount):
    """As the type's output function has it: with the blanks that char() is filled with, without XML's encoding."""
    declared = '<?xml version="1.0" encoding="UTF-8"?>'
    name = database(f"""
        CREATE TABLE t (id int PRIMARY KEY, c char(1500000), x xml);
        INSERT INTO t SELECT n, md5(n::text), ('{declared}<a>' || repeat('å', n * 700000) || '</a>')::xml
                      FROM generate_series(0, 1) n;
        INSERT INTO t SELECT 2, string_agg(md5(n::text), ''), NULL FROM generate_series(1, 45000) n;""")
    printed = copy_rows(postgres.psql("COPY (SELECT * FROM t ORDER BY id) TO STDOUT", name))
    assert len(printed[0][2]) < 20 and len(printed[1][2]) > 1 << 20 and len(printed[2][1]) == 1500000
    assert (mount(postgres.url(name)).live() / "t.csv").read_bytes() == b"id,c,x\n" + b"".join(
        b",".join(field or b"" for field in row) + b"\n" for row in printed)


def test_a_huge_cell_does_not_fill_the_memory(postgres, database, mount):
    name = database("CREATE TABLE t (id int PRIMARY KEY, a text, b bytea);"
                    "INSERT INTO t SELECT 1, repeat(md5('x'), 8000000), decode(repeat(md5('y'), 4000000), 'hex');")
    top = mount(postgres.url(name))
    with open(top.live() / "t.csv", "rb") as file:
        size = sum(len(piece) for piece in iter(lambda: file.read(1 << 20), b""))
    assert size == len("id,a,b\n1,,\n") + 32 * 8000000 + (16 * 4000000 + 2) // 3 * 4
    assert top.high_water() < 64 << 20


def test_numbers_keep_every_digit(postgres, database, mount):
    name = database("CREATE TABLE t (id int PRIMARY KEY, n numeric);"
                    "INSERT INTO t VALUES (1, 1.000), (2, 12345678901234567890.00000000000000000001), (3, -0.10);")
    folder = mount(postgres.url(name)).live()
    assert re.findall(r'"n":([^}]*)}', (folder / "t.ndjson").read_text()) == [
        "1.000", "12345678901234567890.00000000000000000001", "-0.10"]
