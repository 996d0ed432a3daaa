# SPDX-License-Identifier: MIT
"""Fixtures of the tests with faults: stores are those of tests/store."""
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "store"))

from stores import Kept  # noqa: E402


@pytest.fixture
def store(work):
    """A new store of the test's own."""
    return Kept.copied(work)
