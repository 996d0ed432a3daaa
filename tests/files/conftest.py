# SPDX-License-Identifier: MIT
"""Fixtures of the tests of files/: stores are those of tests/store."""
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "store"))

from stores import Kept  # noqa: E402


@pytest.fixture
def store(work):
    """A new store of the test's own."""
    return Kept.copied(work)


@pytest.fixture
def mount_store(mount):
    """mount_store(STORE, options="", ...) → a running Mount of it."""

    def make(store, **how):
        environment = {**store.environment, **how.pop("environment", {})}
        return mount(store.path, environment=environment, **how)

    return make


@pytest.fixture
def top(mount_store, store):
    return mount_store(store)


@pytest.fixture
def files(top):
    return top.path("files")
