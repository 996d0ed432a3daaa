# SPDX-License-Identifier: MIT
"""Servers for tests. Those that only read and write share one; who stops, kills or configures has its own."""
import shutil

import pytest

import mariadb

NEEDED = ["mariadbd", "mariadb-install-db", "mariadb", "openssl"]


@pytest.fixture(scope="session", autouse=True)
def tools(prerequisites):
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    assert not missing, f"missing: {', '.join(missing)}; sh tools/setup.sh check installs them"


@pytest.fixture(scope="session")
def server(tools):
    """The server that tests share; each makes databases of its own."""
    new = mariadb.make_server().start()
    yield new
    new.stop()


@pytest.fixture
def own_server(tools):
    """own_server(more="", ...) → a running server that the test may do anything to."""
    made = []

    def make(**how):
        made.append(mariadb.make_server(**how).start())
        return made[-1]

    yield make
    for each in made:
        each.stop()
        shutil.rmtree(each.directory)


@pytest.fixture
def database(server, request):
    """A new database's name on the shared server; it is dropped afterwards."""
    name = f"t{next(mariadb.NUMBERS)}"
    server.sql(f"CREATE DATABASE {name}")
    yield name
    server.sql(f"DROP DATABASE {name}")
