# SPDX-License-Identifier: MIT
"""A small CRM with views that never come to an end."""
import sqlite3

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


def make(path, journal="wal"):
    """Returns a connection, which keeps a WAL database's -wal there."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA journal_mode = {journal}")
    conn.executescript(f"""
        CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
        INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob');
        CREATE TABLE zoo (id INTEGER PRIMARY KEY);
        CREATE VIEW a_silent AS {NUMBERS} SELECT count(*) FROM n;
        CREATE VIEW b_talking AS {NUMBERS} SELECT i, 'row' FROM n;
        CREATE VIEW c_names AS SELECT name FROM people;
    """)
    return conn
