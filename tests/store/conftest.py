# SPDX-License-Identifier: MIT
"""Fixtures of the tests of stores."""
import tempfile
from pathlib import Path

import pytest

import mounting
from stores import Kept


@pytest.fixture
def store(work):
    """A new store of the test's own."""
    return Kept.copied(work)


@pytest.fixture(scope="module")
def shared_work():
    """A directory for all tests of a module."""
    path = Path(tempfile.mkdtemp(prefix="shared-", dir=mounting.SESSION))
    path.chmod(0o755)
    return path


@pytest.fixture
def mount_store(mount):
    """mount_store(STORE, SOURCE..., options="", ...) → a running Mount that has a store."""

    def make(store, *sources, **how):
        arguments = ["--store", store.path] if sources else []
        environment = {**store.environment, **how.pop("environment", {})}
        return mount(*(sources or [store.path]), arguments=arguments, environment=environment, **how)

    return make


@pytest.fixture
def database(copy_of, crm_db):
    return copy_of(crm_db)


@pytest.fixture
def top(mount_store, store, database):
    """A mount of crm.db with a store; what changes shows at once."""
    return mount_store(store, database, options="refresh=0")
