# SPDX-License-Identifier: MIT
"""Fixtures of the tests on PostgreSQL."""
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "store")]

import mounting  # noqa: E402
import server as servers  # noqa: E402


@pytest.fixture(scope="session")
def postgres(prerequisites):
    """A server that many tests share; each has databases of its own."""
    one = servers.Server(mounting.SESSION / "postgres")
    yield one.start()
    one.destroy()


@pytest.fixture
def new_server(work):
    """new_server(…) → a running server of the test's own, to be killed and frozen."""
    made = []

    def make(start=True, **how):
        made.append(servers.Server(work / f"server{len(made)}", **how))
        return made[-1].start() if start else made[-1]

    yield make
    for one in made:
        one.destroy()


@pytest.fixture
def database(postgres):
    """database(SQL, …) → the name of a new database in which SQL was run."""
    made = []

    def make(sql="", options=""):
        name = f"crm{len(postgres.rows('SELECT oid FROM pg_database'))}_{len(made)}"
        postgres.create(name, options)
        made.append(name)
        if sql:
            postgres.psql(sql, name)
        return name

    yield make
    for name in made:
        postgres.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def mount(mount):  # pylint: disable=function-redefined
    """As everywhere; what the mount refused is shown when the test fails."""
    made = []

    def make(*sources, **how):
        made.append(mount(*sources, **how))
        return made[-1]

    yield make
    for one in made:
        if mounting.is_mounted(one.point):
            print(one.errors())
