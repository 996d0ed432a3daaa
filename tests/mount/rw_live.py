# SPDX-License-Identifier: MIT
"""A small CRM that is mounted with -o rw-live: what tests of it share."""
import sqlite3

import pytest

from folder import slurp

SCHEMA = """
    CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, n REAL, b BLOB,
                           upper TEXT GENERATED ALWAYS AS (upper(name)));
    CREATE TABLE prices (country TEXT, code TEXT, price DECIMAL(10,2), PRIMARY KEY (country, code));
    CREATE TABLE activities (id INTEGER PRIMARY KEY, contact INTEGER REFERENCES contacts (id));
    CREATE TABLE keyless (v TEXT UNIQUE NOT NULL);
    CREATE VIEW names AS SELECT name FROM contacts;
    INSERT INTO contacts (id, name, note, n, b) VALUES
        (1, 'Åsa', 'x', 1.5, x'00ff'), (2, 'Bo', NULL, 2, NULL), (3, 'Cy', '', 3, NULL);
    INSERT INTO prices VALUES ('de', '10/1', 1.5), ('de', '007', 2), ('se', '007', 3);
    INSERT INTO activities VALUES (1, 1);
    INSERT INTO keyless VALUES ('one');
"""


@pytest.fixture
def crm(work):
    conn = sqlite3.connect(work / "crm.db", isolation_level=None)
    conn.executescript(SCHEMA)
    yield conn
    conn.close()


@pytest.fixture
def folder(mount, work, crm):
    return mount(work / "crm.db", options="rw-live,refresh=0.1").live()


def rows(conn, table, columns="*"):
    return conn.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()


def errors(folder):
    return slurp(folder.parent.parent / ".crmfs/errors").decode()
