# SPDX-License-Identifier: MIT
"""Loads of several batches, and what servers refuse of them."""
import json
import sqlite3

import pytest

import mounting

ROWS = 30_000
BAD = range(4007, ROWS, 5000)  # the server alone knows that these are
SERVERS = {
    "mysql": "CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER CHECK (amount % 5000 <> 4007), note TEXT)",
    "postgresql": "CREATE DOMAIN amounts AS integer CHECK (VALUE % 5000 <> 4007);"
                  "CREATE TABLE things (id integer PRIMARY KEY, amount amounts, note text)",
}


@pytest.fixture(scope="module")
def many():
    """A table that takes several batches."""
    path = mounting.SESSION / "restore-many.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)")
        database.executemany("INSERT INTO things VALUES (?, ?, ?)", [(i, i, f"{i}\t" * 60) for i in range(1, ROWS)])
    database.close()
    yield path
    path.unlink()


def check_set_aside(crmfs, place, url, many, work):
    """The bad rows are told as they were put, and all others are there."""
    aside = work / "aside.ndjson"
    crmfs("restore", "--skip-bad", aside, "--to", url, many)
    told = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [line["row"] for line in told] == list(BAD)
    assert [line["values"]["note"] for line in told] == [f"{i}\t" * 60 for i in BAD]
    assert int(place.value("SELECT count(*) FROM things")) == ROWS - 1 - len(BAD)
    assert int(place.value("SELECT sum(amount) FROM things")) == sum(range(ROWS)) - sum(BAD)


@pytest.mark.parametrize("kind", SERVERS)
def test_what_a_server_refuses_is_set_aside(crmfs, place, many, work, kind):
    target = place(kind)
    target.sql(SERVERS[kind])
    check_set_aside(crmfs, target, target.url, many, work)


@pytest.mark.parametrize("kind", SERVERS)
def test_what_a_server_refuses_ends_the_load(crmfs, place, many, kind):
    target = place(kind)
    target.sql(SERVERS[kind])
    told = crmfs("restore", "--to", target.url, many, status=1).stderr
    assert f"row {BAD[0]} (id {BAD[0]})" in told
    assert target.value("SELECT count(*) FROM things") == "0"
