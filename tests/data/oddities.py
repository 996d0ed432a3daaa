#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a SQLite database with every oddity that a real one may hold: names, keys, types, values.

usage: oddities.py FILE
"""
import os
import random
import sqlite3
import struct
import sys

INT_MAX, INT_MIN = 9223372036854775807, -9223372036854775808


class InvalidText(bytes):
    """To be stored as TEXT although it is not UTF-8."""


TEXTS = [
    "", " ", "a", "a,b", 'say "hi"', '"', '""', ",", "two\nlines", "cr\r", "crlf\r\nend", " padded ",
    "tab\there", "NULL", "null", "\\N", "\\", "'", "0", "007", "1e3", "+1", "-", "0x10", "é", "Åsa",
    "Ольга", "李小龍", "אבג", "e\u0301", "🦆", "\u2028", "\ufeffbom", "\ufffe", "\x7f", "\u0080",
    "\0", "a\0b", "\0\0", "".join(map(chr, range(1, 32))), "base64:", "base64:AAAA", "Base64:x",
    "text;base64:", "text;base64:eA==", "text;base64", "text:", "text:x", "number:1", "#", "=1+1",
    "2026-11-20", "2026-11-20 12:34:56.789", "0000-00-00", "12:00", "true", "x" * 3000, "é" * 1500,
]
BLOBS = [b"", b"\0", b"abc", b"a,b\n", b"\xff\xfe", bytes(range(256)), b'{"a":1}', b"base64:"]
INVALID = [b"\xff", b"a\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80\nok", b"\0\xff",
           b"base64:\xff", b"\xe2\x82", b'"\xf0\x9f\xa6']
NUMBERS = [
    0, 1, -1, INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1, 2**53 + 1, 0.0, -0.0, 1.0, -1.5, 0.1, 0.1 + 0.2,
    1 / 3, 1e308, -1.7976931348623157e308, float("inf"), float("-inf"), 5e-324, 2.2250738585072014e-308,
    2.225073858507201e-308, 1e15, 1e14, 999999999999999.9, 123456789012345.6, 1e-5, 1e-4, 9.999e-5, 1e22,
    1e23, 123456789012345678.0, 9007199254740993.0, 4.35, 100.0, 1e100, 1e-100, 9.5e-7, 9223372036854775808.0,
]
JSONS = [
    "{}", "[]", '""', "null", "true", "1.50", "-0", "1E+2", '{"a":\n1}', '[1,\r\n 2]', ' {"a": [ ] } ',
    '{"name":"Åsa 🦆"}', '"line\\nfeed"', '"\\ud800"', '"\\u0000"', '{"a":1,"a":2}', '{"b":{"$x":1}}',
    '[{"$x":1}]', '{"$base64":true}', '{ "$" : 0 }', '{"\\u0024text":1}', '{"a":1,"$b":2}', '{"":1}',
    "tru", "[1,]", "[1}", "{1:2}", '{"a"}', '{"a":1}x', "[1] [2]", '"open', "'a'", "[01]", "[1.]", "[.5]",
    "[+1]", "[NaN]", "[Infinity]", '["\t"]', '["\\x"]', '["\\u12"]', "\ufeff{}", "[1]\0", "[", "{", ",",
    "[" * 100 + "]" * 100, "[" * 512 + "]" * 512, "[" * 513 + "]" * 513, '{"a":' * 300 + "1" + "}" * 300,
    '{"long":"' + "y" * 5000 + '"}',
]
DECLARED = {
    "any": "", "word": "TEXT", "whole": "INTEGER", "real": "REAL", "money": "DECIMAL(10,2)", "raw": "BLOB",
    "doc": "JSON", "flag": "BOOLEAN", "day": "DATE", "moment": "DATETIME", "code": "VARCHAR(3)",
}


def insert(conn, table, rows):
    """Inserts rows; InvalidText cells are bound as blobs and made TEXT by SQL."""
    for row in rows:
        marks = ["CAST(? AS TEXT)" if isinstance(cell, InvalidText) else "?" for cell in row]
        cells = [bytes(cell) if isinstance(cell, bytes) else cell for cell in row]
        conn.execute(f"INSERT INTO {table} VALUES ({','.join(marks)})", cells)


def every_value():
    return [None, *TEXTS, *BLOBS, *map(InvalidText, INVALID), *NUMBERS, *JSONS]


def values(conn):
    """Every value in a column of every declared type, whether it fits or not."""
    columns = ", ".join(f"{name} {declared}" for name, declared in DECLARED.items())
    conn.execute(f"CREATE TABLE every_value (id INTEGER PRIMARY KEY, {columns})")
    insert(conn, "every_value",
           [[number, *[value] * len(DECLARED)] for number, value in enumerate(every_value())])
    conn.execute("CREATE TABLE texts_in_blobs (id INTEGER PRIMARY KEY, b BLOB, v VARBINARY(9), x TINYBLOB)")
    insert(conn, "texts_in_blobs", [[n, v, v, v] for n, v in enumerate(every_value())])
    conn.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, doc JSON, binary_doc JSONB)")
    insert(conn, "documents", [[n, doc, doc] for n, doc in enumerate(JSONS)])


def shapes(conn):
    """Tables empty, narrow, wide."""
    conn.executescript("""
        CREATE TABLE empty (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE empty_narrow (x);
        CREATE TABLE narrow (x TEXT);
        CREATE TABLE odd_columns ("a,b", "c""d", "e
f", "", " g ", "é", "$base64");
        INSERT INTO odd_columns VALUES (1, 2, 3, 4, 5, 6, 7);
    """)
    insert(conn, "narrow", [[None], [""], [None], ["x"], [""], ["\n"], [None]])
    conn.execute(f"CREATE TABLE wide ({', '.join(f'c{n}' for n in range(2000))})")
    insert(conn, "wide", [
        [None] * 2000,
        [""] * 2000,
        list(range(2000)),
        [TEXTS[n % len(TEXTS)] for n in range(2000)],
        [n / 7 if n % 3 else None for n in range(2000)],
    ])


def keys(conn):
    """Every way in which rows may be keyed, and none."""
    conn.executescript("""
        CREATE TABLE no_key (a, b);
        CREATE TABLE no_rowid (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE composite (b TEXT, a INTEGER, v, PRIMARY KEY (a, b));
        CREATE TABLE composite_no_rowid (v, b TEXT, a INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE composite_desc (a INTEGER, b TEXT, v, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
        CREATE TABLE text_desc (k TEXT, v, PRIMARY KEY (k DESC));
        CREATE TABLE integer_desc (k INTEGER PRIMARY KEY DESC, v);
        CREATE TABLE nocase (k TEXT COLLATE NOCASE PRIMARY KEY, v);
        CREATE TABLE nocase_key (k TEXT, v, PRIMARY KEY (k COLLATE NOCASE));
        CREATE TABLE rtrim (k TEXT COLLATE RTRIM PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE null_keys (k TEXT PRIMARY KEY, v);
        CREATE TABLE any_keys (k PRIMARY KEY, v);
        CREATE TABLE any_keys_no_rowid (k PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE blob_key (k BLOB PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TABLE real_key (k REAL PRIMARY KEY, v);
        CREATE TABLE unique_key (v, k TEXT NOT NULL UNIQUE);
        CREATE TABLE unique_nullable (v, k TEXT UNIQUE);
        CREATE TABLE unique_partial (v, k TEXT NOT NULL);
        CREATE UNIQUE INDEX partial ON unique_partial (k) WHERE v > 3;
        CREATE TABLE gaps (id INTEGER PRIMARY KEY, v);
        CREATE TABLE rowid_taken (rowid TEXT, v);
        CREATE TABLE rowids_all_taken (rowid TEXT, _rowid_ TEXT, oid TEXT);
        CREATE TABLE counting (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
        CREATE TABLE expression_index (id INTEGER PRIMARY KEY, name TEXT);
        CREATE UNIQUE INDEX by_lower ON expression_index (lower(name));
        CREATE INDEX by_name ON expression_index (name DESC) WHERE name IS NOT NULL;
    """)
    source = random.Random(2)
    words = ["b", "a", "C", "B ", "A", "ab", "", "é", "É", "z\n", "~", "0", "10", "9", "a,b", "Ω"]
    source.shuffle(words)
    insert(conn, "no_key", [[w, n % 3] for n, w in enumerate(words * 3)])
    for table in ("no_rowid", "text_desc", "null_keys"):
        insert(conn, table, [[w, n] for n, w in enumerate(words)])
    for table in ("nocase", "nocase_key", "rtrim"):
        chosen = {w.lower().strip(" "): w for w in words}
        insert(conn, table, [[w, n] for n, w in enumerate(chosen.values())])
    insert(conn, "null_keys", [[None, n] for n in range(5)])
    pairs = [(n, w) for n in (3, -1, 2, INT_MIN, INT_MAX) for w in words[:6]]
    source.shuffle(pairs)
    insert(conn, "composite", [[w, n, i] for i, (n, w) in enumerate(pairs)])
    insert(conn, "composite_no_rowid", [[i, w, n] for i, (n, w) in enumerate(pairs)])
    insert(conn, "composite_desc", [[n, w, i] for i, (n, w) in enumerate(pairs)])
    mixed = [5, -3, 2.5, "5", "x", b"x", b"", float("inf"), InvalidText(b"\xff"), 1e-5, INT_MAX, "\0", "a\0"]
    insert(conn, "any_keys", [[k, n] for n, k in enumerate(mixed + [None, None])])
    insert(conn, "any_keys_no_rowid", [[k, n] for n, k in enumerate(mixed)])
    insert(conn, "blob_key", [[struct.pack(">H", k * 7919 % 65536), k] for k in range(300)])
    insert(conn, "real_key", [[k, str(k)] for k in NUMBERS if isinstance(k, float) and k != 0 and k != 1e15])
    numbers = source.sample(range(-500, 500), 200)
    insert(conn, "integer_desc", [[k, str(k)] for k in numbers])
    for table in ("unique_key", "unique_nullable", "unique_partial"):
        insert(conn, table, [[n, w] for n, w in enumerate(words)])
    insert(conn, "unique_nullable", [[n, None] for n in range(3)])
    insert(conn, "gaps", [[k, f"row {k}"] for k in (INT_MIN, -5, -1, 0, 1, 7, 2**40, INT_MAX - 1, INT_MAX)])
    insert(conn, "rowid_taken", [[w, n] for n, w in enumerate(words)])
    insert(conn, "rowids_all_taken", [[w, w[::-1], None] for w in words])
    insert(conn, "counting", [[None, w] for w in words])
    conn.execute("DELETE FROM counting WHERE id % 4 = 0")
    insert(conn, "expression_index", [[n, w] for n, w in enumerate({w.lower(): w for w in words}.values())])


def kinds(conn):
    """Generated and hidden columns, virtual tables, STRICT, foreign keys, views, triggers."""
    conn.executescript("""
        CREATE TABLE generated (
            id INTEGER PRIMARY KEY, price REAL, count INTEGER,
            total REAL GENERATED ALWAYS AS (price * count) VIRTUAL,
            label TEXT AS ('n' || id || ', "' || count || '"') STORED);
        INSERT INTO generated (id, price, count) VALUES (1, 0.1, 3), (2, NULL, 1), (3, 1e200, 7);
        CREATE VIRTUAL TABLE notes USING fts5 (title, body, tokenize = 'porter');
        INSERT INTO notes VALUES ('one', 'a body, with comma'), ('two', NULL), (NULL, 'line
break');
        DELETE FROM notes WHERE rowid = 2;
        CREATE VIRTUAL TABLE contentless USING fts5 (title, content = '');
        INSERT INTO contentless (rowid, title) VALUES (5, 'x'), (9, 'y');
        CREATE VIRTUAL TABLE words USING fts5vocab (notes, 'row');
        CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1);
        INSERT INTO boxes VALUES (2, 0.5, 1.5), (1, -3.25, 8);
        CREATE TABLE strict_types (
            id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
        INSERT INTO strict_types VALUES
            (1, 9223372036854775807, 1, 'x', x'00ff', '007'), (2, NULL, NULL, NULL, NULL, NULL),
            (3, -1, 0.1, '', x'', x'01');
        CREATE TABLE account (
            id INTEGER PRIMARY KEY, parent INTEGER REFERENCES account, name TEXT NOT NULL);
        INSERT INTO account VALUES (1, NULL, 'top'), (2, 1, 'below'), (3, 3, 'own parent');
        CREATE TABLE account_region (
            account INTEGER REFERENCES account (id) ON DELETE CASCADE, region TEXT,
            PRIMARY KEY (account, region)) WITHOUT ROWID;
        INSERT INTO account_region VALUES (2, 'n'), (1, 's'), (1, 'n');
        CREATE TABLE visit (
            day DATE, account INTEGER, region TEXT,
            FOREIGN KEY (account, region) REFERENCES account_region (account, region),
            FOREIGN KEY (day) REFERENCES gone (id));
        INSERT INTO visit VALUES ('2026-11-20', 1, 'n'), ('0000-00-00', NULL, NULL);
        CREATE VIEW account_names AS SELECT name, id FROM account;
        CREATE VIEW view_of_view (label, twice) AS SELECT upper(name), id * 2 FROM account_names;
        CREATE VIEW same_names AS SELECT 1 AS x, 2 AS x, NULL AS "x:1", 'e' AS [];
        CREATE VIEW empty_view AS SELECT * FROM account WHERE 0;
        CREATE VIEW counted AS WITH RECURSIVE n (i) AS (
            SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT i % 7 AS m, i FROM n;
        CREATE TRIGGER account_added AFTER INSERT ON account BEGIN
            INSERT INTO account_region VALUES (new.id, 'new');
        END;
        ALTER TABLE account ADD COLUMN added TEXT DEFAULT 'later, "much"';
        CREATE TEMP TABLE only_for_this_connection (x);
    """)


LONG = "ä" * 150  # 300 bytes
NAMES = [
    "Order Details", "a/b", "a%2Fb", "/", "..", ".", ".x", "...", "x.", "über", "ÜBER", "new\nline", "tab\t",
    "\x01\x1f\x7f", "100%", "%", "%41", "A", LONG, LONG[:-1] + "o", "n" * 248, "m" * 249, "l" * 255, "k" * 256,
    "datapackage", "datapackage.json", "schema", "schema.sql", "t.csv", "t", "select", "table", "from where",
    "it's", 'double "quoted"', "[brackets]", "`backtick`", "back\\slash", " leading", "trailing ", " ", "🦆",
    "e\u0301", "é", "\u202eoverride", "-rf", "--help", "*", "?", "$HOME", "$(id)", ";", "a:b", "con", "nul.txt",
    "~", "x~0123456789abcdef", "#tag", "=", "live", "0", "", "\u0085", "wal-", "xn--", ",", "|", "<>", "\u2028",
]


def names(conn):
    """A small table under every odd name."""
    for number, name in enumerate(NAMES):
        quoted = '"' + name.replace('"', '""') + '"'
        conn.execute(f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, name TEXT)")
        conn.execute(f"INSERT INTO {quoted} VALUES (?, ?)", (number, name))


def make(path):
    """The database of oddities: some 120 tables, under 2 MB."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous = OFF")
    conn.execute("PRAGMA journal_mode = MEMORY")
    values(conn)
    shapes(conn)
    keys(conn)
    kinds(conn)
    names(conn)
    conn.close()


def make_broken(path):
    """Tables that cannot be read among some that can."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.executescript("""
        CREATE TABLE sound (id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO sound VALUES (1, 'fine'), (2, 'too'), (3, 'still');
        CREATE TABLE passing (x);
        CREATE VIEW broken_view AS SELECT x FROM passing;
        CREATE VIEW on_broken_view AS SELECT * FROM broken_view;
        CREATE VIEW failing_late AS
            SELECT id, CASE id WHEN 3 THEN abs(-9223372036854775807 - 1) END AS a FROM sound;
        DROP TABLE passing;
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master VALUES
            ('table', 'foreign_module', 'foreign_module', 0,
             'CREATE VIRTUAL TABLE foreign_module USING nobody_has_this (x)');
    """)
    conn.close()


def make_invalid_names(path):
    """A table and columns whose names are not UTF-8, as old programs left them."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.executescript("CREATE TABLE latinX (idX INTEGER PRIMARY KEY, b TEXT); PRAGMA writable_schema = ON;")
    conn.execute("INSERT INTO latinX VALUES (1, 'x')")
    conn.execute(
        "UPDATE sqlite_master SET name = CAST(? AS TEXT), tbl_name = CAST(? AS TEXT), sql = CAST(? AS TEXT)",
        (b"latin\xe9", b"latin\xe9", b'CREATE TABLE "latin\xe9" ("id\xe9" INTEGER PRIMARY KEY, b TEXT)'),
    )
    conn.close()


def make_large_cells(path, size=72 << 20):
    """One cell of more than the 64 MiB of memory as text, one as bytes, each between small rows."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.executescript("""
        CREATE TABLE large_text (id INTEGER PRIMARY KEY, body TEXT, after TEXT);
        CREATE TABLE large_blob (id INTEGER PRIMARY KEY, body BLOB, after TEXT);
        BEGIN;
    """)
    text = ('He said "yes, of course",\nthen left. ' * (size // 37 + 1))[:size]
    for table, cell in (("large_text", text), ("large_blob", random.Random(7).randbytes(size))):
        conn.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)",
                         [(1, cell[:10], "first"), (2, cell, "after"), (3, None, "last")])
    conn.execute("COMMIT")
    conn.close()


def make_many_tables(path, count=1000, rows=10):
    """COUNT small tables."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("BEGIN")
    for number in range(count):
        conn.execute(f"CREATE TABLE t{number:04} (id INTEGER PRIMARY KEY, name TEXT, amount REAL)")
        conn.executemany(f"INSERT INTO t{number:04} VALUES (?, ?, ?)",
                         [(n, f"row {n} of table {number}", n / 4) for n in range(rows)])
    conn.execute("COMMIT")
    conn.close()


if __name__ == "__main__":
    if os.path.exists(sys.argv[1]):
        sys.exit(f"{sys.argv[1]} exists")
    make(sys.argv[1])
