# SPDX-License-Identifier: MIT
"""Fixtures of the tests that write rows back: a store, and a database of each kind."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("restore", "store", "mysql", "postgres")]

import mariadb  # noqa: E402
import mounting  # noqa: E402
import server as postgres_server  # noqa: E402
from stores import Kept  # noqa: E402


@pytest.fixture(scope="session")
def maria(prerequisites):
    """A MariaDB for all tests here."""
    one = mariadb.make_server().start()
    yield one
    one.stop()


@pytest.fixture(scope="session")
def postgres(prerequisites):
    """A PostgreSQL for all tests here."""
    one = postgres_server.Server(mounting.SESSION / "restore-postgres").start()
    yield one
    one.destroy()


class Place:
    """A database of one kind: its URL, and SQL run in it by its own client."""

    def __init__(self, kind, url, sql):
        self.kind, self.url, self.sql = kind, url, sql

    def value(self, question):
        return self.sql(question).strip()


@pytest.fixture
def place(request, work):
    """place(kind) → a new, empty database of that kind."""
    made = []

    def make(kind):
        number = len(made)
        if kind == "sqlite":
            path = work / f"target{number}.db"
            made.append(None)
            return Place(kind, str(path), lambda sql: subprocess.run(
                ["sqlite3", "-cmd", ".timeout 10000", path], input=sql, capture_output=True, text=True, check=True, timeout=60).stdout)
        if kind == "mysql":
            server = request.getfixturevalue("maria")
            name = f"r{next(mariadb.NUMBERS)}"
            server.sql(f"CREATE DATABASE {name}")
            made.append(lambda: server.sql(f"DROP DATABASE {name}"))
            return Place(kind, server.url(name), lambda sql: server.sql(sql, name).decode())
        server = request.getfixturevalue("postgres")
        name = f"r{next(mariadb.NUMBERS)}"
        server.create(name)
        made.append(lambda: server.psql(f"DROP DATABASE {name} WITH (FORCE)"))
        return Place(kind, server.url(name), lambda sql: server.psql(sql, name).decode())

    yield make
    for drop in made:
        if drop is not None:
            drop()


@pytest.fixture
def crmfs(work):
    """crmfs(words…, status=0, cwd=None) → what the command did; status None: whatever it ends with."""
    environment = {**os.environ, "HOME": str(work), "XDG_STATE_HOME": str(work / "state")}

    def run(*words, status=0, cwd=None, **more):
        done = subprocess.run([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, cwd=cwd,
                              text=True, check=False, timeout=mounting.PATIENCE * 5, env={**environment, **more})
        assert status in (None, done.returncode), (words, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def counts(crmfs):
    """counts(words…) → what `crmfs restore --json` says of each table."""
    return lambda *words: {table["name"]: table
                           for table in json.loads(crmfs("restore", "--json", *words).stdout)["tables"]}


@pytest.fixture
def store(work):
    return Kept.copied(work)


KINDS = ["sqlite", "mysql", "postgresql"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param
