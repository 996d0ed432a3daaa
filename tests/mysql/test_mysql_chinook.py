# SPDX-License-Identifier: MIT
"""Chinook in MariaDB and in SQLite: what differs is explained by a rule of types, cell by cell."""
import decimal
import re
import sqlite3

import strict

# SQLite's declared types, as MariaDB has them.
TYPES = {"INTEGER": "INT", "NVARCHAR": "VARCHAR", "NUMERIC": "DECIMAL", "DATETIME": "DATETIME"}
DECIMALS = {("Track", b"UnitPrice"), ("InvoiceLine", b"UnitPrice"), ("Invoice", b"Total")}


def quoted(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, (int, float)) else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def copy_to(server, database, path):
    """Tables, keys and rows of a SQLite file; the tables' names."""
    conn = sqlite3.connect(path)
    tables = [name for name, in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    statements = ["SET foreign_key_checks = 0, NAMES utf8mb4"]
    for table in tables:
        columns, keys = [], []
        for _, name, declared, not_null, _, key in conn.execute(f"PRAGMA table_info([{table}])"):
            base, size = re.fullmatch(r"(\w+)(\(.*\))?", declared).groups()
            columns.append(f"`{name}` {TYPES[base]}{size or ''}{' NOT NULL' if not_null else ''}")
            keys += [(key, f"`{name}`")] if key else []
        columns.append(f"PRIMARY KEY ({', '.join(name for _, name in sorted(keys))})")
        columns += [f"FOREIGN KEY (`{row[3]}`) REFERENCES `{row[2]}` (`{row[4]}`)"
                    for row in conn.execute(f"PRAGMA foreign_key_list([{table}])")]
        statements.append(f"CREATE TABLE `{table}` ({', '.join(columns)})")
        rows = [f"({', '.join(map(quoted, row))})" for row in conn.execute(f"SELECT * FROM [{table}]")]
        statements += [f"INSERT INTO `{table}` VALUES {', '.join(rows[at:at + 500])}"
                       for at in range(0, len(rows), 500)]
    server.sql(";\n".join(statements), database)
    conn.close()
    return tables


def test_same_tables(mount, server, database, chinook_db):
    """All bytes are the same, but for NUMERIC: SQLite has a double, MariaDB two decimals."""
    tables = copy_to(server, database, chinook_db)
    top = mount(f"one={chinook_db}", f"two={server.url(database)}")
    sqlite, mariadb = top.path("live/one"), top.path("live/two")
    assert sorted(path.name for path in sqlite.iterdir()) == sorted(path.name for path in mariadb.iterdir())
    compared = 0
    for table in tables:
        left, right = ((folder / f"{table}.csv").read_bytes() for folder in (sqlite, mariadb))
        if not any(table == name for name, _ in DECIMALS):
            assert left == right, table
            continue
        header, *rows = strict.read_csv(left)
        other_header, *others = strict.read_csv(right)
        assert header == other_header and len(rows) == len(others)
        for row, other in zip(rows, others):
            for name, mine, theirs in zip(header, row, other):
                if (table, name) in DECIMALS:
                    assert decimal.Decimal(mine.decode()) == decimal.Decimal(theirs.decode())
                    assert re.fullmatch(rb"\d+\.\d\d", theirs)
                    compared += 1
                else:
                    assert mine == theirs, (table, name)
    assert compared > 5000
